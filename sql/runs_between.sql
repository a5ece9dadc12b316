-- Which runs of jobs ended on the days `since` to `until` of a cluster, by the scheduler or by their Darshan logs alone?
-- Nothing but the days `first` to `last` of any table is read. Nulls do not restrict.
--   FROM runs_between('edison', '2026-03-01'::DATE, '2026-03-31'::DATE, NULL, NULL)
-- column known_by: scheduler, or logs where only Darshan logs show the run
-- column start_time: UTC; when the run began, or its first log where only logs show it
-- column end_time: UTC; when the run ended, or its last log where only logs show it
-- column elapsed_s: [s] how long the run ran
CREATE OR REPLACE MACRO runs_between(in_owner, since, until, first, last) AS TABLE
SELECT
  cluster, run_id, job_id, submit_time, restart, date, 'scheduler' AS known_by, scheduler,
  job_name, user_name, account, "partition", qos, state, exit_code,
  start_time, end_time, elapsed_s, wait_s, timelimit_s, nnodes, ncpus, node_hours
FROM jobs
WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date >= since) AND (until IS NULL OR date <= until)
UNION ALL BY NAME
SELECT
  cluster, run_id, job_id, date, 'logs' AS known_by, any_value(user_name) AS user_name,
  any_value(job_start_time) AS start_time, any_value(job_end_time) AS end_time,
  CASE WHEN end_time < start_time THEN 0 ELSE epoch(end_time) - epoch(start_time) END AS elapsed_s
FROM logs_of_runs(in_owner, first, last)
WHERE known_by = 'logs' AND (since IS NULL OR date >= since) AND (until IS NULL OR date <= until)
GROUP BY cluster, run_id, job_id, date
