-- How unevenly do the object storage targets of a file system carry its load, hour by hour, from `since` to before `until`?
--   FROM ost_imbalance('scratch2', TIMESTAMP '2017-03-20', TIMESTAMP '2017-03-21')
-- column ts: UTC; the row covers [ts, ts + 1 hour)
-- column osts: targets with counts in the hour
-- column bytes: [B] read and written on all of them
-- column busiest_ost: target with the most bytes
-- column busiest_over_mean: its bytes over the mean of the targets: 1 is even
-- column cov_pct: [%] coefficient of variation of the targets' bytes
-- column fullness_spread_pct: [%] fullest target less emptiest target, in percentage points
CREATE OR REPLACE MACRO ost_imbalance(of_file_system, since, until) AS TABLE
WITH moved AS (
  SELECT ts, ost, read_bytes::DOUBLE + write_bytes AS bytes, used_pct
  FROM ost_hour
  WHERE file_system = of_file_system AND date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE
    AND ts >= since::TIMESTAMP AND ts < until::TIMESTAMP
)
SELECT
  ts, count(bytes) AS osts, sum(bytes) AS bytes, arg_max(ost, bytes) AS busiest_ost,
  max(bytes) / nullif(avg(bytes), 0) AS busiest_over_mean,
  100 * stddev_pop(bytes) / nullif(avg(bytes), 0) AS cov_pct,
  max(used_pct) - min(used_pct) AS fullness_spread_pct
FROM moved
GROUP BY ts
ORDER BY ts
