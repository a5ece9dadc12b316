-- How fast was each run's I/O on each file system, module by module? darshan_perf for each file system apart.
-- A null file_system is what the site has no name for; the slowest rank of one file system may not be that of another.
CREATE OR REPLACE VIEW darshan_perf_by_file_system AS
FROM darshan_performance(true)
