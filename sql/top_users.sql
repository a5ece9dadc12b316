-- Who moved the most bytes on a file system in [since, until)? One row a user, program and cluster, the most first. A run that
-- lies partly in the time counts by the share of its time. Bytes are the servers' own count (jobstats) where there is one,
-- else Darshan's.
--   FROM top_users('scratch2', TIMESTAMP '2017-03-20', TIMESTAMP '2017-03-21')
-- column cluster: the machine that the runs ran on
-- column user_name: who ran them
-- column program: their first program, or their job name
-- column runs: runs that touched the file system in that time
-- column read_bytes: [B] read there in that time, if each run read evenly over its time
-- column write_bytes: [B] written there in that time, if each run wrote evenly over its time
-- column opens: files opened there in that time, by Darshan, if each run opened evenly over its time
-- column share: share of the bytes of all users in the list; null where nobody counted theirs
CREATE OR REPLACE MACRO top_users(of_file_system, since, until) AS TABLE
WITH parts AS (
  SELECT
    f.cluster, s.user_name, coalesce(s.exe_names[1], s.job_name) AS program,
    (epoch(least(f.window_end, until::TIMESTAMP)) - epoch(greatest(f.window_start, since::TIMESTAMP)))
      / nullif(epoch(f.window_end) - epoch(f.window_start), 0) AS part,
    part * coalesce(f.jobstats_read_bytes, f.darshan_read_bytes) AS read_bytes,
    part * coalesce(f.jobstats_write_bytes, f.darshan_write_bytes) AS write_bytes,
    part * f.darshan_opens AS opens
  FROM job_file_system f
  JOIN job_summary s ON s.cluster = f.cluster AND s.date = f.date AND s.run_id = f.run_id
  WHERE f.file_system = of_file_system
    AND f.date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
    AND s.date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
    AND f.window_start < until::TIMESTAMP AND f.window_end > since::TIMESTAMP
)
SELECT
  cluster, user_name, program, count(*) AS runs,
  sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes, sum(opens) AS opens,
  CASE WHEN coalesce(sum(read_bytes), sum(write_bytes)) IS NOT NULL THEN coalesce(sum(read_bytes), 0) + coalesce(sum(write_bytes), 0) END
    / nullif(sum(coalesce(sum(read_bytes), 0) + coalesce(sum(write_bytes), 0)) OVER (), 0) AS share
FROM parts
GROUP BY ALL
ORDER BY share DESC NULLS LAST, user_name, cluster, program
