-- What did a file system do during each of many windows? One row for each window of the table or view that `windows`
-- names, with all its columns, among them file_system, window_start and window_end:
--   FROM lustre_during('job_windows')
--   FROM lustre_during('my_table', pro_rate := false, steps_after := 1)
-- A window costs two look-ups in running sums, not a scan of its rows. An interval that lies partly in the window counts
-- by the share of its time, or whole with pro_rate := false. steps_after lengthens windows by so many of the file
-- system's usual intervals, for servers write on after a job has ended. seen_pct is the share of the window's time and
-- storage targets that has counts. A sum is null where nothing was seen, or the source does not count it.
CREATE OR REPLACE MACRO lustre_during(windows, pro_rate := true, steps_after := 0) AS TABLE
WITH spans AS (    -- running sums begin anew in each input: the time that each speaks of
  SELECT
    file_system, input_id,
    min(ts) AS first_ts, max(ts + to_seconds(interval_s)) AS last_ts, mode(interval_s) AS step_s
  FROM lustre_fs
  GROUP BY file_system, input_id
),
steps AS (
  SELECT file_system, mode(step_s) AS step_s
  FROM spans
  GROUP BY file_system
),
asked AS (
  SELECT DISTINCT w.*, w.window_end + to_seconds(steps_after * coalesce(step_s, 0)) AS window_until
  FROM query_table(windows) w
  LEFT JOIN steps USING (file_system)
),
parts AS (         -- the part of each window that an input speaks of
  SELECT asked.*, input_id, greatest(window_start, first_ts) AS part_start, least(window_until, last_ts) AS part_end
  FROM asked
  LEFT JOIN spans
    ON spans.file_system = asked.file_system AND last_ts > window_start AND first_ts < window_until
),
openings AS (      -- running sums where the part begins
  SELECT
    parts.*,
    least(1, epoch(part_start - a.ts) / a.interval_s) AS start_time_share,
    CASE WHEN pro_rate THEN start_time_share ELSE floor(start_time_share) END AS start_share,
    a.ost_seconds_before + (a.osts - a.osts_missing) * a.interval_s * start_time_share AS ost_seconds_opened,
    a.mdt_seconds_before + (a.mdts - a.mdts_missing) * a.interval_s * start_time_share AS mdt_seconds_opened,
    a.read_bytes_before + coalesce(round(a.read_bytes * start_share)::BIGINT, 0) AS read_bytes_opened,
    a.write_bytes_before + coalesce(round(a.write_bytes * start_share)::BIGINT, 0) AS write_bytes_opened,
    a.opens_before + coalesce(round(a.opens * start_share)::BIGINT, 0) AS opens_opened,
    a.closes_before + coalesce(round(a.closes * start_share)::BIGINT, 0) AS closes_opened,
    a.mknods_before + coalesce(round(a.mknods * start_share)::BIGINT, 0) AS mknods_opened,
    a.links_before + coalesce(round(a.links * start_share)::BIGINT, 0) AS links_opened,
    a.unlinks_before + coalesce(round(a.unlinks * start_share)::BIGINT, 0) AS unlinks_opened,
    a.mkdirs_before + coalesce(round(a.mkdirs * start_share)::BIGINT, 0) AS mkdirs_opened,
    a.rmdirs_before + coalesce(round(a.rmdirs * start_share)::BIGINT, 0) AS rmdirs_opened,
    a.renames_before + coalesce(round(a.renames * start_share)::BIGINT, 0) AS renames_opened,
    a.getattrs_before + coalesce(round(a.getattrs * start_share)::BIGINT, 0) AS getattrs_opened,
    a.setattrs_before + coalesce(round(a.setattrs * start_share)::BIGINT, 0) AS setattrs_opened,
    a.getxattrs_before + coalesce(round(a.getxattrs * start_share)::BIGINT, 0) AS getxattrs_opened,
    a.statfs_before + coalesce(round(a.statfs * start_share)::BIGINT, 0) AS statfs_opened
  FROM parts
  ASOF LEFT JOIN lustre_fs a
    ON a.file_system = parts.file_system AND a.input_id = parts.input_id AND a.ts <= part_start
),
closings AS (      -- running sums where the part ends
  SELECT
    openings.*,
    least(1, epoch(part_end - z.ts) / z.interval_s) AS end_time_share,
    CASE WHEN pro_rate THEN end_time_share ELSE ceil(end_time_share) END AS end_share,
    z.osts AS osts_there,
    z.ost_seconds_before + (z.osts - z.osts_missing) * z.interval_s * end_time_share AS ost_seconds_closed,
    z.mdt_seconds_before + (z.mdts - z.mdts_missing) * z.interval_s * end_time_share AS mdt_seconds_closed,
    z.read_bytes_before + coalesce(round(z.read_bytes * end_share)::BIGINT, 0) AS read_bytes_closed,
    z.write_bytes_before + coalesce(round(z.write_bytes * end_share)::BIGINT, 0) AS write_bytes_closed,
    z.opens_before + coalesce(round(z.opens * end_share)::BIGINT, 0) AS opens_closed,
    z.closes_before + coalesce(round(z.closes * end_share)::BIGINT, 0) AS closes_closed,
    z.mknods_before + coalesce(round(z.mknods * end_share)::BIGINT, 0) AS mknods_closed,
    z.links_before + coalesce(round(z.links * end_share)::BIGINT, 0) AS links_closed,
    z.unlinks_before + coalesce(round(z.unlinks * end_share)::BIGINT, 0) AS unlinks_closed,
    z.mkdirs_before + coalesce(round(z.mkdirs * end_share)::BIGINT, 0) AS mkdirs_closed,
    z.rmdirs_before + coalesce(round(z.rmdirs * end_share)::BIGINT, 0) AS rmdirs_closed,
    z.renames_before + coalesce(round(z.renames * end_share)::BIGINT, 0) AS renames_closed,
    z.getattrs_before + coalesce(round(z.getattrs * end_share)::BIGINT, 0) AS getattrs_closed,
    z.setattrs_before + coalesce(round(z.setattrs * end_share)::BIGINT, 0) AS setattrs_closed,
    z.getxattrs_before + coalesce(round(z.getxattrs * end_share)::BIGINT, 0) AS getxattrs_closed,
    z.statfs_before + coalesce(round(z.statfs * end_share)::BIGINT, 0) AS statfs_closed
  FROM openings
  ASOF LEFT JOIN lustre_fs z
    ON z.file_system = openings.file_system AND z.input_id = openings.input_id AND z.ts < part_end
),
totals AS (
  SELECT
    closings.* EXCLUDE (
      input_id, part_start, part_end, start_time_share, start_share, end_time_share, end_share, osts_there,
      ost_seconds_opened, ost_seconds_closed, mdt_seconds_opened, mdt_seconds_closed, read_bytes_opened,
      read_bytes_closed, write_bytes_opened, write_bytes_closed, opens_opened, opens_closed, closes_opened,
      closes_closed, mknods_opened, mknods_closed, links_opened, links_closed, unlinks_opened, unlinks_closed,
      mkdirs_opened, mkdirs_closed, rmdirs_opened, rmdirs_closed, renames_opened, renames_closed, getattrs_opened,
      getattrs_closed, setattrs_opened, setattrs_closed, getxattrs_opened, getxattrs_closed, statfs_opened,
      statfs_closed
    ),
    max(osts_there) AS osts,
    sum(ost_seconds_closed - ost_seconds_opened) AS ost_seconds,
    sum(mdt_seconds_closed - mdt_seconds_opened) AS mdt_seconds,
    sum(read_bytes_closed - read_bytes_opened)::BIGINT AS read_bytes,
    sum(write_bytes_closed - write_bytes_opened)::BIGINT AS write_bytes,
    sum(opens_closed - opens_opened)::BIGINT AS opens,
    sum(closes_closed - closes_opened)::BIGINT AS closes,
    sum(mknods_closed - mknods_opened)::BIGINT AS mknods,
    sum(links_closed - links_opened)::BIGINT AS links,
    sum(unlinks_closed - unlinks_opened)::BIGINT AS unlinks,
    sum(mkdirs_closed - mkdirs_opened)::BIGINT AS mkdirs,
    sum(rmdirs_closed - rmdirs_opened)::BIGINT AS rmdirs,
    sum(renames_closed - renames_opened)::BIGINT AS renames,
    sum(getattrs_closed - getattrs_opened)::BIGINT AS getattrs,
    sum(setattrs_closed - setattrs_opened)::BIGINT AS setattrs,
    sum(getxattrs_closed - getxattrs_opened)::BIGINT AS getxattrs,
    sum(statfs_closed - statfs_opened)::BIGINT AS statfs
  FROM closings
  GROUP BY ALL
)
SELECT
  totals.* EXCLUDE (ost_seconds, mdt_seconds) REPLACE (
    CASE WHEN ost_seconds > 0 THEN read_bytes END AS read_bytes,
    CASE WHEN ost_seconds > 0 THEN write_bytes END AS write_bytes,
    CASE WHEN mdt_seconds > 0 THEN opens END AS opens,
    CASE WHEN mdt_seconds > 0 THEN closes END AS closes,
    CASE WHEN mdt_seconds > 0 THEN mknods END AS mknods,
    CASE WHEN mdt_seconds > 0 THEN links END AS links,
    CASE WHEN mdt_seconds > 0 THEN unlinks END AS unlinks,
    CASE WHEN mdt_seconds > 0 THEN mkdirs END AS mkdirs,
    CASE WHEN mdt_seconds > 0 THEN rmdirs END AS rmdirs,
    CASE WHEN mdt_seconds > 0 THEN renames END AS renames,
    CASE WHEN mdt_seconds > 0 THEN getattrs END AS getattrs,
    CASE WHEN mdt_seconds > 0 THEN setattrs END AS setattrs,
    CASE WHEN mdt_seconds > 0 THEN getxattrs END AS getxattrs,
    CASE WHEN mdt_seconds > 0 THEN statfs END AS statfs
  ),
  100 * ost_seconds / (osts * epoch(window_until - window_start)) AS seen_pct
FROM totals
