-- Which run of which job wrote each Darshan log?
-- Job ids wrap and are requeued, so a log belongs to the run of its id whose time span holds it. Compute nodes' clocks
-- may be a minute off the scheduler's; outside_s says by how much a log reaches beyond its run. No run, no row: a job that
-- never started holds no log.
-- Every view that joins logs to runs goes through this one, so that they all mean the same logs.
CREATE OR REPLACE VIEW job_darshan AS
WITH candidates AS (
  SELECT
    l.cluster, l.date, l.log_id, l.job_id, j.submit_time, j.restart,
    l.exe_name, l.nprocs, l.start_time AS log_start_time, l.end_time AS log_end_time,
    j.user_name, j.account, j.job_name, j.state, j.nnodes, j.start_time AS job_start_time, j.end_time AS job_end_time,
    greatest(0, epoch(j.start_time - coalesce(l.start_time, l.end_time)), epoch(l.end_time - j.end_time)) AS outside_s
  FROM darshan_logs l
  JOIN jobs j ON j.cluster = l.cluster AND j.job_id = l.job_id
  WHERE j.start_time IS NOT NULL AND j.end_time IS NOT NULL  -- greatest passes over a null
)
SELECT *
FROM candidates
WHERE outside_s <= 60
QUALIFY row_number() OVER (PARTITION BY cluster, date, job_id, log_id ORDER BY outside_s, job_start_time DESC) = 1
