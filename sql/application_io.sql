-- What did each Darshan record of an I/O interface move, how often did it open, and how long did it take?
-- The bytes of an application are those of the rows with `application`: POSIX, STDIO and DFS. MPI-IO lies above POSIX and
-- DAOS below DFS: they are the same bytes again, and never added. This view is the one place that says so.
-- column module: the interface: POSIX, STDIO, DFS, MPI-IO, DAOS
-- column application: whether the row's bytes count as the application's
-- column read_bytes: [B] read
-- column write_bytes: [B] written
-- column opens: files or objects opened
-- column read_s: [s] time of all processes together in reads
-- column write_s: [s] time of all processes together in writes
-- column meta_s: [s] time of all processes together in metadata operations
-- column is_stream: whether the record is of a standard stream, which is no file
CREATE OR REPLACE VIEW application_io AS
WITH io AS (
  SELECT
    cluster, date, log_id, job_id, 'POSIX' AS module, true AS application, record_id, path, file_system,
    POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes, POSIX_OPENS AS opens,
    POSIX_F_READ_TIME AS read_s, POSIX_F_WRITE_TIME AS write_s, POSIX_F_META_TIME AS meta_s
  FROM darshan_posix
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'STDIO', true, record_id, path, file_system,
    STDIO_BYTES_READ, STDIO_BYTES_WRITTEN, STDIO_OPENS,
    STDIO_F_READ_TIME, STDIO_F_WRITE_TIME, STDIO_F_META_TIME
  FROM darshan_stdio
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'DFS', true, record_id, path, file_system,
    DFS_BYTES_READ, DFS_BYTES_WRITTEN, DFS_OPENS,
    DFS_F_READ_TIME, DFS_F_WRITE_TIME, DFS_F_META_TIME
  FROM darshan_dfs
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'MPI-IO', false, record_id, path, file_system,
    MPIIO_BYTES_READ, MPIIO_BYTES_WRITTEN, NULL,
    MPIIO_F_READ_TIME, MPIIO_F_WRITE_TIME, MPIIO_F_META_TIME
  FROM darshan_mpiio
  UNION ALL
  SELECT
    cluster, date, log_id, job_id, 'DAOS', false, record_id, path, file_system,
    DAOS_BYTES_READ, DAOS_BYTES_WRITTEN, NULL,
    DAOS_F_READ_TIME, DAOS_F_WRITE_TIME, DAOS_F_META_TIME
  FROM darshan_daos
)
SELECT
  *,
  -- <STDIN>, <STDOUT> and <STDERR>, whose ids are hashes of these names, also where a log hides the names
  record_id IN (14734109647742566553, 15920181672442173319, 7238257241479193519) AS is_stream
FROM io
