"""The worst jobs, and the query that a user can copy."""

from datetime import datetime, timedelta
from typing import Any

from iolake.reports.worst import worst_jobs, worst_query
from iolake.warehouse import Lake
from tests.conftest import Fill, Store

START = datetime(2026, 1, 1, 12)
MINUTE = timedelta(minutes=1)
GIB = 1 << 30


def add(fill: Fill, job_id: int, seconds: float | None, exe: str = "app", written: int = 2 * GIB) -> None:
    """A job whose slowest process wrote for so many seconds; without logs where it is None."""
    at: dict[str, Any] = {"cluster": "edison", "date": START.date(), "job_id": job_id}
    times = {"submit_time": START, "start_time": START, "end_time": START + 10 * MINUTE}
    fill("slurm_jobs", at | times | {"submit_known": True, "elapsed_s": 600.0, "nnodes": 1, "state": "COMPLETED"})
    if seconds is None:
        return
    log = at | {"log_id": f"log{job_id}"}
    fill("darshan_logs", log | {"start_time": START, "end_time": START + MINUTE, "exe_name": exe, "nprocs": 4})
    counters = {"POSIX_BYTES_READ": 0, "POSIX_BYTES_WRITTEN": written, "POSIX_F_SLOWEST_RANK_TIME": seconds}
    spent = {f"POSIX_F_{name}_TIME": seconds for name in ("READ", "WRITE", "META")}
    where = {"record_id": 1, "path": "/fs/x", "file_system": "fs"}
    fill("darshan_posix", log | where | counters | spent)


def order(page: str) -> list[int]:
    return [int(line.split()[2]) for line in page.splitlines() if line[:1].isdigit()]


def test_a_job_is_judged_beside_others_of_its_program(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """Job 9 is the slowest of all, but its program always is; job 3 is slow for what it is."""
    for job_id, seconds in ((1, 10.0), (2, 10.0), (3, 80.0)):
        add(fill, job_id, seconds)
    for job_id, seconds in ((7, 400.0), (8, 400.0), (9, 500.0)):
        add(fill, job_id, seconds, exe="slow")
    store_marts()
    page = worst_jobs(lake)
    assert order(page)[:2] == [3, 9]
    assert "25.60 MiB/s by its slowest process; 12 % of the median of 3 such jobs" in page


def test_jobs_with_too_few_like_them_come_last_and_say_so(lake: Lake, fill: Fill, store_marts: Store) -> None:
    add(fill, 5, 900.0, exe="once")
    for job_id in (1, 2, 3):
        add(fill, job_id, 10.0 + job_id)
    store_marts()
    page = worst_jobs(lake)
    assert order(page) == [3, 2, 1, 5]
    assert page.count("too few jobs like it to compare") == 1


def test_jobs_that_moved_little_or_have_no_logs_are_not_judged(lake: Lake, fill: Fill) -> None:
    add(fill, 1, None)
    add(fill, 2, 500.0, written=GIB - 1)
    assert worst_jobs(lake).startswith("no job in the lake has moved a GiB")
    add(fill, 3, 500.0, written=GIB)
    assert order(worst_jobs(lake)) == [3]


def test_no_more_jobs_than_asked_for_are_shown(lake: Lake, fill: Fill, store_marts: Store) -> None:
    for job_id in (1, 2, 3):
        add(fill, job_id, 10.0 * job_id)
    store_marts()
    assert order(worst_jobs(lake, limit=2)) == [3, 2]


def test_the_shown_query_returns_the_shown_jobs(lake: Lake, fill: Fill, store_marts: Store) -> None:
    for job_id in (1, 2, 3):
        add(fill, job_id, 10.0 * job_id)
    store_marts()
    page = worst_jobs(lake)
    query = page.split("This is the answer of\n\n")[1]
    assert query == worst_query(5)
    assert [row[1] for row in lake.sql(query).fetchall()] == order(page)
