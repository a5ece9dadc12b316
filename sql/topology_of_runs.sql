-- How far apart were the nodes of the runs that ended on the days `since` to `until` of a cluster, and how many switches,
-- groups and cabinets did each run span? A run is looked up in the newest snapshot at its start, or in the cluster's first
-- one where none is as old; a cluster without snapshots has no row. A radius is the distance from the mean of the nodes'
-- coordinates. Nulls do not restrict.
--   FROM topology_of_runs('edison', '2026-03-01'::DATE, '2026-03-31'::DATE)
-- column run_id: one run of a job within its cluster
-- column nodes: nodes of the run
-- column nodes_placed: nodes of the run that the snapshot has
-- column radius_min: distance of the nearest node from the run's centre, in units of the coordinates; null unless all are known
-- column radius_max: distance of the farthest node from the run's centre; null unless all are known
-- column radius_mean: mean distance of the nodes from the run's centre; null unless all are known
-- column switches: switches that the nodes are cabled to; null where not all are known
-- column groups: groups of the network that the nodes are in; null where not all are known
-- column cabinets: cabinets that the nodes are in; null where not all are known
-- column shared_switch: lowest switch that is above all nodes of the run; null where no switch is, or where some are not known
CREATE OR REPLACE MACRO topology_of_runs(in_owner, since, until) AS TABLE
WITH snapshots AS (
  SELECT cluster, ts, min(ts) OVER (PARTITION BY cluster) AS first_ts
  FROM topology
  WHERE in_owner IS NULL OR cluster = in_owner
  GROUP BY cluster, ts
),
used AS (
  SELECT j.cluster, j.run_id, j.date, coalesce(j.start_time, j.submit_time) AS at, j.nodes, f.first_ts
  FROM jobs j
  JOIN (SELECT DISTINCT cluster, first_ts FROM snapshots) f ON f.cluster = j.cluster
  WHERE j.nodes IS NOT NULL AND (in_owner IS NULL OR j.cluster = in_owner)
    AND (since IS NULL OR j.date >= since) AND (until IS NULL OR j.date <= until)
),
dated AS (
  SELECT u.cluster, u.run_id, u.date, coalesce(s.ts, u.first_ts) AS ts, len(u.nodes) AS nodes, unnest(u.nodes) AS node
  FROM used u
  ASOF LEFT JOIN snapshots s ON s.cluster = u.cluster AND u.at >= s.ts
),
placed AS (
  SELECT
    d.cluster, d.run_id, d.date, d.nodes, t.node, t.x, t.y, t.z, t.switch, t.switches AS above, t.network_group, t.cabinet,
    avg(t.x) OVER run AS mean_x, avg(t.y) OVER run AS mean_y, avg(t.z) OVER run AS mean_z
  FROM dated d
  LEFT JOIN topology t ON t.cluster = d.cluster AND t.node = d.node AND t.ts = d.ts
  WINDOW run AS (PARTITION BY d.cluster, d.run_id, d.date)
),
measured AS (
  SELECT
    *,
    sqrt((x - mean_x) ** 2 + coalesce((y - mean_y) ** 2, 0) + coalesce((z - mean_z) ** 2, 0)) AS radius
  FROM placed
),
summed AS (
  SELECT
    cluster, run_id,
    any_value(nodes) AS nodes,
    count(node) AS nodes_placed,
    CASE WHEN count(radius) = any_value(nodes) THEN min(radius) END AS radius_min,
    CASE WHEN count(radius) = any_value(nodes) THEN max(radius) END AS radius_max,
    CASE WHEN count(radius) = any_value(nodes) THEN avg(radius) END AS radius_mean,
    CASE WHEN count(switch) = any_value(nodes) THEN count(DISTINCT switch) END AS switches,
    CASE WHEN count(network_group) = any_value(nodes) THEN count(DISTINCT network_group) END AS groups,
    CASE WHEN count(cabinet) = any_value(nodes) THEN count(DISTINCT cabinet) END AS cabinets,
    list(above) FILTER (above IS NOT NULL) AS above,
    date
  FROM measured
  GROUP BY cluster, run_id, date
)
SELECT
  * EXCLUDE (above, date),
  CASE WHEN len(above) = nodes THEN
    [s FOR s IN above[1] IF len([a FOR a IN above IF list_contains(a, s)]) = nodes][1]
  END AS shared_switch,
  date
FROM summed
