-- What is worth knowing about each run's I/O? The model of the mart findings.
-- A run's kind are the runs of the same program on the same cluster and file system in the same direction, with about as many
-- processes, that ended within a week. Each rule of finding_rules gets one value here, null where it does not apply; a value beyond its threshold makes a row.
CREATE OR REPLACE MACRO findings_model(in_owner, since, until, first, last) AS TABLE
WITH around AS MATERIALIZED (      -- runs and their kinds
  SELECT
    s.*, coalesce(s.file_system, c.file_system) AS used_file_system, i.* EXCLUDE (cluster, run_id, job_id, date, read_bytes, write_bytes, nprocs, files, load_id),
    i.read_bytes AS io_read_bytes, i.write_bytes AS io_write_bytes,
    CASE WHEN coalesce(i.read_bytes, i.write_bytes) IS NOT NULL
      THEN (coalesce(i.read_bytes, 0)::DOUBLE + coalesce(i.write_bytes, 0)) / nullif(coalesce(i.reads, 0)::HUGEINT + coalesce(i.writes, 0), 0)
    END AS access_bytes,
    CASE WHEN coalesce(i.opens, i.stats) IS NOT NULL THEN (coalesce(i.opens, 0)::HUGEINT + coalesce(i.stats, 0)) / nullif(s.files, 0) END AS metadata_a_file,
    coalesce(s.exe_names[1], s.job_name) AS program,
    CASE WHEN coalesce(s.performance_bytes_per_s, s.read_bytes, s.write_bytes) IS NOT NULL
      THEN coalesce(s.performance_bytes_per_s, (coalesce(s.read_bytes, 0)::DOUBLE + coalesce(s.write_bytes, 0)) / nullif(s.io_s, 0))
    END AS speed,
    coalesce(s.write_bytes, 0) > coalesce(s.read_bytes, 0) AS writes_more,
    least(s.wait_s, CASE WHEN q.eligible_time <= s.start_time THEN epoch(s.start_time) - epoch(q.eligible_time) END) AS queued_s
  FROM job_summary s
  LEFT JOIN (SELECT * FROM job_io WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last)) i
    ON i.cluster = s.cluster AND i.date = s.date AND i.run_id = s.run_id
  LEFT JOIN (                      -- where the servers counted most of its bytes
    SELECT cluster, run_id, arg_max(file_system, coalesce(jobstats_read_bytes, 0)::HUGEINT + coalesce(jobstats_write_bytes, 0)) AS file_system
    FROM job_file_system
    WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
      AND coalesce(jobstats_read_bytes, jobstats_write_bytes) IS NOT NULL
    GROUP BY ALL
  ) c ON c.cluster = s.cluster AND c.run_id = s.run_id
  LEFT JOIN (                      -- until then it was held, or waited for another job or its own time to begin
    SELECT cluster, date, run_id, max(eligible_time) AS eligible_time
    FROM slurm_jobs
    WHERE (in_owner IS NULL OR cluster = in_owner) AND (first IS NULL OR date BETWEEN first AND last) AND eligible_time IS NOT NULL
    GROUP BY ALL
  ) q ON q.cluster = s.cluster AND q.date = s.date AND q.run_id = s.run_id
  WHERE (in_owner IS NULL OR s.cluster = in_owner) AND (first IS NULL OR s.date BETWEEN first AND last)
),
compared AS (
  SELECT
    *,
    count(speed) OVER kind AS peers,
    speed / nullif(median(speed) OVER kind, 0) AS of_peers,
    access_bytes / nullif(median(access_bytes) OVER kind, 0) AS access_of_kind,
    movers / nullif(median(movers) OVER kind, 0) AS movers_of_kind,
    largest_shared_osts / nullif(median(largest_shared_osts) OVER kind, 0) AS osts_of_kind,
    metadata_a_file / nullif(median(metadata_a_file) OVER kind, 0) AS metadata_of_kind,
    lag({state: state, user_name: user_name, elapsed_s: elapsed_s, date: date}) OVER (PARTITION BY cluster, job_id ORDER BY date, start_time, run_id) AS earlier,
    count(queued_s) OVER queued AS waiters,
    median(queued_s) OVER queued AS usual_wait_s
  FROM around
  WINDOW kind AS (
    PARTITION BY cluster, program, file_system, writes_more, round(log2(nullif(nprocs, 0))) ORDER BY date
    RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  ), queued AS (
    PARTITION BY cluster, "partition", qos, round(log2(nullif(nnodes, 0))) ORDER BY date
    RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
  )
),
runs AS MATERIALIZED (
  SELECT *
  FROM compared
  WHERE since IS NULL OR date BETWEEN since AND until
),
abilities AS MATERIALIZED (
  FROM file_system_abilities(NULL, first, last)
),
own_targets AS MATERIALIZED (
  SELECT
    o.cluster, o.run_id, o.file_system, o.ost,
    r.start_time AS begins, r.end_time AS ends, r.elapsed_s, coalesce(r.write_bytes, 0) > 0 AS writes,
    CASE WHEN o.ost_seen_pct >= {seen_enough_pct} THEN coalesce(o.ost_read_bytes, 0)::DOUBLE + coalesce(o.ost_write_bytes, 0) END AS ost_bytes,
    count(*) OVER (PARTITION BY o.cluster, o.run_id, o.file_system) AS stripes
  FROM job_ost o
  JOIN runs r ON r.cluster = o.cluster AND r.run_id = o.run_id
  WHERE (in_owner IS NULL OR o.cluster = in_owner) AND (since IS NULL OR o.date BETWEEN since AND until)
),
full_target AS (
  SELECT t.cluster, t.run_id, arg_max(t.file_system, h.used_pct) AS file_system, arg_max(t.ost, h.used_pct) AS ost, max(h.used_pct) AS used_pct
  FROM own_targets t
  JOIN target_states(NULL, first, last) h ON h.file_system = t.file_system AND h.ost = t.ost AND h.ts < t.ends AND h.until > t.begins
  WHERE t.writes
  GROUP BY ALL
),
met AS MATERIALIZED (              -- neighbours that were there for a tenth of the run at least
  SELECT n.*, n.neighbour_cluster || ' ' || n.neighbour_job_id AS neighbour
  FROM job_neighbours n
  JOIN runs r ON r.cluster = n.cluster AND r.run_id = n.run_id
  WHERE (in_owner IS NULL OR n.cluster = in_owner) AND (since IS NULL OR n.date BETWEEN since AND until)
    AND n.overlap_s >= 0.1 * r.elapsed_s
),
loads AS (                         -- what others moved on a target and on the mean of the other targets meanwhile: with the run's own bytes spread evenly, and with all of them on it
  SELECT
    t.*, f.date,
    (coalesce(f.darshan_read_bytes, 0)::DOUBLE + coalesce(f.darshan_write_bytes, 0)) / t.stripes AS own_bytes,
    (t.ost_bytes - own_bytes) / nullif(t.elapsed_s, 0) AS rate,
    t.ost_bytes - own_bytes * t.stripes AS least_bytes,
    (coalesce(f.fs_read_bytes, 0)::DOUBLE + coalesce(f.fs_write_bytes, 0) - t.ost_bytes) / nullif(f.fs_osts - 1, 0) AS most_mean_bytes,
    (coalesce(f.fs_read_bytes, 0)::DOUBLE + coalesce(f.fs_write_bytes, 0) - own_bytes * (t.stripes - 1) - t.ost_bytes)
      / nullif(f.fs_osts - 1, 0) / nullif(t.elapsed_s, 0) AS mean_rate
  FROM own_targets t
  JOIN job_file_system f ON f.cluster = t.cluster AND f.run_id = t.run_id AND f.file_system = t.file_system
  WHERE (in_owner IS NULL OR f.cluster = in_owner) AND (since IS NULL OR f.date BETWEEN since AND until)
    AND f.fs_seen_pct >= {seen_enough_pct}
),
hottest AS MATERIALIZED (          -- where others moved as much as the mean target does in a fifth of the busiest hour
  SELECT l.*, 1e2 * l.rate / nullif(l.mean_rate, 0) AS load_pct
  FROM loads l
  JOIN abilities a ON a.file_system = l.file_system AND a.date = l.date
  WHERE l.mean_rate > 0 AND l.rate >= 0.2 * a.hour_rate / a.osts AND l.least_bytes > l.most_mean_bytes
  QUALIFY row_number() OVER (PARTITION BY l.cluster, l.run_id ORDER BY load_pct DESC, l.file_system, l.ost) = 1
),
hot_target AS (                    -- with the neighbour that moved most of it
  SELECT h.cluster, h.run_id, h.file_system, h.ost, h.load_pct, arg_max(n.neighbour, n.bytes_per_s / w.stripes) AS neighbour,
    arg_max(coalesce(n.neighbour_exe, 'unknown') || ' of ' || coalesce(n.neighbour_user, 'unknown'), n.bytes_per_s / w.stripes) AS who
  FROM hottest h
  LEFT JOIN met n ON n.cluster = h.cluster AND n.run_id = h.run_id AND n.file_system = h.file_system
  LEFT JOIN (
    SELECT cluster, run_id, file_system, ost, count(*) OVER (PARTITION BY cluster, run_id, file_system) AS stripes
    FROM job_ost
    WHERE (first IS NULL OR date BETWEEN first AND last) AND (cluster, run_id) IN (
      SELECT (n.neighbour_cluster, n.neighbour_run_id) FROM met n JOIN hottest h ON h.cluster = n.cluster AND h.run_id = n.run_id
    )
  ) w ON w.cluster = n.neighbour_cluster AND w.run_id = n.neighbour_run_id AND w.file_system = h.file_system AND w.ost = h.ost
    AND n.bytes_per_s / w.stripes >= 0.5 * h.rate
  GROUP BY ALL
),
slow_target AS (                   -- the target whose files were slow most often, where files elsewhere were far less often
  SELECT
    t.cluster, t.run_id, arg_max(t.file_system, h.slow_pct) AS file_system, arg_max(t.ost, h.slow_pct) AS ost,
    max(h.slow_pct) AS slow_pct, arg_max(h.other_slow_pct, h.slow_pct) AS elsewhere_pct
  FROM own_targets t
  JOIN slow_targets(NULL, first, last) h ON h.file_system = t.file_system AND h.ost = t.ost
    AND h.ts >= date_trunc('hour', t.begins) AND h.ts < t.ends
  GROUP BY t.cluster, t.run_id
),
moved AS MATERIALIZED (
  FROM moved_targets(NULL, first, last)
),
moved_target AS (                  -- a target of its own that another server had taken over, within an hour of the run
  SELECT
    t.cluster, t.run_id, t.file_system, string_agg(DISTINCT t.ost, ', ' ORDER BY t.ost) AS ost,
    string_agg(DISTINCT s.server, ', ' ORDER BY s.server) AS servers, count(DISTINCT t.ost) AS targets,
    count(DISTINCT t.ost) FILTER (s.server_targets_moved = s.server_targets) AS of_failed,
    string_agg(DISTINCT t.ost, ', ' ORDER BY t.ost) FILTER (s.server_targets_moved = s.server_targets) AS failed_ost,
    string_agg(DISTINCT s.server, ', ' ORDER BY s.server) FILTER (s.server_targets_moved = s.server_targets) AS failed_servers,
    string_agg(DISTINCT s.usual_server, ', ' ORDER BY s.usual_server) FILTER (s.server_targets_moved = s.server_targets) AS failed
  FROM moved s
  JOIN own_targets t ON t.file_system = s.file_system AND t.ost = s.ost
    AND s.ts >= t.begins - INTERVAL 1 HOUR AND s.ts < t.ends + INTERVAL 1 HOUR
  GROUP BY t.cluster, t.run_id, t.file_system
  QUALIFY row_number() OVER (PARTITION BY t.cluster, t.run_id ORDER BY targets DESC, t.file_system) = 1
),
crowded_target AS (                -- a target of its own on a server that had taken over others, at its start or within an hour of it
  SELECT
    cluster, run_id, file_system, string_agg(DISTINCT ost, ', ' ORDER BY ost) AS ost,
    string_agg(DISTINCT server, ', ' ORDER BY server) AS servers, count(DISTINCT ost) AS targets
  FROM (
    SELECT t.cluster, t.run_id, t.file_system, t.ost, f.server
    FROM (
      SELECT cluster, run_id, file_system, unnest(overloaded, recursive := true)
      FROM job_file_system
      WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
    ) f
    JOIN own_targets t ON t.cluster = f.cluster AND t.run_id = f.run_id AND t.file_system = f.file_system AND list_contains(f.osts, t.ost)
    UNION ALL
    SELECT t.cluster, t.run_id, t.file_system, t.ost, m.server
    FROM moved m
    JOIN lustre_target s ON s.file_system = m.file_system AND s.date = m.date AND s.ts = m.ts
      AND coalesce(s.server_address, s.server) = m.server AND s.role = 'ost' AND s.target <> m.ost
      AND (first IS NULL OR s.date BETWEEN first AND last)
    JOIN own_targets t ON t.file_system = s.file_system AND t.ost = s.target
      AND s.ts >= t.begins - INTERVAL 1 HOUR AND s.ts < t.ends + INTERVAL 1 HOUR
  )
  GROUP BY cluster, run_id, file_system
  QUALIFY row_number() OVER (PARTITION BY cluster, run_id ORDER BY targets DESC, file_system) = 1
),
slow_meanwhile AS (                -- where three jobs beside its own had slow files: it is no witness in its own case
  SELECT r.cluster, r.run_id, max(h.slow_pct) AS slow_pct, arg_max(h.files, h.slow_pct) AS files
  FROM runs r
  JOIN slow_hours(NULL, first, last) h
    ON h.file_system = r.used_file_system AND h.ts >= date_trunc('hour', r.start_time) AND h.ts < r.end_time
  WHERE h.slow_jobs >= 4
  GROUP BY ALL
),
meanwhile AS (
  SELECT
    r.cluster, r.run_id, 1e2 * max(h.rate / nullif(a.peak_rate, 0)) AS rate_pct,
    1e2 * max(h.ops / nullif(a.hour_ops, 0)) AS ops_pct
  FROM runs r
  JOIN file_system_rates(NULL, first, last) h
    ON h.file_system = r.used_file_system AND h.ts >= date_trunc('hour', r.start_time) AND h.ts < r.end_time
  JOIN abilities a ON a.file_system = h.file_system AND a.date = h.date
  GROUP BY ALL
),
neighbours AS (                    -- the one that moved most, with its rate beside the most that the file system did in an hour
  SELECT
    n.cluster, n.run_id, n.file_system, n.neighbour, n.neighbour_exe, n.neighbour_user, n.overlap_s, n.bytes_per_s,
    n.bytes_per_s / nullif(a.hour_rate, 0) AS of_ability
  FROM met n
  JOIN abilities a ON a.file_system = n.file_system AND a.date = n.overlap_end::DATE
  QUALIFY row_number() OVER (
    PARTITION BY n.cluster, n.run_id ORDER BY n.bytes_per_s * n.overlap_s DESC NULLS LAST, n.neighbour
  ) = 1
),
openers AS (                       -- the one that opened most, where that is more than the run itself did
  SELECT n.cluster, n.run_id, n.file_system, n.neighbour, n.neighbour_exe, n.neighbour_user, n.opens
  FROM met n
  JOIN runs r ON r.cluster = n.cluster AND r.run_id = n.run_id
  WHERE n.opens > coalesce(r.opens, 0)
  QUALIFY row_number() OVER (PARTITION BY n.cluster, n.run_id, n.file_system ORDER BY n.opens DESC, n.neighbour) = 1
),
checks AS (
  SELECT
    r.cluster, r.run_id, r.job_id, r.date, r.used_file_system AS main_file_system, f.file_system AS full_on, l.file_system AS slow_on,
    h.file_system AS hot_on, v.file_system AS moved_on, o.file_system AS crowded_on, n.file_system AS met_on,
    unnest([
      {code: 'small-reads', value: CASE WHEN small_reads >= 1000 THEN 1e2 * small_reads / reads END,
       words: format('{:.0f} % of {:,} reads are smaller than 1 MB', 1e2 * small_reads / reads, reads), target: NULL, neighbour: NULL},
      {code: 'small-writes', value: CASE WHEN small_writes >= 1000 THEN 1e2 * small_writes / writes END,
       words: format('{:.0f} % of {:,} writes are smaller than 1 MB', 1e2 * small_writes / writes, writes), target: NULL, neighbour: NULL},
      {code: 'small-shared', value: CASE WHEN shared_small >= 1000 THEN 1e2 * shared_small / nullif(reads::HUGEINT + writes, 0) END,
       words: format('{:,} accesses to shared files are smaller than 1 MB', shared_small), target: NULL, neighbour: NULL},
      {code: 'misaligned-in-file', value: 1e2 * misaligned_in_file / nullif(reads::HUGEINT + writes, 0),
       words: format('{:.0f} % of accesses are not aligned to the file system''s blocks', 1e2 * misaligned_in_file / nullif(reads::HUGEINT + writes, 0)), target: NULL, neighbour: NULL},
      {code: 'misaligned-in-memory', value: 1e2 * misaligned_in_memory / nullif(reads::HUGEINT + writes, 0),
       words: format('{:.0f} % of accesses are not aligned in memory', 1e2 * misaligned_in_memory / nullif(reads::HUGEINT + writes, 0)), target: NULL, neighbour: NULL},
      {code: 'redundant-reads', value: redundant_read_bytes,
       words: format('{} are read more than once', format_bytes(redundant_read_bytes)), target: NULL, neighbour: NULL},
      {code: 'redundant-writes', value: redundant_write_bytes,
       words: format('{} are written more than once', format_bytes(redundant_write_bytes)), target: NULL, neighbour: NULL},
      {code: 'random-reads', value: CASE WHEN reads >= 1000 THEN 1e2 * (reads::HUGEINT - sequential_reads) / reads END,
       words: format('{:.0f} % of reads do not follow the one before', 1e2 * (reads::HUGEINT - sequential_reads) / reads), target: NULL, neighbour: NULL},
      {code: 'random-writes', value: CASE WHEN writes >= 1000 THEN 1e2 * (writes::HUGEINT - sequential_writes) / writes END,
       words: format('{:.0f} % of writes do not follow the one before', 1e2 * (writes::HUGEINT - sequential_writes) / writes), target: NULL, neighbour: NULL},
      {code: 'byte-imbalance', value: byte_imbalance_pct,
       words: format('in a shared file the fastest rank moved {:.0f} % less than the slowest', byte_imbalance_pct), target: NULL, neighbour: NULL},
      {code: 'time-imbalance', value: time_imbalance_pct,
       words: format('in a shared file the fastest rank took {:.0f} % less time than the slowest', time_imbalance_pct), target: NULL, neighbour: NULL},
      {code: 'read-imbalance', value: read_imbalance_pct,
       words: format('of the ranks that read one file, one read {:.0f} % less than another', read_imbalance_pct), target: NULL, neighbour: NULL},
      {code: 'write-imbalance', value: write_imbalance_pct,
       words: format('of the ranks that wrote one file, one wrote {:.0f} % less than another', write_imbalance_pct), target: NULL, neighbour: NULL},
      {code: 'stdio-heavy', value: CASE WHEN stdio_bytes >= 1 << 20 THEN 1e2 * stdio_bytes::DOUBLE / (stdio_bytes::DOUBLE + coalesce(io_read_bytes, 0) + coalesce(io_write_bytes, 0)) END,
       words: format('STDIO moves {:.0f} % of the bytes', 1e2 * stdio_bytes::DOUBLE / nullif(stdio_bytes::DOUBLE + coalesce(io_read_bytes, 0) + coalesce(io_write_bytes, 0), 0)), target: NULL, neighbour: NULL},
      {code: 'read-intensive', value: 1e2 * (io_read_bytes::DOUBLE - io_write_bytes) / nullif(io_read_bytes::DOUBLE + io_write_bytes, 0),
       words: 'it reads far more than it writes', target: NULL, neighbour: NULL},
      {code: 'write-intensive', value: 1e2 * (io_write_bytes::DOUBLE - io_read_bytes) / nullif(io_read_bytes::DOUBLE + io_write_bytes, 0),
       words: 'it writes far more than it reads', target: NULL, neighbour: NULL},
      {code: 'long-metadata', value: rank_meta_s,
       words: format('one process spent {:,.0f} s in metadata operations', rank_meta_s), target: NULL, neighbour: NULL},
      {code: 'metadata-heavy', value: CASE WHEN read_s + write_s + meta_s >= 1 THEN 1e2 * meta_s / (read_s + write_s + meta_s) END,
       words: format('{:.0f} % of the I/O time goes into metadata operations', 1e2 * meta_s / nullif(read_s + write_s + meta_s, 0)), target: NULL, neighbour: NULL},
      {code: 'slow-small-reads', value: CASE WHEN io_read_bytes / nullif(reads, 0) < 1 << 20 AND reads >= 1000 THEN 1e2 * read_s / nullif(read_s + write_s + meta_s, 0) END,
       words: format('reading takes {:.0f} % of the I/O time, in pieces of {:,.0f} bytes', 1e2 * read_s / nullif(read_s + write_s + meta_s, 0), io_read_bytes / nullif(reads, 0)), target: NULL, neighbour: NULL},
      {code: 'slow-small-writes', value: CASE WHEN io_write_bytes / nullif(writes, 0) < 1 << 20 AND writes >= 1000 THEN 1e2 * write_s / nullif(read_s + write_s + meta_s, 0) END,
       words: format('writing takes {:.0f} % of the I/O time, in pieces of {:,.0f} bytes', 1e2 * write_s / nullif(read_s + write_s + meta_s, 0), io_write_bytes / nullif(writes, 0)), target: NULL, neighbour: NULL},
      {code: 'no-mpiio', value: CASE WHEN r.logs > 0 AND nprocs > 1 AND shared_files > 0 AND mpiio_bytes IS NULL THEN nprocs END,
       words: format('{:,} processes share files without MPI-IO', nprocs), target: NULL, neighbour: NULL},
      {code: 'no-collective', value: CASE WHEN mpiio_independent::HUGEINT + mpiio_collective >= 1000 THEN 1e2 * mpiio_collective / (mpiio_independent::HUGEINT + mpiio_collective) END,
       words: format('{:.0f} % of MPI-IO calls are collective', 1e2 * mpiio_collective / nullif(mpiio_independent::HUGEINT + mpiio_collective, 0)), target: NULL, neighbour: NULL},
      {code: 'no-nonblocking', value: 1e2 * mpiio_nonblocking / nullif(mpiio_independent::HUGEINT + mpiio_collective + mpiio_nonblocking, 0),
       words: format('{:.0f} % of MPI-IO calls are nonblocking', 1e2 * mpiio_nonblocking / nullif(mpiio_independent::HUGEINT + mpiio_collective + mpiio_nonblocking, 0)), target: NULL, neighbour: NULL},
      {code: 'more-aggregators-than-nodes', value: 1e2 * mpiio_aggregators / nullif(nnodes, 0),
       words: format('MPI-IO may use {:,} aggregators on {:,} nodes', mpiio_aggregators, nnodes), target: NULL, neighbour: NULL},
      {code: 'fewer-aggregators-than-nodes', value: 1e2 * mpiio_aggregators / nullif(nnodes, 0),
       words: format('MPI-IO may use {:,} aggregators on {:,} nodes', mpiio_aggregators, nnodes), target: NULL, neighbour: NULL},
      {code: 'one-aggregator-a-node', value: CASE WHEN mpiio_aggregators = nnodes THEN nnodes END,
       words: format('MPI-IO may use one aggregator on each of {:,} nodes', nnodes), target: NULL, neighbour: NULL},
      {code: 'rank0-alone', value: CASE WHEN nprocs > 1 AND coalesce(io_read_bytes, 0)::DOUBLE + coalesce(io_write_bytes, 0) >= 1 << 30 THEN rank0_pct END,
       words: format('rank 0 moves {:.0f} % of the bytes for {:,} processes', rank0_pct, nprocs), target: NULL, neighbour: NULL},
      {code: 'one-ost-for-large-file', value: CASE WHEN largest_shared_osts = 1 AND nprocs > 1 AND largest_shared_bytes >= 1 << 30 THEN largest_shared_bytes END,
       words: format('a shared file with {} of traffic lies on one target', format_bytes(largest_shared_bytes)), target: NULL, neighbour: NULL},
      {code: 'few-osts', value: CASE WHEN coalesce(io_read_bytes, 0)::DOUBLE + coalesce(io_write_bytes, 0) >= 1 << 30 THEN 1e2 * osts_used / nullif(r.osts, 0) END,
       words: format('its files lie on {} of {} targets', osts_used, r.osts), target: NULL, neighbour: NULL},
      {code: 'some-osts', value: CASE WHEN coalesce(io_read_bytes, 0)::DOUBLE + coalesce(io_write_bytes, 0) >= 1 << 30 AND osts_used >= 0.1 * r.osts THEN 1e2 * osts_used / nullif(r.osts, 0) END,
       words: format('its files lie on {} of {} targets', osts_used, r.osts), target: NULL, neighbour: NULL},
      {code: 'small-beside-kind', value: CASE WHEN peers >= 3 AND access_bytes < 1 << 20 THEN 1e2 * access_of_kind END,
       words: format('its accesses have {:,.0f} bytes on average; the median of its kind is {:,.0f}', access_bytes, access_bytes / access_of_kind), target: NULL, neighbour: NULL},
      {code: 'fewer-writers-than-kind', value: CASE WHEN peers >= 3 THEN 1e2 * movers_of_kind END,
       words: format('processes that move data: {:,}; the median of its kind is {:,.0f}', movers, movers / movers_of_kind), target: NULL, neighbour: NULL},
      {code: 'fewer-osts-than-kind', value: CASE WHEN peers >= 3 THEN 1e2 * osts_of_kind END,
       words: format('targets of its largest shared file: {:,}; the median of its kind is {:,.0f}', largest_shared_osts, largest_shared_osts / osts_of_kind), target: NULL, neighbour: NULL},
      {code: 'more-metadata-than-kind', value: CASE WHEN peers >= 3 THEN 1e2 * metadata_of_kind END,
       words: format('it opens and stats a file {:,.0f} times, {:,.1f} times as often as its kind', metadata_a_file, metadata_of_kind), target: NULL, neighbour: NULL},
      {code: 'slow-beside-kind', value: CASE WHEN peers >= 3 AND coalesce(r.read_bytes, 0)::DOUBLE + coalesce(r.write_bytes, 0) >= 16 << 20 THEN 1e2 * of_peers END,
       words: format('it moved data at {:.0f} % of the median speed of {:,} runs of its kind', 1e2 * of_peers, peers), target: NULL, neighbour: NULL},
      {code: 'neighbour', value: 1e2 * n.of_ability,
       words: format('job {} ({} of {}) moved {} a second while both ran, {:,.0f} % of the mean rate of {} in its busiest hour',
         n.neighbour, coalesce(n.neighbour_exe, 'unknown'), coalesce(n.neighbour_user, 'unknown'), format_bytes(try_cast(n.bytes_per_s AS BIGINT)), 1e2 * n.of_ability, n.file_system),
       target: NULL, neighbour: n.neighbour},
      {code: 'saturated', value: m.rate_pct,
       words: format('{} moved data for an hour at {:.0f} % of its highest rate in the week before and after', r.used_file_system, m.rate_pct), target: NULL, neighbour: NULL},
      {code: 'metadata-saturated', value: m.ops_pct,
       words: format('{} served {:,.1f} times as many metadata operations in an hour while it ran as in the median hour', r.used_file_system, m.ops_pct / 1e2)
         || coalesce(format('; job {} ({} of {}) opened most files', p.neighbour, p.neighbour_exe, p.neighbour_user), ''),
       target: NULL, neighbour: p.neighbour},
      {code: 'full-target', value: f.used_pct,
       words: format('{} of {} was {:.1f} % full while it wrote there', f.ost, f.file_system, f.used_pct), target: f.ost, neighbour: NULL},
      {code: 'hot-target', value: h.load_pct,
       words: format('others moved {:,.1f} times as much on {} of {}, where files of the run lie, as on the mean of the other targets', h.load_pct / 1e2, h.ost, h.file_system)
         || coalesce(format('; most of it was job {} ({})', h.neighbour, h.who), ''), target: h.ost, neighbour: h.neighbour},
      {code: 'slow-file-system', value: w.slow_pct,
       words: format('in one hour while it ran, {:.0f} % of {:,} files on {} moved slowly beside their kind, whichever target they lay on', w.slow_pct, w.files, r.used_file_system), target: NULL, neighbour: NULL},
      {code: 'slow-target', value: l.slow_pct,
       words: format('{:.0f} % of the files on {} of {} moved slowly beside their kind, {:.0f} % of those elsewhere', l.slow_pct, l.ost, l.file_system, l.elsewhere_pct), target: l.ost, neighbour: NULL},
      {code: 'failed-over', value: v.targets,
       words: format('{} of {}, where files of the run lie, {} served by {} instead of the usual server', v.ost, v.file_system, CASE v.targets WHEN 1 THEN 'was' ELSE 'were' END, v.servers), target: v.ost, neighbour: NULL},
      {code: 'server-failed-over', value: v.of_failed,
       words: format('{} of {}, where files of the run lie, {} served by {} while {} served none of its targets', v.failed_ost, v.file_system, CASE v.of_failed WHEN 1 THEN 'was' ELSE 'were' END, v.failed_servers, v.failed), target: v.failed_ost, neighbour: NULL},
      {code: 'crowded-server', value: o.targets,
       words: format('{} of {}, where files of the run lie, {} on {}, which had taken over another server''s targets', o.ost, o.file_system, CASE o.targets WHEN 1 THEN 'was' ELSE 'were' END, o.servers), target: o.ost, neighbour: NULL},
      {code: 'unwatched', value: CASE WHEN r.logs > 0 AND r.file_system IS NOT NULL THEN coalesce(fs_seen_pct, 0) END,
       words: format('the servers of {} were watched for {:g} % of its time', r.file_system, floor(coalesce(fs_seen_pct, 0) * 10) / 10), target: NULL, neighbour: NULL},
      {code: 'waited', value: CASE WHEN queued_s >= 3600 THEN 1e2 * queued_s / nullif(elapsed_s, 0) END,
       words: format('it waited {:,.1f} h and ran {:,.1f} h', queued_s / 3600, elapsed_s / 3600), target: NULL, neighbour: NULL},
      {code: 'waited-beside-kind', value: CASE WHEN queued_s >= 3600 AND waiters >= 5 THEN 1e2 * queued_s / greatest(usual_wait_s, 60) END,
       words: format('it waited {:.1f} h; {:,} jobs of its size in partition {} waited {:,.0f} s, by their median', queued_s / 3600, waiters, coalesce("partition", 'unknown'), usual_wait_s), target: NULL, neighbour: NULL},
      {code: 'requeued', value: CASE WHEN state = 'REQUEUED' THEN coalesce(restart, 0) + 1 WHEN comes_again THEN greatest(restart, 1) ELSE restart END,
       words: CASE WHEN state = 'REQUEUED' THEN format('it went back to the queue after {:,} s, before it was done', try_cast(elapsed_s AS BIGINT))
                   WHEN comes_again THEN format('its earlier run went back to the queue after {:,} s', try_cast(earlier.elapsed_s AS BIGINT))
                   ELSE format('it was restarted {:,} times', restart) END, target: NULL, neighbour: NULL},
      {code: 'timeout', value: CASE WHEN state = 'TIMEOUT' THEN elapsed_s END,
       words: format('it ran out of time after {:,} s', try_cast(elapsed_s AS BIGINT))
         || coalesce(format(', {:,} s in I/O among them', try_cast(slowest_io_s AS BIGINT)), format(', having written {}', format_bytes(jobstats_write_bytes)), ''), target: NULL, neighbour: NULL}
    ], recursive := true)
  FROM (
    SELECT
      *, coalesce(mpiio_read_bytes, mpiio_write_bytes) AS mpiio_bytes,
      coalesce(earlier.state = 'REQUEUED' AND earlier.user_name IS NOT DISTINCT FROM user_name AND earlier.date >= date - 7, false) AS comes_again
    FROM runs
  ) r
  LEFT JOIN neighbours n ON n.cluster = r.cluster AND n.run_id = r.run_id
  LEFT JOIN openers p ON p.cluster = r.cluster AND p.run_id = r.run_id AND p.file_system = r.used_file_system
  LEFT JOIN meanwhile m ON m.cluster = r.cluster AND m.run_id = r.run_id
  LEFT JOIN full_target f ON f.cluster = r.cluster AND f.run_id = r.run_id
  LEFT JOIN hot_target h ON h.cluster = r.cluster AND h.run_id = r.run_id
  LEFT JOIN slow_target l ON l.cluster = r.cluster AND l.run_id = r.run_id
  LEFT JOIN slow_meanwhile w ON w.cluster = r.cluster AND w.run_id = r.run_id
  LEFT JOIN moved_target v ON v.cluster = r.cluster AND v.run_id = r.run_id
  LEFT JOIN crowded_target o ON o.cluster = r.cluster AND o.run_id = r.run_id
)
SELECT
  c.cluster, c.run_id, c.code, c.job_id, c.date, rules.severity, rules.subject,
  c.value::DOUBLE AS value, rules.threshold::DOUBLE AS threshold, rules.unit,
  CASE WHEN c.code LIKE '%-kind' THEN 'its kind' ELSE 'the rule' END AS compared_with,
  CASE c.code
    WHEN 'full-target' THEN c.full_on WHEN 'slow-target' THEN c.slow_on WHEN 'hot-target' THEN c.hot_on
    WHEN 'failed-over' THEN c.moved_on WHEN 'server-failed-over' THEN c.moved_on WHEN 'crowded-server' THEN c.crowded_on WHEN 'neighbour' THEN c.met_on
    ELSE CASE WHEN rules.subject = 'file system' THEN c.main_file_system END
  END AS file_system,
  c.target, c.neighbour, c.words AS sentence, rules.advice, rules.reference
FROM checks c
JOIN finding_rules rules ON rules.code = c.code AND rules.scope <> 'day'
WHERE isfinite(c.value::DOUBLE) AND CASE rules.side WHEN 'above' THEN c.value > rules.threshold ELSE c.value < rules.threshold END
