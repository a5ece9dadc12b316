-- Who is beating up a metadata target in [since, until)? One row a job, the most operations first, by the servers' own count.
--   FROM mdt_users('scratch2', 'MDT0002', TIMESTAMP '2017-03-20', TIMESTAMP '2017-03-21')
-- column jobstats_id: the server's own text for the job, or for a login node's process
-- column job_id: the scheduler's job id, where the text holds one
-- column user_name: who ran the job, null where jobs of several users may be meant
-- column program: the job's first program, its name, or the executable in the server's text
-- column ops: metadata operations in that time
-- column opens: opens among them
-- column getattrs: getattrs among them
-- column share: share of the operations of all jobs on the target
CREATE OR REPLACE MACRO mdt_users(of_file_system, of_mdt, since, until) AS TABLE
WITH counted AS (
  SELECT
    jobstats_id, job_id, cluster, any_value(executable) AS executable,
    sum(list_sum(map_values(ops))) AS ops, sum(ops['open']) AS opens, sum(ops['getattr']) AS getattrs,
    min(epoch(ts)) AS from_s, max(epoch(ts) + coalesce(interval_s, 0)) AS until_s
  FROM lustre_jobstats
  WHERE file_system = of_file_system AND target = of_mdt AND role = 'mdt'
    AND date BETWEEN (since::TIMESTAMP)::DATE - 1 AND (until::TIMESTAMP)::DATE
    AND ts >= since::TIMESTAMP AND ts < until::TIMESTAMP
  GROUP BY ALL
),
runs AS (
  SELECT
    c.jobstats_id, c.cluster,
    CASE WHEN count(DISTINCT j.user_name) = 1 AND count(j.user_name) = count(*) THEN any_value(j.user_name) END AS user_name,
    CASE WHEN count(DISTINCT j.program) = 1 AND count(j.program) = count(*) THEN any_value(j.program) END AS program
  FROM counted c
  JOIN (SELECT *, coalesce(exe_names[1], job_name) AS program FROM job_summary) j
    ON j.job_id = c.job_id AND j.cluster = coalesce(c.cluster, j.cluster)
    AND c.from_s < epoch(j.end_time) AND c.until_s >= epoch(j.start_time)
  WHERE j.date BETWEEN (since::TIMESTAMP)::DATE AND (until::TIMESTAMP)::DATE + 31
  GROUP BY c.jobstats_id, c.cluster
)
SELECT
  c.jobstats_id, c.job_id, r.user_name, coalesce(r.program, c.executable) AS program,
  c.ops, c.opens, c.getattrs, c.ops / nullif(sum(c.ops) OVER (), 0) AS share
FROM counted c
LEFT JOIN runs r ON r.jobstats_id = c.jobstats_id AND r.cluster IS NOT DISTINCT FROM c.cluster
ORDER BY c.ops DESC
