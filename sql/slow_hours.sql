-- In which hours (UTC) were files on a file system slow beside their kind, whichever target they lay on?
-- A file is slow at less than 67 % of its kind's median, as ost_speed_hour has it. The share is the one that is left without
-- the target whose files were slow most often: one slow target alone does not make a slow hour. Slow files of three logs at
-- least, and five files elsewhere.
-- FROM slow_hours('lagoon', DATE '2025-10-24', DATE '2025-10-28')
-- column files: reads or writes of files of at least 16 MB, without those on that target
-- column slow_pct: [%] share of them that were slow
CREATE OR REPLACE MACRO slow_hours(in_owner, first, last) AS TABLE
SELECT file_system, date, ts, arg_min(other_files, other_slow_pct) AS files, min(other_slow_pct) AS slow_pct
FROM ost_speed_hour
WHERE (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
  AND other_files >= 5
GROUP BY file_system, date, ts
HAVING max(slow_logs) >= 3
