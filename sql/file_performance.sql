-- How fast was each file of each log, and on which targets did it lie? One row a log and file of POSIX, as the question which
-- targets are slow needs it (iolake bad-osts): bytes over the time of the rank that was slowest with the file.
-- column read_bytes: [B] read from the file; null past 2^63
-- column write_bytes: [B] written to the file; null past 2^63
-- column slowest_s: [s] reading, writing and metadata operations of the rank that took longest
-- column bytes_per_s: [B/s] bytes over slowest_s; null where no time was spent
-- column osts: object storage targets that hold the file, by index; null where the log has no layout of it
CREATE OR REPLACE VIEW file_performance AS
WITH files AS (
  SELECT
    cluster, date, log_id, job_id, record_id, any_value(path) AS path, any_value(file_system) AS file_system,
    sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes, max(io_s) AS slowest_s
  FROM darshan_io
  WHERE module = 'POSIX'
  GROUP BY cluster, date, log_id, job_id, record_id
),
layouts AS (
  SELECT cluster, date, log_id, record_id, list_sort(list_distinct(flatten(list(osts)))) AS osts
  FROM darshan_lustre
  GROUP BY cluster, date, log_id, record_id
)
SELECT
  f.cluster, f.date, f.log_id, f.job_id, f.record_id, f.path, f.file_system,
  try_cast(f.read_bytes AS BIGINT) AS read_bytes, try_cast(f.write_bytes AS BIGINT) AS write_bytes, f.slowest_s,
  (f.read_bytes::DOUBLE + f.write_bytes) / nullif(f.slowest_s, 0) AS bytes_per_s,
  l.osts
FROM files f
LEFT JOIN layouts l ON l.cluster = f.cluster AND l.date = f.date AND l.log_id = f.log_id AND l.record_id = f.record_id
