-- Which job, and which run of it, wrote each Darshan log?
-- Every view that joins logs to runs goes through logs_of_runs, so that they all mean the same logs.
CREATE OR REPLACE VIEW job_darshan AS
FROM logs_of_runs(NULL, NULL, NULL)
