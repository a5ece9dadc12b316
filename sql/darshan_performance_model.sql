-- How fast was each log's I/O, module by module? The model of the mart darshan_performance.
CREATE OR REPLACE MACRO darshan_performance_model(in_owner, since, until, first, last) AS TABLE
SELECT * EXCLUDE (file_system)
FROM darshan_performance(false)
WHERE (in_owner IS NULL OR cluster = in_owner) AND (since IS NULL OR date BETWEEN since AND until)
  AND (first IS NULL OR date BETWEEN first AND last)
