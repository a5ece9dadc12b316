-- How did a run do beside the history of its own kind, metric by metric? Its kind are the runs of the same program on the same
-- cluster and file system in the same direction that ended in the `days` days up to its own end; the run itself is not among
-- them. of_date is the UTC day of its end.
--   FROM umami('edison', '4478544.1489999862', DATE '2017-03-20', 90)
-- column metric: what is compared
-- column unit: unit of the values
-- column big_is_good: whether more of it is better; null where it is neither
-- column value: the run's own value
-- column history: runs of its kind that have a value
-- column percentile: [%] share of them with a lower value, equal ones counted by half
-- column rank: quarter of the history that the value falls in, 1 the lowest
-- column quartile: 1 where the run is in the worst quarter of its kind, to 4 in the best; null where it is neither good nor bad
-- column low: a quarter of the history has no more
-- column middle: median of the history
-- column high: a quarter of the history has no less
CREATE OR REPLACE MACRO umami(of_cluster, of_run_id, of_date, days) AS TABLE
WITH summaries AS (
  SELECT
    *, coalesce(exe_names[1], job_name) AS program,
    coalesce(write_bytes, 0) > coalesce(read_bytes, 0) AS writes_more,
    run_id = of_run_id AS judged
  FROM job_summary
  WHERE cluster = of_cluster AND date BETWEEN of_date::DATE - days::INTEGER AND of_date::DATE
),
kind AS MATERIALIZED (
  SELECT s.*
  FROM summaries s
  JOIN (
    SELECT program, file_system, writes_more, end_time FROM summaries WHERE judged LIMIT 1
  ) j
    ON s.program IS NOT DISTINCT FROM j.program AND s.file_system IS NOT DISTINCT FROM j.file_system
    AND s.writes_more = j.writes_more AND (s.judged OR s.end_time <= j.end_time)
),
hours AS (             -- the hours that a run touches, so that they are joined by equality
  SELECT run_id, file_system, unnest(range(date_trunc('hour', start_time), end_time, INTERVAL 1 HOUR)) AS ts
  FROM kind
),
servers AS (
  SELECT
    k.run_id, avg(h.mds_cpu_pct) AS mds_cpu_pct, avg(h.oss_cpu_pct) AS oss_cpu_pct,
    max(h.mean_read_bytes_per_s + h.mean_write_bytes_per_s) AS rate
  FROM hours k
  JOIN file_system_hour h ON h.file_system = k.file_system AND h.ts = k.ts
  WHERE h.date BETWEEN of_date::DATE - days::INTEGER - 31 AND of_date::DATE + 1
  GROUP BY k.run_id
),
behaviour AS (
  SELECT
    run_id,
    (coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0)) / nullif(coalesce(reads, 0) + coalesce(writes, 0), 0) AS access_bytes,
    100 * (coalesce(small_reads, 0) + coalesce(small_writes, 0)) / nullif(coalesce(reads, 0) + coalesce(writes, 0), 0) AS small_pct,
    100 * meta_s / nullif(read_s + write_s + meta_s, 0) AS meta_pct,
    osts_used
  FROM job_io
  WHERE cluster = of_cluster AND date BETWEEN of_date::DATE - days::INTEGER AND of_date::DATE
),
metrics AS (
  SELECT
    k.judged,
    unnest([
      {place: 1, metric: 'performance', unit: 'B/s', big_is_good: true, value: k.performance_bytes_per_s},
      {place: 2, metric: 'bytes moved', unit: 'B', big_is_good: NULL, value: k.read_bytes::DOUBLE + k.write_bytes},
      {place: 3, metric: 'run time', unit: 's', big_is_good: false, value: k.elapsed_s},
      {place: 4, metric: 'time in I/O of the slowest process', unit: 's', big_is_good: false, value: k.slowest_io_s},
      {place: 5, metric: 'wait in the queue', unit: 's', big_is_good: false, value: k.wait_s},
      {place: 6, metric: 'mean access', unit: 'B', big_is_good: true, value: b.access_bytes},
      {place: 7, metric: 'accesses below 1 MB', unit: '%', big_is_good: false, value: b.small_pct},
      {place: 8, metric: 'I/O time in metadata operations', unit: '%', big_is_good: false, value: b.meta_pct},
      {place: 9, metric: 'targets used', unit: 'targets', big_is_good: true, value: b.osts_used},
      {place: 10, metric: 'contention of bandwidth', unit: '', big_is_good: false, value: 1 - k.share},
      {place: 11, metric: 'contention of opens', unit: '', big_is_good: false, value: 1 - k.opens_share},
      {place: 12, metric: 'busiest hour of the file system', unit: 'B/s', big_is_good: false, value: s.rate},
      {place: 13, metric: 'mean MDS CPU load', unit: '%', big_is_good: false, value: s.mds_cpu_pct},
      {place: 14, metric: 'mean OSS CPU load', unit: '%', big_is_good: false, value: s.oss_cpu_pct},
      {place: 15, metric: 'fullest target', unit: '%', big_is_good: false, value: k.fullest_ost_pct},
      {place: 16, metric: 'targets on overloaded servers', unit: 'targets', big_is_good: false, value: k.overloaded_osts},
      {place: 17, metric: 'radius of the nodes', unit: '', big_is_good: false, value: k.radius_max}
    ], recursive := true)
  FROM kind k
  LEFT JOIN servers s ON s.run_id = k.run_id
  LEFT JOIN behaviour b ON b.run_id = k.run_id
),
marked AS (
  SELECT *, max(value) FILTER (judged) OVER (PARTITION BY place) AS own
  FROM metrics
),
summed AS (
  SELECT
    place, metric, unit, big_is_good, any_value(own) AS value,
    count(value) FILTER (NOT judged) AS history,
    100 * (count(*) FILTER (NOT judged AND value < own) + 0.5 * count(*) FILTER (NOT judged AND value = own)) AS below,
    quantile_cont(value, [0.25, 0.5, 0.75]) FILTER (NOT judged) AS quarters
  FROM marked
  GROUP BY place, metric, unit, big_is_good
)
SELECT
  metric, unit, big_is_good, value, history,
  CASE WHEN value IS NOT NULL THEN below / nullif(history, 0) END AS percentile,
  CASE WHEN value <= quarters[1] THEN 1 WHEN value <= quarters[2] THEN 2 WHEN value <= quarters[3] THEN 3
       WHEN value > quarters[3] THEN 4 END AS rank,
  CASE big_is_good WHEN true THEN rank WHEN false THEN 5 - rank END AS quartile,
  quarters[1] AS low, quarters[2] AS middle, quarters[3] AS high
FROM summed
WHERE value IS NOT NULL OR history > 0
ORDER BY place
