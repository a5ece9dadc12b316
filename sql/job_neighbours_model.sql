-- Who else used a run's file system while it ran? The model of the mart job_neighbours.
-- A neighbour's bytes are shared out evenly over its time, so a short burst within a long neighbour is blurred. Bytes are
-- the servers' own count for the job (jobstats) where there is one, else Darshan's. The twenty that moved most are
-- kept, and the five that opened most files.
CREATE OR REPLACE MACRO job_neighbours_model(in_owner, since, until, first, last) AS TABLE
WITH used AS MATERIALIZED (
  SELECT
    row_number() OVER (ORDER BY cluster, run_id, file_system)::INTEGER AS place,  -- its order breaks ties
    cluster, run_id, job_id, date, file_system, window_start, window_end,
    coalesce(jobstats_read_bytes, darshan_read_bytes) AS read_bytes,
    coalesce(jobstats_write_bytes, darshan_write_bytes) AS write_bytes,
    darshan_opens,
    CASE WHEN coalesce(jobstats_read_bytes, jobstats_write_bytes) IS NOT NULL THEN 'jobstats'
         WHEN coalesce(darshan_read_bytes, darshan_write_bytes) IS NOT NULL THEN 'darshan'
         ELSE 'presence' END AS measured_by,
    fs_read_bytes::DOUBLE + fs_write_bytes AS fs_bytes, fs_seen_pct
  FROM job_file_system
  WHERE (first IS NULL OR date BETWEEN first AND last) AND window_start < window_end
),
steps AS MATERIALIZED (  -- each window once for each hour that it touches, so that few are compared; long windows in longer steps
  SELECT
    place, file_system, window_start, window_end, read_bytes, write_bytes, darshan_opens,
    (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until) AS asked,
    greatest(3600000000, max(epoch_us(window_end) - epoch_us(window_start)) OVER () // 200) AS width,
    epoch_us(window_start) // width AS first_step,
    unnest(range(first_step, epoch_us(window_end) // width + 1)) AS step
  FROM used
),
pairs AS (
  SELECT
    r.place, n.place AS neighbour,
    epoch(least(r.window_end, n.window_end)) - epoch(greatest(r.window_start, n.window_start)) AS overlap_s,
    overlap_s / (epoch(n.window_end) - epoch(n.window_start)) AS part,
    coalesce(n.read_bytes * part, 0) + coalesce(n.write_bytes * part, 0) AS moved, n.darshan_opens * part AS opens
  FROM steps r
  JOIN steps n
    ON n.file_system = r.file_system AND n.step = r.step
    AND n.step = greatest(r.first_step, n.first_step)  -- the first that both touch: a pair counts once
    AND n.window_start < r.window_end AND n.window_end > r.window_start AND n.place <> r.place
  WHERE r.asked
),
most AS (
  SELECT
    place,
    max_by(neighbour, (moved, overlap_s, -neighbour), 20) AS movers,
    max_by(neighbour, (opens, -neighbour), 5) FILTER (opens > 0) AS openers
  FROM pairs
  GROUP BY place
),
kept AS (
  SELECT place, unnest(list_distinct(list_concat(movers, openers))) AS neighbour
  FROM most
),
names AS (
  SELECT cluster, run_id, user_name, coalesce(exe_names[1], job_name) AS exe
  FROM job_summary
  WHERE first IS NULL OR date BETWEEN first AND last
),
shown AS (
  SELECT
    r.cluster, r.run_id, r.job_id, r.date, r.file_system, r.fs_bytes, r.fs_seen_pct,
    CASE WHEN r.measured_by <> 'presence' THEN coalesce(r.read_bytes, 0)::DOUBLE + coalesce(r.write_bytes, 0) END AS own_bytes,
    n.cluster AS neighbour_cluster, n.run_id AS neighbour_run_id, n.job_id AS neighbour_job_id, n.measured_by,
    greatest(r.window_start, n.window_start) AS overlap_start,
    least(r.window_end, n.window_end) AS overlap_end,
    epoch(overlap_end) - epoch(overlap_start) AS overlap_s,
    overlap_s / (epoch(n.window_end) - epoch(n.window_start)) AS part,
    n.read_bytes * part AS read_bytes, n.write_bytes * part AS write_bytes,
    coalesce(n.read_bytes * part, 0) + coalesce(n.write_bytes * part, 0) AS moved, n.darshan_opens * part AS opens
  FROM kept m
  JOIN used r ON r.place = m.place
  JOIN used n ON n.place = m.neighbour
)
SELECT
  m.cluster, m.run_id, m.job_id, m.date, m.file_system, m.neighbour_cluster, m.neighbour_run_id, m.neighbour_job_id,
  n.user_name AS neighbour_user, n.exe AS neighbour_exe, m.overlap_start, m.overlap_end, m.overlap_s, m.measured_by,
  m.read_bytes, m.write_bytes,
  CASE WHEN m.measured_by <> 'presence' THEN m.moved / nullif(m.overlap_s, 0) END AS bytes_per_s,
  m.opens,
  CASE WHEN m.fs_seen_pct >= {seen_enough_pct} AND m.measured_by <> 'presence' AND m.moved <= {largest_share} * m.fs_bytes
    THEN m.moved / nullif(m.fs_bytes, 0) END AS share,  -- a larger share shows that it did not move its bytes evenly
  CASE WHEN m.fs_seen_pct >= {seen_enough_pct} AND m.own_bytes <= {largest_share} * m.fs_bytes
    THEN m.own_bytes / nullif(m.fs_bytes, 0) END AS own_share
FROM shown m
LEFT JOIN names n ON n.cluster = m.neighbour_cluster AND n.run_id = m.neighbour_run_id
