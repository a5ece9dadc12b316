-- How far apart were the nodes of each run of a job, and how many switches, groups and cabinets did it span?
-- A node is where the last snapshot before the run's start has it, else where the first one after it does. A radius is the
-- distance from the mean of the nodes' coordinates; it is null where a node of the run has no coordinates.
-- column run_id: one run of a job within its cluster
-- column nodes: nodes of the run
-- column nodes_placed: of those, how many a snapshot has
-- column radius_min: distance of the nearest node from the run's centre, in units of the coordinates
-- column radius_max: distance of the farthest node from the run's centre
-- column radius_mean: mean distance of the nodes from the run's centre
-- column switches: switches that the nodes are cabled to; null where none is known
-- column groups: groups of the network that the nodes are in; null where none is known
-- column cabinets: cabinets that the nodes are in; null where none is known
-- column shared_switch: lowest switch that is above all nodes of the run; null where no switch is, or where some are not known
CREATE OR REPLACE VIEW job_topology AS
WITH used AS (
  SELECT cluster, run_id, date, coalesce(start_time, submit_time) AS at, len(nodes) AS nodes, unnest(nodes) AS node
  FROM jobs
  WHERE nodes IS NOT NULL
),
before AS (
  SELECT u.*, t.ts AS placed
  FROM used u
  ASOF LEFT JOIN topology t ON t.cluster = u.cluster AND t.node = u.node AND u.at >= t.ts
),
dated AS (
  SELECT b.* REPLACE (coalesce(b.placed, t.ts) AS placed)
  FROM before b
  ASOF LEFT JOIN topology t ON t.cluster = b.cluster AND t.node = b.node AND b.at <= t.ts
),
placed AS (
  SELECT
    d.cluster, d.run_id, d.date, d.nodes, t.node, t.x, t.y, t.z, t.switch, t.switches AS above, t.network_group, t.cabinet,
    avg(t.x) OVER run AS mean_x, avg(t.y) OVER run AS mean_y, avg(t.z) OVER run AS mean_z
  FROM dated d
  LEFT JOIN topology t ON t.cluster = d.cluster AND t.node = d.node AND t.ts = d.placed
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
    count(radius) AS measured,
    min(radius) AS nearest,
    max(radius) AS farthest,
    avg(radius) AS mean,
    nullif(count(DISTINCT switch), 0) AS switches,
    nullif(count(DISTINCT network_group), 0) AS groups,
    nullif(count(DISTINCT cabinet), 0) AS cabinets,
    list(above) AS above,
    date
  FROM measured
  GROUP BY cluster, run_id, date
)
SELECT
  cluster, run_id, nodes, nodes_placed,
  CASE WHEN measured = nodes THEN nearest END AS radius_min,
  CASE WHEN measured = nodes THEN farthest END AS radius_max,
  CASE WHEN measured = nodes THEN mean END AS radius_mean,
  switches, groups, cabinets,
  CASE WHEN len(above) = nodes THEN
    [s FOR s IN above[1] IF len([a FOR a IN above IF list_contains(a, s)]) = nodes][1]
  END AS shared_switch,
  date
FROM summed
