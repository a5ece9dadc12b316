-- What was each run of a job: what the scheduler says, what the application did, what its file system did meanwhile, how
-- much of that was the job's, and in what state were the targets when it began?
-- One row a run. Columns of the servers and targets are of `file_system`, the one where the job moved most bytes; job_lustre
-- and job_ost_state have every one that it touched. What no source tells is null: bytes of a job without Darshan logs,
-- servers that nobody watched. A share is the job's bytes over the servers' in the same time.
CREATE OR REPLACE VIEW job_summary AS
WITH touched AS (
  SELECT
    cluster, job_id, submit_time, restart,
    list(file_system ORDER BY coalesce(read_bytes, 0) + coalesce(write_bytes, 0) DESC, file_system) AS file_systems
  FROM job_file_systems
  GROUP BY ALL
)
SELECT
  j.cluster, j.job_id, j.submit_time, j.restart, j.date,
  -- the scheduler
  j.scheduler, j.job_name, j.user_name, j.account, j."partition", j.qos, j.state, j.exit_code,
  j.start_time, j.end_time, j.elapsed_s, j.wait_s, j.timelimit_s, j.nnodes, j.ncpus, j.node_hours,
  -- the application
  coalesce(a.logs, 0) AS logs,
  a.exe_names, a.nprocs, a.read_bytes, a.write_bytes,
  a.posix_read_bytes, a.posix_write_bytes, a.stdio_read_bytes, a.stdio_write_bytes, a.mpiio_read_bytes, a.mpiio_write_bytes,
  a.files, a.io_s, a.slowest_io_s, a.performance_bytes_per_s,
  -- the file system where it moved most
  t.file_systems,
  t.file_systems[1] AS file_system,
  l.darshan_read_bytes, l.darshan_write_bytes,
  l.fs_read_bytes, l.fs_write_bytes, l.fs_seen_pct, l.read_share, l.write_share, l.share, l.opens_share,
  l.jobstats_read_bytes, l.jobstats_write_bytes,
  l.fs_opens, l.fs_closes, l.fs_getattrs, l.fs_unlinks,
  -- its targets when the job began
  s.df_ts, s.osts, s.used_pct, s.fullest_ost, s.fullest_ost_pct, s.emptiest_ost, s.emptiest_ost_pct,
  s.targets_ts, s.overloaded_servers, s.overloaded_osts
FROM jobs j
LEFT JOIN job_application a
  ON a.cluster = j.cluster AND a.job_id = j.job_id AND a.submit_time = j.submit_time
  AND a.restart IS NOT DISTINCT FROM j.restart
LEFT JOIN touched t
  ON t.cluster = j.cluster AND t.job_id = j.job_id AND t.submit_time = j.submit_time
  AND t.restart IS NOT DISTINCT FROM j.restart
LEFT JOIN job_lustre l
  ON l.cluster = j.cluster AND l.job_id = j.job_id AND l.submit_time = j.submit_time
  AND l.restart IS NOT DISTINCT FROM j.restart AND l.file_system = t.file_systems[1]
LEFT JOIN job_ost_state s
  ON s.cluster = j.cluster AND s.job_id = j.job_id AND s.submit_time = j.submit_time
  AND s.restart IS NOT DISTINCT FROM j.restart AND s.file_system = t.file_systems[1]
