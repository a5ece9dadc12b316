-- Which job, and which run of it, wrote each Darshan log of the days `first` to `last` of a cluster? A null restricts nothing.
-- Job ids wrap and are requeued, so a log belongs to the run of its id whose time span holds it. Compute nodes' clocks
-- may be a minute off the scheduler's; outside_s says by how much a log reaches beyond its run. The logs of an id and day
-- that no run holds are a run of their own, known by its logs alone.
--   FROM logs_of_runs('edison', '2026-03-01'::DATE, '2026-03-31'::DATE)
-- column run_id: the run that wrote the log; one run of a job within its cluster: each array task and each requeue has its own
-- column submit_time: UTC; when the run was submitted
-- column restart: how often the job was restarted before this run
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
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
),
runs AS (
  SELECT *
  FROM jobs
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
    AND start_time IS NOT NULL AND end_time IS NOT NULL  -- a job that never started holds no log
),
candidates AS (
  SELECT
    l.cluster, l.date, l.log_id, l.job_id, j.run_id, j.submit_time, j.restart,
    l.exe_name, l.nprocs, l.start_time AS log_start_time, l.end_time AS log_end_time,
    j.user_name, j.account, j.job_name, j.state, j.nnodes, j.start_time AS job_start_time, j.end_time AS job_end_time,
    greatest(
      0, epoch(j.start_time) - epoch(coalesce(l.start_time, l.end_time)),
      epoch(coalesce(l.end_time, l.start_time)) - epoch(j.end_time)
    ) AS outside_s,
    'scheduler' AS known_by,
    j.date AS run_date
  FROM logs l
  JOIN runs j ON j.cluster = l.cluster AND j.job_id = l.job_id
),
held AS (
  SELECT *
  FROM candidates
  WHERE outside_s <= 60
  QUALIFY row_number() OVER (PARTITION BY cluster, date, job_id, log_id ORDER BY outside_s, job_start_time DESC) = 1
),
alone AS (
  SELECT *
  FROM logs
  ANTI JOIN held USING (cluster, date, log_id)
)
FROM held
UNION ALL
SELECT
  cluster, date, log_id, job_id,
  coalesce(job_id::VARCHAR, 'unknown') || '.logs.' || strftime(date, '%Y%m%d') AS run_id,
  NULL, NULL, exe_name, nprocs, start_time, end_time, user_name, NULL, NULL, NULL, NULL,
  min(start_time) OVER run, max(end_time) OVER run, 0, 'logs', date
FROM alone
WINDOW run AS (PARTITION BY cluster, date, job_id)
