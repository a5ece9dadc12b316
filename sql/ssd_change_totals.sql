-- How much did all drives of a cluster read, write and age between two days (UTC)? Sums over the drives of ssd_changes.
--   FROM ssd_change_totals('cori', '2026-03-01', '2026-03-08')
-- One row a counter. Amounts have a row each, also where no drive knows them; of the error counters only those that rose on
-- a drive have one, and drives counts the drives on which it rose. Drives that were added or removed have no amounts; the
-- counters drives_added and drives_removed count them. total is the sum over the drives that `drives` counts: where
-- unknown is not 0, it lacks that many drives.
-- column counter: what was counted: a column of ssd_changes, an error counter, drives_added or drives_removed
-- column unit: unit of the values
-- column total: sum of the changes; null where no drive knows its change
-- column drives: drives whose change is known; of an error counter, drives on which it rose
-- column unknown: drives on both days whose change is not known; null for an error counter
-- column low: smallest change of a drive
-- column high: largest change of a drive
-- column mean: mean change of a drive
CREATE OR REPLACE MACRO ssd_change_totals(of_cluster, old_day, new_day) AS TABLE
WITH drives AS MATERIALIZED (
  FROM ssd_changes(of_cluster, old_day, new_day)
),
amounts AS (
  SELECT
    unnest([
      {place: 1, counter: 'read_bytes', unit: 'B', amount: read_bytes::DECIMAL(38, 6)},
      {place: 2, counter: 'write_bytes', unit: 'B', amount: write_bytes::DECIMAL(38, 6)},
      {place: 3, counter: 'host_write_bytes', unit: 'B', amount: host_write_bytes::DECIMAL(38, 6)},
      {place: 4, counter: 'nand_write_bytes', unit: 'B', amount: nand_write_bytes::DECIMAL(38, 6)},
      {place: 5, counter: 'endurance_used_pct', unit: '%', amount: endurance_used_pct::DECIMAL(38, 6)},
      {place: 6, counter: 'power_on_hours', unit: 'h', amount: power_on_hours::DECIMAL(38, 6)},
      {place: 7, counter: 'power_cycles', unit: '', amount: power_cycles::DECIMAL(38, 6)}
    ], recursive := true)
  FROM drives
  WHERE presence = 'kept'
),
errors AS (
  SELECT e.counter, e.has - e.was AS amount
  FROM (SELECT unnest(errors) AS e FROM drives)
)
SELECT counter, unit, total, drives, unknown, low, high, mean
FROM (
  SELECT
    place, counter, unit, sum(amount)::DOUBLE AS total, count(amount) AS drives, count(*) - count(amount) AS unknown,
    min(amount)::DOUBLE AS low, max(amount)::DOUBLE AS high, avg(amount)::DOUBLE AS mean
  FROM amounts
  GROUP BY place, counter, unit
  UNION ALL
  SELECT 8, counter, '', sum(amount)::DOUBLE, count(*), NULL, min(amount)::DOUBLE, max(amount)::DOUBLE, avg(amount)::DOUBLE
  FROM errors
  GROUP BY counter
  UNION ALL
  SELECT 9, 'drives_' || gone, 'drives', count(presence)::DOUBLE, count(presence), 0, NULL, NULL, NULL
  FROM (VALUES ('added'), ('removed')) v(gone)
  LEFT JOIN drives ON presence = gone
  GROUP BY gone
)
ORDER BY place, counter
