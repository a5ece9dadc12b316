-- Which object storage targets were served by another server than usual, at each snapshot of who serves what?
-- The usual server is the one that served the target most often from a week before to a week after. Some sources name a server
-- by its address and some by its name; each is compared with its own kind.
-- FROM moved_targets('lagoon', DATE '2025-10-24', DATE '2025-10-28')
-- column ost: object storage target
-- column server: the server that served it then
-- column usual_server: the server that usually serves it
-- column server_targets: how many targets the usual server usually serves
-- column server_targets_moved: how many of these another server served then
CREATE OR REPLACE MACRO moved_targets(in_owner, first, last) AS TABLE
WITH served AS (
  SELECT
    file_system, target AS ost, date, ts, coalesce(server_address, server) AS server,
    mode(coalesce(server_address, server)) OVER (
      PARTITION BY file_system, target, server_address IS NULL ORDER BY date
      RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 7 DAYS FOLLOWING
    ) AS usual_server
  FROM lustre_target
  WHERE role = 'ost' AND (in_owner IS NULL OR file_system = in_owner) AND (first IS NULL OR date >= first) AND (last IS NULL OR date <= last)
),
counted AS (
  SELECT
    *, count(*) OVER of_server AS server_targets, count(*) FILTER (server <> usual_server) OVER of_server AS server_targets_moved
  FROM served
  WINDOW of_server AS (PARTITION BY file_system, ts, usual_server)
)
FROM counted
WHERE server <> usual_server
