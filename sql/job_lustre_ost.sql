-- What did the object storage targets do that hold a job's files, while it ran?
-- Darshan's LUSTRE records name the targets of each file; a run of a job has a row for each of them, with what the server
-- saw on it from the job's start to its end, of all its users. Filter by job: it reads the job's hours of lustre_ost.
CREATE OR REPLACE VIEW job_lustre_ost AS
WITH files AS (
  SELECT DISTINCT cluster, log_id, file_system, record_id, unnest(osts) AS ost_index
  FROM darshan_lustre
  WHERE file_system IS NOT NULL
),
targets AS (
  SELECT
    j.cluster, j.job_id, j.submit_time, j.restart, j.job_start_time, j.job_end_time,
    f.file_system, printf('OST%04x', f.ost_index) AS ost, count(DISTINCT f.record_id) AS files
  FROM job_darshan j
  JOIN files f ON f.cluster = j.cluster AND f.log_id = j.log_id
  WHERE f.ost_index IS NOT NULL
  GROUP BY ALL
),
parts AS (
  SELECT
    t.*, o.read_bytes, o.write_bytes, o.reset,
    epoch(least(t.job_end_time, o.ts + to_seconds(o.interval_s)) - greatest(t.job_start_time, o.ts)) / o.interval_s AS share
  FROM targets t
  LEFT JOIN lustre_ost o
    ON o.file_system = t.file_system AND o.ost = t.ost
    AND o.date BETWEEN t.job_start_time::DATE - 1 AND t.job_end_time::DATE
    AND o.ts < t.job_end_time AND o.ts + to_seconds(o.interval_s) > t.job_start_time
)
SELECT
  cluster, job_id, submit_time, restart, file_system, ost, files,
  round(sum(read_bytes * share))::BIGINT AS ost_read_bytes,
  round(sum(write_bytes * share))::BIGINT AS ost_write_bytes,
  coalesce(bool_or(reset), false) AS reset
FROM parts
GROUP BY cluster, job_id, submit_time, restart, file_system, ost, files
