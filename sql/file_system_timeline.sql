-- What did a file system's servers do in each of `bins` equal parts of [since, until)? One row a bin, in order.
-- An interval that reaches into several bins counts in each by the share of its time. Rates are null in a bin where less
-- than {seen_enough_pct} % of the targets' time was seen, so that a gap never looks like a quiet file system. The macro reads only the
-- days that the window touches:
--   FROM file_system_timeline('scratch2', TIMESTAMP '2017-03-20 02:00:00', TIMESTAMP '2017-03-20 04:00:00', bins := 120)
-- column ts: UTC; the bin covers [ts, ts + bin_s)
-- column bin_s: [s] length of the bin
-- column ost_seen_pct: [%] share of the bin's time and storage targets that has byte counts
-- column mdt_seen_pct: [%] share of the bin's time and metadata targets, or counting nodes, that has operation counts
-- column read_bytes_per_s: [B/s] mean read rate of all storage targets; null where less than {seen_enough_pct} % was seen
-- column write_bytes_per_s: [B/s] mean write rate of all storage targets; null where less than {seen_enough_pct} % was seen
-- column metadata_ops_per_s: [1/s] mean rate of all metadata operations; null where less than {seen_enough_pct} % was seen
-- column opens_per_s: [1/s] mean rate of opens; null where less than {seen_enough_pct} % was seen
-- column counting_nodes: nodes of Storage Scale, where each counts its own operations: the rates are theirs together; else 0
CREATE OR REPLACE MACRO file_system_timeline(of_file_system, since, until, bins := 120) AS TABLE
WITH bin AS (
  SELECT
    i AS bin,
    epoch(until::TIMESTAMP - since::TIMESTAMP) / bins AS bin_s,
    since::TIMESTAMP + to_microseconds((1e6 * i * bin_s)::BIGINT) AS ts
  FROM range(bins) AS numbers(i)
),
counted AS (
  SELECT
    *,
    greatest(0, epoch(ts - since::TIMESTAMP)) AS from_s,
    least(epoch(until::TIMESTAMP - since::TIMESTAMP), epoch(ts - since::TIMESTAMP) + interval_s) AS to_s,
    epoch(until::TIMESTAMP - since::TIMESTAMP) / bins AS width_s
  FROM lustre_fs
  WHERE file_system = of_file_system
    AND date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND ts < until::TIMESTAMP AND epoch(ts - since::TIMESTAMP) + interval_s > 0
),
placed AS (
  SELECT *, unnest(range((from_s / width_s)::BIGINT - 1, (to_s / width_s)::BIGINT + 1)) AS bin
  FROM counted
),
part AS (
  SELECT *, least(to_s, (bin + 1) * width_s) - greatest(from_s, bin * width_s) AS part_s
  FROM placed
),
summed AS (
  SELECT
    bin,
    sum((osts::DOUBLE - osts_missing) * part_s) AS ost_s,
    sum((mdts::DOUBLE - mdts_missing) * part_s) AS mdt_s,
    sum(read_bytes / interval_s * part_s) AS read_bytes,
    sum(write_bytes / interval_s * part_s) AS write_bytes,
    sum(opens / interval_s * part_s) AS opens,
    sum((
      coalesce(opens, 0)::DOUBLE + coalesce(closes, 0) + coalesce(mknods, 0) + coalesce(links, 0) + coalesce(unlinks, 0)
      + coalesce(mkdirs, 0) + coalesce(rmdirs, 0) + coalesce(renames, 0) + coalesce(getattrs, 0)
      + coalesce(setattrs, 0) + coalesce(getxattrs, 0) + coalesce(statfs, 0)
    ) / interval_s * part_s) AS metadata_ops
  FROM part
  WHERE part_s > 0
  GROUP BY bin
),
nodes AS (
  SELECT
    node,
    greatest(0, epoch(ts - since::TIMESTAMP)) AS from_s,
    least(epoch(until::TIMESTAMP - since::TIMESTAMP), epoch(ts - since::TIMESTAMP) + interval_s) AS to_s,
    epoch(until::TIMESTAMP - since::TIMESTAMP) / bins AS width_s,
    opens / interval_s AS opens,
    (coalesce(opens, 0)::DOUBLE + coalesce(closes, 0) + coalesce(readdirs, 0) + coalesce(inode_updates, 0)) / interval_s AS ops
  FROM scale_client
  WHERE file_system = of_file_system
    AND date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND ts < until::TIMESTAMP AND epoch(ts - since::TIMESTAMP) + interval_s > 0
    AND coalesce(opens, closes, readdirs, inode_updates) IS NOT NULL
),
parts_of_nodes AS (
  SELECT *, least(to_s, (bin + 1) * width_s) - greatest(from_s, bin * width_s) AS part_s
  FROM (SELECT *, unnest(range((from_s / width_s)::BIGINT - 1, (to_s / width_s)::BIGINT + 1)) AS bin FROM nodes)
),
by_node AS (            -- where two tools count a node, the mean of both
  SELECT
    bin, node,
    least(sum(part_s), any_value(width_s)) AS seen_s,
    seen_s * sum(opens * part_s) / sum(part_s) AS opens,
    seen_s * sum(ops * part_s) / sum(part_s) AS ops
  FROM parts_of_nodes
  WHERE part_s > 0
  GROUP BY bin, node
),
by_nodes AS (
  SELECT bin, sum(seen_s) AS mdt_s, sum(opens) AS opens, sum(ops) AS metadata_ops
  FROM by_node
  GROUP BY bin
),
targets AS (
  SELECT max(osts) AS osts, max(mdts) AS mdts, (SELECT count(DISTINCT node) FROM nodes) AS counting_nodes
  FROM counted
)
SELECT
  b.ts, b.bin_s,
  coalesce(100 * s.ost_s / (nullif(t.osts, 0) * b.bin_s), 0) AS ost_seen_pct,
  coalesce(
    100 * s.mdt_s / (nullif(t.mdts, 0) * b.bin_s), 100 * n.mdt_s / (nullif(t.counting_nodes, 0) * b.bin_s), 0
  ) AS mdt_seen_pct,
  CASE WHEN ost_seen_pct >= {seen_enough_pct} THEN s.read_bytes / b.bin_s END AS read_bytes_per_s,
  CASE WHEN ost_seen_pct >= {seen_enough_pct} THEN s.write_bytes / b.bin_s END AS write_bytes_per_s,
  CASE WHEN mdt_seen_pct >= {seen_enough_pct} THEN CASE WHEN t.mdts > 0 THEN s.metadata_ops ELSE n.metadata_ops END / b.bin_s
    END AS metadata_ops_per_s,
  CASE WHEN mdt_seen_pct >= {seen_enough_pct} THEN CASE WHEN t.mdts > 0 THEN s.opens ELSE n.opens END / b.bin_s
    END AS opens_per_s,
  CASE WHEN t.mdts > 0 THEN 0 ELSE t.counting_nodes END AS counting_nodes
FROM bin b
LEFT JOIN summed s USING (bin)
LEFT JOIN by_nodes n USING (bin)
CROSS JOIN targets t
ORDER BY b.ts
