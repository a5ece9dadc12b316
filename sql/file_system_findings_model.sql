-- What was wrong with each file system on each day (UTC)? The model of the mart file_system_findings.
-- Each rule of finding_rules whose scope is day or both gets one value a file system, or a target of it, and day; a value
-- beyond its threshold makes a row.
CREATE OR REPLACE MACRO file_system_findings_model(in_owner, since, until, first, last) AS TABLE
WITH rates AS (
  SELECT r.*, 1e2 * r.rate / nullif(a.peak_rate, 0) AS rate_pct, 1e2 * r.ops / nullif(a.hour_ops, 0) AS ops_pct, a.hour_rate
  FROM file_system_rates(in_owner, since, until) r
  JOIN file_system_abilities(in_owner, first, last) a USING (file_system, date)
),
states AS (
  SELECT s.*, a.hour_rate
  FROM target_states(in_owner, since, until) s
  LEFT JOIN file_system_abilities(in_owner, first, last) a USING (file_system, date)
),
crowded AS (
  SELECT file_system, date, ts, usual_osts_per_server, unnest(overloaded, recursive := true)
  FROM ost_failover
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
),
days AS (
  SELECT DISTINCT file_system, date FROM lustre_df WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  UNION
  SELECT DISTINCT file_system, date FROM lustre_target WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  UNION
  SELECT file_system, date FROM file_system_day WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
),
checks AS (
  SELECT
    'saturated' AS code, file_system, date, '' AS target, arg_max(ts, CASE WHEN rate_pct IS NOT NULL THEN (rate_pct, -epoch(ts)) END) AS ts, max(rate_pct) AS value,
    format('it moved {} a second in the hour, {:.0f} % of its highest rate in the week before and after', format_bytes(try_cast(arg_max(rate, rate_pct) AS BIGINT)), value) AS sentence
  FROM rates
  GROUP BY file_system, date
  UNION ALL
  SELECT
    'metadata-saturated', file_system, date, '', arg_max(ts, CASE WHEN ops_pct IS NOT NULL THEN (ops_pct, -epoch(ts)) END), max(ops_pct) AS most,
    format('its metadata servers served {:,} operations in the hour, {:,.1f} times as many as in the median hour', try_cast(arg_max(ops, ops_pct) AS BIGINT), most / 1e2)
  FROM rates
  GROUP BY file_system, date
  UNION ALL
  SELECT 'full-target', file_system, date, ost, arg_max(ts, CASE WHEN used_pct IS NOT NULL THEN (used_pct, -epoch(ts)) END), max(used_pct) AS most, format('{} was {:.1f} % full', ost, most)
  FROM states
  GROUP BY file_system, date, ost
  UNION ALL
  SELECT
    'hot-target', file_system, date, ost, arg_max(ts, CASE WHEN load_pct IS NOT NULL THEN (load_pct, -epoch(ts)) END), max(load_pct) AS most,
    format('{} moved {:.1f} times as much in the hour as the mean target', ost, most / 1e2)
  FROM states
  WHERE fs_rate >= 0.2 * hour_rate
  GROUP BY file_system, date, ost
  UNION ALL
  SELECT
    'slow-target', file_system, date, ost, arg_max(ts, CASE WHEN slow_pct IS NOT NULL THEN (slow_pct, -epoch(ts)) END), max(slow_pct) AS most,
    format('{:.0f} % of the files on {} moved slowly beside their kind, {:.0f} % of those elsewhere', most, ost, arg_max(other_slow_pct, slow_pct))
  FROM slow_targets(in_owner, since, until)
  GROUP BY file_system, date, ost
  UNION ALL
  SELECT
    'failed-over', file_system, date, ost, min(ts), 1.0,
    format('{} was served by {} instead of {}', ost, arg_min(server, ts), arg_min(usual_server, ts))
  FROM moved_targets(in_owner, first, last)
  WHERE since IS NULL OR date BETWEEN since AND until
  GROUP BY file_system, date, ost
  UNION ALL
  SELECT
    'crowded-server', file_system, date, unnest(osts), min(ts), max(len(osts) - usual_osts_per_server)::DOUBLE,
    format('its server {} served {} targets, where {} is usual', server, max(len(osts)), any_value(usual_osts_per_server))
  FROM crowded
  GROUP BY file_system, date, osts, server
  UNION ALL
  SELECT
    'unwatched', file_system, date, '', h.ts, coalesce(d.seen_pct, 0) AS seen,
    format('{:.0f} % of the day''s time and targets was watched', seen)
  FROM days
  LEFT JOIN (
    FROM file_system_day
    WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  ) d USING (file_system, date)
  LEFT JOIN (          -- the first of the hours that were seen least
    SELECT file_system, date, arg_min(ts, (coalesce(seen_pct, 0), epoch(ts))) AS ts
    FROM file_system_hour
    WHERE (in_owner IS NULL OR file_system = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
    GROUP BY file_system, date
  ) h USING (file_system, date)
)
SELECT
  c.file_system, c.code, c.target, c.ts, c.date, rules.severity, rules.subject, c.value, rules.threshold, rules.unit,
  c.sentence, rules.advice, rules.reference
FROM checks c
JOIN finding_rules rules ON rules.code = c.code AND rules.scope <> 'run'
WHERE CASE rules.side WHEN 'above' THEN c.value > rules.threshold ELSE c.value < rules.threshold END
QUALIFY row_number() OVER (PARTITION BY c.file_system, c.date, c.code, c.target ORDER BY c.value DESC, c.sentence) = 1
