-- Was it the application, the file system, or a neighbour? The model of the mart job_verdict.
-- A run is judged where its I/O was slow beside its kind, or, without a log, where it ran far longer than its kind. Of its
-- findings the one that explains most decides: a target of its own that was full or slow, what the application did unlike its
-- kind, a neighbour, the metadata server, the file system as a whole. Four things change what a finding explains. One that
-- runs of its kind have on the same day without being slow explains less. A neighbour that moved two thirds of what the file
-- system can explains more: a target was full before it came. Where most of the I/O time went into metadata, bytes and
-- targets explain less, and metadata more. And a run without a kind is judged only where its own ranks were unlike: some
-- waited, and a target of its files was full, or on a server that served others' targets.
-- A run that ran out of time did what it was asked to, where its script starts it again: the scheduler is named with half the
-- confidence, and not where it is known to have done no I/O.
-- lost_s is the time beyond what its kind needs.
CREATE OR REPLACE MACRO job_verdict_model(in_owner, since, until, first, last) AS TABLE
WITH around AS (
  SELECT
    cluster, run_id, job_id, date, elapsed_s, file_system, logs, coalesce(slowest_io_s > 0, jobstats_write_bytes > 0, true) AS did_io,
    coalesce(slowest_io_s, io_s / nullif(nprocs, 0)) AS io_time_s,
    coalesce(performance_bytes_per_s, (coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0)) / nullif(io_s, 0)) AS speed,
    job_name, user_name,
    coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0) AS moved,
    hash(
      cluster, coalesce(exe_names[1], job_name), file_system, coalesce(write_bytes, 0) > coalesce(read_bytes, 0),
      round(log2(nullif(nprocs, 0)))
    ) AS kind
  FROM job_summary
  WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)
),
compared AS (
  SELECT
    *,
    count(speed) OVER peers AS peers,
    speed / nullif(median(speed) OVER peers, 0) AS of_peers,
    median(moved) OVER peers AS usual_moved,
    count(elapsed_s) OVER alike AS alike,
    median(elapsed_s) OVER alike AS usual_s
  FROM around
  WINDOW peers AS (
    PARTITION BY kind ORDER BY date RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  ), alike AS (
    PARTITION BY cluster, user_name, job_name, logs > 0 ORDER BY date
    RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  )
),
judged AS MATERIALIZED (
  SELECT
    *,
    CASE
      WHEN logs = 0 THEN alike >= 5 AND elapsed_s > 2 * usual_s AND elapsed_s - usual_s >= 60
      ELSE peers >= 3 AND moved >= 16 << 20
        AND 1e2 * of_peers < (SELECT threshold FROM finding_rules WHERE code = 'slow-beside-kind')
    END AS slow,
    logs > 0 AND coalesce(peers, 0) < 3 AND moved >= 16 << 20 AS alone,
    CASE WHEN logs > 0 THEN CASE WHEN peers >= 3 THEN io_time_s * (1 - of_peers) END ELSE elapsed_s - usual_s END AS lost_s
  FROM compared
  WHERE since IS NULL OR date BETWEEN since AND until
),
said AS MATERIALIZED (
  SELECT f.cluster, f.run_id, f.code, f.target, f.neighbour, f.file_system, f.sentence, f.value, j.kind, j.date, j.slow, j.logs, j.alone, j.did_io
  FROM findings f
  JOIN judged j ON j.cluster = f.cluster AND j.run_id = f.run_id
  WHERE (in_owner IS NULL OR f.cluster = in_owner) AND (since IS NULL OR f.date BETWEEN since AND until)
),
ways AS (                -- in what a run spent its I/O time, and whether its ranks were unlike
  SELECT
    cluster, run_id,
    bool_or(code = 'metadata-heavy') AS in_metadata,
    any_value(sentence) FILTER (code = 'time-imbalance') AS unlike,
    any_value(sentence) FILTER (code = 'unwatched') AS unwatched,
    coalesce(max(CASE WHEN code = 'unwatched' THEN value END), 100) < 65 AS in_the_dark
  FROM said
  GROUP BY ALL
),
unharmed AS (            -- runs of a kind that were not slow on a day, and how many of them have a finding
  SELECT k.kind, k.date, k.runs, s.code, count(*) AS having
  FROM (SELECT kind, date, count(*) AS runs FROM judged WHERE NOT slow AND peers >= 3 GROUP BY ALL) k
  JOIN said s ON s.kind = k.kind AND s.date = k.date AND NOT s.slow
  GROUP BY ALL
),
weights AS (             -- what a finding says of the cause, and how much it weighs
  FROM (VALUES
    ('small-beside-kind', 'application', 0.95, 'data'),
    ('full-target', 'full target', 0.9, 'data'),
    ('fewer-writers-than-kind', 'application', 0.85, 'data'),
    ('fewer-osts-than-kind', 'application', 0.8, 'data'),
    ('server-failed-over', 'failed-over server', 0.79, 'data'),
    ('failed-over', 'failing target', 0.78, 'data'),
    ('hot-target', 'hot target', 0.75, 'data'),
    ('neighbour', 'neighbour', 0.72, 'data'),
    ('crowded-server', 'failed-over server', 0.65, 'data'),
    ('slow-target', 'failing target', 0.6, 'data'),
    ('more-metadata-than-kind', 'application', 0.5, 'metadata'),
    ('metadata-saturated', 'metadata server', 0.45, 'metadata'),
    ('slow-file-system', 'file system', 0.4, 'data'),
    ('saturated', 'file system', 0.3, 'data')
  ) AS w(code, cause, weight, works_on)
),
weighed AS (
  SELECT
    s.*, w.cause, y.unlike,
    w.weight
      * (1 - coalesce(u.having, 0) / (coalesce(u.runs, 0) + 2))
      * CASE WHEN s.code = 'neighbour' AND s.value >= 66 THEN 1.3 ELSE 1 END
      * CASE WHEN s.code = 'slow-target' THEN least(1, s.value / 50) ELSE 1 END
      * CASE WHEN s.code = 'hot-target' AND s.neighbour IS NULL THEN 0.5 ELSE 1 END
      * CASE WHEN NOT y.in_metadata THEN 1 WHEN w.works_on = 'metadata' THEN 1.9 ELSE 0.5 END
      * CASE WHEN y.in_the_dark AND w.cause IN ('file system', 'metadata server') THEN 0 ELSE 1 END
      * CASE WHEN s.alone OR s.logs = 0 THEN 0.5 ELSE 1 END AS weight
  FROM said s
  JOIN weights w ON w.code = s.code
  JOIN ways y ON y.cluster = s.cluster AND y.run_id = s.run_id
  LEFT JOIN unharmed u ON u.kind = s.kind AND u.date = s.date AND u.code = s.code
  WHERE s.slow OR (s.alone AND y.unlike IS NOT NULL AND w.cause IN ('full target', 'failing target', 'failed-over server'))
),
late AS (                -- what the scheduler did to a run that was not slow
  SELECT cluster, run_id, code, sentence
  FROM said
  WHERE code IN ('requeued', 'waited-beside-kind') OR (code = 'timeout' AND did_io)
  QUALIFY row_number() OVER (PARTITION BY cluster, run_id ORDER BY code = 'requeued' DESC, code = 'timeout' DESC) = 1
),
best AS (
  SELECT
    *, CASE WHEN cause = 'application' THEN code ELSE coalesce(neighbour, file_system || ' ' || target, file_system) END AS culprit
  FROM weighed
  WHERE weight > 0
  QUALIFY row_number() OVER (PARTITION BY cluster, run_id ORDER BY weight DESC, code) = 1
)
SELECT
  j.cluster, j.run_id, j.job_id, j.date,
  CASE WHEN b.cause IS NOT NULL THEN b.cause WHEN NOT coalesce(j.slow, false) AND l.code IS NOT NULL THEN 'scheduler' END AS cause,
  CASE WHEN b.cause IS NOT NULL THEN b.culprit WHEN NOT coalesce(j.slow, false) THEN l.code END AS culprit,
  CASE WHEN j.slow THEN j.lost_s END AS lost_s,
  CASE
    WHEN b.cause IS NOT NULL THEN b.weight * CASE WHEN b.alone THEN 1 ELSE least(1, greatest(j.peers, j.alike) / 10) END
    WHEN NOT coalesce(j.slow, false) AND l.code IS NOT NULL THEN CASE l.code WHEN 'timeout' THEN 0.5 ELSE 0.9 END
  END AS confidence,
  CASE
    WHEN b.cause IS NOT NULL
      THEN format('{} by {}: {}.', CASE WHEN j.slow THEN 'Slow, probably' ELSE 'Nothing to compare it with, but perhaps slowed' END,
        CASE b.cause
          WHEN 'application' THEN 'the application itself' WHEN 'neighbour' THEN 'a neighbour'
          WHEN 'full target' THEN 'a full target' WHEN 'failing target' THEN 'a failing target'
          WHEN 'hot target' THEN 'a hot target' WHEN 'failed-over server' THEN 'a server that had failed over'
          ELSE 'the ' || b.cause
        END, b.sentence)
        || CASE WHEN j.slow THEN format(' It lost some {:,} s.', try_cast(j.lost_s AS BIGINT))
                ELSE ' Some of its ranks waited: ' || b.unlike || '.' END
    WHEN j.slow AND j.logs = 0
      THEN format('Slow: it ran {:.1f} times as long as its kind; no Darshan log shows its I/O, and nothing explains it.', j.elapsed_s / j.usual_s)
    WHEN j.slow AND y.unwatched IS NOT NULL
      THEN format('Slow: it moved data at {:.0f} % of the median speed of its kind. But {}, too little to say whether they or a neighbour slowed it.', 100 * j.of_peers, y.unwatched)
    WHEN j.slow THEN format('Slow: it moved data at {:.0f} % of the median speed of its kind; nothing in the lake explains it.', 100 * j.of_peers)
    ELSE coalesce(CASE l.code WHEN 'timeout' THEN replace(l.sentence, 'it ran out', 'Ran out') ELSE 'Delayed by the scheduler: ' || l.sentence END || '. ', '')
      || CASE
        WHEN j.of_peers IS NOT NULL AND j.peers >= 3
          THEN format('Not slow: it moved data at {:.0f} % of the median speed of {:,} runs of its kind', 100 * j.of_peers, j.peers)
            || CASE WHEN j.moved > 2 * j.usual_moved THEN format('; it moved {:.1f} times as many bytes as they do.', j.moved / j.usual_moved) ELSE '.' END
        WHEN j.logs = 0 THEN 'No Darshan log shows its I/O.'
        ELSE 'Nothing to compare it with: fewer than three runs of its kind within a week.'
      END
  END AS sentence,
  j.of_peers, j.peers
FROM judged j
LEFT JOIN best b ON b.cluster = j.cluster AND b.run_id = j.run_id
LEFT JOIN late l ON l.cluster = j.cluster AND l.run_id = j.run_id
LEFT JOIN ways y ON y.cluster = j.cluster AND y.run_id = j.run_id
