-- Who is beating up a metadata target in [since, until)? One row a job, the most operations first, by the servers' own count.
--   FROM mdt_users('scratch2', 'MDT0002', TIMESTAMP '2017-03-20', TIMESTAMP '2017-03-21')
-- column jobstats_id: the server's own text for the job, or for a login node's process
-- column job_id: the scheduler's job id, where the text holds one
-- column user_name: who ran the job
-- column program: the job's first program, its name, or the executable in the server's text
-- column ops: metadata operations in that time
-- column opens: opens among them
-- column getattrs: getattrs among them
-- column share: share of the operations of all jobs on the target
CREATE OR REPLACE MACRO mdt_users(of_file_system, of_mdt, since, until) AS TABLE
WITH counted AS (
  SELECT
    jobstats_id, job_id, any_value(executable) AS executable,
    sum(list_sum(map_values(ops))) AS ops, sum(ops['open']) AS opens, sum(ops['getattr']) AS getattrs,
    min(ts) AS first_ts
  FROM lustre_jobstats
  WHERE file_system = of_file_system AND target = of_mdt AND role = 'mdt'
    AND date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND ts >= since::TIMESTAMP AND ts < until::TIMESTAMP
  GROUP BY ALL
),
runs AS (
  SELECT job_id, any_value(user_name) AS user_name, any_value(coalesce(exe_names[1], job_name)) AS program
  FROM job_summary
  WHERE date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
    AND start_time < until::TIMESTAMP AND end_time > since::TIMESTAMP
  GROUP BY job_id
)
SELECT
  c.jobstats_id, c.job_id, r.user_name, coalesce(r.program, c.executable) AS program,
  c.ops, c.opens, c.getattrs, c.ops / nullif(sum(c.ops) OVER (), 0) AS share
FROM counted c
LEFT JOIN runs r USING (job_id)
ORDER BY c.ops DESC
