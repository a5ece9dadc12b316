-- Who used an object storage target in [since, until)? One row a run with files on it, the most bytes first.
-- Where the servers count by job (lustre_jobstats), bytes are theirs; else the run's bytes are shared out evenly over the
-- targets that hold its files, and over its time.
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
  WHERE date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
    AND start_time < until::TIMESTAMP AND end_time > since::TIMESTAMP
),
counted AS (
  SELECT r.cluster, r.run_id, r.job_id, 'jobstats' AS measured_by, r.user_name, r.program,
    sum(j.read_bytes)::DOUBLE AS read_bytes, sum(j.write_bytes)::DOUBLE AS write_bytes
  FROM lustre_jobstats j
  JOIN runs r ON r.job_id = j.job_id AND j.ts < r.end_time + INTERVAL 1 HOUR AND j.ts >= r.start_time - INTERVAL 1 HOUR
  WHERE j.file_system = of_file_system AND j.target = of_ost
    AND j.date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND j.ts >= since::TIMESTAMP AND j.ts < until::TIMESTAMP
  GROUP BY ALL
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
    AND (o.cluster, o.run_id) NOT IN (SELECT (cluster, run_id) FROM counted)
)
SELECT cluster, run_id, job_id, measured_by, user_name, program, read_bytes, write_bytes
FROM (FROM counted UNION ALL BY NAME SELECT * EXCLUDE (part) FROM recorded)
ORDER BY coalesce(read_bytes, 0) + coalesce(write_bytes, 0) DESC
