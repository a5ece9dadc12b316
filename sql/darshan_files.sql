-- How many files did each log read, write, or share among its ranks, and how much of each kind? What darshan-parser --file
-- prints of a log, module by module. Categories overlap: every file is in `all`, in at most one of read_only, write_only and
-- read_write, and in one of unique (one rank), partially_shared (some ranks) and shared (all ranks).
-- column category: all, read_only, write_only, read_write, unique, partially_shared or shared
-- column files: files of the category
-- column read_bytes: [B] read from them; null past 2^63
-- column write_bytes: [B] written to them; null past 2^63
-- column max_read_bytes: [B] read from the file with the most
-- column max_write_bytes: [B] written to the file with the most
-- column total_max_offset: [B] sum of the highest bytes touched; null past 2^63
-- column max_offset: [B] the highest byte touched in any of them
CREATE OR REPLACE VIEW darshan_files AS
WITH files AS (
  SELECT
    cluster, date, log_id, job_id, module, file_system, record_id,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    max(max_offset) AS max_offset,
    count(DISTINCT rank) AS ranks,
    bool_or(rank < 0) AS shared
  FROM darshan_io
  GROUP BY ALL
),
categories AS (
  SELECT
    *,
    unnest([
      'all',
      CASE WHEN read_bytes > 0 AND write_bytes > 0 THEN 'read_write'
           WHEN read_bytes > 0 THEN 'read_only'
           WHEN write_bytes > 0 THEN 'write_only' END,
      CASE WHEN shared THEN 'shared' WHEN ranks = 1 THEN 'unique' ELSE 'partially_shared' END
    ]) AS category
  FROM files
)
SELECT
  cluster, date, log_id, job_id, module, file_system, category,
  count(*) AS files,
  try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
  try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
  max(read_bytes) AS max_read_bytes,
  max(write_bytes) AS max_write_bytes,
  try_cast(sum(max_offset) AS BIGINT) AS total_max_offset,
  max(max_offset) AS max_offset
FROM categories
WHERE category IS NOT NULL
GROUP BY ALL
