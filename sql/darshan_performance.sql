-- How fast was the I/O of each log, module by module, over all file systems (file_system is null) or on each apart?
-- darshan_perf and darshan_perf_by_file_system show its rows.
--   FROM darshan_performance(true)
-- column file_system: the site's name for the file system; null for all together, or where the site has none
-- column read_bytes: [B] read; null past 2^63
-- column write_bytes: [B] written; null past 2^63
-- column total_bytes: [B] read and written; null past 2^63
-- column unique_io_s: [s] time of the rank that was slowest in files of its own
-- column unique_slowest_rank: that rank; null where no rank had a file of its own
-- column unique_rw_s: [s] its time reading and writing
-- column unique_meta_s: [s] its time in metadata operations
-- column shared_io_s: [s] sum of the slowest rank's time in each shared file
-- column io_s: [s] unique_io_s and shared_io_s
-- column performance_bytes_per_s: [B/s] total_bytes over io_s, Darshan's agg_perf_by_slowest in bytes
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
  WHERE rank >= 0
  GROUP BY ALL
),
slowest AS (
  SELECT *
  FROM ranks
  QUALIFY row_number() OVER (PARTITION BY cluster, log_id, module, file_system ORDER BY io_s DESC, rank) = 1
),
records AS (         -- no files take no time; one file of unknown time makes the sum unknown
  SELECT
    cluster, date, log_id, job_id, module, file_system,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    count_if(rank >= 0 AND io_s IS NULL) = 0 AS unique_known,
    CASE WHEN count_if(rank < 0 AND io_s IS NULL) = 0
         THEN coalesce(sum(io_s) FILTER (WHERE rank < 0), 0) END AS shared_io_s
  FROM io
  GROUP BY ALL
),
times AS (
  SELECT
    r.*,
    CASE WHEN r.unique_known THEN coalesce(s.io_s, 0) END AS unique_io_s,
    s.rank AS unique_slowest_rank,
    s.rw_s AS unique_rw_s,
    s.meta_s AS unique_meta_s
  FROM records r
  LEFT JOIN slowest s
    ON r.unique_known AND s.cluster = r.cluster AND s.log_id = r.log_id AND s.module = r.module
      AND s.file_system IS NOT DISTINCT FROM r.file_system
)
SELECT
  cluster, date, log_id, job_id, module, file_system,
  read_bytes, write_bytes,
  try_cast(read_bytes::HUGEINT + write_bytes AS BIGINT) AS total_bytes,
  unique_io_s, unique_slowest_rank, unique_rw_s, unique_meta_s, shared_io_s,
  unique_io_s + shared_io_s AS io_s,
  (read_bytes::HUGEINT + write_bytes) / nullif(unique_io_s + shared_io_s, 0) AS performance_bytes_per_s
FROM times
