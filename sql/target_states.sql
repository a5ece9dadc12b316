-- How full and how loaded was each object storage target, hour by hour, or at each `lfs df`?
-- A row holds from ts to until: an hour of the servers' counts, or a day from an `lfs df` on.
-- FROM target_states('lagoon', DATE '2025-10-24', DATE '2025-10-28')
-- column ost: object storage target
-- column until: UTC; when the row ends
-- column used_pct: [%] used share of the target
-- column load_pct: [%] the target's mean rate over that of all targets of its file system in the hour
-- column fs_rate: [B/s] rate of all targets of the file system in the hour
CREATE OR REPLACE MACRO target_states(in_owner, first, last) AS TABLE
WITH hours AS (
  SELECT file_system, ost, date, ts, used_pct, mean_read_bytes_per_s + mean_write_bytes_per_s AS rate
  FROM ost_hour
  WHERE (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
)
SELECT
  file_system, ost, date, ts, ts + INTERVAL 1 HOUR AS until, used_pct,
  1e2 * rate / nullif(avg(rate) OVER same_hour, 0) AS load_pct,
  sum(rate) OVER same_hour AS fs_rate
FROM hours
WINDOW same_hour AS (PARTITION BY file_system, ts)
UNION ALL
SELECT file_system, target AS ost, date, ts, ts + INTERVAL 1 DAY AS until, 100 * (used_bytes / nullif(total_bytes, 0)) AS used_pct, NULL, NULL
FROM lustre_df
WHERE role = 'ost' AND (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
