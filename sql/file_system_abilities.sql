-- What could each file system do in the days around a day: its highest rates, and its usual number of metadata operations?
-- The days around are a week before and a week after.
-- FROM file_system_abilities(NULL, DATE '2025-10-24', DATE '2025-10-28')
-- column hour_rate: [B/s] the highest mean rate of an hour, reads and writes together
-- column peak_rate: [B/s] the highest rate of an interval, of reads or of writes; null where no hour has a peak
-- column hour_ops: metadata operations of the median hour
-- column osts: the highest number of object storage targets that reported in an hour
CREATE OR REPLACE MACRO file_system_abilities(in_owner, first, last) AS TABLE
WITH hours AS (
  FROM file_system_rates(in_owner, first, last)
)
SELECT d.file_system, d.date, max(h.rate) AS hour_rate, max(h.peak_rate) AS peak_rate, median(h.ops) AS hour_ops, max(h.osts) AS osts
FROM (SELECT DISTINCT file_system, date FROM hours) d
JOIN hours h ON h.file_system = d.file_system AND h.date BETWEEN d.date - 7 AND d.date + 7
GROUP BY ALL
