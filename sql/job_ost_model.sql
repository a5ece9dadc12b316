-- What did the object storage targets do that hold a run's files, while it ran? The model of the mart job_ost.
-- Darshan's LUSTRE records name the targets of each file; the servers' counts are of all users of the target, from the run's
-- start to its end. An interval that lies partly in it counts by the share of its time.
CREATE OR REPLACE MACRO job_ost_model(in_owner, since, until, first, last) AS TABLE
WITH logs AS MATERIALIZED (
  SELECT cluster, run_id, job_id, submit_time, restart, run_date, date, log_id, job_start_time, job_end_time
  FROM logs_of_runs(in_owner, first, last)
  WHERE since IS NULL OR run_date BETWEEN since AND until
),
files AS (
  SELECT DISTINCT cluster, date, log_id, file_system, record_id, unnest(osts) AS ost_index
  FROM darshan_lustre
  WHERE file_system IS NOT NULL
    AND (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
),
targets AS MATERIALIZED (
  SELECT
    l.cluster, l.run_id, l.job_id, l.submit_time, l.restart, l.run_date,
    epoch(min(l.job_start_time)) AS start_s, epoch(max(l.job_end_time)) AS end_s,
    f.file_system, printf('OST%04x', f.ost_index) AS ost, count(DISTINCT f.record_id) AS files
  FROM logs l
  JOIN files f ON f.cluster = l.cluster AND f.date = l.date AND f.log_id = l.log_id
  WHERE f.ost_index >= 0
  GROUP BY ALL
),
hours AS (      -- the hours that a run touches, and the one before: its intervals are found by them
  SELECT run_id, cluster, file_system, ost, start_s, end_s, unnest(range(start_s::BIGINT // 3600 - 1, end_s::BIGINT // 3600 + 1)) AS hour
  FROM targets
  WHERE end_s > start_s AND end_s - start_s < 366 * 86400
),
intervals AS (
  SELECT
    file_system, ost, epoch(ts)::BIGINT // 3600 AS hour, epoch(ts) AS from_s, epoch(ts) + interval_s AS until_s,
    interval_s, read_bytes, write_bytes, reset
  FROM lustre_ost
  WHERE (first IS NULL OR date BETWEEN first AND last) AND file_system IN (SELECT file_system FROM targets)
),
parts AS (
  SELECT
    h.cluster, h.run_id, h.file_system, h.ost, i.read_bytes, i.write_bytes, i.reset,
    least(h.end_s, i.until_s) - greatest(h.start_s, i.from_s) AS inside_s,
    inside_s / i.interval_s AS share
  FROM hours h
  JOIN intervals i ON i.file_system = h.file_system AND i.ost = h.ost AND i.hour = h.hour
  WHERE i.from_s < h.end_s AND i.until_s > h.start_s
),
sums AS (
  SELECT
    cluster, run_id, file_system, ost,
    try_cast(round(sum(read_bytes * share)) AS BIGINT) AS ost_read_bytes,
    try_cast(round(sum(write_bytes * share)) AS BIGINT) AS ost_write_bytes,
    sum(inside_s) FILTER (read_bytes IS NOT NULL OR write_bytes IS NOT NULL) AS seen_s,
    coalesce(bool_or(reset), false) AS reset
  FROM parts
  GROUP BY ALL
)
SELECT
  t.cluster, t.run_id, t.file_system, t.ost, t.job_id, t.submit_time, t.restart, t.run_date AS date, t.files,
  s.ost_read_bytes, s.ost_write_bytes,
  CASE WHEN t.end_s > t.start_s THEN 100 * coalesce(s.seen_s, 0) / (t.end_s - t.start_s) END AS ost_seen_pct,
  coalesce(s.reset, false) AS reset
FROM targets t
LEFT JOIN sums s ON s.cluster = t.cluster AND s.run_id = t.run_id AND s.file_system = t.file_system AND s.ost = t.ost
