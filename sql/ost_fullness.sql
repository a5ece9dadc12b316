-- How full were a file system's object storage targets at each `lfs df`, which was the fullest, which the emptiest?
-- Shares are of the target's size, as a percentage; a target that did not answer, or has no room at all, is counted in
-- osts alone.
-- column osts: object storage targets in the snapshot
-- column osts_answering: targets that reported their space
-- column fullest_ost: the fullest target
-- column fullest_ost_pct: [%] how full the fullest target was
-- column emptiest_ost: the emptiest target
-- column emptiest_ost_pct: [%] how full the emptiest target was
-- column used_pct: [%] used share of all targets
-- column used_bytes: [B] used space of all targets
-- column total_bytes: [B] size of all targets
CREATE OR REPLACE VIEW ost_fullness AS
WITH osts AS (
  SELECT file_system, date, ts, target AS ost, used_bytes, total_bytes, 100 * (used_bytes / nullif(total_bytes, 0)) AS used_pct
  FROM lustre_df
  WHERE role = 'ost'
)
SELECT
  file_system, ts,
  count(*) AS osts,
  count(used_pct) AS osts_answering,
  arg_max(ost, used_pct) AS fullest_ost,
  max(used_pct) AS fullest_ost_pct,
  arg_min(ost, used_pct) AS emptiest_ost,
  min(used_pct) AS emptiest_ost_pct,
  100 * (sum(used_bytes) / nullif(sum(total_bytes), 0)) AS used_pct,
  sum(used_bytes)::BIGINT AS used_bytes,
  sum(total_bytes)::BIGINT AS total_bytes,
  any_value(date) AS date
FROM osts
GROUP BY file_system, ts
