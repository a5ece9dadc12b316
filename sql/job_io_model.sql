-- How did each run do its I/O, by the counters of its Darshan logs? The model of the mart job_io.
-- Sums over all logs of the run and all their records; standard streams are left out. Sizes below 1 MB are the six lowest
-- of Darshan's ranges.
CREATE OR REPLACE MACRO job_io_model(in_owner, since, until, first, last) AS TABLE
WITH logs AS MATERIALIZED (
  SELECT cluster, run_id, job_id, run_date, date, log_id, nprocs
  FROM logs_of_runs(in_owner, first, last)
  WHERE since IS NULL OR run_date BETWEEN since AND until
),
records AS (
  SELECT
    cluster, date, log_id, record_id, coalesce(rank, -1) AS rank, true AS posix,
    POSIX_READS AS reads, POSIX_WRITES AS writes,
    POSIX_SIZE_READ_0_100::HUGEINT + POSIX_SIZE_READ_100_1K + POSIX_SIZE_READ_1K_10K + POSIX_SIZE_READ_10K_100K
      + POSIX_SIZE_READ_100K_1M AS small_reads,
    POSIX_SIZE_WRITE_0_100::HUGEINT + POSIX_SIZE_WRITE_100_1K + POSIX_SIZE_WRITE_1K_10K + POSIX_SIZE_WRITE_10K_100K
      + POSIX_SIZE_WRITE_100K_1M AS small_writes,
    POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes,
    POSIX_SEQ_READS AS sequential_reads, POSIX_SEQ_WRITES AS sequential_writes,
    POSIX_FILE_NOT_ALIGNED AS misaligned_in_file, POSIX_MEM_NOT_ALIGNED AS misaligned_in_memory,
    POSIX_BYTES_READ::HUGEINT - POSIX_MAX_BYTE_READ - 1 AS read_beyond,
    POSIX_BYTES_WRITTEN::HUGEINT - POSIX_MAX_BYTE_WRITTEN - 1 AS written_beyond,
    CASE WHEN read_beyond < 0 THEN 0 ELSE read_beyond END AS redundant_read_bytes,  -- greatest() takes null for 0
    CASE WHEN written_beyond < 0 THEN 0 ELSE written_beyond END AS redundant_write_bytes,
    POSIX_OPENS AS opens, POSIX_STATS AS stats, POSIX_SEEKS AS seeks, POSIX_FSYNCS::HUGEINT + POSIX_FDSYNCS AS fsyncs,
    POSIX_F_READ_TIME AS read_s, POSIX_F_WRITE_TIME AS write_s, POSIX_F_META_TIME AS meta_s,
    POSIX_SLOWEST_RANK_BYTES AS slowest_bytes, POSIX_FASTEST_RANK_BYTES AS fastest_bytes,
    POSIX_F_SLOWEST_RANK_TIME AS slowest_s, POSIX_F_FASTEST_RANK_TIME AS fastest_s
  FROM darshan_posix
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
  UNION ALL BY NAME
  SELECT
    cluster, date, log_id, record_id, coalesce(rank, -1) AS rank, true AS posix,
    DFS_READS::HUGEINT + DFS_NB_READS AS reads, DFS_WRITES::HUGEINT + DFS_NB_WRITES AS writes,
    DFS_SIZE_READ_0_100::HUGEINT + DFS_SIZE_READ_100_1K + DFS_SIZE_READ_1K_10K + DFS_SIZE_READ_10K_100K
      + DFS_SIZE_READ_100K_1M AS small_reads,
    DFS_SIZE_WRITE_0_100::HUGEINT + DFS_SIZE_WRITE_100_1K + DFS_SIZE_WRITE_1K_10K + DFS_SIZE_WRITE_10K_100K
      + DFS_SIZE_WRITE_100K_1M AS small_writes,
    DFS_BYTES_READ AS read_bytes, DFS_BYTES_WRITTEN AS write_bytes, DFS_OPENS AS opens,
    DFS_F_READ_TIME AS read_s, DFS_F_WRITE_TIME AS write_s, DFS_F_META_TIME AS meta_s
  FROM darshan_dfs
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
  UNION ALL BY NAME
  SELECT
    cluster, date, log_id, record_id, coalesce(rank, -1) AS rank, false AS posix,
    STDIO_BYTES_READ AS read_bytes, STDIO_BYTES_WRITTEN AS write_bytes, STDIO_OPENS AS opens
  FROM darshan_stdio
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
    AND record_id NOT IN (14734109647742566553, 15920181672442173319, 7238257241479193519)
),
of_runs AS (
  SELECT l.cluster, l.run_id, r.* EXCLUDE (cluster)
  FROM logs l
  JOIN records r ON r.cluster = l.cluster AND r.date = l.date AND r.log_id = l.log_id
),
totals AS (
  SELECT
    cluster, run_id,
    try_cast(sum(reads) AS BIGINT) AS reads,
    try_cast(sum(writes) AS BIGINT) AS writes,
    try_cast(sum(small_reads) AS BIGINT) AS small_reads,
    try_cast(sum(small_writes) AS BIGINT) AS small_writes,
    try_cast(sum(read_bytes) FILTER (posix) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) FILTER (posix) AS BIGINT) AS write_bytes,
    try_cast(sum(sequential_reads) AS BIGINT) AS sequential_reads,
    try_cast(sum(sequential_writes) AS BIGINT) AS sequential_writes,
    try_cast(sum(misaligned_in_file) AS BIGINT) AS misaligned_in_file,
    try_cast(sum(misaligned_in_memory) AS BIGINT) AS misaligned_in_memory,
    try_cast(sum(redundant_read_bytes) AS BIGINT) AS redundant_read_bytes,
    try_cast(sum(redundant_write_bytes) AS BIGINT) AS redundant_write_bytes,
    try_cast(sum(opens) AS BIGINT) AS opens,
    try_cast(sum(stats) AS BIGINT) AS stats,
    try_cast(sum(seeks) AS BIGINT) AS seeks,
    try_cast(sum(fsyncs) AS BIGINT) AS fsyncs,
    sum(read_s) AS read_s, sum(write_s) AS write_s, sum(meta_s) AS meta_s,
    try_cast(sum(coalesce(read_bytes, 0)::HUGEINT + coalesce(write_bytes, 0)) FILTER (NOT posix) AS BIGINT) AS stdio_bytes,
    count(DISTINCT record_id) AS files,
    count(DISTINCT record_id) FILTER (posix AND rank < 0) AS shared_files,
    try_cast(sum(coalesce(read_bytes, 0)::HUGEINT + coalesce(write_bytes, 0)) FILTER (posix AND rank < 0) AS BIGINT) AS shared_bytes,
    try_cast(sum(small_reads::HUGEINT + small_writes) FILTER (rank < 0) AS BIGINT) AS shared_small,
    100 * max(1 - fastest_bytes / nullif(slowest_bytes, 0)) FILTER (rank < 0 AND slowest_bytes > fastest_bytes) AS byte_imbalance_pct,
    100 * max(1 - fastest_s / nullif(slowest_s, 0)) FILTER (rank < 0 AND slowest_s >= 1) AS time_imbalance_pct
  FROM of_runs
  GROUP BY cluster, run_id
),
ranks AS (
  SELECT
    cluster, run_id, log_id, rank,
    sum(coalesce(read_bytes, 0)::HUGEINT + coalesce(write_bytes, 0))::DOUBLE AS bytes, sum(meta_s) AS meta_s
  FROM of_runs
  WHERE posix AND rank >= 0
  GROUP BY ALL
),
by_rank AS (
  SELECT
    cluster, run_id,
    count(*) FILTER (bytes > 0) AS movers,
    100 * sum(bytes) FILTER (rank = 0) / nullif(sum(bytes), 0) AS rank0_pct,
    max(meta_s) AS rank_meta_s
  FROM ranks
  GROUP BY ALL
),
unequal AS (             -- files with a record a rank, which several ranks opened and not all: of the ranks that moved bytes
  SELECT
    cluster, run_id,
    100 * max((most_read - least_read) / most_read) FILTER (most_read >= 1 << 20) AS read_imbalance_pct,
    100 * max((most_written - least_written) / most_written) FILTER (most_written >= 1 << 20) AS write_imbalance_pct
  FROM (
    SELECT
      cluster, run_id, max(read_bytes)::DOUBLE AS most_read, min(read_bytes) FILTER (read_bytes > 0) AS least_read,
      max(write_bytes)::DOUBLE AS most_written, min(write_bytes) FILTER (write_bytes > 0) AS least_written
    FROM of_runs
    WHERE posix AND rank >= 0
    GROUP BY cluster, run_id, log_id, record_id
    HAVING count(DISTINCT rank) > 1
  )
  GROUP BY ALL
),
hints AS (               -- of logs that used MPI-IO
  SELECT l.cluster, l.run_id, max(try_cast(regexp_extract(d.mpi_hints, '(?:^|[;\s])cb_nodes=(\d+)', 1) AS BIGINT)) AS mpiio_aggregators
  FROM logs l
  JOIN darshan_logs d ON d.cluster = l.cluster AND d.date = l.date AND d.log_id = l.log_id
  WHERE (in_owner IS NULL OR d.cluster = in_owner) AND (first IS NULL OR d.date BETWEEN first AND last)
    AND d.mpi_hints LIKE '%cb_nodes=%' AND list_contains(d.modules, 'MPI-IO')
  GROUP BY ALL
),
mpiio AS (
  SELECT
    l.cluster, l.run_id,
    try_cast(sum(MPIIO_INDEP_READS::HUGEINT + MPIIO_INDEP_WRITES) AS BIGINT) AS mpiio_independent,
    try_cast(sum(MPIIO_COLL_READS::HUGEINT + MPIIO_COLL_WRITES) AS BIGINT) AS mpiio_collective,
    try_cast(sum(MPIIO_NB_READS::HUGEINT + MPIIO_NB_WRITES) AS BIGINT) AS mpiio_nonblocking
  FROM logs l
  JOIN darshan_mpiio m ON m.cluster = l.cluster AND m.date = l.date AND m.log_id = l.log_id
  WHERE (in_owner IS NULL OR m.cluster = in_owner) AND (first IS NULL OR m.date BETWEEN first AND last)
  GROUP BY ALL
),
layouts AS (
  SELECT DISTINCT l.cluster, l.run_id, f.log_id, f.record_id, f.file_system, unnest(f.osts) AS ost
  FROM logs l
  JOIN darshan_lustre f ON f.cluster = l.cluster AND f.date = l.date AND f.log_id = l.log_id
  WHERE (in_owner IS NULL OR f.cluster = in_owner) AND (first IS NULL OR f.date BETWEEN first AND last)
),
targets AS (
  SELECT cluster, run_id, count(DISTINCT (file_system, ost)) AS osts_used
  FROM layouts
  GROUP BY ALL
),
widths AS (
  SELECT cluster, run_id, log_id, record_id, count(DISTINCT ost) AS osts
  FROM layouts
  GROUP BY ALL
),
largest AS (
  SELECT
    r.cluster, r.run_id,
    max(coalesce(r.read_bytes, 0)::HUGEINT + coalesce(r.write_bytes, 0)) AS largest_shared_bytes,
    arg_max(w.osts, coalesce(r.read_bytes, 0)::HUGEINT + coalesce(r.write_bytes, 0)) AS largest_shared_osts
  FROM of_runs r
  LEFT JOIN widths w USING (cluster, run_id, log_id, record_id)
  WHERE r.posix AND r.rank < 0
  GROUP BY ALL
),
runs AS (
  SELECT cluster, run_id, any_value(job_id) AS job_id, any_value(run_date) AS date, max(nprocs) AS nprocs
  FROM logs
  GROUP BY ALL
)
SELECT
  r.cluster, r.run_id, r.job_id, r.date, r.nprocs,
  t.* EXCLUDE (cluster, run_id),
  CASE WHEN t.shared_files = 0 THEN b.movers END AS movers,
  CASE WHEN t.shared_files = 0 THEN b.rank0_pct END AS rank0_pct,
  b.rank_meta_s,
  u.read_imbalance_pct, u.write_imbalance_pct, h.mpiio_aggregators,
  m.mpiio_independent, m.mpiio_collective, m.mpiio_nonblocking,
  try_cast(g.largest_shared_bytes AS BIGINT) AS largest_shared_bytes, g.largest_shared_osts,
  o.osts_used
FROM runs r
LEFT JOIN totals t USING (cluster, run_id)
LEFT JOIN by_rank b USING (cluster, run_id)
LEFT JOIN unequal u USING (cluster, run_id)
LEFT JOIN hints h USING (cluster, run_id)
LEFT JOIN mpiio m USING (cluster, run_id)
LEFT JOIN largest g USING (cluster, run_id)
LEFT JOIN targets o USING (cluster, run_id)
