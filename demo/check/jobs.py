"""Checks the lake's jobs, steps, logs and files against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import duckdb

from iolake.demo.check.compare import compare
from iolake.demo.formats.darshan import record_id
from iolake.demo.logs import HEAT_RANKS
from iolake.demo.truth import FileTruth, JobTruth, LogTruth, Truth

_MODULES = {"POSIX": "darshan_posix", "MPIIO": "darshan_mpiio", "STDIO": "darshan_stdio"}


def job_differences(con: duckdb.DuckDBPyConnection, truth: Truth, *, late: bool) -> list[str]:
    """The differences between the job-side tables and the truth."""
    logs = logs_to_find(truth, late=late)
    return [
        *_allocations(con, truth),
        *_steps(con, truth),
        *_running(con, truth),
        *_logs(con, logs),
        *_files(con, logs),
        *_layouts(con, logs),
        *_spread_in_time(con, logs),
        *_bytes_of_jobs(con, truth, logs),
        *_rejects(con, truth),
    ]


def logs_to_find(truth: Truth, *, late: bool) -> list[LogTruth]:
    """The logs that can be read, those that come late among them if they were delivered."""
    return [log for log in truth.logs if log["fate"] != "truncated" and (late or log["fate"] != "late")]


def _allocations(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Every run. The files of two days may list a run over midnight, each of them once."""
    shown = con.execute("""
        SELECT cluster, job_id, epoch(submit_time)::BIGINT, epoch(start_time)::BIGINT, epoch(end_time)::BIGINT,
            split_part(state, ' ', 1), job_name, user_name, account, nnodes, coalesce(array_to_string(nodes, ' '), ''),
            array_job_id, array_task_id, het_job_id, het_offset, time_ambiguous, count(*) - count(DISTINCT input_id)
        FROM slurm_jobs GROUP BY ALL""").fetchall()
    happened = [
        (
            *(job["cluster"], job["job_id"], job["submit"], job["start"], job["end"], job["state"].split()[0]),
            *(job["name"], job["user"], job["account"], len(job["nodes"]), " ".join(job["nodes"])),
            *_parts(job["shown_id"], "_"),
            *_parts(job["shown_id"], "+"),
            job["doubtful"],
            0,
        )
        for job in _of_slurm(truth)
        if job["end"] is not None
    ]
    return compare("jobs", happened, shown)


def _of_slurm(truth: Truth) -> list[JobTruth]:
    return [job for job in truth.jobs if job["scheduler"] == "slurm"]


def _parts(shown_id: str, mark: str) -> tuple[int | None, int | None]:
    before, found, after = shown_id.partition(mark)
    return (int(before), int(after)) if found else (None, None)


def _steps(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute("""
        SELECT cluster, job_id, epoch(submit_time)::BIGINT, step_id, epoch(start_time)::BIGINT, epoch(end_time)::BIGINT,
            ntasks, count(*) - count(DISTINCT input_id)
        FROM slurm_steps GROUP BY ALL""").fetchall()
    happened: list[tuple[object, ...]] = []
    for job in _of_slurm(truth):
        if job["start"] is None or job["end"] is None:
            continue
        whose = job["cluster"], job["job_id"], job["submit"]
        happened += [(*whose, step, job["start"], job["end"], 1, 0) for step in ("batch", "extern")]
        happened += [(*whose, str(number), *step, 0) for number, step in enumerate(job["steps"])]
    return compare("steps", happened, shown)


def _running(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute("""
        SELECT cluster, job_id FROM slurm_running
        WHERE (cluster, job_id) NOT IN (SELECT (cluster, job_id) FROM slurm_jobs)""").fetchall()
    running = [(job["cluster"], job["job_id"]) for job in _of_slurm(truth) if job["state"] == "RUNNING"]
    return compare("running jobs", running, shown)


def _logs(con: duckdb.DuckDBPyConnection, logs: list[LogTruth]) -> list[str]:
    shown = con.execute("""
        SELECT cluster, file_name, job_id, nprocs, epoch_us(start_time), epoch_us(end_time), exe_name
        FROM darshan_logs""").fetchall()
    happened = [
        (
            *(log["cluster"], _name(log), log["job_id"], log["nprocs"]),
            *(_microseconds(at) for at in (log["start"], log["end"])),
            PurePosixPath(log["exe"]).name,
        )
        for log in logs
    ]
    return compare("logs", happened, shown)


def _microseconds(at: float) -> int:
    """A time as a log has it: whole nanoseconds, cut to microseconds."""
    return int(at) * 1_000_000 + int((at - int(at)) * 1e9) // 1000


def _name(log: LogTruth) -> str:
    return PurePosixPath(log["path"]).name


def _files(con: duckdb.DuckDBPyConnection, logs: list[LogTruth]) -> list[str]:
    lines = []
    for module, table in _MODULES.items():
        shown = con.execute(f"""
            SELECT file_name, record_id, path, coalesce(r.rank, -1), file_system,
                {module}_BYTES_READ, {module}_BYTES_WRITTEN
            FROM {table} r JOIN darshan_logs l USING (cluster, log_id)""").fetchall()
        happened = [
            (
                *(_name(log), record_id(file["path"]), file["path"], file["rank"], file["file_system"]),
                *(file["read_bytes"], file["write_bytes"]),
            )
            for log in logs
            for file in log["files"]
            if module in _passed(file)
        ]
        lines += compare(f"files in {table}", happened, shown)
    return lines


def _passed(file: FileTruth) -> tuple[str, ...]:
    return {"POSIX": ("POSIX",), "MPI-IO": ("MPIIO", "POSIX"), "STDIO": ("STDIO",)}[file["interface"]]


def _layouts(con: duckdb.DuckDBPyConnection, logs: list[LogTruth]) -> list[str]:
    shown = con.execute("""
        SELECT file_name, path, stripe_size, stripe_count, array_to_string(osts, ' ')
        FROM darshan_lustre JOIN darshan_logs USING (cluster, log_id)""").fetchall()
    happened = [
        (_name(log), file["path"], file["stripe_size"], len(file["osts"]), " ".join(map(str, file["osts"])))
        for log in logs
        for file in log["files"]
        if file["osts"] is not None
    ]
    return compare("layouts", happened, shown)


def _spread_in_time(con: duckdb.DuckDBPyConnection, logs: list[LogTruth]) -> list[str]:
    """Heat maps and traces add up to the bytes of their log and library."""
    shown = con.execute("""
        SELECT file_name, 'heatmap', replace(module, 'heatmap:', ''), sum(read_bytes)::BIGINT, sum(write_bytes)::BIGINT
        FROM darshan_heatmap JOIN darshan_logs USING (cluster, log_id) GROUP BY ALL
        UNION ALL
        SELECT file_name, 'trace', 'POSIX', coalesce(sum(length) FILTER (operation = 'read'), 0)::BIGINT,
            coalesce(sum(length) FILTER (operation = 'write'), 0)::BIGINT
        FROM darshan_dxt JOIN darshan_logs USING (cluster, log_id) GROUP BY ALL""").fetchall()
    happened: list[tuple[object, ...]] = []
    for log in logs:
        for module in _MODULES:
            files = [file for file in log["files"] if module in _passed(file)]
            sums = sum(file["read_bytes"] for file in files), sum(file["write_bytes"] for file in files)
            if any(sums) and log["nprocs"] <= HEAT_RANKS:
                happened.append((_name(log), "heatmap", module, *sums))
            if any(sums) and log["traced"] and module == "POSIX":
                happened.append((_name(log), "trace", module, *sums))
    return compare("heat maps and traces", happened, shown)


def _bytes_of_jobs(con: duckdb.DuckDBPyConnection, truth: Truth, logs: list[LogTruth]) -> list[str]:
    """Bytes of each run of a job on each file system, its logs found by cluster, id and the run's time."""
    shown = con.execute("""
        WITH moved AS (
            SELECT cluster, log_id, file_system, POSIX_BYTES_READ AS r, POSIX_BYTES_WRITTEN AS w FROM darshan_posix
            UNION ALL
            SELECT cluster, log_id, file_system, STDIO_BYTES_READ, STDIO_BYTES_WRITTEN FROM darshan_stdio)
        SELECT j.cluster, j.job_id, epoch(j.submit_time)::BIGINT, file_system, sum(r)::BIGINT, sum(w)::BIGINT
        FROM (SELECT DISTINCT cluster, job_id, submit_time, start_time, end_time FROM slurm_jobs) j
        JOIN darshan_logs l ON l.cluster = j.cluster AND l.job_id = j.job_id
            AND l.start_time BETWEEN j.start_time AND j.end_time
        JOIN moved m ON m.cluster = l.cluster AND m.log_id = l.log_id
        WHERE file_system IS NOT NULL GROUP BY ALL""").fetchall()
    submit = {(job["cluster"], job["job_id"], job["start"]): job["submit"] for job in _of_slurm(truth)}
    sums: Counter[tuple[str, int, int, str, str]] = Counter()
    for log in (log for log in logs if (log["cluster"], log["job_id"], log["job_start"]) in submit):
        whose = log["cluster"], log["job_id"], submit[log["cluster"], log["job_id"], log["job_start"]]
        for file in log["files"]:
            if file["file_system"] is not None:
                sums[*whose, file["file_system"], "read"] += file["read_bytes"]
                sums[*whose, file["file_system"], "written"] += file["write_bytes"]
    keys = {key[:4] for key in sums}
    return compare("bytes of jobs", [(*key, sums[*key, "read"], sums[*key, "written"]) for key in keys], shown)


def _rejects(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    found = con.execute("SELECT uri FROM inputs WHERE status = 'rejected'").fetchall()
    return compare("rejected inputs", [(PurePosixPath(path).name,) for path in truth.rejects], _names(found))


def _names(uris: list[tuple[str]]) -> Iterator[tuple[str]]:
    for (uri,) in uris:
        yield (PurePosixPath(uri).name,)
