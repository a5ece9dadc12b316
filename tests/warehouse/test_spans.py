"""A query by time opens the files of its days alone (P11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.warehouse import spans
from iolake.warehouse.lake import Lake
from tests.warehouse.by_hand import Loaded, job, log

pytestmark = pytest.mark.usefixtures("all_tables")
DAYS = 20
READS = 4
FIRST = datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of days whose first and last interval lie at the day's ends, in a view of several reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "spans_of", lambda _files: READS)
        loaded = Loaded(str(Path(tmp_path_factory.mktemp("spans")) / "lake"))
        times = [FIRST + timedelta(days=day, hours=h) for day in range(DAYS) for h in (0, 7, 23.999)]
        loaded.load("lustre_ost", *({"ost": "OST0000", "ts": ts, "read_bytes": 1} for ts in times), owner="fs")
        yield loaded.lake


@given(start=st.integers(-30, 24 * DAYS + 30), length=st.integers(0, 100))
def test_a_query_by_time_has_the_rows_of_that_time(many: Lake, start: int, length: int) -> None:
    since = FIRST + timedelta(hours=start)
    until = since + timedelta(hours=length)
    found = many.sql("SELECT count(*) FROM lustre_ost WHERE ts >= $1 AND ts < $2", [since, until]).fetchall()
    times = [FIRST + timedelta(days=d, hours=h) for d in range(DAYS) for h in (0, 7, 23.999)]
    assert found == [(sum(since <= t < until for t in times),)]


def test_what_an_hour_asks_is_planned_over_its_span_alone(many: Lake) -> None:
    def reads(where: str) -> int:
        (plan,) = (row[1] for row in many.sql(f"EXPLAIN SELECT sum(read_bytes) FROM lustre_ost {where}").fetchall())
        return int(plan.count("READ_PARQUET"))

    assert reads("") == READS
    assert reads("WHERE ts >= '2026-03-09 10:00:00' AND ts < '2026-03-09 11:00:00'") == 1


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Days with jobs and logs: ids follow those of the day before, one came back, one is unknown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "MANY_DAYS", 4)
        loaded = Loaded(str(Path(tmp_path_factory.mktemp("jobs")) / "lake"))
        noon = [FIRST + timedelta(days=day, hours=12) for day in range(DAYS)]
        loaded.load("slurm_jobs", *(job(i, noon[day]) for day in range(DAYS) for i in ids_of(day)))
        logs = [log(f"log {i} of {day}", i, noon[day]) for day in range(DAYS) for i in ids_of(day)]
        loaded.load("darshan_logs", *logs, log("unknown", -1, noon[3]) | {"job_id": None})
        loaded.derive()
        yield loaded.lake


def ids_of(day: int) -> list[int]:
    return [*range(1000 + 10 * day, 1010 + 10 * day), *([1000] if day == 15 else [])]


@settings(max_examples=20)
@given(job_id=st.integers(990, 1010 + 10 * DAYS), table=st.sampled_from(["slurm_jobs", "darshan_logs", "job_summary"]))
def test_a_query_of_a_job_has_every_row_of_that_job(jobs: Lake, job_id: int, table: str) -> None:
    """P11: what a query opens is less, not what it finds; whether the id is written, bound or joined."""
    expected = sum(ids_of(day).count(job_id) for day in range(DAYS))
    counts = f"SELECT count(*) FROM {table} WHERE job_id"
    assert jobs.sql(f"{counts} = {job_id}").fetchall() == [(expected,)]
    assert jobs.sql(f"{counts} = $1", [job_id]).fetchall() == [(expected,)]
    assert jobs.sql(f"{counts} BETWEEN $1 AND $1", [job_id]).fetchall() == [(expected,)]
    assert jobs.sql(f"{counts} IN (SELECT {job_id})").fetchall() == [(expected,)]


@pytest.mark.parametrize(("table", "unbounded"), [("slurm_jobs", 0), ("darshan_logs", 1), ("job_summary", 1)])
def test_a_query_of_a_job_opens_the_files_of_its_days_alone(jobs: Lake, table: str, unbounded: int) -> None:
    """P11. Files that hold a row without an id are opened for every job."""

    def opened(where: str) -> int:
        (plan,) = (row[1] for row in jobs.sql(f"EXPLAIN ANALYZE SELECT * FROM {table} WHERE {where}").fetchall())
        return sum(map(int, re.findall(r"Total Files Read: (\d+)", plan)))

    few = 3 + unbounded
    assert opened("job_id > 0") == DAYS
    assert opened("job_id = 1171") <= few
    assert opened("cluster = 'c' AND job_id = 1000") <= few


def test_every_row_is_there_with_and_without_an_id(jobs: Lake) -> None:
    assert jobs.sql("SELECT count(*), count(job_id) FROM darshan_logs").fetchall() == [(10 * DAYS + 2, 10 * DAYS + 1)]
