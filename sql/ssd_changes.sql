-- What changed on each solid-state drive between the last snapshots of two days (UTC)?
--   FROM ssd_changes('cori', '2026-03-01', '2026-03-08')
-- Amounts are what was counted in between; null where either snapshot does not know, or where a total fell. errors lists
-- each error counter that rose; changed lists attributes whose text changed and that are not numbers, firmware among
-- them. A drive that only one day has is added or removed.
-- column cluster: the machine whose drives these are
-- column ssd: the drive's serial number
-- column node: the node that holds the drive
-- column old_ts: UTC; the last snapshot of the first day
-- column new_ts: UTC; the last snapshot of the second day
-- column presence: kept, added (only on the second day) or removed (only on the first)
-- column read_bytes: [B] read between the snapshots
-- column write_bytes: [B] written between the snapshots
-- column host_write_bytes: [B] written by the host between the snapshots
-- column nand_write_bytes: [B] written to the flash cells between the snapshots
-- column write_amplification: nand_write_bytes over host_write_bytes
-- column endurance_used_pct: [%] endurance used between the snapshots
-- column power_on_hours: [h] hours of operation between the snapshots
-- column power_cycles: power cycles between the snapshots
-- column errors: each error counter that rose, with both values
-- column changed: each attribute whose text changed, with both values
CREATE OR REPLACE MACRO ssd_changes(of_cluster, old_day, new_day) AS TABLE
WITH snapshots AS (
  SELECT * EXCLUDE (load_id, input_id)
  FROM ssd_health
  WHERE cluster = of_cluster AND date IN (old_day::DATE, new_day::DATE)
  QUALIFY row_number() OVER (PARTITION BY date, ssd ORDER BY ts DESC) = 1
),
pairs AS (
  SELECT coalesce(n.ssd, o.ssd) AS ssd, o AS was, n AS has
  FROM (FROM snapshots WHERE date = old_day::DATE) o
  FULL JOIN (FROM snapshots WHERE date = new_day::DATE) n USING (ssd)
),
counted AS (
  SELECT
    *,
    [
      {'counter': 'media_errors', 'was': was.media_errors, 'has': has.media_errors},
      {'counter': 'error_log_entries', 'was': was.error_log_entries, 'has': has.error_log_entries},
      {'counter': 'crc_errors', 'was': was.crc_errors, 'has': has.crc_errors},
      {'counter': 'program_fails', 'was': was.program_fails, 'has': has.program_fails},
      {'counter': 'erase_fails', 'was': was.erase_fails, 'has': has.erase_fails},
      {'counter': 'end_to_end_errors', 'was': was.end_to_end_errors, 'has': has.end_to_end_errors},
      {'counter': 'pli_lock_losses', 'was': was.pli_lock_losses, 'has': has.pli_lock_losses},
      {'counter': 'reallocated_blocks', 'was': was.reallocated_blocks, 'has': has.reallocated_blocks},
      {'counter': 'unsafe_shutdowns', 'was': was.unsafe_shutdowns, 'has': has.unsafe_shutdowns},
      {'counter': 'critical_warning', 'was': was.critical_warning, 'has': has.critical_warning}
    ] AS counters,
    list_concat(
      map_entries(coalesce(has.attributes, MAP {})),
      [
        {'key': 'firmware', 'value': has.firmware}, {'key': 'model', 'value': has.model},
        {'key': 'status', 'value': has.status}, {'key': 'node', 'value': has.node}
      ]
    ) AS texts,
    map_concat(
      coalesce(was.attributes, MAP {}),
      MAP {'firmware': was.firmware, 'model': was.model, 'status': was.status, 'node': was.node}
    ) AS old_texts
  FROM pairs
)
SELECT
  of_cluster AS cluster,
  ssd,
  coalesce(has.node, was.node) AS node,
  was.ts AS old_ts,
  has.ts AS new_ts,
  CASE WHEN was.ts IS NULL THEN 'added' WHEN has.ts IS NULL THEN 'removed' ELSE 'kept' END AS presence,
  CASE WHEN has.read_bytes >= was.read_bytes THEN has.read_bytes - was.read_bytes END AS read_bytes,
  CASE WHEN has.write_bytes >= was.write_bytes THEN has.write_bytes - was.write_bytes END AS write_bytes,
  CASE WHEN has.host_write_bytes >= was.host_write_bytes THEN has.host_write_bytes - was.host_write_bytes END
    AS host_write_bytes,
  CASE WHEN has.nand_write_bytes >= was.nand_write_bytes THEN has.nand_write_bytes - was.nand_write_bytes END
    AS nand_write_bytes,
  CASE WHEN has.nand_write_bytes >= was.nand_write_bytes AND has.host_write_bytes > was.host_write_bytes
    THEN (has.nand_write_bytes - was.nand_write_bytes) / (has.host_write_bytes - was.host_write_bytes)
  END AS write_amplification,
  has.endurance_used_pct - was.endurance_used_pct AS endurance_used_pct,
  CASE WHEN has.power_on_hours >= was.power_on_hours THEN has.power_on_hours - was.power_on_hours END AS power_on_hours,
  CASE WHEN has.power_cycles >= was.power_cycles THEN has.power_cycles - was.power_cycles END AS power_cycles,
  [c FOR c IN counters IF c.has > c.was] AS errors,
  [
    {'attribute': t.key, 'was': map_extract(old_texts, t.key)[1], 'has': t.value} FOR t IN texts
    IF t.value <> map_extract(old_texts, t.key)[1]
      AND (t.key IN ('firmware', 'model', 'status', 'node') OR try_cast(t.value AS DOUBLE) IS NULL)
  ] AS changed
FROM counted
