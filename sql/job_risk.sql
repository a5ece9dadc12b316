-- Which runs that ended on the days `since` to before `until` put a file system's other users at risk, after LASSi? For each
-- quantity (bytes read, bytes written, opens), the risk of a run is how far its mean rate goes beyond `factor` times the mean
-- rate of the file system, as a multiple of that; risks add up. LASSi-like: the formula is LASSi's in outline.
--   FROM job_risk('scratch2', DATE '2026-11-01', DATE '2026-12-01', 2) WHERE risk > 0
-- column program: its first program, or its job name
-- column read_risk: risk of its read rate
-- column write_risk: risk of its write rate
-- column open_risk: risk of its rate of opens
-- column risk: sum of the risks
-- column ops_quality: [kB] bytes an operation of POSIX, where 1 MiB or more is ideal
CREATE OR REPLACE MACRO job_risk(of_file_system, since, until, factor) AS TABLE
WITH means AS (
  SELECT avg(mean_read_bytes_per_s) AS reads, avg(mean_write_bytes_per_s) AS writes, avg(opens / 3600.0) AS opens
  FROM file_system_hour
  WHERE file_system = of_file_system AND date >= since::DATE AND date < until::DATE
),
runs AS (
  SELECT
    f.cluster, f.run_id, f.job_id, f.date, s.user_name, coalesce(s.exe_names[1], s.job_name) AS program,
    coalesce(f.jobstats_read_bytes, f.darshan_read_bytes) / nullif(epoch(f.window_end) - epoch(f.window_start), 0) AS reads,
    coalesce(f.jobstats_write_bytes, f.darshan_write_bytes) / nullif(epoch(f.window_end) - epoch(f.window_start), 0) AS writes,
    f.darshan_opens / nullif(epoch(f.window_end) - epoch(f.window_start), 0) AS opens,
    (i.read_bytes::DOUBLE + i.write_bytes) / 1000 / nullif(i.reads + i.writes, 0) AS ops_quality
  FROM job_file_system f
  JOIN job_summary s ON s.cluster = f.cluster AND s.date = f.date AND s.run_id = f.run_id
  LEFT JOIN job_io i ON i.cluster = f.cluster AND i.date = f.date AND i.run_id = f.run_id
  WHERE f.file_system = of_file_system AND f.date >= since::DATE AND f.date < until::DATE
    AND s.date >= since::DATE AND s.date < until::DATE
),
risks AS (
  SELECT
    r.* EXCLUDE (reads, writes, opens),
    r.reads / nullif(factor * m.reads, 0) - 1 AS reads_above,
    r.writes / nullif(factor * m.writes, 0) - 1 AS writes_above,
    r.opens / nullif(factor * m.opens, 0) - 1 AS opens_above,
    CASE WHEN reads_above < 0 THEN 0 ELSE reads_above END AS read_risk,  -- greatest() takes null for 0
    CASE WHEN writes_above < 0 THEN 0 ELSE writes_above END AS write_risk,
    CASE WHEN opens_above < 0 THEN 0 ELSE opens_above END AS open_risk
  FROM runs r, means m
)
SELECT
  cluster, run_id, job_id, date, user_name, program, read_risk, write_risk, open_risk,
  coalesce(read_risk, 0) + coalesce(write_risk, 0) + coalesce(open_risk, 0) AS risk, ops_quality
FROM risks
WHERE read_risk IS NOT NULL OR write_risk IS NOT NULL OR open_risk IS NOT NULL
ORDER BY risk DESC, cluster, run_id
