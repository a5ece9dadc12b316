-- What did each run of a job do on each file system, what did the servers count meanwhile, how much of it was the run's, and
-- in what state were the targets? The model of the mart job_file_system.
-- A run has a row for each file system that its Darshan logs name; without logs for each one that was watched while it ran;
-- and for each whose servers counted the job by its id.
CREATE OR REPLACE MACRO job_file_system_model(in_owner, since, until, first, last) AS TABLE
WITH runs AS MATERIALIZED (
  SELECT cluster, run_id, job_id, submit_time, restart, date, start_time, end_time
  FROM runs_between(in_owner, since, until, first, last)
),
logs AS MATERIALIZED (
  SELECT cluster, run_id, date, log_id
  FROM logs_of_runs(in_owner, first, last)
  WHERE since IS NULL OR run_date BETWEEN since AND until
),
moved AS (
  SELECT
    l.cluster, l.run_id, r.file_system,
    count(DISTINCT l.log_id) AS logs,
    try_cast(sum(r.read_bytes) AS BIGINT) AS read_bytes,
    try_cast(sum(r.write_bytes) AS BIGINT) AS write_bytes,
    try_cast(sum(r.opens) AS BIGINT) AS opens,
    sum(r.read_s) AS read_s, sum(r.write_s) AS write_s, sum(r.meta_s) AS meta_s
  FROM logs l
  JOIN application_io r ON r.cluster = l.cluster AND r.date = l.date AND r.log_id = l.log_id
  WHERE r.application AND r.file_system IS NOT NULL
    AND (in_owner IS NULL OR r.cluster = in_owner) AND (first IS NULL OR r.date BETWEEN first AND last)
  GROUP BY ALL
),
stats AS MATERIALIZED (  -- what the servers counted by job id
  SELECT
    file_system, target, jobstats_id, job_id, cluster AS of_cluster, ts, read_bytes, write_bytes,
    epoch(ts) AS from_s, epoch(ts) + coalesce(interval_s, 0) AS until_s
  FROM lustre_jobstats
  WHERE (first IS NULL OR date BETWEEN first AND last) AND job_id IN (SELECT job_id FROM runs)
),
claims AS (              -- each interval with every run, of any cluster, that it may be of
  SELECT s.*, j.cluster, j.run_id, count(*) OVER (PARTITION BY s.file_system, s.target, s.jobstats_id, s.ts) AS claimants
  FROM stats s
  JOIN jobs j
    ON j.job_id = s.job_id AND j.cluster = coalesce(s.of_cluster, j.cluster) AND j.end_time > j.start_time
    AND s.from_s < epoch(j.end_time) AND s.until_s >= epoch(j.start_time)
  WHERE first IS NULL OR j.date BETWEEN first AND last
),
counted AS (             -- an interval that several runs may be of can't be split: unknown, never counted twice
  SELECT
    cluster, run_id, file_system,
    CASE WHEN max(claimants) = 1 AND count(read_bytes) = count(*) THEN try_cast(sum(read_bytes) AS BIGINT) END AS read_bytes,
    CASE WHEN max(claimants) = 1 AND count(write_bytes) = count(*) THEN try_cast(sum(write_bytes) AS BIGINT) END AS write_bytes,
    CASE
      WHEN max(claimants) > 1 THEN 'another run of the same id may be meant'
      WHEN least(count(read_bytes), count(write_bytes)) < count(*) OR try_cast(greatest(sum(read_bytes), sum(write_bytes)) AS BIGINT) IS NULL
        THEN 'the servers count bytes in an unknown unit, or more than a column holds'
    END AS reason
  FROM claims
  GROUP BY cluster, run_id, file_system
),
watched AS (
  SELECT file_system, min(epoch(ts)) AS from_s, max(epoch(ts) + coalesce(interval_s, 0)) AS until_s
  FROM lustre_fs
  WHERE first IS NULL OR date BETWEEN first AND last
  GROUP BY file_system, date
),
touched AS (
  SELECT cluster, run_id, file_system FROM moved
  UNION
  SELECT cluster, run_id, file_system FROM counted SEMI JOIN runs USING (cluster, run_id)
  UNION
  SELECT r.cluster, r.run_id, w.file_system
  FROM (FROM runs ANTI JOIN moved USING (cluster, run_id)) r
  JOIN watched w ON w.from_s < epoch(r.end_time) AND w.until_s > epoch(r.start_time)
  WHERE r.end_time > r.start_time
),
windows AS MATERIALIZED (
  SELECT
    r.*, t.file_system,
    CASE WHEN r.end_time > r.start_time THEN r.start_time END AS window_start,
    CASE WHEN r.end_time > r.start_time THEN r.end_time END AS window_end
  FROM touched t
  JOIN runs r USING (cluster, run_id)
),
during AS MATERIALIZED (
  SELECT *
  FROM lustre_during_for_models('windows', steps_after := 1)
),
rates AS MATERIALIZED (
  SELECT
    file_system, epoch(ts) AS from_s, epoch(ts) + interval_s AS until_s, epoch(ts)::BIGINT // 600 AS part,
    read_bytes / interval_s AS read_rate, write_bytes / interval_s AS write_rate
  FROM lustre_fs
  WHERE (first IS NULL OR date BETWEEN first AND last) AND file_system IN (SELECT file_system FROM during)
),
parts AS (              -- the highest rates of each ten minutes
  SELECT file_system, part, max(read_rate) AS read_rate, max(write_rate) AS write_rate
  FROM rates
  GROUP BY file_system, part
),
reached AS (            -- the ten minutes that a window touches: whole ones, and those at its ends
  SELECT
    *, unnest(range(epoch(window_start)::BIGINT // 600 - 1, epoch(window_until)::BIGINT // 600 + 1)) AS part,
    part > epoch(window_start)::BIGINT // 600 AND part < epoch(window_until)::BIGINT // 600 AS whole
  FROM (SELECT DISTINCT file_system, window_start, window_until FROM during WHERE seen_pct >= {seen_enough_pct})
),
peaks AS (
  SELECT file_system, window_start, window_until, max(read_rate) AS read_rate, max(write_rate) AS write_rate
  FROM (
    SELECT r.file_system, r.window_start, r.window_until, p.read_rate, p.write_rate
    FROM reached r
    JOIN parts p ON p.file_system = r.file_system AND p.part = r.part
    WHERE r.whole
    UNION ALL
    SELECT r.file_system, r.window_start, r.window_until, i.read_rate, i.write_rate
    FROM reached r
    JOIN rates i ON i.file_system = r.file_system AND i.part = r.part
    WHERE NOT r.whole AND i.from_s < epoch(r.window_until) AND i.until_s > epoch(r.window_start)
  )
  GROUP BY ALL
),
fullness AS MATERIALIZED (
  FROM ost_fullness
  WHERE first IS NULL OR date BETWEEN first AND last
),
served AS MATERIALIZED (
  FROM ost_failover
  WHERE first IS NULL OR date BETWEEN first AND last
),
states AS (             -- the last snapshot up to the start, else the first after it; none that is more than a day away
  SELECT
    w.cluster, w.run_id, w.file_system,
    CASE WHEN epoch(db.ts) >= epoch(w.start_time) - 86400 THEN db
         WHEN epoch(da.ts) <= epoch(w.start_time) + 86400 THEN da END AS df,
    CASE WHEN epoch(sb.ts) >= epoch(w.start_time) - 86400 THEN sb
         WHEN epoch(sa.ts) <= epoch(w.start_time) + 86400 THEN sa END AS served
  FROM windows w
  ASOF LEFT JOIN fullness db ON db.file_system = w.file_system AND db.ts <= w.start_time
  ASOF LEFT JOIN fullness da ON da.file_system = w.file_system AND da.ts > w.start_time
  ASOF LEFT JOIN served sb ON sb.file_system = w.file_system AND sb.ts <= w.start_time
  ASOF LEFT JOIN served sa ON sa.file_system = w.file_system AND sa.ts > w.start_time
),
shares AS (
  SELECT
    w.*, m.logs, m.read_bytes AS darshan_read_bytes, m.write_bytes AS darshan_write_bytes, m.opens AS darshan_opens,
    m.read_s, m.write_s, m.meta_s,
    m.read_bytes / nullif(w.read_bytes, 0) AS read_part,
    m.write_bytes / nullif(w.write_bytes, 0) AS write_part,
    (m.read_bytes::HUGEINT + m.write_bytes) / nullif(w.read_bytes::HUGEINT + w.write_bytes, 0) AS part,
    CASE WHEN w.mdt_seen_pct >= {seen_enough_pct} THEN m.opens / nullif(w.opens, 0) END AS opens_part,
    CASE
      WHEN m.logs IS NULL THEN 'no Darshan log of the run names the file system'
      WHEN w.window_start IS NULL THEN 'the run has no length'
      WHEN coalesce(w.seen_pct, 0) <= 0 THEN 'nothing of the window was seen'
      WHEN w.seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the window was seen'
      WHEN greatest(read_part, write_part, part) > {largest_share}
        THEN 'a share over {largest_share}: clocks or names do not fit'
    END AS share_reason
  FROM during w
  LEFT JOIN moved m ON m.cluster = w.cluster AND m.run_id = w.run_id AND m.file_system = w.file_system
)
SELECT
  s.cluster, s.run_id, s.file_system, s.job_id, s.submit_time, s.restart, s.date,
  s.window_start, s.window_until AS window_end, s.end_time,
  s.logs, s.darshan_read_bytes, s.darshan_write_bytes, s.darshan_opens,
  s.read_s AS darshan_read_s, s.write_s AS darshan_write_s, s.meta_s AS darshan_meta_s,
  s.read_bytes AS fs_read_bytes,
  s.write_bytes AS fs_write_bytes,
  s.seen_pct AS fs_seen_pct,
  s.mdt_seen_pct AS fs_mdt_seen_pct,
  s.osts AS fs_osts,
  s.{op} AS fs_{op},
  p.read_rate AS fs_peak_read_bytes_per_s,
  p.write_rate AS fs_peak_write_bytes_per_s,
  CASE
    WHEN s.window_start IS NULL THEN 'the run has no length'
    WHEN coalesce(s.seen_pct, 0) <= 0 THEN 'nothing of the window was seen'
    WHEN s.seen_pct < {seen_enough_pct} THEN 'less than {seen_enough_pct} % of the window was seen'
  END AS peak_reason,
  CASE WHEN s.seen_pct >= {seen_enough_pct} AND read_part <= {largest_share} THEN read_part END AS read_share,
  CASE WHEN s.seen_pct >= {seen_enough_pct} AND write_part <= {largest_share} THEN write_part END AS write_share,
  CASE WHEN s.seen_pct >= {seen_enough_pct} AND part <= {largest_share} THEN part END AS share,
  CASE WHEN opens_part <= {largest_share} THEN opens_part END AS opens_share,
  s.share_reason,
  c.read_bytes AS jobstats_read_bytes,
  c.write_bytes AS jobstats_write_bytes,
  c.reason AS jobstats_reason,
  df.ts AS df_ts,
  df.osts, df.osts_answering, df.used_pct, df.fullest_ost, df.fullest_ost_pct, df.emptiest_ost, df.emptiest_ost_pct,
  served.ts AS targets_ts,
  served.servers, served.usual_osts_per_server, served.overloaded_servers, served.overloaded_osts, served.overloaded
FROM shares s
LEFT JOIN peaks p
  ON p.file_system = s.file_system AND p.window_start = s.window_start AND p.window_until = s.window_until
LEFT JOIN counted c ON c.cluster = s.cluster AND c.run_id = s.run_id AND c.file_system = s.file_system
LEFT JOIN states t ON t.cluster = s.cluster AND t.run_id = s.run_id AND t.file_system = s.file_system
