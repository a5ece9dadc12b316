-- What did the object storage targets do that hold a job's files, while it ran?
-- Darshan's LUSTRE records name the targets of each file; a run of a job has a row for each of them, with what the server
-- saw on it from the job's start to its end, of all its users.
CREATE OR REPLACE VIEW job_lustre_ost AS
SELECT
  cluster, job_id, submit_time, restart, file_system, ost, files, ost_read_bytes, ost_write_bytes, reset,
  ost_seen_pct, run_id, date
FROM job_ost
