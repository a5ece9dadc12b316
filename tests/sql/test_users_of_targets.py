"""Who used a target: the servers count jobs by an id that several runs may have."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake

START = datetime(2026, 3, 1, 12)
DAY = "TIMESTAMP '2026-03-01', TIMESTAMP '2026-03-02'"
RUN = {"date": START.date(), "submit_time": START, "submit_known": True, "time_ambiguous": False}
COUNTED = {
    "file_system": "near", "jobstats_id": "7", "job_id": 7, "target": "OST0000", "role": "ost", "fresh": False,
    "interval_s": 60.0, "read_bytes": 500, "write_bytes": 30,
}  # fmt: skip


def _run(cluster: str, user: str, begin: int, end: int, **others: Any) -> dict[str, Any]:
    """A run of job 7 from one minute to another."""
    times = {"start_time": START + timedelta(minutes=begin), "end_time": START + timedelta(minutes=end)}
    return {**RUN, "cluster": cluster, "job_id": 7, "user_name": user, **times, **others}


def _users(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.sql(
        f"SELECT cluster, user_name, read_bytes, write_bytes FROM ost_users('near', 'OST0000', {DAY}) ORDER BY ALL"
    ).fetchall()


@pytest.mark.parametrize(
    ("runs", "counted", "expected"),
    [
        ([_run("a", "ann", 0, 10), _run("b", "bob", 0, 10)], {}, [("a", "ann", None, None), ("b", "bob", None, None)]),
        ([_run("a", "ann", 0, 10), _run("b", "bob", 0, 10)], {"cluster": "b"}, [("b", "bob", 500.0, 30.0)]),
        ([_run("a", "ann", 0, 10), _run("b", "bob", 20, 30)], {}, [("a", "ann", 500.0, 30.0)]),
        ([_run("a", "ann", 0, 3), _run("a", "ann", 4, 9, restart=1)], {}, [("a", "ann", 500.0, 30.0)]),
        ([_run("a", "ann", 0, 2, restart=0), _run("a", "ann", 2, 9, restart=1)], {}, [("a", "ann", None, None)] * 2),
        ([_run("a", "ann", 0, 10)], {"write_bytes": None}, [("a", "ann", 500.0, None)]),
    ],
    ids=["two clusters", "the cluster is named", "one at a time", "a gap", "a requeue within", "an unknown unit"],
)
def test_no_users_of_a_target_have_more_than_the_server_counted(
    lake: Lake, fill: Any, runs: list[dict[str, Any]], counted: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    """P6: what a server counted of an id that two runs have is neither's for certain, so it is null in both."""
    fill("slurm_jobs", *runs)
    fill("lustre_jobstats", {**COUNTED, "ts": START + timedelta(minutes=1, seconds=30), **counted})
    assert _users(lake) == expected


@pytest.mark.parametrize(("cluster", "user"), [(None, None), ("b", "bob")])
def test_a_metadata_targets_job_has_a_user_only_where_no_other_may_be_meant(
    lake: Lake, fill: Any, cluster: str | None, user: str | None
) -> None:
    """P6: of two clusters' runs with one id, either may have sent the requests."""
    fill("slurm_jobs", _run("a", "ann", 0, 10), _run("b", "bob", 0, 10), _run("c", "eve", 50, 60))
    row = {**COUNTED, "target": "MDT0000", "role": "mdt", "ops": {"open": 9}, "cluster": cluster}
    fill("lustre_jobstats", {**row, "ts": START + timedelta(minutes=1)})
    found = lake.sql(f"SELECT user_name, ops, opens FROM mdt_users('near', 'MDT0000', {DAY})").fetchall()
    assert found == [(user, 9, 9)]


@pytest.mark.parametrize("unknown", ["user_name", "job_name"])
def test_a_metadata_targets_job_has_no_user_or_program_where_one_of_its_runs_has_an_unknown_one(
    lake: Lake, fill: Any, unknown: str
) -> None:
    """P6: the unknown one may be another."""
    runs = [_run(cluster, "ann", 0, 10, job_name="wrf") for cluster in "ab"]
    fill("slurm_jobs", runs[0], {**runs[1], unknown: None})
    row = {**COUNTED, "target": "MDT0000", "role": "mdt", "ops": {"open": 9}}
    fill("lustre_jobstats", {**row, "ts": START + timedelta(minutes=1)})
    found = lake.sql(f"SELECT user_name, program FROM mdt_users('near', 'MDT0000', {DAY})").fetchall()
    assert found == [(None, "wrf") if unknown == "user_name" else ("ann", None)]


@pytest.mark.parametrize("written", [None, 2**63 - 30], ids=["an unknown unit", "more than a column holds"])
def test_a_runs_bytes_are_null_with_a_reason_where_the_servers_count_gives_no_number(
    lake: Lake, fill: Any, written: int | None
) -> None:
    """P6: the rest is not the whole, and a count that fits in no column has no unknown unit for certain."""
    fill("slurm_jobs", _run("a", "ann", 0, 10))
    row = {**COUNTED, "ts": START + timedelta(minutes=1)}
    fill("lustre_jobstats", row, {**row, "target": "OST0001", "write_bytes": written})
    found = lake.sql("SELECT jobstats_read_bytes, jobstats_write_bytes, jobstats_reason FROM job_lustre").fetchall()
    assert found == [(1000, None, "the servers count bytes in an unknown unit, or more than a column holds")]
