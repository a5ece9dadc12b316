-- What was each run of a job: what the scheduler says, what the application did, what its file system did meanwhile, how
-- much of that was the run's, in what state were the targets when it began, and how far apart were its nodes? The model
-- of the mart job_summary.
-- One row a run, also for a run that only Darshan logs show. A file that several logs of a run name counts once;
-- standard streams don't count. io_s is the time that all processes together spent in calls; slowest_io_s that of the slowest
-- process in POSIX or DFS, whichever moved more, as darshan-parser --perf has it: of logs that ran at once the slowest one,
-- those that ran one after the other added, and unknown where one of them is.
CREATE OR REPLACE MACRO job_summary_model(in_owner, since, until, first, last) AS TABLE
WITH runs AS MATERIALIZED (
  FROM runs_between(in_owner, since, until, first, last)
),
logs AS MATERIALIZED (
  SELECT cluster, run_id, date, log_id, exe_name, nprocs, log_start_time, log_end_time, job_end_time
  FROM logs_of_runs(in_owner, first, last)
  WHERE since IS NULL OR run_date BETWEEN since AND until
),
moved AS (
  SELECT
    l.cluster, l.run_id,
    try_cast(sum(r.read_bytes) FILTER (application) AS BIGINT) AS read_bytes,
    try_cast(sum(r.write_bytes) FILTER (application) AS BIGINT) AS write_bytes,
    try_cast(sum(r.read_bytes) FILTER (module = 'POSIX') AS BIGINT) AS posix_read_bytes,
    try_cast(sum(r.write_bytes) FILTER (module = 'POSIX') AS BIGINT) AS posix_write_bytes,
    try_cast(sum(r.read_bytes) FILTER (module = 'STDIO') AS BIGINT) AS stdio_read_bytes,
    try_cast(sum(r.write_bytes) FILTER (module = 'STDIO') AS BIGINT) AS stdio_write_bytes,
    try_cast(sum(r.read_bytes) FILTER (module = 'DFS') AS BIGINT) AS dfs_read_bytes,
    try_cast(sum(r.write_bytes) FILTER (module = 'DFS') AS BIGINT) AS dfs_write_bytes,
    try_cast(sum(r.read_bytes) FILTER (module = 'MPI-IO') AS BIGINT) AS mpiio_read_bytes,
    try_cast(sum(r.write_bytes) FILTER (module = 'MPI-IO') AS BIGINT) AS mpiio_write_bytes,
    try_cast(sum(r.read_bytes) FILTER (module = 'DAOS') AS BIGINT) AS daos_read_bytes,
    try_cast(sum(r.write_bytes) FILTER (module = 'DAOS') AS BIGINT) AS daos_write_bytes,
    sum(r.read_s + r.write_s + coalesce(r.meta_s, 0)) FILTER (application) AS io_s,
    count(DISTINCT r.record_id) FILTER (module <> 'DAOS' AND NOT r.is_stream) AS files
  FROM logs l
  JOIN application_io r ON r.cluster = l.cluster AND r.date = l.date AND r.log_id = l.log_id
  WHERE (in_owner IS NULL OR r.cluster = in_owner) AND (first IS NULL OR r.date BETWEEN first AND last)
  GROUP BY ALL
),
speeds AS (            -- each log's interface that moved most of the application's bytes: POSIX, or DFS
  SELECT cluster, date, log_id, io_s, read_bytes::HUGEINT + write_bytes AS bytes
  FROM darshan_performance(false)
  WHERE module IN ('POSIX', 'DFS')
    AND (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
  QUALIFY row_number() OVER (PARTITION BY cluster, date, log_id ORDER BY bytes DESC NULLS LAST, module DESC) = 1
),
timed AS (
  SELECT
    l.*, s.io_s, s.bytes, s.log_id IS NOT NULL AND s.io_s IS NULL AS time_unknown,
    -- a killed process writes no end: at the latest it ended with its job
    max(coalesce(log_end_time, job_end_time, 'infinity'::TIMESTAMP)) OVER (
      PARTITION BY l.cluster, l.run_id ORDER BY log_start_time, l.log_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS busy_until
  FROM logs l
  LEFT JOIN speeds s ON s.cluster = l.cluster AND s.date = l.date AND s.log_id = l.log_id
),
turns AS (             -- logs that overlap in time ran at once, and take as long as the slowest of them
  SELECT
    *, sum(CASE WHEN log_start_time < busy_until THEN 0 ELSE 1 END) OVER (
      PARTITION BY cluster, run_id ORDER BY log_start_time, log_id
    ) AS turn
  FROM timed
),
turn_times AS (
  SELECT cluster, run_id, turn, max(io_s) AS io_s
  FROM turns
  GROUP BY cluster, run_id, turn
),
programs AS (
  SELECT
    cluster, run_id,
    count(*) AS logs,
    list(exe_name ORDER BY log_start_time, log_id) AS exe_names,
    max(nprocs) AS nprocs,
    min(log_start_time) AS first_log_start,
    max(log_end_time) AS last_log_end,
    bool_or(time_unknown) AS time_unknown,
    sum(bytes) AS timed_bytes
  FROM turns
  GROUP BY cluster, run_id
),
slowest AS (
  SELECT cluster, run_id, sum(io_s) AS io_s
  FROM turn_times
  GROUP BY cluster, run_id
),
file_systems AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY cluster, run_id ORDER BY logs IS NULL,
    coalesce(darshan_read_bytes, 0)::HUGEINT + coalesce(darshan_write_bytes, 0) DESC, file_system) AS place
  FROM job_file_system
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
),
touched AS (
  SELECT cluster, run_id, list(file_system ORDER BY place) AS file_systems
  FROM file_systems
  WHERE logs IS NOT NULL
  GROUP BY cluster, run_id
)
SELECT
  r.*,
  coalesce(p.logs, 0) AS logs,
  p.* EXCLUDE (cluster, run_id, logs, time_unknown, timed_bytes),
  m.* EXCLUDE (cluster, run_id),
  CASE WHEN NOT p.time_unknown THEN w.io_s END AS slowest_io_s,
  CASE WHEN NOT p.time_unknown THEN p.timed_bytes / nullif(w.io_s, 0) END AS performance_bytes_per_s,
  t.file_systems,
  f.file_system,
  f.darshan_read_bytes, f.darshan_write_bytes,
  f.fs_read_bytes, f.fs_write_bytes, f.fs_seen_pct,
  f.read_share, f.write_share, f.share, f.opens_share, f.share_reason,
  f.jobstats_read_bytes, f.jobstats_write_bytes, f.jobstats_reason,
  f.fs_opens, f.fs_closes, f.fs_getattrs, f.fs_unlinks,
  f.df_ts, f.osts, f.used_pct, f.fullest_ost, f.fullest_ost_pct, f.emptiest_ost, f.emptiest_ost_pct,
  f.targets_ts, f.overloaded_servers, f.overloaded_osts,
  n.radius_min, n.radius_max, n.radius_mean, n.switches, n.groups, n.cabinets
FROM runs r
LEFT JOIN programs p ON p.cluster = r.cluster AND p.run_id = r.run_id
LEFT JOIN slowest w ON w.cluster = r.cluster AND w.run_id = r.run_id
LEFT JOIN moved m ON m.cluster = r.cluster AND m.run_id = r.run_id
LEFT JOIN touched t ON t.cluster = r.cluster AND t.run_id = r.run_id
LEFT JOIN topology_of_runs(in_owner, since, until) n
  ON n.cluster = r.cluster AND n.run_id = r.run_id AND n.date = r.date
LEFT JOIN file_systems f
  ON f.cluster = r.cluster AND f.run_id = r.run_id AND f.place = 1 AND f.logs IS NOT NULL
