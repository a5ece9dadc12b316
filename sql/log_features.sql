-- What are the features of each log by which runs of a program are alike (iolake families)? Bytes and accesses by size that
-- POSIX and DFS moved, and how fast: bytes over the time of all ranks together.
-- column read_bytes: [B] read by POSIX and DFS
-- column write_bytes: [B] written by POSIX and DFS
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
WITH io AS (
  SELECT
    cluster, date, log_id,
    POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes, POSIX_F_READ_TIME AS read_s, POSIX_F_WRITE_TIME AS write_s,
    POSIX_SIZE_READ_0_100 AS read_0_100, POSIX_SIZE_READ_100_1K AS read_100_1k,
    POSIX_SIZE_READ_1K_10K AS read_1k_10k, POSIX_SIZE_READ_10K_100K AS read_10k_100k,
    POSIX_SIZE_READ_100K_1M AS read_100k_1m, POSIX_SIZE_READ_1M_4M AS read_1m_4m,
    POSIX_SIZE_READ_4M_10M AS read_4m_10m, POSIX_SIZE_READ_10M_100M AS read_10m_100m,
    POSIX_SIZE_READ_100M_1G AS read_100m_1g, POSIX_SIZE_READ_1G_PLUS AS read_1g_plus,
    POSIX_SIZE_WRITE_0_100 AS write_0_100, POSIX_SIZE_WRITE_100_1K AS write_100_1k,
    POSIX_SIZE_WRITE_1K_10K AS write_1k_10k, POSIX_SIZE_WRITE_10K_100K AS write_10k_100k,
    POSIX_SIZE_WRITE_100K_1M AS write_100k_1m, POSIX_SIZE_WRITE_1M_4M AS write_1m_4m,
    POSIX_SIZE_WRITE_4M_10M AS write_4m_10m, POSIX_SIZE_WRITE_10M_100M AS write_10m_100m,
    POSIX_SIZE_WRITE_100M_1G AS write_100m_1g, POSIX_SIZE_WRITE_1G_PLUS AS write_1g_plus
  FROM darshan_posix
  UNION ALL BY NAME
  SELECT
    cluster, date, log_id,
    DFS_BYTES_READ AS read_bytes, DFS_BYTES_WRITTEN AS write_bytes, DFS_F_READ_TIME AS read_s, DFS_F_WRITE_TIME AS write_s,
    DFS_SIZE_READ_0_100 AS read_0_100, DFS_SIZE_READ_100_1K AS read_100_1k,
    DFS_SIZE_READ_1K_10K AS read_1k_10k, DFS_SIZE_READ_10K_100K AS read_10k_100k,
    DFS_SIZE_READ_100K_1M AS read_100k_1m, DFS_SIZE_READ_1M_4M AS read_1m_4m,
    DFS_SIZE_READ_4M_10M AS read_4m_10m, DFS_SIZE_READ_10M_100M AS read_10m_100m,
    DFS_SIZE_READ_100M_1G AS read_100m_1g, DFS_SIZE_READ_1G_PLUS AS read_1g_plus,
    DFS_SIZE_WRITE_0_100 AS write_0_100, DFS_SIZE_WRITE_100_1K AS write_100_1k,
    DFS_SIZE_WRITE_1K_10K AS write_1k_10k, DFS_SIZE_WRITE_10K_100K AS write_10k_100k,
    DFS_SIZE_WRITE_100K_1M AS write_100k_1m, DFS_SIZE_WRITE_1M_4M AS write_1m_4m,
    DFS_SIZE_WRITE_4M_10M AS write_4m_10m, DFS_SIZE_WRITE_10M_100M AS write_10m_100m,
    DFS_SIZE_WRITE_100M_1G AS write_100m_1g, DFS_SIZE_WRITE_1G_PLUS AS write_1g_plus
  FROM darshan_dfs
),
records AS (
  SELECT
    cluster, date, log_id, sum(read_s) AS read_s, sum(write_s) AS write_s,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes, try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    try_cast(sum(read_0_100) AS BIGINT) AS read_0_100, try_cast(sum(read_100_1k) AS BIGINT) AS read_100_1k,
    try_cast(sum(read_1k_10k) AS BIGINT) AS read_1k_10k, try_cast(sum(read_10k_100k) AS BIGINT) AS read_10k_100k,
    try_cast(sum(read_100k_1m) AS BIGINT) AS read_100k_1m, try_cast(sum(read_1m_4m) AS BIGINT) AS read_1m_4m,
    try_cast(sum(read_4m_10m) AS BIGINT) AS read_4m_10m, try_cast(sum(read_10m_100m) AS BIGINT) AS read_10m_100m,
    try_cast(sum(read_100m_1g) AS BIGINT) AS read_100m_1g, try_cast(sum(read_1g_plus) AS BIGINT) AS read_1g_plus,
    try_cast(sum(write_0_100) AS BIGINT) AS write_0_100, try_cast(sum(write_100_1k) AS BIGINT) AS write_100_1k,
    try_cast(sum(write_1k_10k) AS BIGINT) AS write_1k_10k, try_cast(sum(write_10k_100k) AS BIGINT) AS write_10k_100k,
    try_cast(sum(write_100k_1m) AS BIGINT) AS write_100k_1m, try_cast(sum(write_1m_4m) AS BIGINT) AS write_1m_4m,
    try_cast(sum(write_4m_10m) AS BIGINT) AS write_4m_10m, try_cast(sum(write_10m_100m) AS BIGINT) AS write_10m_100m,
    try_cast(sum(write_100m_1g) AS BIGINT) AS write_100m_1g, try_cast(sum(write_1g_plus) AS BIGINT) AS write_1g_plus
  FROM io
  GROUP BY cluster, date, log_id
)
SELECT
  l.cluster, l.date, l.log_id, l.job_id, l.uid, l.user_name, l.exe_name, l.start_time, l.end_time,
  r.read_bytes / nullif(r.read_s, 0) AS read_bytes_per_s, r.write_bytes / nullif(r.write_s, 0) AS write_bytes_per_s,
  r.* EXCLUDE (cluster, date, log_id, read_s, write_s)
FROM records r
JOIN darshan_logs l ON l.cluster = r.cluster AND l.date = r.date AND l.log_id = r.log_id
