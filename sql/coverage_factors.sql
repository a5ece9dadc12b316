-- What part of all that the servers saw was each run's, and how much contention was there? The coverage factors of the TOKIO
-- study (SC'18), for runs of a cluster that ended on the days `since` to before `until`, on the file system that each used
-- most. Contention is 1 less the factor. A factor over 1.2 says that clocks or names don't fit, and is null; so is one of a
-- window of which less than 95 % was seen. Opens and stats are POSIX's; node-hours are of the runs that the lake knows.
--   FROM coverage_factors('edison', DATE '2017-03-01', DATE '2017-04-01')
-- column program: its first program, or its job name
-- column writes_more: whether the run wrote more than it read
-- column performance_bytes_per_s: [B/s] as darshan-parser --perf has it
-- column normalised_performance: performance over the best of its group: program, cluster, file system, direction
-- column cf_bw: share of the bytes
-- column cf_read: share of the bytes read
-- column cf_write: share of the bytes written
-- column cf_opens: share of the opens
-- column cf_stats: share of the getattrs, by POSIX stats; of runs on one file system alone
-- column cf_node_hours: share of the node-hours of its cluster in its time
-- column contention_bw: 1 - cf_bw
-- column contention_opens: 1 - cf_opens
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
factors AS (
  SELECT
    r.cluster, r.run_id, r.job_id, r.date, r.program, r.file_system, r.writes_more, r.performance_bytes_per_s,
    r.performance_bytes_per_s / max(r.performance_bytes_per_s) OVER (
      PARTITION BY r.program, r.file_system, r.writes_more
    ) AS normalised_performance,
    r.share AS cf_bw, r.read_share AS cf_read, r.write_share AS cf_write, r.opens_share AS cf_opens,
    CASE WHEN len(r.file_systems) = 1 AND r.opens_share IS NOT NULL THEN i.stats / nullif(r.fs_getattrs, 0) END AS cf_stats,
    r.node_hours / nullif(c.node_hours, 0) AS cf_node_hours
  FROM runs r
  LEFT JOIN job_io i ON i.cluster = r.cluster AND i.date = r.date AND i.run_id = r.run_id
  LEFT JOIN concurrent c ON c.run_id = r.run_id
)
SELECT
  * REPLACE (
    CASE WHEN cf_stats <= 1.2 THEN cf_stats END AS cf_stats,
    CASE WHEN cf_node_hours <= 1.2 THEN cf_node_hours END AS cf_node_hours
  ),
  1 - cf_bw AS contention_bw, 1 - cf_opens AS contention_opens,
  CASE WHEN factors.cf_stats <= 1.2 THEN 1 - factors.cf_stats END AS contention_stats
FROM factors
