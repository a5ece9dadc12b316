-- What did each user and account run each day: how many jobs, how they ended, how long they waited, what they used?
-- A job counts on the UTC day on which it ended.
-- column jobs: runs that ended on the day
-- column never_started: runs that ended without a start
-- column completed: runs that ended COMPLETED
-- column cancelled: runs that ended CANCELLED
-- column timed_out: runs that ended TIMEOUT
-- column failed: runs that ended otherwise, but for requeues and resizes
-- column median_wait_s: [s] median time from submission to start
-- column node_hours: nodes times hours, of all runs
-- column cpu_hours: CPUs times hours, of all runs
-- column energy_j: [J] energy of all runs
CREATE OR REPLACE VIEW jobs_by_day AS
SELECT
  cluster, date, user_name, account,
  count(*) AS jobs,
  count(*) FILTER (WHERE start_time IS NULL) AS never_started,
  count(*) FILTER (WHERE state = 'COMPLETED') AS completed,
  count(*) FILTER (WHERE state = 'CANCELLED') AS cancelled,
  count(*) FILTER (WHERE state = 'TIMEOUT') AS timed_out,
  count(*) FILTER (WHERE state NOT IN ('COMPLETED', 'CANCELLED', 'TIMEOUT', 'REQUEUED', 'RESIZING')) AS failed,
  median(wait_s) AS median_wait_s,
  sum(node_hours) AS node_hours,
  sum(ncpus * elapsed_s) / 3600 AS cpu_hours,
  sum(energy_j) AS energy_j
FROM jobs
GROUP BY cluster, date, user_name, account
