"""Scoreboards, duplicates, risk, trends and coverage, each against a plain count over made rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log10
from typing import Any

import pytest

from iolake import Lake
from tests.conftest import Fill

START = datetime(2026, 1, 1, 12)
HOUR = timedelta(hours=1)
DAY = START.date()


def add(fill: Fill, job_id: int, user: str, exe: str, written: int, seconds: float = 10.0, **posix: Any) -> None:
    """A run of an hour with one log and one file."""
    at: dict[str, Any] = {"cluster": "c", "date": DAY, "job_id": job_id}
    times = {"submit_time": START, "start_time": START, "end_time": START + HOUR}
    run = {"submit_known": True, "elapsed_s": 3600.0, "nnodes": job_id, "user_name": user, "account": "a"}
    fill("slurm_jobs", at | times | run)
    log = at | {"log_id": f"log{job_id}"}
    fill("darshan_logs", log | {"start_time": START, "end_time": START + HOUR, "exe_name": exe, "nprocs": 4})
    counters = {"POSIX_BYTES_READ": 0, "POSIX_BYTES_WRITTEN": written, "POSIX_F_SLOWEST_RANK_TIME": seconds}
    spent = {f"POSIX_F_{name}_TIME": seconds for name in ("READ", "WRITE", "META")}
    where = {"record_id": 1, "rank": -1, "copy": 0, "path": "/fs/x", "file_system": "fs"}
    fill("darshan_posix", log | where | counters | spent | posix)


def test_scoreboards_add_up_in_each_grouping(lake: Lake, fill: Fill) -> None:
    add(fill, 1, "amy", "one", 100)
    add(fill, 2, "amy", "two", 200)
    add(fill, 3, "bob", "one", 400)
    board = "FROM scoreboard(DATE '2026-01-01', DATE '2026-01-02')"
    assert lake.sql(f"SELECT user_name, runs, write_bytes {board} WHERE grouped_by = 'user_name'").fetchall() == [
        ("bob", 1, 400.0),
        ("amy", 2, 300.0),
    ]
    assert lake.sql(f"SELECT program, write_bytes {board} WHERE grouped_by = 'program'").fetchall() == [
        ("one", 500.0),
        ("two", 200.0),
    ]
    sums = lake.sql(f"SELECT grouped_by, sum(write_bytes), sum(share) {board} GROUP BY ALL").fetchall()
    assert len(sums) == 16
    assert {(total, round(share, 9)) for _, total, share in sums} == {(700.0, 1.0)}
    assert lake.sql("FROM scoreboard(DATE '2026-01-02', DATE '2026-01-03')").fetchall() == []


def test_duplicates_have_equal_counters_whatever_their_times(lake: Lake, fill: Fill) -> None:
    add(fill, 1, "amy", "one", 100, 10.0, POSIX_WRITES=5)
    add(fill, 2, "amy", "one", 100, 20.0, POSIX_WRITES=5, POSIX_SLOWEST_RANK=3)
    add(fill, 3, "amy", "one", 100, 20.0, POSIX_WRITES=6)
    add(fill, 4, "amy", "other", 100, 20.0, POSIX_WRITES=5)
    found = lake.sql(
        "SELECT log_ids, at_once, spread FROM duplicate_logs('c', DATE '2026-01-01', DATE '2026-01-02')"
    ).fetchall()
    assert found == [(["log1", "log2"], 1, pytest.approx(log10(2) / 2))]


def test_a_target_that_grows_by_a_tenth_a_day_is_full_when_the_line_says(lake: Lake, fill: Fill) -> None:
    for day in range(5):
        at = {"file_system": "fs", "ts": START + timedelta(days=day), "date": DAY + timedelta(days=day), "role": "ost"}
        fill("lustre_df", at | {"target": "OST0000", "total_bytes": 1000, "used_bytes": 100 + 100 * day})
        fill("lustre_df", at | {"target": "OST0001", "total_bytes": 1000, "used_bytes": 500})
    found = lake.sql(
        "SELECT target, days, used_pct, bytes_a_day, days_to_full "
        "FROM fullness_trend('fs', DATE '2026-01-01', DATE '2026-02-01')"
    ).fetchall()
    near = pytest.approx
    assert found == [
        (None, 5, near(50.0), near(100.0), near(10.0)),
        ("OST0000", 5, near(50.0), near(100.0), near(5.0)),
        ("OST0001", 5, near(50.0), near(0.0, abs=1e-6), None),
    ]


def test_a_target_that_is_known_on_some_days_alone_is_no_growth_of_the_whole(lake: Lake, fill: Fill) -> None:
    """P6: the whole is taken on days on which all targets are known; a missing one is not empty."""
    for day in range(5):
        at = {"file_system": "fs", "ts": START + timedelta(days=day), "date": DAY + timedelta(days=day), "role": "ost"}
        for target in ("OST0000", "OST0001")[: 1 if day < 2 else 2]:
            fill("lustre_df", at | {"target": target, "total_bytes": 1000, "used_bytes": 500})
    ((days, growth, full),) = lake.sql(
        "SELECT days, bytes_a_day, days_to_full FROM fullness_trend('fs', DATE '2026-01-01', DATE '2026-02-01') "
        "WHERE target IS NULL"
    ).fetchall()
    assert (days, growth, full) == (3, pytest.approx(0, abs=1e-6), None)


def test_node_hours_are_shared_by_the_runs_of_the_time(lake: Lake, fill: Fill) -> None:
    add(fill, 1, "amy", "one", 100, 10.0)
    add(fill, 3, "bob", "one", 100, 40.0)
    found = lake.sql(
        "SELECT job_id, cf_node_hours, normalised_performance, cf_bw "
        "FROM coverage_factors('c', DATE '2026-01-01', DATE '2026-01-02') ORDER BY job_id"
    ).fetchall()
    assert found == [(1, 0.25, 1.0, None), (3, 0.75, 0.25, None)]


def test_operations_are_held_against_those_of_the_servers_in_the_same_window(lake: Lake, fill: Fill) -> None:
    """P12: the run made 30 of the 100 reads and writes in its window; where half was not counted, nobody knows."""
    add(fill, 1, "amy", "one", 100, POSIX_READS=10, POSIX_WRITES=20)
    hour = {"file_system": "fs", "date": DAY, "interval_s": 1800.0, "read_bytes": 1, "write_bytes": 1}
    fs = hour | {"osts": 1, "osts_missing": 0, "read_bytes_before": 0, "write_bytes_before": 0, "input_id": "x"}
    fill("lustre_fs", *(fs | {"ts": START + k * HOUR / 2} for k in range(3)))
    ost = hour | {"ost": "OST0000", "reset": False}
    fill("lustre_ost", ost | {"ts": START, "read_ops": 25, "write_ops": 15})
    asked = "SELECT cf_ops, contention_ops FROM coverage_factors('c', DATE '2026-01-01', DATE '2026-01-02')"
    assert lake.sql(asked).fetchall() == [(None, None)]
    fill("lustre_ost", *(ost | {"ts": START + k * HOUR / 2, "read_ops": 25, "write_ops": 5} for k in (1, 2)))
    assert lake.sql(asked).fetchall() == [(pytest.approx(0.3), pytest.approx(0.7))]


def test_burstiness_of_an_even_day_is_one_and_of_a_day_in_one_hour_is_24(lake: Lake, fill: Fill) -> None:
    midnight = datetime(2026, 1, 1)
    for day, moved in enumerate(([10] * 24, [0] * 23 + [240], [10] * 20)):
        at = midnight + timedelta(days=day)
        row = {
            "file_system": "fs",
            "date": at.date(),
            "interval_s": 3600.0,
            "write_bytes": 0,
            "osts": 2,
            "osts_missing": 0,
        }
        fill("lustre_fs", *(row | {"ts": at + k * HOUR, "read_bytes": bytes_} for k, bytes_ in enumerate(moved)))
    found = lake.sql(
        "SELECT intervals, round(seen_pct, 2), peak_over_mean, cov_pct, half_in_pct "
        "FROM burstiness('fs', DATE '2026-01-01', DATE '2026-01-04')"
    ).fetchall()
    near = pytest.approx
    assert found == [
        (24, 100.0, near(1.0), near(0.0, abs=1e-4), near(50.0)),
        (24, 100.0, near(24.0), near(100 * 23**0.5), near(100 / 48)),
        (20, 83.33, None, None, None),
    ]
