-- How full were a file system's object storage targets at each `lfs df` or `mmdf`, which was the fullest, which the emptiest?
-- Shares are of the target's size, as a percentage; a target that did not answer, or has no room at all, is counted in
-- osts alone. The targets of Storage Scale are its disks that hold data. On a day on which nothing lists its disks, each
-- snapshot of the whole is a row without targets.
-- column osts: object storage targets in the snapshot
-- column osts_answering: targets that reported their space
-- column fullest_ost: the fullest target
-- column fullest_ost_pct: [%] how full the fullest target was
-- column emptiest_ost: the emptiest target
-- column emptiest_ost_pct: [%] how full the emptiest target was
-- column used_pct: [%] used share of all targets; of Storage Scale of the whole file system, metadata included
-- column used_bytes: [B] used space of the same
-- column total_bytes: [B] size of the same
CREATE OR REPLACE VIEW ost_fullness AS
WITH targets AS (
  SELECT file_system, date, ts, target AS ost, used_bytes, total_bytes
  FROM lustre_df
  WHERE role = 'ost'
  UNION ALL
  SELECT file_system, date, ts, nsd, used_bytes, total_bytes
  FROM scale_disk
  WHERE holds_data AND used_bytes IS NOT NULL
),
snapshots_of_targets AS (
  SELECT
    file_system, ts,
    count(*) AS osts,
    count(used_pct) AS osts_answering,
    arg_max(ost, used_pct) AS fullest_ost,
    max(used_pct) AS fullest_ost_pct,
    arg_min(ost, used_pct) AS emptiest_ost,
    min(used_pct) AS emptiest_ost_pct,
    sum(used_bytes) AS used_bytes,
    sum(total_bytes) AS total_bytes,
    any_value(date) AS date
  FROM (SELECT *, 100 * (used_bytes::DOUBLE / nullif(total_bytes, 0)) AS used_pct FROM targets)
  GROUP BY file_system, ts
),
wholes AS (
  SELECT file_system, date, ts, used_bytes, total_bytes
  FROM scale_capacity
  WHERE used_bytes IS NOT NULL AND total_bytes > 0
)
SELECT
  t.file_system, t.ts, t.osts, t.osts_answering, t.fullest_ost, t.fullest_ost_pct, t.emptiest_ost, t.emptiest_ost_pct,
  100 * (coalesce(w.used_bytes, t.used_bytes)::DOUBLE / nullif(coalesce(w.total_bytes, t.total_bytes), 0)) AS used_pct,
  try_cast(coalesce(w.used_bytes, t.used_bytes) AS BIGINT) AS used_bytes,
  try_cast(coalesce(w.total_bytes, t.total_bytes) AS BIGINT) AS total_bytes,
  t.date
FROM snapshots_of_targets t
LEFT JOIN wholes w ON w.file_system = t.file_system AND w.date = t.date AND w.ts = t.ts
UNION ALL
SELECT
  file_system, ts, NULL, NULL, NULL, NULL, NULL, NULL, 100 * (used_bytes::DOUBLE / total_bytes), used_bytes, total_bytes, date
FROM wholes
ANTI JOIN targets USING (file_system, date)
