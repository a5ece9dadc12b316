-- How bursty was the traffic of a file system on each day (UTC), from `since` to before `until`? Over the intervals that its
-- servers counted; null on a day when less than {seen_enough_pct} % of targets and time was seen.
--   FROM burstiness('scratch2', DATE '2017-03-20', DATE '2017-03-27')
-- column intervals: intervals with counts
-- column seen_pct: [%] share of the day's time and storage targets that has byte counts
-- column mean_bytes_per_s: [B/s] mean rate of reads and writes together
-- column peak_bytes_per_s: [B/s] highest rate of an interval
-- column peak_over_mean: peak over mean: 1 is even
-- column cov_pct: [%] coefficient of variation of the rate, intervals weighted by their length
-- column half_in_pct: [%] share of the time in which the busiest intervals moved half of the bytes: 50 is even
CREATE OR REPLACE MACRO burstiness(of_file_system, since, until) AS TABLE
WITH rates AS (
  SELECT
    date, interval_s, read_bytes::DOUBLE + write_bytes AS bytes, bytes / interval_s AS rate,
    (osts::BIGINT - osts_missing) * interval_s AS seen_s, osts
  FROM lustre_fs
  WHERE file_system = of_file_system AND date >= since::DATE AND date < until::DATE
    AND interval_s > 0 AND read_bytes IS NOT NULL AND write_bytes IS NOT NULL
),
carried AS (
  SELECT
    *, sum(bytes) OVER busiest AS so_far, sum(bytes) OVER (PARTITION BY date) AS of_day
  FROM rates
  WINDOW busiest AS (PARTITION BY date ORDER BY rate DESC, interval_s ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
days AS (
  SELECT
    date, count(*) AS intervals, 100 * sum(seen_s) / nullif(max(osts) * 86400.0, 0) AS seen_pct,
    sum(bytes) / sum(interval_s) AS mean_rate, max(rate) AS peak_rate,
    sqrt(greatest(0, sum(rate * rate * interval_s) / sum(interval_s) - mean_rate * mean_rate)) AS spread,
    100 * sum(interval_s * least(1, greatest(0, (of_day / 2 - (so_far - bytes)) / nullif(bytes, 0)))) / sum(interval_s) AS half_in
  FROM carried
  GROUP BY date
)
SELECT
  date, intervals, seen_pct,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN mean_rate END AS mean_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_rate END AS peak_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_rate / nullif(mean_rate, 0) END AS peak_over_mean,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN 100 * spread / nullif(mean_rate, 0) END AS cov_pct,
  CASE WHEN seen_pct >= {seen_enough_pct} AND mean_rate > 0 THEN half_in END AS half_in_pct
FROM days
ORDER BY date
