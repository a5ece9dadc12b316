-- What did a file system do during each of many windows? One row for each row of the table or view that `windows` names,
-- with the answer and then all its columns, among them file_system, window_start and window_end:
--   FROM lustre_during('job_windows')
--   FROM lustre_during('my_table', pro_rate := false, steps_after := 1)
-- A window costs two look-ups in running sums, not a scan of its rows, and only the days that windows touch are read, with
-- one before: an interval that began earlier, after a gap of days in what was collected, is left out. An interval that lies
-- partly in the window counts by the share of its time, or whole with pro_rate := false. steps_after lengthens windows by so
-- many of the file system's usual intervals, for servers write on after a job has ended. seen_pct is the share of the
-- window's time and storage targets that has counts, mdt_seen_pct that of metadata targets. A sum is null where nothing was
-- seen, or the source does not count it. A column that is named as one of the answer has _1 behind its name.
-- column window_until: UTC; the end of the window, lengthened by steps_after
-- column osts: object storage targets of the file system
-- column read_bytes: [B] read by all users in the window, by the servers' counts
-- column write_bytes: [B] written by all users in the window, by the servers' counts
-- column {op}: {op} of all users in the window, by the servers' counts
-- column seen_pct: [%] share of the window's time and object storage targets that has counts
-- column mdt_seen_pct: [%] share of the window's time and metadata targets that has counts
-- column date: UTC day of the window in its own table
CREATE OR REPLACE MACRO lustre_during(windows, pro_rate := true, steps_after := 0) AS TABLE
WITH given AS MATERIALIZED (
  SELECT row_number() OVER () AS window_row, w.* FROM query_table(windows) w
),
days AS (
  SELECT DISTINCT
    file_system,
    unnest(range(first_day - 1, least(last_day, first_day + 3660) + 2, INTERVAL 1 DAY))::DATE AS date
  FROM (
    SELECT DISTINCT file_system, window_start::DATE AS first_day, window_end::DATE AS last_day
    FROM given
    WHERE window_start < window_end AND window_start > '1970-01-01' AND window_end < '9999-01-01'
  )
),
spans AS MATERIALIZED (    -- running sums begin anew in each input: the time that each speaks of
  SELECT
    file_system, input_id, row_number() OVER () AS span,
    min(ts) AS first_ts, max(epoch(ts) + interval_s) AS last_s, mode(interval_s) AS step_s
  FROM lustre_fs
  SEMI JOIN days USING (file_system, date)
  GROUP BY file_system, input_id
),
steps AS (
  SELECT file_system, mode(step_s) AS step_s
  FROM spans
  GROUP BY file_system
),
asked AS MATERIALIZED (
  SELECT         -- of columns with one name the first keeps it
    w.window_row,
    CASE WHEN w.window_end < '9999-01-01'
      THEN w.window_end + to_seconds(steps_after * greatest(0, least(coalesce(steps.step_s, 0), 86400))) ELSE w.window_end
    END AS window_until,
    w.* EXCLUDE (window_row)
  FROM given w
  LEFT JOIN steps ON steps.file_system = w.file_system
),
points AS (        -- both ends of the part of a window that an input speaks of
  SELECT
    w.window_row, s.span,
    unnest([-1, 1]) AS side,
    unnest([greatest(epoch(w.window_start), epoch(s.first_ts)), least(epoch(w.window_until), s.last_s)]) AS moment
  FROM asked w
  JOIN spans s
    ON s.file_system = w.file_system AND s.last_s > epoch(w.window_start) AND epoch(s.first_ts) < epoch(w.window_until)
  WHERE w.window_start < w.window_until
),
series AS (
  SELECT s.span, epoch(f.ts) AS from_s, f.* EXCLUDE (ts)
  FROM lustre_fs f
  SEMI JOIN days USING (file_system, date)
  JOIN spans s ON s.file_system = f.file_system AND s.input_id = f.input_id
),
reached AS (       -- running sums there, those at the start less than nothing
  SELECT
    p.window_row, f.osts,
    least(1, (p.moment - f.from_s) / f.interval_s) AS time_share,
    CASE WHEN pro_rate THEN time_share WHEN p.side < 0 THEN floor(time_share) ELSE ceil(time_share) END AS share,
    p.side * (f.ost_seconds_before + (f.osts::BIGINT - f.osts_missing) * f.interval_s * time_share) AS ost_seconds,
    p.side * (f.mdt_seconds_before + (f.mdts::BIGINT - f.mdts_missing) * f.interval_s * time_share) AS mdt_seconds,
    f.mdts,
    p.side * (f.read_bytes_before::HUGEINT + coalesce(f.read_bytes * share, 0)::HUGEINT) AS read_bytes,
    p.side * (f.write_bytes_before::HUGEINT + coalesce(f.write_bytes * share, 0)::HUGEINT) AS write_bytes,
    p.side * (f.{op}_before::HUGEINT + coalesce(f.{op} * share, 0)::HUGEINT) AS {op},
  FROM points p
  ASOF JOIN series f ON f.span = p.span AND f.from_s <= p.moment
),
totals AS (
  SELECT
    window_row,
    max(osts) AS osts,
    CASE WHEN sum(ost_seconds) > 0 THEN try_cast(sum(read_bytes) AS BIGINT) END AS read_bytes,
    CASE WHEN sum(ost_seconds) > 0 THEN try_cast(sum(write_bytes) AS BIGINT) END AS write_bytes,
    CASE WHEN sum(mdt_seconds) > 0 THEN try_cast(sum({op}) AS BIGINT) END AS {op},
    sum(ost_seconds) AS ost_seconds,
    sum(mdt_seconds) AS mdt_seconds,
    max(mdts) AS mdts
  FROM reached
  GROUP BY window_row
)
SELECT
  asked.window_until,
  totals.* EXCLUDE (window_row, ost_seconds, mdt_seconds, mdts),
  100 * totals.ost_seconds / (nullif(totals.osts, 0) * epoch(asked.window_until - asked.window_start)) AS seen_pct,
  100 * totals.mdt_seconds / (nullif(totals.mdts, 0) * epoch(asked.window_until - asked.window_start)) AS mdt_seen_pct,
  asked.* EXCLUDE (window_row, window_until)
FROM asked
LEFT JOIN totals USING (window_row)
