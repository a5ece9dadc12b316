-- What part of all that the servers saw was each run's, and how much contention was there? The coverage factors of the TOKIO
-- study (SC'18), for runs of a cluster that ended on the days `since` to before `until`, on the file system that each used
-- most. Contention is 1 less the factor. A factor over {largest_share} shows that clocks or names don't match, and is null;
-- so is the factor of a window that was seen for less than {seen_enough_pct} %. Opens and stats are POSIX's; node-hours are
-- of the runs that the lake knows.
--   FROM coverage_factors('edison', DATE '2017-03-01', DATE '2017-04-01')
-- column program: its first program, or its job name
-- column writes_more: whether the run wrote more than it read
-- column performance_bytes_per_s: [B/s] as darshan-parser --perf has it
-- column normalised_performance: performance over the best of its group: program, cluster, file system, direction
-- column cf_bw: share of the bytes
-- column cf_read: share of the bytes read
-- column cf_write: share of the bytes written
-- column cf_opens: share of the opens
-- column cf_ops: share of the storage servers' reads and writes, by POSIX reads and writes; of runs on one file system alone
-- column cf_stats: share of the getattrs, by POSIX stats; of runs on one file system alone
-- column cf_node_hours: share of the node-hours of its cluster in its time
-- column contention_bw: 1 - cf_bw
-- column contention_opens: 1 - cf_opens
-- column contention_ops: 1 - cf_ops
-- column contention_stats: 1 - cf_stats
CREATE OR REPLACE MACRO coverage_factors(of_cluster, since, until) AS TABLE
WITH runs AS (
  SELECT
    s.*, coalesce(exe_names[1], job_name) AS program, coalesce(write_bytes, 0) > coalesce(read_bytes, 0) AS writes_more
  FROM job_summary s
  WHERE cluster = of_cluster AND date >= since::DATE AND date < until::DATE
),
around AS (
  SELECT start_time, end_time, nnodes
  FROM jobs
  WHERE cluster = of_cluster AND date >= since::DATE AND date < until::DATE + 8
    AND start_time IS NOT NULL AND nnodes IS NOT NULL
),
concurrent AS (
  SELECT
    r.run_id,
    sum(a.nnodes * (epoch(least(a.end_time, r.end_time)) - epoch(greatest(a.start_time, r.start_time)))) / 3600 AS node_hours
  FROM runs r
  JOIN around a ON a.start_time < r.end_time AND a.end_time > r.start_time
  GROUP BY r.run_id
),
windows AS (             -- the hours that a run's window touches, and the one before: intervals are found by them
  SELECT
    f.run_id, f.file_system, f.fs_osts, epoch(f.window_start) AS start_s, epoch(f.window_end) AS end_s,
    unnest(range(start_s::BIGINT // 3600 - 1, end_s::BIGINT // 3600 + 1)) AS hour
  FROM job_file_system f
  JOIN runs r ON r.run_id = f.run_id AND r.file_system = f.file_system
  WHERE f.cluster = of_cluster AND f.date >= since::DATE AND f.date < until::DATE
    AND f.window_end > f.window_start AND len(r.file_systems) = 1
),
intervals AS (
  SELECT
    file_system, epoch(ts)::BIGINT // 3600 AS hour, epoch(ts) AS from_s, epoch(ts) + interval_s AS until_s, interval_s,
    read_ops::DOUBLE + write_ops AS ops
  FROM lustre_ost
  WHERE date >= since::DATE - 31 AND date < until::DATE + 1 AND interval_s > 0 AND read_ops IS NOT NULL AND write_ops IS NOT NULL
),
served AS (
  SELECT
    w.run_id,
    sum(i.ops * (least(w.end_s, i.until_s) - greatest(w.start_s, i.from_s)) / i.interval_s) AS ops,
    sum(least(w.end_s, i.until_s) - greatest(w.start_s, i.from_s)) / nullif(any_value((w.end_s - w.start_s) * w.fs_osts), 0) AS seen
  FROM windows w
  JOIN intervals i ON i.file_system = w.file_system AND i.hour = w.hour
  WHERE i.from_s < w.end_s AND i.until_s > w.start_s
  GROUP BY w.run_id
),
factors AS (
  SELECT
    r.cluster, r.run_id, r.job_id, r.date, r.program, r.file_system, r.writes_more, r.performance_bytes_per_s,
    r.performance_bytes_per_s / max(r.performance_bytes_per_s) OVER (
      PARTITION BY r.program, r.file_system, r.writes_more
    ) AS normalised_performance,
    r.share AS cf_bw, r.read_share AS cf_read, r.write_share AS cf_write, r.opens_share AS cf_opens,
    CASE WHEN len(r.file_systems) = 1 AND r.opens_share IS NOT NULL THEN i.stats / nullif(r.fs_getattrs, 0) END AS cf_stats,
    CASE WHEN 100 * o.seen >= {seen_enough_pct} THEN (i.reads + i.writes) / nullif(o.ops, 0) END AS cf_ops,
    r.node_hours / nullif(c.node_hours, 0) AS cf_node_hours
  FROM runs r
  LEFT JOIN job_io i ON i.cluster = r.cluster AND i.date = r.date AND i.run_id = r.run_id
  LEFT JOIN concurrent c ON c.run_id = r.run_id
  LEFT JOIN served o ON o.run_id = r.run_id
)
SELECT
  * REPLACE (
    CASE WHEN cf_stats <= {largest_share} THEN cf_stats END AS cf_stats,
    CASE WHEN cf_ops <= {largest_share} THEN cf_ops END AS cf_ops,
    CASE WHEN cf_node_hours <= {largest_share} THEN cf_node_hours END AS cf_node_hours
  ),
  1 - cf_bw AS contention_bw, 1 - cf_opens AS contention_opens,
  CASE WHEN factors.cf_ops <= {largest_share} THEN 1 - factors.cf_ops END AS contention_ops,
  CASE WHEN factors.cf_stats <= {largest_share} THEN 1 - factors.cf_stats END AS contention_stats
FROM factors
