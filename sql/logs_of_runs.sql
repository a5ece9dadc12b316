-- Which job, and which run of it, wrote each Darshan log of the days `first` to `last` of a cluster? A null restricts nothing.
-- Job ids wrap and are requeued, so a log belongs to the run of its id whose time span holds it. Compute nodes' clocks
-- may be a minute off the scheduler's; outside_s says by how much a log reaches beyond its run. The logs of an id and day
-- that no run holds are a run of their own, known by its logs alone.
--   FROM logs_of_runs('edison', '2026-03-01'::DATE, '2026-03-31'::DATE)
-- column run_id: the run that wrote the log; one run of a job within its cluster: each array task and each requeue has its own
-- column submit_time: UTC; when the run was submitted
-- column restart: how often the job was restarted before this run
-- column user_name: the job's user, or the log's where only logs show the run
-- column account: the job's account; null where only logs show the run
-- column job_name: the job's name; null where only logs show the run
-- column state: how the run ended, in the scheduler's words; null where only logs show the run
-- column nnodes: [nodes] the job's nodes; null where only logs show the run
-- column outside_s: [s] by how much the log reaches beyond its run, at most 60
-- column known_by: scheduler, or logs where only Darshan logs show the run
-- column run_date: UTC day of the run, which is that of its end
-- column job_start_time: UTC; when the run began, or its first log where only logs show it
-- column job_end_time: UTC; when the run ended, or its last log where only logs show it
-- column log_start_time: UTC; when the log begins
-- column log_end_time: UTC; when the log ends
CREATE OR REPLACE MACRO logs_of_runs(in_owner, first, last) AS TABLE
WITH logs AS (
  SELECT cluster, date, log_id, job_id, exe_name, nprocs, start_time, end_time, user_name
  FROM darshan_logs
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
),
runs AS (
  SELECT *
  FROM jobs
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
    AND start_time IS NOT NULL AND end_time IS NOT NULL  -- a job that never started holds no log
),
candidates AS (        -- a join that keeps each log, so that a filter on a job reaches both sides of it
  SELECT
    l.*, j.* EXCLUDE (cluster, date, job_id, user_name, start_time, end_time),
    j.user_name AS job_user_name, j.date AS job_date, j.start_time AS job_start_time, j.end_time AS job_end_time,
    CASE WHEN j.run_id IS NOT NULL THEN greatest(
      0, epoch(j.start_time) - epoch(coalesce(l.start_time, l.end_time)),
      epoch(coalesce(l.end_time, l.start_time)) - epoch(j.end_time)
    ) END AS outside_s
  FROM logs l
  LEFT JOIN runs j ON j.cluster = l.cluster AND j.job_id = l.job_id
),
nearest AS (
  SELECT *, coalesce(outside_s <= 60, false) AS held
  FROM candidates
  QUALIFY row_number() OVER (
    PARTITION BY cluster, date, job_id, log_id ORDER BY outside_s, job_start_time DESC, job_end_time DESC, run_id
  ) = 1
)
SELECT
  cluster, date, log_id, job_id,
  CASE WHEN held THEN run_id ELSE coalesce(job_id::VARCHAR, 'unknown') || '.logs.' || strftime(date, '%Y%m%d') END AS run_id,
  CASE WHEN held THEN submit_time END AS submit_time, CASE WHEN held THEN restart END AS restart,
  exe_name, nprocs, start_time AS log_start_time, end_time AS log_end_time,
  CASE WHEN held THEN job_user_name ELSE user_name END AS user_name, CASE WHEN held THEN account END AS account,
  CASE WHEN held THEN job_name END AS job_name, CASE WHEN held THEN state END AS state,
  CASE WHEN held THEN nnodes END AS nnodes,
  CASE WHEN held THEN job_start_time ELSE min(start_time) OVER same END AS job_start_time,
  CASE WHEN held THEN job_end_time ELSE max(end_time) OVER same END AS job_end_time,
  CASE WHEN held THEN outside_s ELSE 0 END AS outside_s,
  CASE WHEN held THEN 'scheduler' ELSE 'logs' END AS known_by,
  CASE WHEN held THEN job_date ELSE date END AS run_date
FROM nearest
WINDOW same AS (PARTITION BY cluster, date, job_id, held)
