-- In what state were the targets of the file systems that a run of a job touched, when it began?
-- One row for each run and file system: the last snapshot up to its start, else the first after it; none that is more than
-- a day away. df_ts and targets_ts say when each was taken.
CREATE OR REPLACE VIEW job_ost_state AS
WITH runs AS (
  SELECT
    f.cluster, f.job_id, f.submit_time, f.restart, f.file_system,
    j.start_time, j.start_time - INTERVAL 1 DAY AS day_before, j.start_time + INTERVAL 1 DAY AS day_after
  FROM job_file_systems f
  JOIN jobs j
    ON j.cluster = f.cluster AND j.job_id = f.job_id AND j.submit_time = f.submit_time
    AND j.restart IS NOT DISTINCT FROM f.restart
),
fullness AS (
  SELECT r.*, CASE WHEN b.ts >= r.day_before THEN b WHEN a.ts <= r.day_after THEN a END AS df
  FROM runs r
  ASOF LEFT JOIN ost_fullness b ON b.file_system = r.file_system AND b.ts <= r.start_time
  ASOF LEFT JOIN ost_fullness a ON a.file_system = r.file_system AND a.ts > r.start_time
),
states AS (
  SELECT r.*, CASE WHEN b.ts >= r.day_before THEN b WHEN a.ts <= r.day_after THEN a END AS served
  FROM fullness r
  ASOF LEFT JOIN ost_failover b ON b.file_system = r.file_system AND b.ts <= r.start_time
  ASOF LEFT JOIN ost_failover a ON a.file_system = r.file_system AND a.ts > r.start_time
)
SELECT
  cluster, job_id, submit_time, restart, file_system,
  df.ts AS df_ts,
  df.osts, df.osts_answering, df.used_pct, df.fullest_ost, df.fullest_ost_pct, df.emptiest_ost, df.emptiest_ost_pct,
  served.ts AS targets_ts,
  served.servers, served.usual_osts_per_server, served.overloaded_servers, served.overloaded_osts, served.overloaded
FROM states
