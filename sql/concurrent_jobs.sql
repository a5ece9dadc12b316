-- How many jobs ran on a cluster in a window, on how many nodes, and how many node-hours did they use in it?
-- Jobs that ran at any time of [since, until) count, with all of their nodes; node-hours count only the window's part.
-- A job whose number of nodes is not known is counted in jobs_without_nodes, and adds nothing to nodes and node_hours; one
-- that is said to end before it starts adds nothing to node_hours.
--   FROM concurrent_jobs('edison', '2026-03-01', '2026-03-02')
-- column jobs: jobs that ran at any time of the window
-- column jobs_without_nodes: jobs among them whose number of nodes is unknown
-- column nodes: nodes of those jobs, added
-- column node_hours: nodes times hours inside the window
CREATE OR REPLACE MACRO concurrent_jobs(in_cluster, since, until) AS TABLE
SELECT
  count(*) AS jobs,
  count(*) FILTER (WHERE nnodes IS NULL) AS jobs_without_nodes,
  coalesce(sum(nnodes), 0) AS nodes,
  coalesce(sum(
    nnodes * greatest(
      0,
      epoch_us(least(end_time, until::TIMESTAMP))::HUGEINT - epoch_us(greatest(start_time, since::TIMESTAMP))
    ) / 1e6
  ), 0) / 3600 AS node_hours
FROM jobs
WHERE cluster = in_cluster
  AND date >= since::TIMESTAMP::DATE
  AND start_time < until::TIMESTAMP
  AND end_time > since::TIMESTAMP
