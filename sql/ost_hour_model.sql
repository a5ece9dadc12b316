-- What did each object storage target do each hour (UTC)? The model of the mart ost_hour.
-- An interval counts in the hour in which it begins; one longer than an hour, after a gap, too.
CREATE OR REPLACE MACRO ost_hour_model(in_owner, since, until, first, last) AS TABLE
WITH hours AS (
  SELECT
    file_system, date, ost, date_trunc('hour', ts) AS ts,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    try_cast(sum(read_ops) AS BIGINT) AS read_ops,
    try_cast(sum(write_ops) AS BIGINT) AS write_ops,
    max(read_bytes / interval_s) AS peak_read,
    max(write_bytes / interval_s) AS peak_write,
    coalesce(sum(interval_s) FILTER (read_bytes IS NOT NULL OR write_bytes IS NOT NULL), 0) AS seen_s,
    bool_or(reset) AS reset,
    arg_max(used_bytes, epoch(ts)) AS used_bytes,
    arg_max(total_bytes, epoch(ts)) AS total_bytes
  FROM lustre_ost
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY ALL
)
SELECT
  * EXCLUDE (peak_read, peak_write),
  100 * seen_s / 3600 AS seen_pct,
  read_bytes / nullif(seen_s, 0) AS mean_read_bytes_per_s,
  write_bytes / nullif(seen_s, 0) AS mean_write_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_read END AS peak_read_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_write END AS peak_write_bytes_per_s,
  CASE WHEN seen_s <= 0 THEN 'nothing of the hour was seen'
       WHEN seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the hour was seen' END AS peak_reason,
  100 * (used_bytes / nullif(total_bytes, 0)) AS used_pct
FROM hours
