-- How fast was each run's I/O, module by module? What darshan-parser --perf says of a log.
-- io_s is the time of the rank that was slowest in files of its own (unique_), and of the slowest rank in each shared
-- file (shared_io_s); performance_bytes_per_s is total_bytes over it, Darshan's agg_perf_by_slowest in bytes. What the log
-- does not tell is null, and so is what would rest on it: Darshan 1 timed no slowest rank of a shared file, Darshan 2 did by
-- POSIX or by MPI-IO time, not by both, and neither counted the bytes of MPI-IO, or those of stdio apart from POSIX.
CREATE OR REPLACE VIEW darshan_perf AS
SELECT * EXCLUDE (file_system)
FROM darshan_performance(false)
