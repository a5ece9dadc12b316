-- In which hours (UTC) were files on a file system slow beside their kind, whichever target they lay on?
-- A file is slow at less than 67 % of its kind's median, as ost_speed_hour has it. The share is the one that is left without
-- the target whose files were slow most often: one slow target alone does not make a slow hour. Of the files
-- that are left there are five at least, and slow ones of three jobs: one job alone may be slow for a reason of its own.
-- FROM slow_hours('lagoon', DATE '2025-10-24', DATE '2025-10-28')
-- column files: reads or writes of files of at least 16 MB, without those on that target
-- column slow_pct: [%] share of them that were slow
-- column slow_jobs: jobs with slow files among them
CREATE OR REPLACE MACRO slow_hours(in_owner, first, last) AS TABLE
SELECT file_system, date, ts, other_files AS files, other_slow_pct AS slow_pct, other_slow_jobs AS slow_jobs
FROM ost_speed_hour
WHERE (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
  AND other_files >= 5
QUALIFY row_number() OVER (PARTITION BY file_system, ts ORDER BY other_slow_pct, other_slow_jobs, ost) = 1 AND other_slow_jobs >= 3
