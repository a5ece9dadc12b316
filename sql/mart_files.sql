-- Which data files of this snapshot was a partition of a mart made from? A row of a mart leads to them by its owner and
-- date; each raw row in them has its load and input. No row where the partition is stale: a query then computes it.
-- A model reads whole days, so files may be listed whose rows gave nothing to a row.
--   FROM mart_files('job_summary', 'edison', DATE '2017-03-20')
--   FROM mart_files('job_summary', 'edison', DATE '2017-03-20') f JOIN inputs i ON list_contains(f.load_ids, i.load_id)
CREATE OR REPLACE MACRO mart_files(of_mart, of_owner, of_day) AS TABLE
SELECT f.path, f.table_name, f.owner, f.date, f.rows, f.size_bytes, f.load_ids
FROM derived d
JOIN mart_reads r ON r.mart = d.table_name
JOIN files f ON f.table_name = r.table_name AND CASE
  WHEN r.as_of THEN list_contains(d.as_of_days, f.date)
  ELSE f.date BETWEEN d.first_day AND d.last_day
END
WHERE d.table_name = of_mart AND d.owner = of_owner AND d.date = of_day::DATE AND d.fresh
  AND (f.owner = d.owner OR NOT r.same_owner)
  AND (r.days_around IS NULL OR abs(f.date - d.date) <= r.days_around)
ORDER BY ALL
