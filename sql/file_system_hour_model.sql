-- What did each file system do each hour (UTC), how loaded were its servers, how full was it, and how much was seen? The
-- model of the mart file_system_hour.
-- An interval counts in the hour in which it begins.
CREATE OR REPLACE MACRO file_system_hour_model(in_owner, since, until, first, last) AS TABLE
WITH hours AS (
  SELECT
    file_system, date, date_trunc('hour', ts) AS ts,
    try_cast(sum(read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(write_bytes) AS BIGINT) AS write_bytes,
    try_cast(sum({op}) AS BIGINT) AS {op},
    max(read_bytes / interval_s) AS peak_read,
    max(write_bytes / interval_s) AS peak_write,
    max(osts) AS osts,
    sum((osts::BIGINT - osts_missing) * interval_s) / nullif(max(osts), 0) AS seen_s
  FROM lustre_fs
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY ALL
),
load AS (
  SELECT
    file_system, date_trunc('hour', ts) AS ts,
    avg(cpu_pct) FILTER (role = 'oss') AS oss_cpu_pct,
    max(cpu_pct) FILTER (role = 'oss') AS oss_cpu_max_pct,
    avg(cpu_pct) FILTER (role = 'mds') AS mds_cpu_pct,
    max(cpu_pct) FILTER (role = 'mds') AS mds_cpu_max_pct
  FROM (
    SELECT file_system, date, ts, role, cpu_pct
    FROM lustre_server
    UNION ALL
    SELECT file_system, date, ts, CASE role WHEN 'mds' THEN 'mds' ELSE 'oss' END AS role, cpu_pct
    FROM scale_server
  )
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  GROUP BY ALL
),
full_disks AS (        -- of Storage Scale: its disks that hold data are the targets
  SELECT file_system, ts, max(used_pct) AS fullest_pct
  FROM (
    SELECT
      file_system, nsd, date_trunc('hour', ts) AS ts,
      arg_max(100 * (used_bytes / nullif(total_bytes, 0)), epoch(ts)) FILTER (used_bytes IS NOT NULL) AS used_pct
    FROM scale_disk
    WHERE holds_data
      AND (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
    GROUP BY ALL
  )
  GROUP BY file_system, ts
),
space AS (
  SELECT
    file_system, ts,
    try_cast(sum(used_bytes) AS BIGINT) AS used_bytes,
    try_cast(sum(total_bytes) AS BIGINT) AS total_bytes,
    max(100 * (used_bytes / nullif(total_bytes, 0))) AS fullest_ost_pct
  FROM (
    SELECT
      file_system, ost, date_trunc('hour', ts) AS ts,
      arg_max(used_bytes, epoch(ts)) AS used_bytes,
      arg_max(total_bytes, epoch(ts)) FILTER (used_bytes IS NOT NULL) AS total_bytes
    FROM lustre_ost
    WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
    GROUP BY ALL
  )
  GROUP BY ALL
  UNION ALL
  SELECT c.*, d.fullest_pct AS fullest_ost_pct
  FROM (
    SELECT
      file_system, date_trunc('hour', ts) AS ts,
      arg_max(used_bytes, epoch(ts)) AS used_bytes,
      arg_max(total_bytes, epoch(ts)) FILTER (used_bytes IS NOT NULL) AS total_bytes
    FROM scale_capacity
    WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
    GROUP BY ALL
  ) c
  LEFT JOIN full_disks d USING (file_system, ts)
)
SELECT
  h.* EXCLUDE (peak_read, peak_write),
  100 * h.seen_s / 3600 AS seen_pct,
  h.read_bytes / nullif(h.seen_s, 0) AS mean_read_bytes_per_s,
  h.write_bytes / nullif(h.seen_s, 0) AS mean_write_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN h.peak_read END AS peak_read_bytes_per_s,
  CASE WHEN seen_pct >= {seen_enough_pct} THEN h.peak_write END AS peak_write_bytes_per_s,
  CASE WHEN coalesce(h.seen_s, 0) <= 0 THEN 'nothing of the hour was seen'
       WHEN seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the hour was seen' END AS peak_reason,
  l.* EXCLUDE (file_system, ts),
  s.* EXCLUDE (file_system, ts),
  100 * (s.used_bytes / nullif(s.total_bytes, 0)) AS used_pct
FROM hours h
LEFT JOIN load l USING (file_system, ts)
LEFT JOIN space s USING (file_system, ts)
