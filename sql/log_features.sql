-- What are the features of each log by which runs of a program are alike (iolake families)? Bytes and accesses by size that
-- POSIX moved, and how fast: bytes over the time of all ranks together.
-- column read_bytes: [B] read by POSIX
-- column write_bytes: [B] written by POSIX
-- column read_bytes_per_s: [B/s] read_bytes over the reading time of all ranks together
-- column write_bytes_per_s: [B/s] write_bytes over the writing time of all ranks together
-- column read_0_100: reads of 0 to 100 bytes
-- column read_100_1k: reads of 100 to 1K bytes
-- column read_1k_10k: reads of 1K to 10K bytes
-- column read_10k_100k: reads of 10K to 100K bytes
-- column read_100k_1m: reads of 100K to 1M bytes
-- column read_1m_4m: reads of 1M to 4M bytes
-- column read_4m_10m: reads of 4M to 10M bytes
-- column read_10m_100m: reads of 10M to 100M bytes
-- column read_100m_1g: reads of 100M to 1G bytes
-- column read_1g_plus: reads of 1G bytes and more
-- column write_0_100: writes of 0 to 100 bytes
-- column write_100_1k: writes of 100 to 1K bytes
-- column write_1k_10k: writes of 1K to 10K bytes
-- column write_10k_100k: writes of 10K to 100K bytes
-- column write_100k_1m: writes of 100K to 1M bytes
-- column write_1m_4m: writes of 1M to 4M bytes
-- column write_4m_10m: writes of 4M to 10M bytes
-- column write_10m_100m: writes of 10M to 100M bytes
-- column write_100m_1g: writes of 100M to 1G bytes
-- column write_1g_plus: writes of 1G bytes and more
CREATE OR REPLACE VIEW log_features AS
WITH records AS (
  SELECT
    cluster, date, log_id,
    try_cast(sum(POSIX_BYTES_READ) AS BIGINT) AS read_bytes, try_cast(sum(POSIX_BYTES_WRITTEN) AS BIGINT) AS write_bytes,
    sum(POSIX_F_READ_TIME) AS read_s, sum(POSIX_F_WRITE_TIME) AS write_s,
    try_cast(sum(POSIX_SIZE_READ_0_100) AS BIGINT) AS read_0_100,
    try_cast(sum(POSIX_SIZE_READ_100_1K) AS BIGINT) AS read_100_1k,
    try_cast(sum(POSIX_SIZE_READ_1K_10K) AS BIGINT) AS read_1k_10k,
    try_cast(sum(POSIX_SIZE_READ_10K_100K) AS BIGINT) AS read_10k_100k,
    try_cast(sum(POSIX_SIZE_READ_100K_1M) AS BIGINT) AS read_100k_1m,
    try_cast(sum(POSIX_SIZE_READ_1M_4M) AS BIGINT) AS read_1m_4m,
    try_cast(sum(POSIX_SIZE_READ_4M_10M) AS BIGINT) AS read_4m_10m,
    try_cast(sum(POSIX_SIZE_READ_10M_100M) AS BIGINT) AS read_10m_100m,
    try_cast(sum(POSIX_SIZE_READ_100M_1G) AS BIGINT) AS read_100m_1g,
    try_cast(sum(POSIX_SIZE_READ_1G_PLUS) AS BIGINT) AS read_1g_plus,
    try_cast(sum(POSIX_SIZE_WRITE_0_100) AS BIGINT) AS write_0_100,
    try_cast(sum(POSIX_SIZE_WRITE_100_1K) AS BIGINT) AS write_100_1k,
    try_cast(sum(POSIX_SIZE_WRITE_1K_10K) AS BIGINT) AS write_1k_10k,
    try_cast(sum(POSIX_SIZE_WRITE_10K_100K) AS BIGINT) AS write_10k_100k,
    try_cast(sum(POSIX_SIZE_WRITE_100K_1M) AS BIGINT) AS write_100k_1m,
    try_cast(sum(POSIX_SIZE_WRITE_1M_4M) AS BIGINT) AS write_1m_4m,
    try_cast(sum(POSIX_SIZE_WRITE_4M_10M) AS BIGINT) AS write_4m_10m,
    try_cast(sum(POSIX_SIZE_WRITE_10M_100M) AS BIGINT) AS write_10m_100m,
    try_cast(sum(POSIX_SIZE_WRITE_100M_1G) AS BIGINT) AS write_100m_1g,
    try_cast(sum(POSIX_SIZE_WRITE_1G_PLUS) AS BIGINT) AS write_1g_plus
  FROM darshan_posix
  GROUP BY cluster, date, log_id
)
SELECT
  l.cluster, l.date, l.log_id, l.job_id, l.uid, l.user_name, l.exe_name, l.start_time, l.end_time,
  r.read_bytes / nullif(r.read_s, 0) AS read_bytes_per_s, r.write_bytes / nullif(r.write_s, 0) AS write_bytes_per_s,
  r.* EXCLUDE (cluster, date, log_id, read_s, write_s)
FROM records r
JOIN darshan_logs l ON l.cluster = r.cluster AND l.date = r.date AND l.log_id = r.log_id
