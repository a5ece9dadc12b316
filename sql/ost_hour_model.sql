-- What did each object storage target do each hour (UTC)? The model of the mart ost_hour.
-- An interval counts in the hour in which it begins; one longer than an hour, after a gap, too. The targets of Storage Scale
-- are its disks that hold data; an hour of a disk was seen as long as by the server that saw least of it. The mean rate of a
-- disk is the sum of its servers' mean rates.
CREATE OR REPLACE MACRO ost_hour_model(in_owner, since, until, first, last) AS TABLE
WITH osts AS (
  SELECT
    file_system, date, ost, date_trunc('hour', ts) AS ts,
    sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes,
    sum(read_ops) AS read_ops, sum(write_ops) AS write_ops,
    max(read_bytes / interval_s) AS peak_read,
    max(write_bytes / interval_s) AS peak_write,
    coalesce(sum(interval_s) FILTER (read_bytes IS NOT NULL OR write_bytes IS NOT NULL), 0) AS seen_s,
    bool_or(reset) AS reset,
    arg_max(used_bytes, epoch(ts)) AS used_bytes,
    arg_max(total_bytes, epoch(ts)) AS total_bytes
  FROM lustre_ost
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY ALL
),
nsds AS (
  SELECT *, NOT bool_or(role IS NOT NULL) OVER (PARTITION BY file_system, date) AS no_roles
  FROM scale_nsd
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
),
served AS (             -- by each server
  SELECT
    file_system, date, server, nsd AS ost, date_trunc('hour', ts) AS ts,
    sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes,
    sum(read_ops) AS read_ops, sum(write_ops) AS write_ops,
    coalesce(sum(interval_s) FILTER (read_bytes IS NOT NULL OR write_bytes IS NOT NULL), 0) AS seen_s
  FROM nsds
  WHERE role = 'data' OR no_roles
  GROUP BY ALL
),
peaks AS (
  SELECT file_system, ost, date_trunc('hour', ts) AS ts, max(read_rate) AS peak_read, max(write_rate) AS peak_write
  FROM (
    SELECT
      file_system, nsd AS ost, ts,
      sum(read_bytes / interval_s) AS read_rate,
      sum(write_bytes / interval_s) AS write_rate
    FROM nsds
    GROUP BY ALL
  )
  GROUP BY ALL
),
filled AS (
  SELECT
    file_system, date, nsd AS ost, date_trunc('hour', ts) AS ts,
    arg_max(used_bytes, epoch(ts)) AS used_bytes,
    arg_max(total_bytes, epoch(ts)) AS total_bytes
  FROM scale_disk
  WHERE holds_data AND used_bytes IS NOT NULL
    AND (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY ALL
),
disks AS (
  SELECT
    file_system, date, ost, ts, s.* EXCLUDE (file_system, date, ost, ts), p.peak_read, p.peak_write,
    f.used_bytes, f.total_bytes
  FROM (
    SELECT
      file_system, date, ost, ts,
      sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes,
      sum(read_ops) AS read_ops, sum(write_ops) AS write_ops,
      sum(read_bytes / nullif(seen_s, 0)) AS mean_read,
      sum(write_bytes / nullif(seen_s, 0)) AS mean_write,
      min(seen_s) AS seen_s
    FROM served
    GROUP BY ALL
  ) s
  LEFT JOIN peaks p USING (file_system, ost, ts)
  FULL JOIN filled f USING (file_system, date, ost, ts)
),
hours AS (
  FROM osts
  UNION ALL BY NAME
  FROM disks
)
SELECT
  file_system, date, ost, ts,
  try_cast(read_bytes AS BIGINT) AS read_bytes,
  try_cast(write_bytes AS BIGINT) AS write_bytes,
  try_cast(read_ops AS BIGINT) AS read_ops,
  try_cast(write_ops AS BIGINT) AS write_ops,
  coalesce(h.seen_s, 0) AS seen_s,
  reset, used_bytes, total_bytes,
  100 * coalesce(h.seen_s, 0) / 3600 AS seen_pct,
  coalesce(mean_read, read_bytes / nullif(h.seen_s, 0)) AS mean_read_bytes_per_s,
  coalesce(mean_write, write_bytes / nullif(h.seen_s, 0)) AS mean_write_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_read END AS peak_read_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN peak_write END AS peak_write_bytes_per_s,
  CASE WHEN coalesce(h.seen_s, 0) <= 0 THEN 'nothing of the hour was seen'
       WHEN seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the hour was seen' END AS peak_reason,
  100 * (used_bytes / nullif(total_bytes, 0)) AS used_pct
FROM hours h
