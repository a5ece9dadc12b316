-- How fast was each run's I/O, module by module, over all file systems (file_system is null) or on each one apart?
-- What darshan_perf and darshan_perf_by_file_system show.
CREATE OR REPLACE MACRO darshan_performance(by_file_system) AS TABLE
WITH io AS (
  SELECT * REPLACE (CASE WHEN by_file_system THEN file_system END AS file_system)
  FROM darshan_io
),
ranks AS (           -- how long each rank spent in files of its own
  SELECT
    cluster, date, log_id, job_id, module, file_system, rank,
    sum(io_s) AS io_s, sum(rw_s) AS rw_s, sum(meta_s) AS meta_s
  FROM io
  WHERE rank IS NOT NULL
  GROUP BY ALL
),
slowest AS (
  SELECT *
  FROM ranks
  QUALIFY row_number() OVER (PARTITION BY cluster, log_id, module, file_system ORDER BY io_s DESC, rank) = 1
),
records AS (
  SELECT
    cluster, date, log_id, job_id, module, file_system,
    sum(read_bytes)::BIGINT AS read_bytes,
    sum(write_bytes)::BIGINT AS write_bytes,
    coalesce(sum(io_s) FILTER (WHERE rank IS NULL), 0) AS shared_io_s
  FROM io
  GROUP BY ALL
)
SELECT
  r.cluster, r.date, r.log_id, r.job_id, r.module, r.file_system,
  r.read_bytes, r.write_bytes, r.read_bytes + r.write_bytes AS total_bytes,
  coalesce(s.io_s, 0) AS unique_io_s,
  s.rank AS unique_slowest_rank,
  s.rw_s AS unique_rw_s,
  s.meta_s AS unique_meta_s,
  r.shared_io_s,
  coalesce(s.io_s, 0) + r.shared_io_s AS io_s,
  (r.read_bytes + r.write_bytes) / nullif(coalesce(s.io_s, 0) + r.shared_io_s, 0) AS performance_bytes_per_s
FROM records r
LEFT JOIN slowest s
  ON s.cluster = r.cluster AND s.log_id = r.log_id AND s.module = r.module
    AND s.file_system IS NOT DISTINCT FROM r.file_system
