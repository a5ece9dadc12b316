-- When did each run of a job run, and which file systems are to be looked at meanwhile?
-- Those that its Darshan logs name; all that have server-side data where it has no logs.
CREATE OR REPLACE VIEW job_windows AS
WITH watched AS (
  SELECT DISTINCT file_system FROM lustre_fs
),
logged AS (
  SELECT cluster, job_id, submit_time, restart, file_system
  FROM job_file_systems
),
runs AS (
  SELECT cluster, job_id, submit_time, restart, start_time AS window_start, end_time AS window_end
  FROM jobs
  WHERE end_time > start_time
)
SELECT r.*, l.file_system
FROM runs r
JOIN logged l
  ON l.cluster = r.cluster AND l.job_id = r.job_id AND l.submit_time = r.submit_time
  AND l.restart IS NOT DISTINCT FROM r.restart
UNION ALL
SELECT r.*, w.file_system
FROM runs r
ANTI JOIN logged l
  ON l.cluster = r.cluster AND l.job_id = r.job_id AND l.submit_time = r.submit_time
  AND l.restart IS NOT DISTINCT FROM r.restart
CROSS JOIN watched w
