-- Which logs of one program are duplicates, all of their POSIX counters being equal, and how far apart were they in speed? What
-- the application did is the same in each, so the spread bounds what any model of the application can explain (SC'22). Times,
-- and the counters that depend on them (slowest and fastest rank, size of the slowest access), don't count. A log
-- with DFS, whose bytes are not POSIX's, is left out.
--   FROM duplicate_logs('edison', DATE '2017-03-01', DATE '2017-04-01')
-- column program: name of the program
-- column behaviour: hash of the counters
-- column logs: logs in the set, two at least
-- column log_ids: the logs, in order of their starts
-- column total_bytes: [B] read and written by each of them through POSIX
-- column median_bytes_per_s: [B/s] median performance
-- column spread: population standard deviation of the logarithm (base 10) of their performance
-- column slowest_bytes_per_s: [B/s] performance of the slowest
-- column fastest_bytes_per_s: [B/s] performance of the fastest
-- column at_once: logs that began before an earlier one of the set ended, so that contention and noise alone are between them
CREATE OR REPLACE MACRO duplicate_logs(of_cluster, since, until) AS TABLE
WITH hashed AS (
  SELECT
    log_id, date,
    hash([
      sum(POSIX_OPENS), sum(POSIX_FILENOS), sum(POSIX_DUPS), sum(POSIX_READS), sum(POSIX_WRITES), sum(POSIX_SEEKS),
      sum(POSIX_STATS), sum(POSIX_MMAPS), sum(POSIX_FOPENS), sum(POSIX_FREADS), sum(POSIX_FWRITES), sum(POSIX_FSEEKS),
      sum(POSIX_FSYNCS), sum(POSIX_FDSYNCS), sum(POSIX_RENAME_SOURCES), sum(POSIX_RENAME_TARGETS),
      sum(POSIX_RENAMED_FROM), sum(POSIX_BYTES_READ), sum(POSIX_BYTES_WRITTEN), sum(POSIX_MAX_BYTE_READ),
      sum(POSIX_MAX_BYTE_WRITTEN), sum(POSIX_CONSEC_READS), sum(POSIX_CONSEC_WRITES), sum(POSIX_SEQ_READS),
      sum(POSIX_SEQ_WRITES), sum(POSIX_RW_SWITCHES), sum(POSIX_MEM_NOT_ALIGNED), sum(POSIX_MEM_ALIGNMENT),
      sum(POSIX_FILE_NOT_ALIGNED), sum(POSIX_FILE_ALIGNMENT), sum(POSIX_SIZE_READ_0_100), sum(POSIX_SIZE_READ_100_1K),
      sum(POSIX_SIZE_READ_1K_10K), sum(POSIX_SIZE_READ_10K_100K), sum(POSIX_SIZE_READ_100K_1M),
      sum(POSIX_SIZE_READ_1M_4M), sum(POSIX_SIZE_READ_4M_10M), sum(POSIX_SIZE_READ_10M_100M),
      sum(POSIX_SIZE_READ_100M_1G), sum(POSIX_SIZE_READ_1G_PLUS), sum(POSIX_SIZE_WRITE_0_100),
      sum(POSIX_SIZE_WRITE_100_1K), sum(POSIX_SIZE_WRITE_1K_10K), sum(POSIX_SIZE_WRITE_10K_100K),
      sum(POSIX_SIZE_WRITE_100K_1M), sum(POSIX_SIZE_WRITE_1M_4M), sum(POSIX_SIZE_WRITE_4M_10M),
      sum(POSIX_SIZE_WRITE_10M_100M), sum(POSIX_SIZE_WRITE_100M_1G), sum(POSIX_SIZE_WRITE_1G_PLUS),
      sum(POSIX_STRIDE1_STRIDE), sum(POSIX_STRIDE2_STRIDE), sum(POSIX_STRIDE3_STRIDE), sum(POSIX_STRIDE4_STRIDE),
      sum(POSIX_STRIDE1_COUNT), sum(POSIX_STRIDE2_COUNT), sum(POSIX_STRIDE3_COUNT), sum(POSIX_STRIDE4_COUNT),
      sum(POSIX_ACCESS1_ACCESS), sum(POSIX_ACCESS2_ACCESS), sum(POSIX_ACCESS3_ACCESS), sum(POSIX_ACCESS4_ACCESS),
      sum(POSIX_ACCESS1_COUNT), sum(POSIX_ACCESS2_COUNT), sum(POSIX_ACCESS3_COUNT), sum(POSIX_ACCESS4_COUNT)
    ]) AS behaviour
  FROM darshan_posix
  WHERE cluster = of_cluster AND date >= since::DATE AND date < until::DATE
    AND log_id NOT IN (SELECT log_id FROM darshan_dfs WHERE cluster = of_cluster AND date >= since::DATE AND date < until::DATE)
  GROUP BY log_id, date
),
logs AS (
  SELECT
    l.log_id, l.exe_name AS program, l.nprocs, l.start_time, l.end_time, h.behaviour, p.total_bytes,
    p.performance_bytes_per_s AS speed,
    l.start_time < max(l.end_time) OVER (
      PARTITION BY l.exe_name, l.nprocs, h.behaviour ORDER BY l.start_time, l.log_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS follows_at_once
  FROM hashed h
  JOIN darshan_logs l ON l.cluster = of_cluster AND l.date = h.date AND l.log_id = h.log_id
  LEFT JOIN darshan_performance p
    ON p.cluster = of_cluster AND p.date = h.date AND p.log_id = h.log_id AND p.module = 'POSIX'
)
SELECT
  program, nprocs, behaviour, count(*) AS logs, list(log_id ORDER BY start_time, log_id) AS log_ids,
  any_value(total_bytes) AS total_bytes, median(speed) AS median_bytes_per_s,
  stddev_pop(log10(CASE WHEN speed > 0 THEN speed END)) AS spread,
  min(speed) AS slowest_bytes_per_s, max(speed) AS fastest_bytes_per_s,
  count(*) FILTER (follows_at_once) AS at_once
FROM logs
GROUP BY program, nprocs, behaviour
HAVING count(*) > 1
ORDER BY logs DESC, program, behaviour
