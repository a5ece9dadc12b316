"""Queries about many runs: the run of a job id, a comparison of two, a search, findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from iolake.reports import text
from iolake.reports.job import NoJob
from iolake.reports.job_facts import days_of, nearest
from iolake.reports.job_ids import Wanted, wanted_jobs
from iolake.reports.judgement import Row, amount, rows
from iolake.schemas.errors import PermanentError
from iolake.warehouse import Lake

_DAYS: Final = "($1::DATE IS NULL OR {0}date >= $1::DATE) AND ($2::DATE IS NULL OR {0}date < $2::DATE)"
_RUNS: Final = """
SELECT cluster, run_id, date, job_id, start_time FROM jobs
WHERE job_id = $1 AND ($2::VARCHAR IS NULL OR cluster = $2)
UNION ALL
SELECT DISTINCT cluster, run_id, run_date, job_id, job_start_time FROM logs_of_runs($2, NULL, NULL)
WHERE job_id = $1 AND known_by = 'logs'
ORDER BY start_time
"""
_FINDINGS: Final = f"""
WITH every AS (
  SELECT
    date, cluster || ' ' || job_id AS about, cluster, job_id, run_id, severity, code, subject, value, threshold, unit,
    file_system, target, neighbour, sentence, advice, reference
  FROM findings
  UNION ALL
  SELECT
    date, file_system AS about, NULL, NULL, NULL, severity, code, subject, value, threshold, unit,
    file_system, nullif(target, ''), NULL, sentence, advice, reference
  FROM file_system_findings
)
FROM every
WHERE {_DAYS.format("")}
  AND ($3::VARCHAR[] IS NULL OR list_contains($3, code)) AND ($4::VARCHAR[] IS NULL OR list_contains($4, severity))
ORDER BY date, list_position(['high', 'medium', 'low', 'info'], severity), code, about, run_id, target
LIMIT $5
"""
_FIRST_LOG: Final = f"""
SELECT greatest(min(start_time)::DATE, $1::DATE - 100) - 1 AS day FROM job_summary WHERE {_DAYS.format("")}
"""
"""The first day under which a log of the runs of a span can lie: each log lies under the day of its own end.

A start that is a mistake does not make it search the whole lake: no run lasts more than 100 days.
"""
_FIND: Final = f"""
WITH logs AS (
  SELECT r.cluster, r.run_id, r.run_date AS date, l.log_id, l.file_name, l.exe, l.exe_name, l.nprocs, l.start_time
  FROM logs_of_runs(NULL, $7, $2::DATE + 1) r
  JOIN darshan_logs l USING (cluster, date, log_id)
),
paths AS (
  SELECT DISTINCT cluster, date, log_id
  FROM application_io
  WHERE $5::VARCHAR IS NOT NULL
    AND ($7::DATE IS NULL OR date >= $7::DATE) AND ($2::DATE IS NULL OR date <= $2::DATE + 1)
    AND (starts_with(path, $5) OR path GLOB $5)
)
SELECT
  s.cluster, s.job_id, s.run_id, s.date, s.user_name, coalesce(l.exe_name, s.job_name) AS program, s.state,
  coalesce(l.start_time, s.start_time) AS start_time, s.end_time, coalesce(l.nprocs, s.nprocs) AS nprocs,
  l.log_id, l.file_name
FROM job_summary s
LEFT JOIN logs l ON l.cluster = s.cluster AND l.date = s.date AND l.run_id = s.run_id
WHERE {_DAYS.format("s.")}
  AND ($3::VARCHAR IS NULL OR s.user_name GLOB $3)
  AND ($4::VARCHAR IS NULL OR coalesce(l.exe_name, s.job_name) GLOB $4 OR l.exe GLOB $4)
  AND ($5::VARCHAR IS NULL OR l.log_id IN (SELECT log_id FROM paths))
ORDER BY s.cluster, s.date, s.start_time, s.job_id, s.run_id, l.start_time, l.log_id
LIMIT $6
"""
_LOGS: Final = """
SELECT list(l.log_id) AS log_ids, min(l.start_time) AS since, max(l.end_time) AS until
FROM logs_of_runs($1, $3, $4) r
JOIN darshan_logs l USING (cluster, date, log_id)
WHERE r.run_id = $2
"""
_MOVED: Final = """
SELECT
  round((epoch(ts) - epoch($3::TIMESTAMP)) / bin_s)::BIGINT AS bin,
  sum(read_bytes)::DOUBLE AS read, sum(write_bytes)::DOUBLE AS write
FROM job_activity($1, $2, $3::TIMESTAMP, $4::TIMESTAMP, bins := $5, rank_groups := 1)
GROUP BY bin
"""
_COMPARED: Final = """
WITH metrics AS (
  SELECT s.*, i.* EXCLUDE (cluster, run_id, job_id, date, read_bytes, write_bytes, nprocs, files, load_id),
    v.cause, v.culprit, v.lost_s, v.of_peers, exe_names[1] AS program
  FROM (FROM job_summary WHERE cluster = $1 AND date = $2::DATE AND run_id = $3) s
  LEFT JOIN (FROM job_io WHERE cluster = $1 AND date = $2::DATE AND run_id = $3) i USING (cluster, run_id)
  LEFT JOIN (FROM job_verdict WHERE cluster = $1 AND date = $2::DATE AND run_id = $3) v USING (cluster, run_id)
)
SELECT * FROM metrics
"""
_SHOWN: Final = (
    ("program", ""), ("job_name", ""), ("user_name", ""), ("state", ""), ("file_system", ""), ("nnodes", "nodes"),
    ("nprocs", "processes"), ("start_time", ""), ("wait_s", "s"), ("elapsed_s", "s"), ("cause", ""), ("culprit", ""),
    ("lost_s", "s"), ("performance_bytes_per_s", "B/s"), ("slowest_io_s", "s"), ("read_bytes", "B"),
    ("write_bytes", "B"), ("files", "files"), ("reads", ""), ("writes", ""), ("small_reads", ""), ("small_writes", ""),
    ("opens", ""), ("stats", ""), ("read_s", "s"), ("write_s", "s"), ("meta_s", "s"), ("osts_used", "targets"),
    ("largest_shared_osts", "targets"), ("mpiio_collective", ""), ("mpiio_independent", ""), ("share", ""),
    ("opens_share", ""), ("fs_read_bytes", "B"), ("fs_write_bytes", "B"), ("fs_seen_pct", "%"),
    ("fullest_ost", ""), ("fullest_ost_pct", "%"), ("overloaded_osts", "targets"),
)  # fmt: skip


class SeveralRuns(PermanentError):
    """A job id that is several runs, where one is needed."""

    def __init__(self, job: str, found: Sequence[Row]) -> None:
        self.job, self.found = job, found
        names = ", ".join(f"{run['run_id']} on {run['cluster']}" for run in found[:5])
        super().__init__(f"{job} is {len(found)} runs: {names}; write the run's id, or name its --cluster")


def the_run(lake: Lake, job: str, cluster: str | None = None) -> Row:
    """The one run that a job id, in any form, or a run_id means: cluster, run_id, date, job_id.

    NoJob where the lake has none, SeveralRuns where it has more than one.
    """
    head, dot, rest = job.partition(".")
    by_run = bool(dot) and head.isdecimal() and rest[:1].isdigit() | rest.startswith("logs.")
    wanted = [Wanted(int(head), frozenset({job}))] if by_run else wanted_jobs(lake, job, cluster)
    found = [
        run
        for one in wanted
        if one.job_id < 1 << 63
        for run in rows(lake, _RUNS, one.job_id, cluster)
        if one.run_ids is None or run["run_id"] in one.run_ids
    ]
    if not found:
        job_id = min(wanted[0].job_id, (1 << 63) - 1)
        raise NoJob(wanted[0].job_id, cluster, nearest(lake, job_id, cluster))
    if len(found) > 1:
        raise SeveralRuns(job, found)
    return found[0]


def findings(
    lake: Lake,
    since: date | None = None,
    until: date | None = None,
    codes: Sequence[str] = (),
    severities: Sequence[str] = (),
    limit: int = 1000,
) -> list[Row]:
    """Findings of runs that ended, and of file systems, in [since, until), at most `limit`; of all codes by default.

    A finding of a file system and day has null in cluster, job_id and run_id.
    """
    return rows(lake, _FINDINGS, since, until, list(codes) or None, list(severities) or None, limit)


def find(
    lake: Lake,
    user: str | None = None,
    program: str | None = None,
    path: str | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int = 1000,
) -> list[Row]:
    """Darshan logs, and runs without logs, of the runs that ended in [since, until): one row a log, or a run without.

    `user` and `program` are names or glob patterns; `path` is the beginning of a path that the log names, or a pattern.
    """
    first_log = rows(lake, _FIRST_LOG, since, until)[0]["day"] if since else None
    return rows(lake, _FIND, since, until, user, program, path, limit, min(first_log, since) if first_log else since)


def periods_of(lake: Lake, run: Row, bins: int) -> pl.DataFrame:
    """The period of a run's reads, writes and both, over its logs' time in `bins` parts: one row each, see `periods`.

    AnalysisError where no Darshan log of the run tells when it moved bytes.
    """
    from iolake.analysis import periods
    from iolake.analysis.errors import AnalysisError

    logs = rows(lake, _LOGS, run["cluster"], run["run_id"], *days_of(run))[0]
    if not logs["log_ids"] or logs["since"] is None or logs["until"] <= logs["since"]:
        raise AnalysisError(f"job {run['job_id']}: no Darshan log tells when it moved bytes")
    moved = lake.sql(_MOVED, [run["cluster"], logs["log_ids"], logs["since"], logs["until"], bins]).pl()
    step = (logs["until"] - logs["since"]).total_seconds() / bins
    every = pl.DataFrame({"bin": range(bins)}, schema={"bin": pl.Int64}).join(moved, "bin", how="left").fill_null(0.0)
    series = every.with_columns(at=pl.col("bin") * step, both=pl.col("read") + pl.col("write"))
    found = [(way, periods(series, "at", way)) for way in ("read", "write", "both")]
    return pl.concat([one.insert_column(0, pl.Series("moved", [way])) for way, one in found])


def compare(lake: Lake, one: Row, other: Row) -> list[Row]:
    """Two runs metric by metric: metric, unit, both values, and `ratio`, the other's number over the first's."""
    sides = [rows(lake, _COMPARED, run["cluster"], run["date"], run["run_id"]) for run in (one, other)]
    first, second = (side[0] if side else {} for side in sides)
    found = []
    for metric, unit in _SHOWN:
        a, b = first.get(metric), second.get(metric)
        if a is None and b is None:
            continue
        ratio = b / a if isinstance(a, (int, float)) and isinstance(b, (int, float)) and a else None
        found.append({"metric": metric, "unit": unit, "one": a, "other": b, "ratio": ratio})
    return found


def compare_page(one: Row, other: Row, differences: Sequence[Row]) -> str:
    """The two runs side by side; a mark stands beside numbers that differ by half or more."""
    lines = [("", *(f"{run['job_id']} on {run['cluster']}" for run in (one, other)), "", "")]
    for row in differences:
        ratio = row["ratio"]
        far = ratio is not None and not 2 / 3 <= ratio <= 1.5
        shown = "" if ratio is None else f"{ratio:.3g} times"
        lines.append((row["metric"], *(_shown(row[side], row["unit"]) for side in ("one", "other")), shown, "*" * far))
    return "\n".join(text.columns(lines, [1, 2, 3]))


def _shown(value: Any, unit: str) -> str:
    if value is None:
        return text.UNKNOWN
    return amount(value, unit) if isinstance(value, (int, float)) else str(value)
