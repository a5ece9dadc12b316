-- In what state were the targets of the file systems that a run of a job touched, when it began?
-- One row for each run and file system: the last snapshot up to its start, else the first after it; none that is more than
-- a day away. df_ts and targets_ts say when each was taken.
CREATE OR REPLACE VIEW job_ost_state AS
SELECT
  cluster, job_id, submit_time, restart, file_system,
  df_ts, osts, osts_answering, used_pct, fullest_ost, fullest_ost_pct, emptiest_ost, emptiest_ost_pct,
  targets_ts, servers, usual_osts_per_server, overloaded_servers, overloaded_osts, overloaded, run_id, date
FROM job_file_system
WHERE logs IS NOT NULL
