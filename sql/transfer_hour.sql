-- How much was moved into and out of each endpoint in each hour (UTC), by which tool, and how much of it failed?
-- The bytes of a transfer are spread over the hours in which it ran by its share of time in each; one whose log has no
-- duration counts in the hour in which it ended. Rows of a transfer that crosses midnight lie on both days, so ask for
-- the day after as well to have a day's hours whole.
-- column hour: start of the hour, UTC
-- column transfers: transfers that ran in the hour
-- column failed: of those that ended in the hour, how many failed
-- column bytes_in: [B] moved to the endpoint in the hour
-- column bytes_out: [B] moved from the endpoint in the hour
-- column busy_s: [s] time that transfers took in the hour, summed over those that ran at once
CREATE OR REPLACE VIEW transfer_hour AS
WITH moved AS (
  SELECT
    endpoint, date, tool, direction, succeeded, bytes, end_time,
    coalesce(start_time, end_time) AS start_time,
    unnest(generate_series(
      date_trunc('hour', coalesce(start_time, end_time)), date_trunc('hour', end_time), INTERVAL 1 HOUR
    )) AS hour
  FROM transfers
  WHERE direction IS NOT NULL
),
parts AS (
  SELECT
    *,
    epoch(least(end_time, hour + INTERVAL 1 HOUR) - greatest(start_time, hour)) AS inside_s,
    CASE WHEN end_time > start_time THEN inside_s / epoch(end_time - start_time) ELSE 1 END AS share
  FROM moved
)
SELECT
  endpoint,
  hour,
  tool,
  count(*) AS transfers,
  count(*) FILTER (WHERE NOT succeeded AND date_trunc('hour', end_time) = hour) AS failed,
  coalesce(round(sum(bytes * share) FILTER (WHERE direction = 'in')), 0)::BIGINT AS bytes_in,
  coalesce(round(sum(bytes * share) FILTER (WHERE direction = 'out')), 0)::BIGINT AS bytes_out,
  sum(inside_s) AS busy_s,
  date
FROM parts
GROUP BY endpoint, hour, tool, date
