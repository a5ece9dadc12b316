-- Which servers had taken over another's object storage targets, at each snapshot of who serves what?
-- A server is overloaded where it serves more targets than is usual for its file system at that time: the commonest
-- number. Of numbers that are equally common the middle one is usual, the smaller of two in the middle: where one of few
-- servers took over another's target, some serve more than that and some less.
-- column osts: object storage targets in the snapshot
-- column servers: servers that serve them
-- column usual_osts_per_server: the commonest number of targets a server
-- column overloaded_servers: servers that serve more targets than usual
-- column overloaded_osts: targets on such servers
-- column overloaded: each such server, with its targets
CREATE OR REPLACE VIEW ost_failover AS
WITH servers AS (
  SELECT
    file_system, date, ts,
    coalesce(server_address, server) AS server,
    count(*) AS osts,
    list(target ORDER BY target) AS targets
  FROM lustre_target
  WHERE role = 'ost' AND coalesce(server_address, server) IS NOT NULL
  GROUP BY ALL
),
loads AS (        -- how many servers have so many targets
  SELECT file_system, date, ts, osts AS osts_per_server, count(*) AS servers
  FROM servers
  GROUP BY ALL
),
usual AS (
  SELECT file_system, date, ts, quantile_disc(osts_per_server, 0.5) AS osts_per_server
  FROM (FROM loads QUALIFY servers = max(servers) OVER (PARTITION BY file_system, date, ts))
  GROUP BY ALL
)
SELECT
  file_system, ts,
  sum(osts)::BIGINT AS osts,
  count(*) AS servers,
  any_value(osts_per_server) AS usual_osts_per_server,
  count(*) FILTER (WHERE osts > osts_per_server) AS overloaded_servers,
  coalesce(sum(osts) FILTER (WHERE osts > osts_per_server), 0)::BIGINT AS overloaded_osts,
  coalesce(
    list({'server': server, 'osts': targets} ORDER BY server) FILTER (WHERE osts > osts_per_server), []
  ) AS overloaded,
  date
FROM servers
JOIN usual USING (file_system, date, ts)
GROUP BY file_system, date, ts
