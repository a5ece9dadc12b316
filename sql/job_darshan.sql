-- Which run of which job wrote each Darshan log?
-- Every view that joins logs to runs goes through logs_of_runs, so that they all mean the same logs.
-- column outside_s: [s] by how much the log reaches beyond its run, at most 60
-- column known_by: scheduler, or logs where only Darshan logs tell of the run
-- column run_date: UTC day of the run, which is that of its end
-- column job_start_time: when the run began, or its first log where only logs tell of it
-- column job_end_time: when the run ended, or its last log where only logs tell of it
-- column log_start_time: when the log begins
-- column log_end_time: when the log ends
CREATE OR REPLACE VIEW job_darshan AS
FROM logs_of_runs(NULL, NULL, NULL)
