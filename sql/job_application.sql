-- What did the application of each run of a job do, as its Darshan logs tell?
-- One row for each run that has logs. read_bytes and write_bytes are those of POSIX and STDIO calls: MPI-IO, HDF5 and PnetCDF
-- go through these, so mpiio_ columns are the same bytes seen one layer up. io_s is the time that all processes together
-- spent in these calls. A file that several logs of a run name is one file; standard streams are none.
-- performance_bytes_per_s is POSIX bytes over slowest_io_s, the POSIX time of the slowest process: what darshan-parser --perf
-- calls agg_perf_by_slowest (darshan_perf has it by log and module); the times of several logs are added.
CREATE OR REPLACE VIEW job_application AS
WITH records AS (
  SELECT
    cluster, job_id, log_id, record_id, path, 'posix' AS api,
    POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes,
    POSIX_F_READ_TIME + POSIX_F_WRITE_TIME + POSIX_F_META_TIME AS io_s
  FROM darshan_posix
  UNION ALL
  SELECT
    cluster, job_id, log_id, record_id, path, 'stdio',
    STDIO_BYTES_READ, STDIO_BYTES_WRITTEN,
    STDIO_F_READ_TIME + STDIO_F_WRITE_TIME + STDIO_F_META_TIME
  FROM darshan_stdio
  UNION ALL
  SELECT cluster, job_id, log_id, record_id, path, 'mpiio', MPIIO_BYTES_READ, MPIIO_BYTES_WRITTEN, NULL
  FROM darshan_mpiio
),
by_run AS (
  SELECT
    d.cluster, d.job_id, d.submit_time, d.restart,
    sum(r.read_bytes) FILTER (WHERE api <> 'mpiio')::BIGINT AS read_bytes,
    sum(r.write_bytes) FILTER (WHERE api <> 'mpiio')::BIGINT AS write_bytes,
    sum(r.read_bytes) FILTER (WHERE api = 'posix')::BIGINT AS posix_read_bytes,
    sum(r.write_bytes) FILTER (WHERE api = 'posix')::BIGINT AS posix_write_bytes,
    sum(r.read_bytes) FILTER (WHERE api = 'stdio')::BIGINT AS stdio_read_bytes,
    sum(r.write_bytes) FILTER (WHERE api = 'stdio')::BIGINT AS stdio_write_bytes,
    sum(r.read_bytes) FILTER (WHERE api = 'mpiio')::BIGINT AS mpiio_read_bytes,
    sum(r.write_bytes) FILTER (WHERE api = 'mpiio')::BIGINT AS mpiio_write_bytes,
    sum(r.io_s) AS io_s,
    count(DISTINCT r.record_id) FILTER (WHERE r.path IS NULL OR r.path NOT LIKE '<STD%>') AS files
  FROM job_darshan d
  JOIN records r ON r.cluster = d.cluster AND r.job_id = d.job_id AND r.log_id = d.log_id
  GROUP BY ALL
),
logs AS (
  SELECT
    d.cluster, d.job_id, d.submit_time, d.restart,
    count(*) AS logs,
    list(d.exe_name ORDER BY d.log_start_time, d.log_id) AS exe_names,
    max(d.nprocs) AS nprocs,
    min(d.log_start_time) AS first_log_start,
    max(d.log_end_time) AS last_log_end,
    CASE WHEN count_if(p.log_id IS NOT NULL AND p.io_s IS NULL) = 0 THEN sum(p.io_s) END AS slowest_io_s  -- of all, or unknown
  FROM job_darshan d
  LEFT JOIN darshan_perf p
    ON p.cluster = d.cluster AND p.job_id = d.job_id AND p.log_id = d.log_id AND p.module = 'POSIX'
  GROUP BY ALL
)
SELECT
  l.*, r.* EXCLUDE (cluster, job_id, submit_time, restart),
  (r.posix_read_bytes + r.posix_write_bytes) / nullif(l.slowest_io_s, 0) AS performance_bytes_per_s
FROM logs l
LEFT JOIN by_run r
  ON r.cluster = l.cluster AND r.job_id = l.job_id AND r.submit_time = l.submit_time
  AND r.restart IS NOT DISTINCT FROM l.restart
