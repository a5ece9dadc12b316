-- What did each file system do each day (UTC): bytes and operations, peak bandwidth, and how much of it was seen? The model
-- of the mart file_system_day.
-- Sums are of what was seen: seen_pct is the share of the day's targets and time that has counts. An interval counts on the
-- day on which it begins.
CREATE OR REPLACE MACRO file_system_day_model(in_owner, since, until, first, last) AS TABLE
WITH days AS (
  SELECT
    file_system, date,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    max(read_bytes / interval_s) AS peak_read,
    arg_max(ts, read_bytes / interval_s) AS read_ts,
    max(write_bytes / interval_s) AS peak_write,
    arg_max(ts, write_bytes / interval_s) AS write_ts,
    try_cast(sum({op}) AS BIGINT) AS {op},
    sum(interval_s) AS observed_s,
    100 * sum((osts::BIGINT - osts_missing) * interval_s) / nullif(max(osts) * 86400.0, 0) AS seen_pct
  FROM lustre_fs
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY file_system, date
)
SELECT
  * EXCLUDE (peak_read, read_ts, peak_write, write_ts),
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_read END AS peak_read_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN read_ts END AS peak_read_ts,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_write END AS peak_write_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN write_ts END AS peak_write_ts,
  CASE WHEN coalesce(seen_pct, 0) <= 0 THEN 'nothing of the day was seen'
       WHEN seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the day was seen' END AS peak_reason
FROM days
