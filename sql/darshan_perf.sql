-- How fast was the I/O of each log, module by module? What darshan-parser --perf prints of a log.
-- io_s is the time of the rank that was slowest in files of its own (unique_), and of the slowest rank in each shared file
-- (shared_io_s). performance_bytes_per_s is total_bytes over io_s. A time that the log does not have is null, and so is
-- all that needs it: Darshan 1 timed no slowest rank of a shared file; Darshan 2 timed it by POSIX or by MPI-IO, not by both;
-- neither counted the bytes of MPI-IO, nor those of STDIO apart from POSIX.
CREATE OR REPLACE VIEW darshan_perf AS
SELECT * EXCLUDE (file_system)
FROM darshan_performance(false)
