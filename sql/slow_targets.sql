-- Which object storage target was slow in an hour (UTC): files on it were slow beside their kind, and files elsewhere were not?
-- Of each hour the target whose files were slow most often, with at least five files on it and five elsewhere, and slow two
-- and a half times as often as elsewhere. Files of one job alone may be slow for a reason of their own: they say something about the target only
-- where most of them are slow on it and hardly any elsewhere.
-- FROM slow_targets('lagoon', DATE '2025-10-24', DATE '2025-10-28')
CREATE OR REPLACE MACRO slow_targets(in_owner, first, last) AS TABLE
SELECT file_system, ost, date, ts, files, slow_pct, other_files, other_slow_pct
FROM ost_speed_hour
WHERE (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
QUALIFY
  slow_pct = max(slow_pct) OVER (PARTITION BY file_system, ts)
  AND files >= 5 AND other_files >= 5 AND slow_pct >= 2.5 * other_slow_pct
  AND (slow_jobs > 1 OR (slow_pct >= 50 AND other_slow_pct < 10))
