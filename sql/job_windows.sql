-- When did each run of a job run, and which file systems may it have used?
-- Those that its Darshan logs name; without logs, all that were watched while it ran.
-- column window_start: when the run began
-- column window_end: when the run ended
CREATE OR REPLACE VIEW job_windows AS
SELECT cluster, job_id, submit_time, restart, window_start, end_time AS window_end, file_system, run_id, date
FROM job_file_system
WHERE window_start IS NOT NULL
