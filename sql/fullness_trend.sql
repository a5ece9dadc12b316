-- How fast does each object storage target of a file system fill, and when will it be full? A line through the day's last
-- values, by `lfs df` where there is one, else by the servers' own gauges, over the days `since` to before `until`. The whole
-- file system is the sum of its targets on the days on which most of them are known: a target that is missing is not empty.
--   FROM fullness_trend('scratch2', DATE '2026-11-01', DATE '2026-12-01')
-- column target: object storage target; null in the row of the whole file system
-- column days: days with a value
-- column used_bytes: [B] used on the last of these days
-- column total_bytes: [B] size on the last of these days
-- column used_pct: [%] used_bytes over total_bytes
-- column bytes_a_day: [B] growth a day, by least squares; negative where it empties
-- column days_to_full: days after the last value until it is full at this growth; null where it does not grow
CREATE OR REPLACE MACRO fullness_trend(of_file_system, since, until) AS TABLE
WITH known AS (
  SELECT date, ts, target, used_bytes, total_bytes, true AS asked
  FROM lustre_df
  WHERE role = 'ost' AND file_system = of_file_system AND date >= since::DATE AND date < until::DATE
  UNION ALL
  SELECT date, ts, ost, used_bytes, total_bytes, false
  FROM ost_hour
  WHERE file_system = of_file_system AND date >= since::DATE AND date < until::DATE
),
by_day AS (
  SELECT date, target, arg_max(used_bytes, ts) AS used_bytes, arg_max(total_bytes, ts) AS total_bytes
  FROM known
  WHERE used_bytes IS NOT NULL AND total_bytes IS NOT NULL
  GROUP BY date, target, asked
  QUALIFY row_number() OVER (PARTITION BY date, target ORDER BY asked DESC) = 1
),
whole AS (
  SELECT date, NULL::VARCHAR AS target, sum(used_bytes)::DOUBLE AS used_bytes, sum(total_bytes)::DOUBLE AS total_bytes
  FROM by_day
  GROUP BY date
  QUALIFY count(*) = max(count(*)) OVER ()
  UNION ALL
  FROM by_day
  UNION ALL              -- a file system whose servers say only how full it is as a whole
  SELECT date, NULL, arg_max(used_bytes, ts)::DOUBLE, arg_max(total_bytes, ts)::DOUBLE
  FROM file_system_hour
  WHERE file_system = of_file_system AND date >= since::DATE AND date < until::DATE
    AND used_bytes IS NOT NULL AND total_bytes IS NOT NULL AND date NOT IN (SELECT date FROM by_day)
  GROUP BY date
),
trends AS (
  SELECT
    target, count(*) AS days, arg_max(used_bytes, date) AS used_bytes, arg_max(total_bytes, date) AS total_bytes,
    regr_slope(used_bytes, epoch(date) / 86400) AS bytes_a_day
  FROM whole
  GROUP BY target
)
SELECT
  target, days, used_bytes, total_bytes, 100 * used_bytes / nullif(total_bytes, 0) AS used_pct, bytes_a_day,
  CASE WHEN bytes_a_day > 0 THEN (total_bytes - used_bytes) / bytes_a_day END AS days_to_full
FROM trends
ORDER BY target NULLS FIRST
