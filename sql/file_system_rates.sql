-- How fast was each file system in each hour (UTC), and how many metadata operations did it serve?
-- FROM file_system_rates('lagoon', DATE '2025-10-24', DATE '2025-10-28')
-- column rate: [B/s] mean rate of reads and writes together, of the time that was seen
-- column peak_rate: [B/s] the higher one of the peaks of reads and of writes; null where less than {seen_enough_pct} % was seen
-- column osts: object storage targets that reported
-- column ops: metadata operations of all twelve kinds of lustre_mdt
CREATE OR REPLACE MACRO file_system_rates(in_owner, first, last) AS TABLE
SELECT
  file_system, date, ts,
  mean_read_bytes_per_s + mean_write_bytes_per_s AS rate,
  greatest(peak_read_bytes_per_s, peak_write_bytes_per_s) AS peak_rate,
  osts,
  coalesce(opens, 0)::DOUBLE + coalesce(closes, 0) + coalesce(mknods, 0) + coalesce(links, 0) + coalesce(unlinks, 0)
    + coalesce(mkdirs, 0) + coalesce(rmdirs, 0) + coalesce(renames, 0) + coalesce(getattrs, 0) + coalesce(setattrs, 0)
    + coalesce(getxattrs, 0) + coalesce(statfs, 0) AS ops
FROM file_system_hour
WHERE (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
