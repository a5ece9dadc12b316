-- How far apart were the nodes of each run of a job, and how many switches, groups and cabinets did it span?
-- A run is looked up in the newest snapshot at its start, or in the cluster's first one where none is as old; a cluster
-- without snapshots has no row.
CREATE OR REPLACE VIEW job_topology AS
FROM topology_of_runs(NULL, NULL, NULL)
