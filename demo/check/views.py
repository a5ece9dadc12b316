"""The lake's views over its tables: which run wrote a log, what a run moved, what a file system did meanwhile."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import duckdb

from iolake.demo.check.compare import compare
from iolake.demo.check.jobs import logs_to_find
from iolake.demo.formats.flux import FRACTION_S
from iolake.demo.servers import Faults, Moved
from iolake.demo.truth import JobTruth, Truth


def view_differences(con: duckdb.DuckDBPyConnection, truth: Truth, *, late: bool) -> list[str]:
    """What the views show wrongly."""
    return [*_runs(con, truth), *_runs_of_logs(con, truth, late=late), *_meanwhile(con, truth)]


def _runs(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute("""
        SELECT cluster, job_id, epoch(submit_time)::BIGINT, epoch(start_time)::BIGINT, epoch(end_time)::BIGINT, nnodes
        FROM jobs""").fetchall()
    happened = [
        (job["cluster"], job["job_id"], job["submit"], job["start"], job["end"], len(job["nodes"]))
        for job in truth.jobs
        if job["end"] is not None
    ]
    return compare("jobs, one row a run", happened, shown)


def _runs_of_logs(con: duckdb.DuckDBPyConnection, truth: Truth, *, late: bool) -> list[str]:
    """Each log belongs to the run that wrote it, whoever else had its id; a run's bytes are its logs'."""
    logs = [(log, (log["cluster"], log["job_id"], log["job_start"])) for log in logs_to_find(truth, late=late)]
    shown = con.execute("""
        SELECT file_name, d.cluster, d.job_id, epoch(job_start_time)::BIGINT
        FROM job_darshan d JOIN darshan_logs USING (cluster, log_id)""").fetchall()
    lines = compare("runs of logs", [(PurePosixPath(log["path"]).name, *whose) for log, whose in logs], shown)

    moved: Counter[tuple[str, int, int, str, str]] = Counter()
    for log, whose in logs:
        for file in log["files"]:
            if file["file_system"] is not None:
                moved[*whose, file["file_system"], "read"] += file["read_bytes"]
                moved[*whose, file["file_system"], "written"] += file["write_bytes"]
    shown = con.execute("""
        SELECT cluster, f.job_id, epoch(start_time)::BIGINT, file_system, read_bytes, write_bytes
        FROM job_file_systems f JOIN jobs USING (cluster, run_id)""").fetchall()
    happened = [(*key, moved[*key, "read"], moved[*key, "written"]) for key in {key[:4] for key in moved}]
    return [*lines, *compare("bytes of runs by file system", happened, shown)]


def _meanwhile(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """What a file system did in each run's whole steps, where monitoring missed nothing of them."""
    shown = con.execute("""
        SELECT cluster, w.job_id, epoch(start_time)::BIGINT, file_system, read_bytes::BIGINT, write_bytes::BIGINT
        FROM lustre_during('job_windows', pro_rate := false) w JOIN jobs USING (cluster, run_id)""").fetchall()
    runs = {(job["cluster"], job["job_id"], job["start"]): job for job in truth.jobs}
    happened = []
    compared = []
    for cluster, job_id, start, name, *sums in shown:
        seen, faults = truth.moved(name)
        window = _whole_steps(runs[cluster, job_id, start], seen, faults)
        if window is not None:
            key = cluster, job_id, start, name
            happened.append((*key, int(seen.read[window].sum()), int(seen.written[window].sum())))
            compared.append((*key, *sums))
    return compare("bytes of file systems during jobs", happened, compared)


def _whole_steps(job: JobTruth, seen: Moved, faults: Faults) -> slice | None:
    """The steps that a run touches; None where a sample of them or next to them is missing, or a counter was reset."""
    assert job["start"] is not None and job["end"] is not None, "a run with a window has begun and ended"
    later = FRACTION_S if job["scheduler"] == "flux" else 0
    begin, end = seen.steps_of((job["start"] + later, job["end"] + later))
    disturbed = faults.missing[max(0, begin - 1) : end + 2].any()
    return None if disturbed or any(begin <= reset.step < end for reset in faults.resets) else slice(begin, end)
