-- How fast were files on an object storage target beside files on the others, hour by hour? The model of ost_speed_hour.
-- A file's rate is its bytes over the time from its first to its last read (or write). It is held against the median of
-- its kind on the day of the hour, the day before and the day after: program, file system, direction, shared or not, number
-- of targets. Where files on one target are slow and files elsewhere are not, the target is slow; where all are slow, it is
-- not the target.
CREATE OR REPLACE MACRO ost_speed_hour_model(in_owner, since, until, first, last) AS TABLE
WITH logs AS (
  SELECT cluster, date, log_id, coalesce(job_id::VARCHAR, log_id) AS job, exe_name, epoch(start_time) AS start_s
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
    l.cluster, l.job, l.exe_name, f.file_system, f.osts, coalesce(p.rank, -1) < 0 AS shared, l.start_s,
    unnest([false, true]) AS writing,
    unnest([p.POSIX_BYTES_READ, p.POSIX_BYTES_WRITTEN]) AS bytes,
    unnest([p.POSIX_F_READ_START_TIMESTAMP, p.POSIX_F_WRITE_START_TIMESTAMP]) AS from_s,
    unnest([p.POSIX_F_READ_END_TIMESTAMP, p.POSIX_F_WRITE_END_TIMESTAMP]) AS to_s
  FROM darshan_posix p
  JOIN logs l USING (cluster, date, log_id)
  JOIN layouts f USING (cluster, date, log_id, record_id)
  WHERE first IS NULL OR p.date BETWEEN first AND last
),
timed AS MATERIALIZED (
  SELECT
    row_number() OVER () AS transfer, hash(cluster, job) AS job, file_system, osts, bytes / (to_s - from_s) AS rate,
    hash(cluster, exe_name, writing, shared, len(osts)) AS kind,
    (start_s + from_s)::BIGINT // 3600 AS first_hour, (start_s + to_s)::BIGINT // 3600 AS last_hour
  FROM moved
  WHERE bytes >= 16000000 AND to_s > from_s AND to_s - from_s < 31 * 86400
),
usual AS (               -- of each kind and day, over that day, the one before and the one after
  SELECT file_system, kind, day, median(rate) AS rate
  FROM (SELECT file_system, kind, rate, unnest(range(first_hour // 24 - 1, last_hour // 24 + 2)) AS day FROM timed)
  GROUP BY ALL
  HAVING count(*) >= 3
),
active AS (
  SELECT transfer, job, file_system, osts, kind, rate, unnest(range(first_hour, last_hour + 1)) AS hour
  FROM timed
),
in_hours AS (
  SELECT a.transfer, a.job, a.file_system, a.osts, a.rate / u.rate AS speed, a.hour
  FROM active a
  JOIN usual u ON u.file_system = a.file_system AND u.kind = a.kind AND u.day = a.hour // 24
  WHERE since IS NULL OR a.hour BETWEEN epoch(since::DATE)::BIGINT // 3600 AND epoch(until::DATE)::BIGINT // 3600 + 23
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
    count(DISTINCT h.job) FILTER (h.speed < 0.67 AND list_contains(h.osts, k.ost)) AS slow_jobs,
    count(*) FILTER (NOT list_contains(h.osts, k.ost)) AS other_files,
    median(h.speed) FILTER (NOT list_contains(h.osts, k.ost)) AS other_relative_speed,
    100 * avg((h.speed < 0.67)::INTEGER) FILTER (NOT list_contains(h.osts, k.ost)) AS other_slow_pct,
    count(DISTINCT h.job) FILTER (h.speed < 0.67 AND NOT list_contains(h.osts, k.ost)) AS other_slow_jobs
  FROM known k
  JOIN in_hours h USING (file_system, hour)
  GROUP BY ALL
)
SELECT
  file_system, printf('OST%04x', ost) AS ost, make_timestamp(hour * 3600000000) AS ts, ts::DATE AS date,
  files, relative_speed, slow_pct, slow_jobs, other_files, other_relative_speed, other_slow_pct, other_slow_jobs
FROM beside
WHERE since IS NULL OR ts::DATE BETWEEN since AND until
