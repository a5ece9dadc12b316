-- Who or what moved the most bytes in the runs that ended on the days `since` to before `until`: by user, account, program,
-- file system, and each combination of them? grouped_by says which of the four a row is about; the others are null in it.
--   FROM scoreboard(DATE '2026-11-01', DATE '2026-12-01') WHERE grouped_by = 'user_name, file_system'
-- column grouped_by: what the row is about: user_name, account, program, file_system, several of them, or all runs
-- column program: first program of the runs, or their job name
-- column runs: runs that touched the file system
-- column read_bytes: [B] read by the applications, as Darshan recorded
-- column write_bytes: [B] written by the applications, as Darshan recorded
-- column opens: files opened, as Darshan recorded
-- column share: share of the bytes of all rows of this grouped_by
CREATE OR REPLACE MACRO scoreboard(since, until) AS TABLE
WITH runs AS (
  SELECT
    s.user_name, s.account, coalesce(s.exe_names[1], s.job_name) AS program, f.file_system, f.cluster, f.run_id,
    f.darshan_read_bytes, f.darshan_write_bytes, f.darshan_opens
  FROM job_file_system f
  JOIN job_summary s ON s.cluster = f.cluster AND s.date = f.date AND s.run_id = f.run_id
  WHERE f.logs IS NOT NULL AND f.date >= since::DATE AND f.date < until::DATE AND s.date >= since::DATE AND s.date < until::DATE
),
grouped AS (
  SELECT
    concat_ws(', ',
      CASE WHEN grouping(user_name) = 0 THEN 'user_name' END, CASE WHEN grouping(account) = 0 THEN 'account' END,
      CASE WHEN grouping(program) = 0 THEN 'program' END, CASE WHEN grouping(file_system) = 0 THEN 'file_system' END) AS parts,
    user_name, account, program, file_system,
    count(DISTINCT (cluster, run_id)) AS runs,
    sum(darshan_read_bytes)::DOUBLE AS read_bytes, sum(darshan_write_bytes)::DOUBLE AS write_bytes,
    sum(darshan_opens)::DOUBLE AS opens
  FROM runs
  GROUP BY CUBE (user_name, account, program, file_system)
  HAVING count(*) > 0
)
SELECT
  CASE parts WHEN '' THEN 'all runs' ELSE parts END AS grouped_by,
  user_name, account, program, file_system, runs, read_bytes, write_bytes, opens,
  (coalesce(read_bytes, 0) + coalesce(write_bytes, 0))
    / nullif(sum(coalesce(read_bytes, 0) + coalesce(write_bytes, 0)) OVER (PARTITION BY parts), 0) AS share
FROM grouped
ORDER BY grouped_by, share DESC NULLS LAST, user_name, account, program, file_system
