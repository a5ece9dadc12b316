-- Which file systems did each run of a job touch, as Darshan recorded it, and how many bytes did it move there?
-- Bytes are those of POSIX, STDIO and DFS calls: MPI-IO, HDF5 and PnetCDF go through these. job_file_system has more.
-- column read_bytes: [B] read by the application there
-- column write_bytes: [B] written by the application there
-- column opens: files that the application opened there
CREATE OR REPLACE VIEW job_file_systems AS
SELECT
  cluster, job_id, submit_time, restart, file_system, logs,
  darshan_read_bytes AS read_bytes, darshan_write_bytes AS write_bytes, darshan_opens AS opens, run_id, date
FROM job_file_system
WHERE logs IS NOT NULL
