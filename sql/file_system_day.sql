-- What did each file system do each day (UTC): bytes and operations, peak bandwidth, and how much of it was seen?
-- Sums are of what was seen: seen_pct is the share of the day's targets and time that has counts.
CREATE OR REPLACE VIEW file_system_day AS
SELECT
  file_system, date,
  sum(read_bytes)::BIGINT AS read_bytes,
  sum(write_bytes)::BIGINT AS write_bytes,
  max(read_bytes / interval_s) AS peak_read_bytes_per_s,
  arg_max(ts, read_bytes / interval_s) AS peak_read_ts,
  max(write_bytes / interval_s) AS peak_write_bytes_per_s,
  arg_max(ts, write_bytes / interval_s) AS peak_write_ts,
  sum(opens)::BIGINT AS opens,
  sum(closes)::BIGINT AS closes,
  sum(mknods)::BIGINT AS mknods,
  sum(links)::BIGINT AS links,
  sum(unlinks)::BIGINT AS unlinks,
  sum(mkdirs)::BIGINT AS mkdirs,
  sum(rmdirs)::BIGINT AS rmdirs,
  sum(renames)::BIGINT AS renames,
  sum(getattrs)::BIGINT AS getattrs,
  sum(setattrs)::BIGINT AS setattrs,
  sum(getxattrs)::BIGINT AS getxattrs,
  sum(statfs)::BIGINT AS statfs,
  sum(interval_s) AS observed_s,
  100 * sum((osts - osts_missing) * interval_s) / nullif(max(osts) * 86400, 0) AS seen_pct
FROM lustre_fs
GROUP BY file_system, date
