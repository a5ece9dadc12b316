-- What did each record of POSIX, MPI-IO and stdio move, and how long did it take? The three modules' records in one form.
-- A shared file's record (rank is null) stands for all ranks: its io_s is that of its slowest one, and its parts are null.
-- io_s is read, write and metadata time; max_offset is the highest byte touched, which MPI-IO does not count.
-- column module: the interface: POSIX, MPI-IO or STDIO
-- column read_bytes: [B] read
-- column write_bytes: [B] written
-- column max_offset: [B] highest byte offset touched; null for MPI-IO, which does not count it
-- column rw_s: [s] time in reads and writes; null for a record of all ranks
-- column meta_s: [s] time in metadata operations; null for a record of all ranks
-- column io_s: [s] time in reads, writes and metadata operations; of the slowest rank in a record of all ranks
CREATE OR REPLACE VIEW darshan_io AS
SELECT
  cluster, date, log_id, job_id, 'POSIX' AS module, record_id, rank, path, file_system,
  POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes,
  greatest(POSIX_MAX_BYTE_READ, POSIX_MAX_BYTE_WRITTEN) AS max_offset,
  CASE WHEN rank IS NOT NULL THEN POSIX_F_READ_TIME + POSIX_F_WRITE_TIME END AS rw_s,
  CASE WHEN rank IS NOT NULL THEN POSIX_F_META_TIME END AS meta_s,
  CASE WHEN rank IS NULL THEN POSIX_F_SLOWEST_RANK_TIME
       ELSE POSIX_F_READ_TIME + POSIX_F_WRITE_TIME + POSIX_F_META_TIME END AS io_s
FROM darshan_posix
UNION ALL
SELECT
  cluster, date, log_id, job_id, 'MPI-IO', record_id, rank, path, file_system,
  MPIIO_BYTES_READ, MPIIO_BYTES_WRITTEN, NULL,
  CASE WHEN rank IS NOT NULL THEN MPIIO_F_READ_TIME + MPIIO_F_WRITE_TIME END,
  CASE WHEN rank IS NOT NULL THEN MPIIO_F_META_TIME END,
  CASE WHEN rank IS NULL THEN MPIIO_F_SLOWEST_RANK_TIME
       ELSE MPIIO_F_READ_TIME + MPIIO_F_WRITE_TIME + MPIIO_F_META_TIME END
FROM darshan_mpiio
UNION ALL
SELECT
  cluster, date, log_id, job_id, 'STDIO', record_id, rank, path, file_system,
  STDIO_BYTES_READ, STDIO_BYTES_WRITTEN,
  greatest(STDIO_MAX_BYTE_READ, STDIO_MAX_BYTE_WRITTEN),
  CASE WHEN rank IS NOT NULL THEN STDIO_F_READ_TIME + STDIO_F_WRITE_TIME END,
  CASE WHEN rank IS NOT NULL THEN STDIO_F_META_TIME END,
  CASE WHEN rank IS NULL THEN STDIO_F_SLOWEST_RANK_TIME
       ELSE STDIO_F_READ_TIME + STDIO_F_WRITE_TIME + STDIO_F_META_TIME END
FROM darshan_stdio
