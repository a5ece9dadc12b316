-- What did each object storage target of a file system do in one window?
--   FROM lustre_ost_during('scratch', '2026-03-01 12:00:00', '2026-03-01 12:30:00')
-- Times are UTC. An interval that lies partly in the window counts by the share of its time, or whole with
-- pro_rate := false. Only the days of the window and the one before are read: an interval that began earlier, after a gap
-- of days in what was collected, is left out. seen_s is the time with counts.
-- column read_bytes: [B] read by all users of the target in the window
-- column write_bytes: [B] written by all users of the target in the window
-- column seen_s: [s] time of the window that has counts
-- column reset: whether a counter of the target restarted in the window: the bytes are a lower bound
CREATE OR REPLACE MACRO lustre_ost_during(fs, window_start, window_end, pro_rate := true) AS TABLE
WITH parts AS (
  SELECT
    ost, read_bytes, write_bytes, reset,
    least(epoch(window_end::TIMESTAMP), epoch(ts) + interval_s) - greatest(epoch(window_start::TIMESTAMP), epoch(ts)) AS inside_s,
    CASE WHEN pro_rate THEN inside_s / interval_s ELSE 1 END AS share
  FROM lustre_ost
  WHERE file_system = fs
    AND date BETWEEN window_start::TIMESTAMP::DATE - 1 AND window_end::TIMESTAMP::DATE
    AND ts < window_end::TIMESTAMP AND epoch(ts) + interval_s > epoch(window_start::TIMESTAMP)
)
SELECT
  ost,
  try_cast(round(sum(read_bytes * share)) AS BIGINT) AS read_bytes,
  try_cast(round(sum(write_bytes * share)) AS BIGINT) AS write_bytes,
  coalesce(sum(inside_s) FILTER (read_bytes IS NOT NULL OR write_bytes IS NOT NULL), 0) AS seen_s,
  coalesce(bool_or(reset), false) AS reset
FROM parts
GROUP BY ost
