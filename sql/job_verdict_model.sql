-- Was it the application, the file system, or a neighbour? The model of the mart job_verdict.
-- A run is judged where its I/O was slow beside its kind, or, without a log, where it ran far longer than its kind. Of its
-- findings the one that explains most decides: a target of its own that was full or slow, what the application did unlike its
-- kind, a neighbour, the metadata server, the file system as a whole. lost_s is the time beyond what its kind needs.
CREATE OR REPLACE MACRO job_verdict_model(in_owner, since, until, first, last) AS TABLE
WITH around AS (
  SELECT
    cluster, run_id, job_id, date, elapsed_s, file_system, logs,
    coalesce(slowest_io_s, io_s / nullif(nprocs, 0)) AS io_time_s,
    coalesce(performance_bytes_per_s, (coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0)) / nullif(io_s, 0)) AS speed,
    coalesce(exe_names[1], job_name) AS program, job_name, user_name,
    coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0) AS moved,
    coalesce(write_bytes, 0) > coalesce(read_bytes, 0) AS writes_more
  FROM job_summary
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
),
compared AS (
  SELECT
    *,
    count(speed) OVER kind AS peers,
    speed / median(speed) OVER kind AS of_peers,
    count(elapsed_s) OVER alike AS alike,
    median(elapsed_s) OVER alike AS usual_s
  FROM around
  WINDOW kind AS (
    PARTITION BY cluster, program, file_system, writes_more ORDER BY date
    RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  ), alike AS (
    PARTITION BY cluster, user_name, job_name, logs > 0 ORDER BY date
    RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  )
),
judged AS (
  SELECT
    *,
    CASE WHEN logs > 0 THEN peers >= 3 AND 1e2 * of_peers < (SELECT threshold FROM finding_rules WHERE code = 'slow-beside-kind') AND moved >= 16 << 20
         ELSE alike >= 5 AND elapsed_s > 2 * usual_s AND elapsed_s - usual_s >= 60 END AS slow,
    CASE WHEN logs > 0 THEN io_time_s * (1 - of_peers) ELSE elapsed_s - usual_s END AS lost_s
  FROM compared
  WHERE since IS NULL OR date BETWEEN since AND until
),
weighed AS (             -- what a finding says of the cause, and how much it weighs
  SELECT
    cluster, run_id, code, target, neighbour, file_system, sentence,
    CASE code
      WHEN 'full-target' THEN 'full target'
      WHEN 'slow-target' THEN 'failing target'
      WHEN 'failed-over' THEN 'failing target'
      WHEN 'crowded-server' THEN 'failing target'
      WHEN 'small-beside-kind' THEN 'application'
      WHEN 'fewer-writers-than-kind' THEN 'application'
      WHEN 'fewer-osts-than-kind' THEN 'application'
      WHEN 'more-metadata-than-kind' THEN 'application'
      WHEN 'neighbour' THEN 'neighbour'
      WHEN 'metadata-saturated' THEN 'metadata server'
      WHEN 'saturated' THEN 'file system'
    END AS cause,
    CASE code
      WHEN 'small-beside-kind' THEN 0.95
      WHEN 'full-target' THEN 0.9
      WHEN 'fewer-writers-than-kind' THEN 0.85
      WHEN 'fewer-osts-than-kind' THEN 0.8
      WHEN 'failed-over' THEN 0.78
      WHEN 'neighbour' THEN 0.72
      WHEN 'crowded-server' THEN 0.65
      WHEN 'slow-target' THEN 0.6
      WHEN 'more-metadata-than-kind' THEN 0.5
      WHEN 'metadata-saturated' THEN 0.45
      WHEN 'saturated' THEN 0.3
    END AS weight
  FROM findings
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
),
best AS (
  SELECT
    cluster, run_id,
    arg_max(cause, weight) AS cause,
    arg_max(CASE WHEN cause = 'application' THEN code ELSE coalesce(neighbour, file_system || ' ' || target, file_system) END, weight) AS culprit,
    arg_max(sentence, weight) AS sentence,
    max(weight) AS weight
  FROM weighed
  WHERE cause IS NOT NULL
  GROUP BY ALL
)
SELECT
  j.cluster, j.run_id, j.job_id, j.date,
  CASE WHEN j.slow THEN b.cause END AS cause,
  CASE WHEN j.slow THEN b.culprit END AS culprit,
  CASE WHEN j.slow THEN j.lost_s END AS lost_s,
  CASE WHEN j.slow AND b.cause IS NOT NULL THEN b.weight * least(1, j.peers / 10) END AS confidence,
  CASE
    WHEN j.slow AND b.cause IS NOT NULL
      THEN format('Slow, probably by {}: {}. It lost some {:.0f} s.', CASE b.cause
        WHEN 'application' THEN 'the application itself' WHEN 'neighbour' THEN 'a neighbour'
        WHEN 'full target' THEN 'a full target' WHEN 'failing target' THEN 'a failing target'
        ELSE 'the ' || b.cause END, b.sentence, j.lost_s)
    WHEN j.slow AND j.logs = 0
      THEN format('Slow: it ran {:.1f} times as long as its kind; no Darshan log shows its I/O, and nothing explains it.', j.elapsed_s / j.usual_s)
    WHEN j.slow THEN format('Slow: {:.0f} % of the median of its kind; nothing in the lake explains it.', 100 * j.of_peers)
    WHEN j.of_peers IS NOT NULL AND j.peers >= 3
      THEN format('Not slow: {:.0f} % of the median of {} runs of its kind.', 100 * j.of_peers, j.peers)
    WHEN j.logs = 0 THEN 'No Darshan log shows its I/O.'
    ELSE 'Nothing to compare it with: fewer than three runs of its kind within a week.'
  END AS sentence,
  j.of_peers, j.peers
FROM judged j
LEFT JOIN best b USING (cluster, run_id)
