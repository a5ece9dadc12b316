-- What did a file system do during each of many windows? One row for each row of the table or view that `windows` names,
-- with the answer and then all its columns, among them file_system, window_start and window_end:
--   FROM lustre_during('job_windows')
--   FROM lustre_during('my_table', pro_rate := false, steps_after := 1)
-- A window costs two look-ups in running sums, not a scan of its rows. An interval that lies partly in the window counts
-- by the share of its time, or whole with pro_rate := false. steps_after lengthens windows by so many of the file
-- system's usual intervals, for servers write on after a job has ended. seen_pct is the share of the window's time and
-- storage targets that has counts. A sum is null where nothing was seen, or the source does not count it. A column that is
-- named as one of the answer has _1 behind its name.
CREATE OR REPLACE MACRO lustre_during(windows, pro_rate := true, steps_after := 0) AS TABLE
WITH spans AS (    -- running sums begin anew in each input: the time that each speaks of
  SELECT
    file_system, input_id, row_number() OVER (ORDER BY file_system, input_id) AS span,
    min(ts) AS first_ts, max(ts + to_seconds(interval_s)) AS last_ts, mode(interval_s) AS step_s
  FROM lustre_fs
  GROUP BY file_system, input_id
),
steps AS (
  SELECT file_system, mode(step_s) AS step_s
  FROM spans
  GROUP BY file_system
),
asked AS MATERIALIZED (
  SELECT         -- of columns with one name the first keeps it
    row_number() OVER () AS window_row,
    w.window_end + to_seconds(steps_after * coalesce(steps.step_s, 0)) AS window_until,
    w.*
  FROM query_table(windows) w
  LEFT JOIN steps ON steps.file_system = w.file_system
),
points AS (        -- both ends of the part of a window that an input speaks of
  SELECT
    w.window_row, s.span,
    unnest([-1, 1]) AS side,
    unnest([greatest(w.window_start, s.first_ts), least(w.window_until, s.last_ts)]) AS moment
  FROM asked w
  JOIN spans s ON s.file_system = w.file_system AND s.last_ts > w.window_start AND s.first_ts < w.window_until
  WHERE w.window_start < w.window_until
),
reached AS (       -- running sums there, those at the start less than nothing
  SELECT
    p.window_row, f.osts,
    least(1, epoch(p.moment - f.ts) / f.interval_s) AS time_share,
    CASE WHEN pro_rate THEN time_share WHEN p.side < 0 THEN floor(time_share) ELSE ceil(time_share) END AS share,
    p.side * (f.ost_seconds_before + (f.osts - f.osts_missing) * f.interval_s * time_share) AS ost_seconds,
    p.side * (f.mdt_seconds_before + (f.mdts - f.mdts_missing) * f.interval_s * time_share) AS mdt_seconds,
    p.side * (f.read_bytes_before + coalesce(f.read_bytes * share, 0)::BIGINT) AS read_bytes,
    p.side * (f.write_bytes_before + coalesce(f.write_bytes * share, 0)::BIGINT) AS write_bytes,
    p.side * (f.opens_before + coalesce(f.opens * share, 0)::BIGINT) AS opens,
    p.side * (f.closes_before + coalesce(f.closes * share, 0)::BIGINT) AS closes,
    p.side * (f.mknods_before + coalesce(f.mknods * share, 0)::BIGINT) AS mknods,
    p.side * (f.links_before + coalesce(f.links * share, 0)::BIGINT) AS links,
    p.side * (f.unlinks_before + coalesce(f.unlinks * share, 0)::BIGINT) AS unlinks,
    p.side * (f.mkdirs_before + coalesce(f.mkdirs * share, 0)::BIGINT) AS mkdirs,
    p.side * (f.rmdirs_before + coalesce(f.rmdirs * share, 0)::BIGINT) AS rmdirs,
    p.side * (f.renames_before + coalesce(f.renames * share, 0)::BIGINT) AS renames,
    p.side * (f.getattrs_before + coalesce(f.getattrs * share, 0)::BIGINT) AS getattrs,
    p.side * (f.setattrs_before + coalesce(f.setattrs * share, 0)::BIGINT) AS setattrs,
    p.side * (f.getxattrs_before + coalesce(f.getxattrs * share, 0)::BIGINT) AS getxattrs,
    p.side * (f.statfs_before + coalesce(f.statfs * share, 0)::BIGINT) AS statfs
  FROM points p
  ASOF JOIN (SELECT span, r.* FROM lustre_fs r JOIN spans USING (input_id)) f ON f.span = p.span AND f.ts <= p.moment
),
totals AS (
  SELECT
    window_row,
    max(osts) AS osts,
    CASE WHEN sum(ost_seconds) > 0 THEN sum(read_bytes)::BIGINT END AS read_bytes,
    CASE WHEN sum(ost_seconds) > 0 THEN sum(write_bytes)::BIGINT END AS write_bytes,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(opens)::BIGINT END AS opens,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(closes)::BIGINT END AS closes,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(mknods)::BIGINT END AS mknods,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(links)::BIGINT END AS links,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(unlinks)::BIGINT END AS unlinks,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(mkdirs)::BIGINT END AS mkdirs,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(rmdirs)::BIGINT END AS rmdirs,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(renames)::BIGINT END AS renames,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(getattrs)::BIGINT END AS getattrs,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(setattrs)::BIGINT END AS setattrs,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(getxattrs)::BIGINT END AS getxattrs,
    CASE WHEN sum(mdt_seconds) > 0 THEN sum(statfs)::BIGINT END AS statfs,
    sum(ost_seconds) AS ost_seconds
  FROM reached
  GROUP BY window_row
)
SELECT
  asked.window_until,
  totals.* EXCLUDE (window_row, ost_seconds),
  100 * totals.ost_seconds / (nullif(totals.osts, 0) * epoch(asked.window_until - asked.window_start)) AS seen_pct,
  asked.* EXCLUDE (window_row, window_until)
FROM asked
LEFT JOIN totals USING (window_row)
