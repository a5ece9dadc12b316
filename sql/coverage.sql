-- Which days of each source does the lake have: how many inputs were found, what became of them, which days have none?
-- found = loaded + unchanged + rejected + superseded; a gap is a day between the first and the last without any input.
-- column day: the day that the inputs' names give, in the source's zone; null for undated inputs
-- column gap: whether the day has no input although days before and after it have
-- column found: inputs that were found
-- column loaded: inputs whose rows are in the lake
-- column unchanged: inputs whose content the lake had from another place
-- column rejected: inputs that could not be read; see rejects
-- column superseded: inputs left to a better source of the same day
-- column parts_rejected: parts left out of loaded inputs; see rejects
-- column rows: rows of the day's inputs in all tables
-- column size_bytes: [B] size of the day's inputs; null where none has a size
-- column committed_at: when the last load of the day was published; UTC
CREATE OR REPLACE VIEW coverage AS
WITH days AS (    -- each input that was ever found, as it was last seen
  SELECT
    source, owner, day,
    count(*) AS found,
    count(*) FILTER (WHERE status = 'loaded') AS loaded,
    count(*) FILTER (WHERE status = 'unchanged') AS unchanged,
    count(*) FILTER (WHERE status = 'rejected') AS rejected,
    count(*) FILTER (WHERE status = 'superseded') AS superseded,
    coalesce(sum(rows), 0)::BIGINT AS rows,
    sum(size_bytes)::BIGINT AS size_bytes
  FROM inputs
  GROUP BY source, owner, day
),
parts AS (        -- what was left out of inputs that were loaded
  SELECT source, owner, day, count(*) AS parts_rejected
  FROM rejects
  WHERE part <> ''
  GROUP BY source, owner, day
),
runs AS (
  SELECT source, owner, day, max(committed_at) AS committed_at
  FROM loads
  GROUP BY source, owner, day
),
spans AS (
  SELECT source, owner, min(day) AS first_day, max(day) AS last_day
  FROM days
  GROUP BY source, owner
),
calendar AS (
  SELECT source, owner, unnest(range(first_day, last_day + 1, INTERVAL 1 DAY))::DATE AS day
  FROM spans
  WHERE first_day IS NOT NULL
),
gaps AS (
  SELECT * FROM calendar ANTI JOIN days USING (source, owner, day)
)
SELECT
  d.source, d.owner, d.day,
  false AS gap,
  d.found, d.loaded, d.unchanged, d.rejected, d.superseded,
  coalesce(p.parts_rejected, 0) AS parts_rejected,
  d.rows, d.size_bytes, r.committed_at
FROM days d
LEFT JOIN parts p ON p.source = d.source AND p.owner = d.owner AND p.day IS NOT DISTINCT FROM d.day
LEFT JOIN runs r ON r.source = d.source AND r.owner = d.owner AND r.day IS NOT DISTINCT FROM d.day
UNION ALL
SELECT source, owner, day, true, 0, 0, 0, 0, 0, 0, 0, NULL, NULL
FROM gaps
ORDER BY source, owner, day
