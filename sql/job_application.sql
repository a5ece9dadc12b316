-- What did the application of each run of a job do, as its Darshan logs tell?
-- One row for each run that has logs: the columns of job_summary that its logs fill. read_bytes and write_bytes are those of
-- POSIX, STDIO and DFS calls: MPI-IO, HDF5 and PnetCDF go through these, so mpiio_ columns are the same bytes seen one layer
-- up. performance_bytes_per_s is bytes of POSIX and DFS over slowest_io_s (darshan_perf has it by log and module).
CREATE OR REPLACE VIEW job_application AS
SELECT
  cluster, job_id, submit_time, restart, logs, exe_names, nprocs, first_log_start, last_log_end, slowest_io_s,
  read_bytes, write_bytes, posix_read_bytes, posix_write_bytes, stdio_read_bytes, stdio_write_bytes,
  mpiio_read_bytes, mpiio_write_bytes, dfs_read_bytes, dfs_write_bytes, daos_read_bytes, daos_write_bytes,
  io_s, files, performance_bytes_per_s, known_by, run_id, date
FROM job_summary
WHERE logs > 0
