"""What each run of a job was: the scheduler's, the application's and the servers' words side by side."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake
from tests.conftest import Fill

START = datetime(2026, 1, 1, 12)
DAY = date(2026, 1, 1)
MINUTE = timedelta(minutes=1)


def job(job_id: int = 1, start: datetime | None = START, minutes: int = 10, **more: object) -> dict[str, Any]:
    submit = (start or START) - MINUTE
    end = (start or START) + minutes * MINUTE
    at = {"cluster": "edison", "date": end.date(), "submit_time": submit, "submit_known": True, "end_time": end}
    return at | {"job_id": job_id, "start_time": start, "elapsed_s": minutes * 60.0, "nnodes": 4} | more


def log(log_id: str, job_id: int = 1, start: datetime = START, **more: object) -> dict[str, Any]:
    at = {"cluster": "edison", "date": DAY, "start_time": start + MINUTE, "end_time": start + 2 * MINUTE}
    return at | {"log_id": log_id, "job_id": job_id, "exe_name": log_id, "nprocs": 8} | more


def record(log_id: str, module: str, read: int, written: int, **more: object) -> dict[str, Any]:
    at = {"cluster": "edison", "date": DAY, "log_id": log_id, "job_id": 1, "record_id": 1, "path": "/fs/x"}
    counts = {f"{module}_BYTES_READ": read, f"{module}_BYTES_WRITTEN": written}
    times = {f"{module}_F_{name}_TIME": 1.0 for name in ("READ", "WRITE", "META")}
    return at | counts | times | {"file_system": "fs"} | more


def summary(lake: Lake, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    return lake.sql(f"SELECT {columns} FROM job_summary WHERE {where} ORDER BY job_id, submit_time").fetchall()


def test_bytes_of_mpi_io_are_not_added_to_those_of_posix_that_carry_them(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"))
    fill("darshan_posix", record("a", "POSIX", 5, 100))
    fill("darshan_mpiio", record("a", "MPIIO", 5, 100))
    fill("darshan_stdio", record("a", "STDIO", 1, 7, record_id=2))
    assert summary(lake, "read_bytes, write_bytes, posix_write_bytes, stdio_write_bytes, mpiio_write_bytes, io_s") == [
        (6, 107, 100, 7, 100, 6.0)
    ]


def test_a_file_is_counted_once_however_many_interfaces_ranks_and_logs_name_it(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"), log("b"))
    fill(
        "darshan_posix",
        record("a", "POSIX", 1, 1, rank=0),
        record("a", "POSIX", 1, 1, rank=1),
        record("b", "POSIX", 1, 1),
    )
    fill(
        "darshan_stdio",
        record("a", "STDIO", 1, 1),
        record("a", "STDIO", 0, 9, record_id=15920181672442173319, path="319035955"),
    )
    assert summary(lake, "logs, files, exe_names, nprocs, write_bytes") == [(2, 1, ["a", "b"], 8, 13)]


@pytest.mark.parametrize(("slowest_s", "performance"), [(2.0, 50.0), (None, None)])
def test_a_jobs_performance_rests_on_all_its_logs(
    lake: Lake, fill: Fill, slowest_s: float | None, performance: float | None
) -> None:
    """P6: unknown where a log does not tell how long its shared file took; one without POSIX files adds none."""
    shared = {"rank": -1, "POSIX_F_SLOWEST_RANK_TIME": slowest_s}
    fill("slurm_jobs", job())
    fill("darshan_logs", *(log(name, start=START + k * 2 * MINUTE) for k, name in enumerate("abc")))
    fill("darshan_posix", record("a", "POSIX", 0, 150, rank=0), record("b", "POSIX", 0, 100, **shared))
    fill("darshan_stdio", record("c", "STDIO", 0, 1))
    assert summary(lake, "performance_bytes_per_s") == [(performance,)]


def test_logs_of_processes_that_ran_at_once_take_as_long_as_the_slowest(lake: Lake, fill: Fill) -> None:
    """Two at once, each of 3 s, then a third: 6 s, not 9."""
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"), log("b"), log("c", start=START + 3 * MINUTE))
    fill("darshan_posix", *(record(name, "POSIX", 0, 60, rank=0) for name in "abc"))
    assert summary(lake, "slowest_io_s, performance_bytes_per_s") == [(6.0, 30.0)]


def test_killed_processes_ran_until_their_job_ended(lake: Lake, fill: Fill) -> None:
    """P6: their logs have no end, and were taken for runs one after the other: 9 s of three at once."""
    fill("slurm_jobs", job())
    fill("darshan_logs", *({**log(name), "end_time": None} for name in "abc"))
    fill("darshan_posix", *(record(name, "POSIX", 0, 60, rank=0) for name in "abc"))
    assert summary(lake, "slowest_io_s, performance_bytes_per_s") == [(3.0, 60.0)]


def test_bytes_of_dfs_are_the_applications_and_those_of_daos_lie_below_them(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"))
    fill("darshan_posix", record("a", "POSIX", 1, 2))
    fill("darshan_dfs", {k: v for k, v in record("a", "DFS", 100, 200, record_id=2).items() if k != "path"})
    fill("darshan_daos", {k: v for k, v in record("a", "DAOS", 101, 201, record_id=3).items() if k != "path"})
    assert summary(lake, "read_bytes, write_bytes, dfs_write_bytes, daos_write_bytes, files") == [
        (101, 202, 200, 201, 2)
    ]
    assert lake.sql("SELECT read_bytes, write_bytes FROM job_file_systems").fetchall() == [(101, 202)]


def test_a_lake_of_logs_alone_has_their_runs(lake: Lake, fill: Fill) -> None:
    """A run that no scheduler lists is marked, and its logs of one day are one run."""
    fill("darshan_logs", log("a"), log("b"), log("c", job_id=2))
    fill("darshan_posix", record("a", "POSIX", 0, 10), record("b", "POSIX", 0, 5))
    assert summary(lake, "run_id, known_by, scheduler, logs, write_bytes, start_time") == [
        ("1.logs.20260101", "logs", None, 2, 15, START + MINUTE),
        ("2.logs.20260101", "logs", None, 1, None, START + MINUTE),
    ]


def test_a_job_without_logs_has_unknown_bytes_not_none(lake: Lake, fill: Fill) -> None:
    """P6: null is not zero."""
    fill("slurm_jobs", job())
    assert summary(lake, "logs, read_bytes, files, file_system, share, fullest_ost, state") == [
        (0, None, None, None, None, None, None)
    ]


def test_a_log_counts_for_the_run_whose_time_holds_it(lake: Lake, fill: Fill) -> None:
    """Ids come again: the same id a month later is another run, and has its own bytes."""
    later = START + timedelta(days=31)
    fill("slurm_jobs", job(), job(start=later))
    fill("darshan_logs", log("a"), log("b", start=later))
    fill("darshan_posix", record("a", "POSIX", 0, 10), record("b", "POSIX", 0, 3))
    assert summary(lake, "start_time, write_bytes") == [(START, 10), (later, 3)]


def test_a_job_that_never_started_is_there_with_what_is_known(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job(start=None, state="CANCELLED", elapsed_s=0.0))
    assert summary(lake, "state, start_time, logs") == [("CANCELLED", None, 0)]


def test_jobs_of_other_schedulers_are_summed_up_as_well(lake: Lake, fill: Fill) -> None:
    fields = {name: value for name, value in job().items() if name not in {"submit_known", "elapsed_s"}}
    fill("other_jobs", fields | {"scheduler": "pbs", "scheduler_id": "1.pbs", "load_id": "l", "input_id": "i"})
    fill("darshan_logs", log("a"))
    fill("darshan_posix", record("a", "POSIX", 0, 10))
    assert summary(lake, "scheduler, write_bytes") == [("pbs", 10)]


def test_the_servers_columns_are_of_the_file_system_with_most_bytes(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"))
    fill(
        "darshan_posix",
        record("a", "POSIX", 0, 10, file_system="home"),
        record("a", "POSIX", 50, 25, file_system="scratch", record_id=2),
        record("a", "POSIX", 99, 99, file_system=None, record_id=3),
    )
    for fs, moved in (("home", 1000), ("scratch", 300)):
        fill(
            "lustre_fs",
            *(
                {"file_system": fs, "date": DAY, "ts": START + k * MINUTE, "interval_s": 60.0, "input_id": fs}
                | {"osts": 1, "osts_missing": 0, "mdts": 0, "mdts_missing": 0, "ost_seconds_before": k * 60.0}
                | {"mdt_seconds_before": 0.0, "read_bytes": moved, "read_bytes_before": k * moved}
                | {"write_bytes": 0, "write_bytes_before": 0}
                for k in range(20)
            ),
        )
    row = summary(
        lake, "file_systems, file_system, darshan_read_bytes, fs_read_bytes, fs_write_bytes, read_share, share"
    )
    # the window is one interval longer than the job's ten
    assert row == [(["scratch", "home"], "scratch", 50, 3300, 0, pytest.approx(50 / 3300), pytest.approx(75 / 3300))]


def df(minutes: float, used: int, ost: str = "OST0000") -> dict[str, Any]:
    ts = START + minutes * MINUTE
    at = {"file_system": "fs", "date": ts.date(), "ts": ts, "role": "ost", "target": ost}
    return at | {"used_bytes": used, "total_bytes": 100, "server_address": str(used)}


@pytest.mark.parametrize(
    ("snapshots", "taken"),
    [
        ([df(-20, 1), df(-5, 2), df(3, 3)], 2),
        ([df(0, 4), df(-5, 2)], 4),
        ([df(3, 3), df(8, 5)], 3),
        ([df(-3 * 24 * 60, 1), df(3, 3)], 3),
        ([df(-3 * 24 * 60, 1), df(3 * 24 * 60, 3)], None),
        ([], None),
    ],
    ids=["last before", "at the start", "first after", "not days before", "none within a day", "none"],
)
def test_the_targets_state_is_the_last_snapshots_before_the_start_else_the_first_after(
    lake: Lake, fill: Fill, snapshots: list[dict[str, Any]], taken: int | None
) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"))
    fill("darshan_posix", record("a", "POSIX", 0, 10))
    if snapshots:
        fill("lustre_df", *({k: v for k, v in s.items() if k != "server_address"} for s in snapshots))
        fill("lustre_target", *({k: v for k, v in s.items() if not k.endswith("_bytes")} for s in snapshots))
    ts = next((s["ts"] for s in snapshots if s["used_bytes"] == taken), None)
    osts = None if taken is None else 1
    assert summary(lake, "fullest_ost_pct, df_ts, targets_ts, osts, overloaded_osts") == [
        (taken, ts, ts, osts, None if taken is None else 0)
    ]


def test_the_state_names_the_fullest_target_and_those_on_a_server_that_took_over(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"))
    fill("darshan_posix", record("a", "POSIX", 0, 10))
    rows = [df(-5, used, f"OST000{k}") for k, used in enumerate([50, 82, 33])]
    fill("lustre_df", *({k: v for k, v in r.items() if k != "server_address"} for r in rows))
    served = {"OST0000": "a", "OST0001": "a", "OST0002": "b"}
    fill(
        "lustre_target",
        *(
            {k: r[k] for k in ("file_system", "ts", "role", "target")} | {"server_address": served[r["target"]]}
            for r in rows
        ),
    )
    fill(
        "lustre_target",
        {k: rows[0][k] for k in ("file_system", "ts", "role")} | {"target": "OST0003", "server_address": "c"},
    )
    assert summary(lake, "fullest_ost, fullest_ost_pct, emptiest_ost, overloaded_servers, overloaded_osts") == [
        ("OST0001", 82.0, "OST0002", 1, 2)
    ]
    (state,) = lake.sql("SELECT overloaded FROM job_ost_state").fetchall()
    assert state == ([{"server": "a", "osts": ["OST0000", "OST0001"]}],)
