"""Joins on the keys that the dictionary names find what happened at the demo's centre."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

import pytest

from iolake import schemas
from iolake.demo.truth import FileTruth, LogTruth, Truth
from iolake.warehouse.lake import Lake

Found = set[tuple[Any, ...]]
TOUCHES: dict[str, Callable[[FileTruth], bool]] = {
    "darshan_posix": lambda f: f["interface"] in {"POSIX", "MPI-IO"},
    "darshan_mpiio": lambda f: f["interface"] == "MPI-IO",
    "darshan_stdio": lambda f: f["interface"] == "STDIO",
    "darshan_lustre": lambda f: f["osts"] is not None,
}
"""Which files of a log have a record in a table."""


def logs_of(truth: Truth) -> list[LogTruth]:
    """The logs that are in the lake: whole ones that arrived in time."""
    return [log for log in truth.logs if log["fate"] not in {"truncated", "late"}]


def runs(truth: Truth) -> dict[str, Found]:
    """(cluster, job id, start) of the runs that each table of runs has, by the truth."""
    ended = [j for j in truth.jobs if j["end"] is not None]
    logged = {(log["cluster"], log["job_id"], log["job_start"]) for log in logs_of(truth)}
    slurm, others = (
        {(j["cluster"], j["job_id"], j["start"]) for j in ended if (j["scheduler"] == "slurm") is is_slurm}
        for is_slurm in (True, False)
    )
    every: Found = {*slurm, *others}
    return dict.fromkeys(("jobs", "job_summary", "job_verdict"), every) | {
        "slurm_jobs": {*slurm},
        "other_jobs": {*others},
        "slurm_steps": {run for run in slurm if run[2] is not None},
        "job_io": {*logged},
        "job_darshan": {*logged},
    }


def logs(truth: Truth) -> dict[str, Found]:
    """(cluster, file name) of the logs that each table of logs has, by the truth."""
    found = {t: {_log(log) for log in logs_of(truth) if any(map(has, log["files"]))} for t, has in TOUCHES.items()}
    every: Found = {_log(log) for log in logs_of(truth)}
    return found | dict.fromkeys(("darshan_logs", "darshan_mounts", "job_darshan"), every)


def records(truth: Truth) -> dict[str, Found]:
    """(cluster, file name, path, rank) of the files that each table of records has, by the truth."""
    return {
        t: {(*_log(log), f["path"], f["rank"]) for log in logs_of(truth) for f in log["files"] if has(f)}
        for t, has in TOUCHES.items()
    }


def _log(log: LogTruth) -> tuple[str, str]:
    return log["cluster"], PurePosixPath(log["path"]).name


@pytest.mark.parametrize(
    ("happened", "keys", "named"),
    [
        (runs, "cluster, run_id", "SELECT cluster, job_id, epoch(start_time)::BIGINT FROM pairs JOIN jobs"),
        (logs, "cluster, log_id", "SELECT cluster, file_name FROM pairs JOIN darshan_logs"),
        (
            records,
            "cluster, log_id, record_id, rank, copy",
            "SELECT p.cluster, file_name, path, p.rank FROM pairs p JOIN darshan_logs USING (cluster, log_id) JOIN "
            "(SELECT cluster, log_id, record_id, path FROM darshan_posix UNION "
            "SELECT cluster, log_id, record_id, path FROM darshan_stdio)",
        ),
    ],
)
def test_every_pair_of_tables_joins_on_its_keys_and_finds_what_happened(
    small_centre: tuple[Truth, Lake], happened: Callable[[Truth], dict[str, Found]], keys: str, named: str
) -> None:
    """The join finds each run, log or record that both tables have by the truth, once, and no other."""
    truth, lake = small_centre
    expected = happened(truth)
    using = "cluster, log_id, record_id" if "record_id" in keys else keys
    for one, other in combinations(sorted(expected), 2):
        query = f"WITH pairs AS (SELECT DISTINCT {keys} FROM {one} JOIN {other} USING ({keys})) {named} USING ({using})"
        rows = lake.sql(query).fetchall()
        assert {*rows} == expected[one] & expected[other], (one, other)
        assert len(rows) == len({*rows}), (one, other)


def test_hours_of_marts_join_the_intervals_that_begin_them(small_centre: tuple[Truth, Lake]) -> None:
    truth, lake = small_centre
    for raw, mart, keys in (
        ("lustre_fs", "file_system_hour", "file_system, ts"),
        ("lustre_ost", "ost_hour", "file_system, ost, ts"),
    ):
        rows = lake.sql(f"SELECT DISTINCT file_system FROM {raw} JOIN {mart} USING ({keys})").fetchall()
        scale = {truth.world.scale.name} if raw == "lustre_fs" else set()
        assert {row[0] for row in rows} == {fs.name for fs in truth.world.file_systems} | scale


def test_no_key_holds_a_null(small_centre: tuple[Truth, Lake]) -> None:
    """A join would silently drop a row with a null key."""
    _, lake = small_centre
    held = {row[0] for row in lake.sql("SELECT DISTINCT table_name FROM files").fetchall()}
    for name in sorted(held):
        keys = [k.name for k in schemas.tables()[name].keys]
        nulls = lake.sql(f"SELECT {', '.join(f'count(*) - count({key})' for key in keys)} FROM {name}").fetchall()
        assert dict(zip(keys, nulls[0], strict=True)) == dict.fromkeys(keys, 0), name
