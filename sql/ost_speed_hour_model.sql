-- How fast were files on an object storage target beside files on the others, hour by hour? The model of ost_speed_hour.
-- A file's rate is its bytes over the time from its first to its last read (or write). It is held against the median of
-- its kind within a day: program, file system, direction, shared or not, number of targets. Where files on one target are
-- slow and files elsewhere are not, the target is slow; where all are slow, it is not the target.
CREATE OR REPLACE MACRO ost_speed_hour_model(in_owner, since, until, first, last) AS TABLE
WITH logs AS (
  SELECT cluster, date, log_id, exe_name, epoch(start_time) AS start_s
  FROM darshan_logs
  WHERE (first IS NULL OR date BETWEEN first AND last) AND start_time IS NOT NULL
),
layouts AS MATERIALIZED (
  SELECT cluster, date, log_id, record_id, file_system, list_sort(list_distinct(flatten(list(osts)))) AS osts
  FROM darshan_lustre
  WHERE (in_owner IS NULL OR file_system = in_owner) AND file_system IS NOT NULL AND osts IS NOT NULL
    AND (first IS NULL OR date BETWEEN first AND last)
  GROUP BY ALL
),
moved AS (
  SELECT
    l.cluster, l.exe_name, f.file_system, f.osts, coalesce(p.rank, -1) < 0 AS shared, l.start_s,
    unnest([false, true]) AS writing,
    unnest([p.POSIX_BYTES_READ, p.POSIX_BYTES_WRITTEN]) AS bytes,
    unnest([p.POSIX_F_READ_START_TIMESTAMP, p.POSIX_F_WRITE_START_TIMESTAMP]) AS from_s,
    unnest([p.POSIX_F_READ_END_TIMESTAMP, p.POSIX_F_WRITE_END_TIMESTAMP]) AS to_s
  FROM darshan_posix p
  JOIN logs l USING (cluster, date, log_id)
  JOIN layouts f USING (cluster, date, log_id, record_id)
  WHERE first IS NULL OR p.date BETWEEN first AND last
),
speeds AS (
  SELECT
    *, row_number() OVER () AS transfer,
    bytes / (to_s - from_s) AS rate,
    rate / median(rate) OVER kind AS speed
  FROM moved
  WHERE bytes >= 16000000 AND to_s > from_s AND to_s - from_s < 31 * 86400
  WINDOW kind AS (PARTITION BY cluster, exe_name, file_system, writing, shared, len(osts))
  QUALIFY count(*) OVER kind >= 3
),
in_hours AS (
  SELECT transfer, file_system, osts, speed,
    unnest(range((start_s + from_s)::BIGINT // 3600, (start_s + to_s)::BIGINT // 3600 + 1)) AS hour
  FROM speeds
),
known AS (
  SELECT DISTINCT file_system, hour, unnest(osts) AS ost
  FROM in_hours
),
beside AS (
  SELECT
    k.file_system, k.hour, k.ost,
    count(*) FILTER (list_contains(h.osts, k.ost)) AS files,
    median(h.speed) FILTER (list_contains(h.osts, k.ost)) AS relative_speed,
    100 * avg((h.speed < 0.67)::INTEGER) FILTER (list_contains(h.osts, k.ost)) AS slow_pct,
    count(*) FILTER (NOT list_contains(h.osts, k.ost)) AS other_files,
    median(h.speed) FILTER (NOT list_contains(h.osts, k.ost)) AS other_relative_speed,
    100 * avg((h.speed < 0.67)::INTEGER) FILTER (NOT list_contains(h.osts, k.ost)) AS other_slow_pct
  FROM known k
  JOIN in_hours h USING (file_system, hour)
  GROUP BY ALL
)
SELECT
  file_system, printf('OST%04x', ost) AS ost, make_timestamp(hour * 3600000000) AS ts, ts::DATE AS date,
  files, relative_speed, slow_pct, other_files, other_relative_speed, other_slow_pct
FROM beside
WHERE since IS NULL OR ts::DATE BETWEEN since AND until
