-- How many files did each run read, write, or share among its ranks, and how much of each kind? What darshan-parser
-- --file says of a log, module by module. Categories overlap: every file is in `all`, in at most one of read_only,
-- write_only and read_write, and in one of unique (one rank), partially_shared (some) and shared (all).
-- column module: the interface: POSIX, MPI-IO or STDIO
-- column category: all, read_only, write_only, read_write, unique, partially_shared or shared
-- column files: files of the category
-- column read_bytes: [B] read from those files
-- column write_bytes: [B] written to those files
-- column max_read_bytes: [B] most bytes read from one file
-- column max_write_bytes: [B] most bytes written to one file
-- column total_max_offset: [B] sum of the files' highest offsets
-- column max_offset: [B] highest byte offset touched in any of the files
CREATE OR REPLACE VIEW darshan_files AS
WITH files AS (
  SELECT
    cluster, date, log_id, job_id, module, file_system, record_id,
    sum(read_bytes)::BIGINT AS read_bytes,
    sum(write_bytes)::BIGINT AS write_bytes,
    max(max_offset) AS max_offset,
    count(*) AS ranks,
    bool_or(rank IS NULL) AS shared
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
  sum(read_bytes)::BIGINT AS read_bytes,
  sum(write_bytes)::BIGINT AS write_bytes,
  max(read_bytes) AS max_read_bytes,
  max(write_bytes) AS max_write_bytes,
  sum(max_offset)::BIGINT AS total_max_offset,
  max(max_offset) AS max_offset
FROM categories
WHERE category IS NOT NULL
GROUP BY ALL
