-- When did each rank of a run move bytes? One row a group of ranks and bin in which it moved some: of [since, until) in
-- `bins` equal parts, the ranks in at most `rank_groups` groups. `logs` lists the run's log_ids (job_darshan has them).
-- A log's heatmap is read where it has one, else its DXT trace, else its POSIX, STDIO and DFS counters, whose bytes are
-- spread evenly from a file's first read or write to its last. MPI-IO's bytes are POSIX's one layer up, and are left out.
-- Bytes of a heatmap bin, segment or file that reaches into several bins are shared among them by time.
--   FROM job_activity('edison', ['0123…'], TIMESTAMP '2017-03-20 02:00:00', TIMESTAMP '2017-03-20 04:00:00')
-- column ts: UTC; the bin covers [ts, ts + bin_s)
-- column bin_s: [s] length of the bin
-- column first_rank: lowest MPI rank of the group; -1 where a shared file's counters do not tell ranks apart
-- column last_rank: highest MPI rank that the group can have; -1 as in first_rank
-- column measured_by: heatmap, trace or counters: the finest that the run's logs have
-- column read_bytes: [B] read by the group in the bin
-- column write_bytes: [B] written by the group in the bin
CREATE OR REPLACE MACRO job_activity(of_cluster, logs, since, until, bins := 120, rank_groups := 64) AS TABLE
WITH log AS MATERIALIZED (
  SELECT log_id, start_time, nprocs
  FROM darshan_logs
  WHERE cluster = of_cluster AND list_contains(logs, log_id)
    AND date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
),
heat AS (
  SELECT h.log_id, h.rank, log.start_time, h.start_s, h.start_s + h.interval_s AS end_s, h.read_bytes, h.write_bytes
  FROM darshan_heatmap h
  JOIN log USING (log_id)
  WHERE h.cluster = of_cluster AND h.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
    AND h.module IN ('POSIX', 'STDIO', 'DFS')
),
traced AS (
  SELECT
    d.log_id, d.rank, log.start_time, d.start_s, d.end_s,
    CASE WHEN d.operation = 'read' THEN d.length ELSE 0 END AS read_bytes,
    CASE WHEN d.operation = 'write' THEN d.length ELSE 0 END AS write_bytes
  FROM darshan_dxt d
  JOIN log USING (log_id)
  WHERE d.cluster = of_cluster AND d.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
    AND d.module = 'DXT_POSIX' AND log_id NOT IN (SELECT log_id FROM heat)
),
counters AS (
  SELECT
    p.log_id, p.rank, log.start_time,
    unnest([p.POSIX_F_READ_START_TIMESTAMP, p.POSIX_F_WRITE_START_TIMESTAMP]) AS start_s,
    unnest([p.POSIX_F_READ_END_TIMESTAMP, p.POSIX_F_WRITE_END_TIMESTAMP]) AS end_s,
    unnest([p.POSIX_BYTES_READ, 0]) AS read_bytes,
    unnest([0, p.POSIX_BYTES_WRITTEN]) AS write_bytes
  FROM darshan_posix p
  JOIN log USING (log_id)
  WHERE p.cluster = of_cluster AND p.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
  UNION ALL
  SELECT
    s.log_id, s.rank, log.start_time,
    unnest([s.STDIO_F_READ_START_TIMESTAMP, s.STDIO_F_WRITE_START_TIMESTAMP]),
    unnest([s.STDIO_F_READ_END_TIMESTAMP, s.STDIO_F_WRITE_END_TIMESTAMP]),
    unnest([s.STDIO_BYTES_READ, 0]),
    unnest([0, s.STDIO_BYTES_WRITTEN])
  FROM darshan_stdio s
  JOIN log USING (log_id)
  WHERE s.cluster = of_cluster AND s.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
  UNION ALL
  SELECT
    f.log_id, f.rank, log.start_time,
    unnest([f.DFS_F_READ_START_TIMESTAMP, f.DFS_F_WRITE_START_TIMESTAMP]),
    unnest([f.DFS_F_READ_END_TIMESTAMP, f.DFS_F_WRITE_END_TIMESTAMP]),
    unnest([f.DFS_BYTES_READ, 0]),
    unnest([0, f.DFS_BYTES_WRITTEN])
  FROM darshan_dfs f
  JOIN log USING (log_id)
  WHERE f.cluster = of_cluster AND f.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE + 1
),
finest AS (
  SELECT *, 'heatmap' AS measured_by
  FROM heat
  UNION ALL
  SELECT *, 'trace'
  FROM traced
  UNION ALL
  SELECT *, 'counters'
  FROM counters
  WHERE log_id NOT IN (SELECT log_id FROM heat UNION ALL SELECT log_id FROM traced)
),
moved AS (
  SELECT
    coalesce(rank, -1) AS rank, measured_by, read_bytes, write_bytes,
    epoch(start_time - since::TIMESTAMP) + start_s AS from_s,
    epoch(start_time - since::TIMESTAMP) + greatest(start_s, end_s) AS to_s,
    epoch(until::TIMESTAMP - since::TIMESTAMP) / bins AS width_s
  FROM finest
  WHERE read_bytes > 0 OR write_bytes > 0
),
placed AS (
  SELECT
    *,
    -- Only bins of the window, however far the times of a damaged record reach.
    unnest(range(
      greatest(0, least(bins, floor(from_s / width_s)))::BIGINT,
      greatest(0, least(bins, greatest(ceil(to_s / width_s), floor(from_s / width_s) + 1)))::BIGINT
    )) AS bin
  FROM moved
  WHERE isfinite(from_s) AND isfinite(to_s)
),
part AS (
  SELECT
    *,
    CASE
      WHEN to_s > from_s THEN (least(to_s, (bin + 1) * width_s) - greatest(from_s, bin * width_s)) / (to_s - from_s)
      ELSE 1
    END AS part
  FROM placed
  WHERE bin BETWEEN 0 AND bins - 1
),
grouped AS (
  SELECT greatest(1, ceil(greatest((SELECT max(nprocs) FROM log), max(rank)::HUGEINT + 1) / rank_groups))::BIGINT AS ranks
  FROM part
)
SELECT
  since::TIMESTAMP + to_microseconds((1e6 * part.bin * any_value(part.width_s))::BIGINT) AS ts,
  any_value(part.width_s) AS bin_s,
  CASE WHEN part.rank < 0 THEN -1 ELSE part.rank // grouped.ranks * grouped.ranks END AS first_rank,
  CASE WHEN first_rank < 0 THEN -1 ELSE least(first_rank::HUGEINT + any_value(grouped.ranks) - 1, 9223372036854775807)::BIGINT END AS last_rank,
  sum(part.read_bytes * part.part) AS read_bytes,
  sum(part.write_bytes * part.part) AS write_bytes,
  min(part.measured_by) AS measured_by
FROM part
CROSS JOIN grouped
GROUP BY part.bin, first_rank
ORDER BY ts, first_rank
