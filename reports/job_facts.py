"""Queries for the job page: each asks the lake in SQL, and returns dicts by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from iolake.reports.judgement import Row, rows
from iolake.warehouse import Lake

_TIMELINE_BINS = 60

_RUNS = """
SELECT * FROM jobs
WHERE job_id = $1 AND ($2::VARCHAR IS NULL OR cluster = $2)
ORDER BY coalesce(start_time, submit_time), cluster, restart
"""
_UNFINISHED = """
SELECT * FROM jobs_running
WHERE job_id = $1 AND ($2::VARCHAR IS NULL OR cluster = $2)
ORDER BY cluster
"""
_STEPS = """
SELECT count(DISTINCT step_id) AS steps, max(end_time) AS end_time, arg_max(step_id, end_time) AS last_step
FROM slurm_steps
WHERE cluster = $1 AND run_id = $2 AND job_id = $3 AND date BETWEEN $4 AND $5
"""
_LOGS_OF_RUN = """
SELECT log_id, date FROM logs_of_runs($1, $4, $5)
WHERE run_id = $2 AND job_id = $3
"""
_LOGS_OF_NO_RUN = """
SELECT cluster, log_id, date, log_start_time AS start_time, log_end_time AS end_time
FROM job_darshan
WHERE job_id = $1 AND ($2::VARCHAR IS NULL OR cluster = $2) AND known_by = 'logs'
ORDER BY cluster, start_time
"""
_LOGS = """
WITH posix AS (
  SELECT log_id, sum(POSIX_BYTES_READ) AS read_bytes, sum(POSIX_BYTES_WRITTEN) AS write_bytes,
    count(DISTINCT record_id) AS files
  FROM darshan_posix WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5 GROUP BY log_id
),
mpiio AS (
  SELECT log_id, sum(MPIIO_BYTES_READ) AS read_bytes, sum(MPIIO_BYTES_WRITTEN) AS write_bytes,
    count(DISTINCT record_id) AS files
  FROM darshan_mpiio WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5 GROUP BY log_id
),
stdio AS (
  SELECT log_id, sum(STDIO_BYTES_READ) AS read_bytes, sum(STDIO_BYTES_WRITTEN) AS write_bytes,
    count(DISTINCT record_id) AS files
  FROM darshan_stdio WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5 GROUP BY log_id
),
dfs AS (
  SELECT log_id, sum(DFS_BYTES_READ) AS read_bytes, sum(DFS_BYTES_WRITTEN) AS write_bytes,
    count(DISTINCT record_id) AS files
  FROM darshan_dfs WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5 GROUP BY log_id
),
daos AS (
  SELECT log_id, sum(DAOS_BYTES_READ) AS read_bytes, sum(DAOS_BYTES_WRITTEN) AS write_bytes,
    count(DISTINCT record_id) AS files
  FROM darshan_daos WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5 GROUP BY log_id
)
SELECT
  l.*,
  CASE WHEN posix.files > 0 THEN posix END AS posix,
  CASE WHEN mpiio.files > 0 THEN mpiio END AS mpiio,
  CASE WHEN stdio.files > 0 THEN stdio END AS stdio,
  CASE WHEN dfs.files > 0 THEN dfs END AS dfs,
  CASE WHEN daos.files > 0 THEN daos END AS daos
FROM darshan_logs l
LEFT JOIN posix USING (log_id)
LEFT JOIN mpiio USING (log_id)
LEFT JOIN stdio USING (log_id)
LEFT JOIN dfs USING (log_id)
LEFT JOIN daos USING (log_id)
WHERE l.cluster = $1 AND l.job_id = $2 AND l.date BETWEEN $4 AND $5 AND list_contains($3, l.log_id)
ORDER BY l.start_time, l.log_id
"""
_TOUCHED = """
WITH records AS (
  SELECT log_id, path, file_system, mount_point, POSIX_BYTES_READ AS read_bytes, POSIX_BYTES_WRITTEN AS write_bytes,
    'no mount' AS elsewhere
  FROM darshan_posix WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5
  UNION ALL
  SELECT log_id, path, file_system, mount_point, STDIO_BYTES_READ, STDIO_BYTES_WRITTEN, 'no mount'
  FROM darshan_stdio WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5
  UNION ALL
  SELECT log_id, path, file_system, mount_point, DFS_BYTES_READ, DFS_BYTES_WRITTEN, 'DAOS'
  FROM darshan_dfs WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5
),
placed AS (
  SELECT *, CASE WHEN path LIKE '<STD%>' THEN 'standard streams' ELSE coalesce(mount_point, elsewhere) END AS place
  FROM records
)
SELECT
  file_system,
  list_sort(list(DISTINCT place)) AS places,
  try_cast(sum(read_bytes) AS BIGINT) AS read_bytes, try_cast(sum(write_bytes) AS BIGINT) AS write_bytes
FROM placed
WHERE list_contains($3, log_id)
GROUP BY file_system
ORDER BY coalesce(sum(read_bytes), 0) + coalesce(sum(write_bytes), 0) DESC, file_system
"""
_STRIPES = """
SELECT file_system, list_sort(list(DISTINCT ost)) AS osts
FROM (
  SELECT file_system, unnest(osts) AS ost FROM darshan_lustre
  WHERE cluster = $1 AND job_id = $2 AND date BETWEEN $4 AND $5
    AND list_contains($3, log_id) AND file_system IS NOT NULL
)
GROUP BY file_system
"""
_MEANWHILE = """
SELECT * FROM job_file_system
WHERE cluster = $1 AND run_id = $2 AND job_id = $3 AND date = $4
ORDER BY file_system
"""
_TIMELINE = """
WITH rows_of_window AS (
  SELECT ts, interval_s, read_bytes, write_bytes FROM lustre_fs
  WHERE file_system = $1 AND ts < $3::TIMESTAMP AND epoch(ts - $2::TIMESTAMP) + interval_s > 0
    AND date BETWEEN $2::TIMESTAMP::DATE - 1 AND $3::TIMESTAMP::DATE
),
width AS (
  SELECT greatest(median(interval_s), epoch($3::TIMESTAMP - $2::TIMESTAMP) / $4) AS s FROM rows_of_window
)
SELECT
  greatest(0, floor(epoch(ts - $2::TIMESTAMP) / s))::INT AS bin, any_value(s) AS width_s,
  sum(read_bytes) / sum(interval_s) FILTER (read_bytes IS NOT NULL) AS read_rate,
  sum(write_bytes) / sum(interval_s) FILTER (write_bytes IS NOT NULL) AS write_rate,
  max(read_bytes / interval_s) AS read_peak, max(write_bytes / interval_s) AS write_peak
FROM rows_of_window, width
GROUP BY bin
ORDER BY bin
"""
_SNAPSHOT = """
WITH near AS (
  SELECT ts FROM {view}
  WHERE file_system = $1
    AND ts BETWEEN $2::TIMESTAMP - INTERVAL 1 DAY AND $2::TIMESTAMP + INTERVAL 1 DAY
    AND date BETWEEN $2::TIMESTAMP::DATE - 1 AND $2::TIMESTAMP::DATE + 1
)
SELECT * FROM {view}
WHERE file_system = $1
  AND ts = (SELECT coalesce(max(ts) FILTER (WHERE ts <= $2::TIMESTAMP), min(ts)) FROM near)
"""
_OSTS = """
SELECT target, 100 * (used_bytes / total_bytes) AS used_pct FROM lustre_df
WHERE file_system = $1 AND ts = $2 AND role = 'ost' AND date = $2::TIMESTAMP::DATE
ORDER BY target
"""
_NEAREST = """
SELECT DISTINCT job_id FROM (SELECT cluster, job_id FROM jobs UNION SELECT cluster, job_id FROM darshan_logs)
WHERE job_id IS NOT NULL AND ($2::VARCHAR IS NULL OR cluster = $2)
ORDER BY levenshtein(job_id::VARCHAR, $1::BIGINT::VARCHAR), abs(job_id - $1), job_id
LIMIT 3
"""


@dataclass(frozen=True)
class Logs:
    """Darshan logs of a job: `found` has the log_id of each, and the date that it lies under."""

    cluster: str
    job_id: int
    found: Sequence[Row]

    @property
    def key(self) -> tuple[Any, ...]:
        """What the questions about logs bind: cluster, job, log ids, first and last day."""
        days = [log["date"] for log in self.found]
        ids = [log["log_id"] for log in self.found]
        return self.cluster, self.job_id, ids, min(days, default=None), max(days, default=None)


@dataclass(frozen=True)
class Timeline:
    """A file system's bandwidth over a window in bins of `width_s`: bytes a second, None where nobody looked."""

    width_s: float
    read: Sequence[float | None]
    write: Sequence[float | None]
    read_peak: float | None
    write_peak: float | None


def runs(lake: Lake, job_id: int, cluster: str | None) -> list[Row]:
    """Every run of a job id that has ended, in order of time."""
    return rows(lake, _RUNS, job_id, cluster)


def unfinished(lake: Lake, job_id: int, cluster: str | None) -> list[Row]:
    """Jobs of that id that were waiting or running when their source was last read."""
    return rows(lake, _UNFINISHED, job_id, cluster)


def stray_logs(lake: Lake, job_id: int, cluster: str | None) -> list[Row]:
    """Darshan logs of that id that belong to no run which the lake knows."""
    return rows(lake, _LOGS_OF_NO_RUN, job_id, cluster)


def nearest(lake: Lake, job_id: int, cluster: str | None) -> list[int]:
    """The job ids of the lake, or of one cluster, that look most like one that it does not have."""
    return [row["job_id"] for row in rows(lake, _NEAREST, job_id, cluster)]


def steps(lake: Lake, run: Row) -> Row:
    """How many steps a run had, and which ended last."""
    return rows(lake, _STEPS, run["cluster"], run["run_id"], run["job_id"], *days_of(run))[0]


def logs_of(lake: Lake, run: Row) -> Logs:
    """The Darshan logs of a run that has started."""
    found = rows(lake, _LOGS_OF_RUN, run["cluster"], run["run_id"], run["job_id"], *days_of(run))
    return Logs(run["cluster"], run["job_id"], found)


def logs(lake: Lake, wanted: Logs) -> list[Row]:
    """Logs with what each interface did: `posix`, `mpiio`, `stdio` hold read_bytes, write_bytes and files, or None."""
    return rows(lake, _LOGS, *wanted.key)


def touched(lake: Lake, wanted: Logs) -> list[Row]:
    """Bytes by file system, None for paths of no file system of the site; the busiest first."""
    return rows(lake, _TOUCHED, *wanted.key)


def stripes(lake: Lake, wanted: Logs) -> dict[str, list[int]]:
    """The indices of the targets that the files of the logs lie on, by file system."""
    return {row["file_system"]: row["osts"] for row in rows(lake, _STRIPES, *wanted.key)}


def meanwhile(lake: Lake, run: Row) -> dict[str, Row]:
    """What each file system's servers saw while a run ran, by file system."""
    key = run["cluster"], run["run_id"], run["job_id"], run["date"]
    return {row["file_system"]: row for row in rows(lake, _MEANWHILE, *key)}


def timeline(lake: Lake, file_system: str, since: datetime, until: datetime) -> Timeline | None:
    """A file system's bandwidth over [since, until) in at most 60 bins; None where the lake has nothing of it."""
    bins = rows(lake, _TIMELINE, file_system, since, until, _TIMELINE_BINS)
    if not bins:
        return None
    width = bins[0]["width_s"]
    found = {row["bin"]: row for row in bins}
    count = max(-int(-(until - since).total_seconds() // width), 1)
    places = [found.get(k, {}) for k in range(count)]
    return Timeline(
        width,
        [p.get("read_rate") for p in places],
        [p.get("write_rate") for p in places],
        max((b["read_peak"] for b in bins if b["read_peak"] is not None), default=None),
        max((b["write_peak"] for b in bins if b["write_peak"] is not None), default=None),
    )


def fullness(lake: Lake, file_system: str, at: datetime) -> Row | None:
    """The last `lfs df` up to a time, else the first after it, a day away at most."""
    return next(iter(rows(lake, _SNAPSHOT.format(view="ost_fullness"), file_system, at)), None)


def failover(lake: Lake, file_system: str, at: datetime) -> Row | None:
    """The servers of the targets in the last snapshot up to a time, else the first after it, at most a day away."""
    return next(iter(rows(lake, _SNAPSHOT.format(view="ost_failover"), file_system, at)), None)


def osts(lake: Lake, file_system: str, snapshot: datetime) -> list[tuple[str, float | None]]:
    """(target, share of it that is used, %) of each object storage target in a snapshot."""
    return [(row["target"], row["used_pct"]) for row in rows(lake, _OSTS, file_system, snapshot)]


def days_around(since: datetime, until: datetime) -> tuple[str, str]:
    """The days [since, until) for `iolake ingest` that hold a time span in any zone."""
    first, last = since - timedelta(hours=12), until + timedelta(hours=14)
    return f"{first:%Y-%m-%d}", f"{last + timedelta(days=1):%Y-%m-%d}"


def days_of(run: Row) -> tuple[date, date]:
    """The first and the last UTC day under which a run's logs and steps lie: each under the day of its own end.

    A day before the run's start and a day after its end allow for clocks that differ.
    """
    since = run["start_time"].date() if run["start_time"] else run["date"]
    return min(since, run["date"]) - timedelta(days=1), run["date"] + timedelta(days=1)
