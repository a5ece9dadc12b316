-- Which file systems did each run of a job touch, as Darshan recorded it, and how many bytes did it move there?
-- Bytes are those of POSIX and STDIO calls: MPI-IO, HDF5 and PnetCDF go through these.
CREATE OR REPLACE VIEW job_file_systems AS
WITH records AS (
  SELECT cluster, log_id, file_system, POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes, POSIX_OPENS AS opens
  FROM darshan_posix
  UNION ALL
  SELECT cluster, log_id, file_system, STDIO_BYTES_READ, STDIO_BYTES_WRITTEN, STDIO_OPENS
  FROM darshan_stdio
),
by_log AS (
  SELECT
    cluster, log_id, file_system,
    sum(read_bytes)::BIGINT AS read_bytes, sum(write_bytes)::BIGINT AS write_bytes, sum(opens)::BIGINT AS opens
  FROM records
  WHERE file_system IS NOT NULL
  GROUP BY ALL
)
SELECT
  j.cluster, j.job_id, j.submit_time, j.restart, b.file_system,
  count(*) AS logs,
  sum(b.read_bytes)::BIGINT AS read_bytes,
  sum(b.write_bytes)::BIGINT AS write_bytes,
  sum(b.opens)::BIGINT AS opens
FROM job_darshan j
JOIN by_log b ON b.cluster = j.cluster AND b.log_id = j.log_id
GROUP BY ALL
