-- How fast was the I/O of each log on each file system, module by module? darshan_perf for each file system apart.
-- A null file_system is one that the site has no name for. The slowest rank may differ between file systems.
CREATE OR REPLACE VIEW darshan_perf_by_file_system AS
FROM darshan_performance(true)
