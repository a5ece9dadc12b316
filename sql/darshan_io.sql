-- What did each Darshan record of an I/O interface move, and how long did it take? The records of POSIX, MPI-IO, STDIO, DFS
-- and DAOS in one form. A record of rank -1 covers all ranks of a shared file: its io_s is the time of the slowest rank,
-- and the parts of that time are unknown.
-- A metadata time is null where a stepping clock made it negative, mostly by microseconds; io_s counts it as zero.
-- column module: POSIX, MPI-IO, STDIO, DFS or DAOS
-- column rank: MPI rank; -1: one record for all ranks
-- column read_bytes: [B] read
-- column write_bytes: [B] written
-- column max_offset: [B] the highest byte touched; MPI-IO, DFS and DAOS do not count it
-- column rw_s: [s] time spent reading and writing; null in a record of all ranks
-- column meta_s: [s] time spent in metadata operations; null in a record of all ranks
-- column io_s: [s] time spent reading, writing and in metadata operations, by the slowest rank in a record of all ranks
CREATE OR REPLACE VIEW darshan_io AS
WITH io AS (  -- lakes that iolake 0.1 wrote have a null rank where Darshan has -1
  SELECT
    cluster, date, log_id, job_id, 'POSIX' AS module, record_id, coalesce(rank, -1) AS rank, path, file_system,
    POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes, greatest(POSIX_MAX_BYTE_READ, POSIX_MAX_BYTE_WRITTEN) AS max_offset,
    POSIX_F_READ_TIME + POSIX_F_WRITE_TIME AS rw_s, POSIX_F_META_TIME AS meta_s,
    POSIX_F_SLOWEST_RANK_TIME AS slowest_s
  FROM darshan_posix
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'MPI-IO', record_id, coalesce(rank, -1) AS rank, path, file_system,
    MPIIO_BYTES_READ, MPIIO_BYTES_WRITTEN, NULL,
    MPIIO_F_READ_TIME + MPIIO_F_WRITE_TIME, MPIIO_F_META_TIME,
    MPIIO_F_SLOWEST_RANK_TIME
  FROM darshan_mpiio
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'STDIO', record_id, coalesce(rank, -1) AS rank, path, file_system,
    STDIO_BYTES_READ, STDIO_BYTES_WRITTEN, greatest(STDIO_MAX_BYTE_READ, STDIO_MAX_BYTE_WRITTEN),
    STDIO_F_READ_TIME + STDIO_F_WRITE_TIME, STDIO_F_META_TIME,
    STDIO_F_SLOWEST_RANK_TIME
  FROM darshan_stdio
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'DFS', record_id, coalesce(rank, -1) AS rank, path, file_system,
    DFS_BYTES_READ, DFS_BYTES_WRITTEN, NULL,
    DFS_F_READ_TIME + DFS_F_WRITE_TIME, DFS_F_META_TIME,
    DFS_F_SLOWEST_RANK_TIME
  FROM darshan_dfs
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'DAOS', record_id, coalesce(rank, -1) AS rank, path, file_system,
    DAOS_BYTES_READ, DAOS_BYTES_WRITTEN, NULL,
    DAOS_F_READ_TIME + DAOS_F_WRITE_TIME, DAOS_F_META_TIME,
    DAOS_F_SLOWEST_RANK_TIME
  FROM darshan_daos
)
SELECT
  cluster, date, log_id, job_id, module, record_id, rank, path, file_system, read_bytes, write_bytes, max_offset,
  CASE WHEN rank >= 0 THEN rw_s END AS rw_s,
  CASE WHEN rank >= 0 THEN meta_s END AS meta_s,
  CASE WHEN rank >= 0 THEN rw_s + coalesce(meta_s, 0) ELSE slowest_s END AS io_s
FROM io
