-- When did each run of a job run, and which file systems are to be looked at meanwhile?
-- Those that its Darshan logs name; all that were watched meanwhile where it has no logs.
-- column window_start: when the run began
-- column window_end: when the run ended
CREATE OR REPLACE VIEW job_windows AS
SELECT cluster, job_id, submit_time, restart, window_start, end_time AS window_end, file_system, run_id, date
FROM job_file_system
WHERE window_start IS NOT NULL
