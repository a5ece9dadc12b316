-- Who used an object storage target in [since, until)? One row a run with files on it, the most bytes first.
-- Where the servers count by job (lustre_jobstats), bytes are theirs, and null where several runs may be meant; else the
-- run's bytes are shared out evenly over the targets that hold its files, and over its time.
--   FROM ost_users('scratch2', 'OST0005', TIMESTAMP '2017-03-20', TIMESTAMP '2017-03-21')
-- column cluster: the machine that the run ran on
-- column measured_by: jobstats or darshan
-- column user_name: who ran it
-- column program: its first program, or its job name
-- column read_bytes: [B] read from the target in that time
-- column write_bytes: [B] written to the target in that time
CREATE OR REPLACE MACRO ost_users(of_file_system, of_ost, since, until) AS TABLE
WITH runs AS (
  SELECT cluster, run_id, job_id, user_name, coalesce(exe_names[1], job_name) AS program, start_time, end_time
  FROM job_summary
  WHERE date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31 AND end_time > since::TIMESTAMP
),
claims AS (              -- each interval with every run, of any cluster, that it may be of
  SELECT
    j.read_bytes, j.write_bytes, r.cluster, r.run_id, r.job_id, r.user_name, r.program,
    count(*) OVER (PARTITION BY j.jobstats_id, j.cluster, j.ts) AS claimants
  FROM lustre_jobstats j
  JOIN runs r
    ON r.job_id = j.job_id AND r.cluster = coalesce(j.cluster, r.cluster)
    AND epoch(j.ts) < epoch(r.end_time) AND epoch(j.ts) + coalesce(j.interval_s, 0) >= epoch(r.start_time)
  WHERE j.file_system = of_file_system AND j.target = of_ost
    AND j.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND j.ts >= since::TIMESTAMP AND j.ts < until::TIMESTAMP
),
counted AS (
  SELECT
    cluster, run_id, job_id, 'jobstats' AS measured_by, user_name, program,
    CASE WHEN max(claimants) = 1 AND count(read_bytes) = count(*) THEN sum(read_bytes)::DOUBLE END AS read_bytes,
    CASE WHEN max(claimants) = 1 AND count(write_bytes) = count(*) THEN sum(write_bytes)::DOUBLE END AS write_bytes
  FROM claims
  GROUP BY cluster, run_id, job_id, user_name, program
),
widths AS (
  SELECT cluster, run_id, sum(files) AS stripes
  FROM job_ost
  WHERE file_system = of_file_system AND date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
  GROUP BY ALL
),
recorded AS (
  SELECT
    r.cluster, r.run_id, r.job_id, 'darshan' AS measured_by, r.user_name, r.program,
    (epoch(least(r.end_time, until::TIMESTAMP)) - epoch(greatest(r.start_time, since::TIMESTAMP)))
      / nullif(epoch(r.end_time) - epoch(r.start_time), 0) * o.files / w.stripes AS part,
    part * f.darshan_read_bytes AS read_bytes, part * f.darshan_write_bytes AS write_bytes
  FROM job_ost o
  JOIN widths w USING (cluster, run_id)
  JOIN runs r USING (cluster, run_id)
  JOIN job_file_system f ON f.cluster = o.cluster AND f.date = o.date AND f.run_id = o.run_id AND f.file_system = o.file_system
  WHERE o.file_system = of_file_system AND o.ost = of_ost
    AND o.date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
    AND r.start_time < until::TIMESTAMP
    AND (o.cluster, o.run_id) NOT IN (SELECT (cluster, run_id) FROM counted)
)
SELECT cluster, run_id, job_id, measured_by, user_name, program, read_bytes, write_bytes
FROM (FROM counted UNION ALL BY NAME SELECT * EXCLUDE (part) FROM recorded)
ORDER BY coalesce(read_bytes, 0) + coalesce(write_bytes, 0) DESC
