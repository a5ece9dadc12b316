"""A query by time opens the files of its days alone (P11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.warehouse import spans
from iolake.warehouse.lake import Lake
from tests.warehouse.test_marts import Loaded

pytestmark = pytest.mark.usefixtures("all_tables")
DAYS = 20
FIRST = datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of days whose first and last interval lie at the day's ends, in a view of several reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "MANY_FILES", 4)
        loaded = Loaded(str(Path(tmp_path_factory.mktemp("spans")) / "lake"))
        for day in range(DAYS):
            midnight = FIRST + timedelta(days=day)
            rows = [{"ost": "OST0000", "ts": midnight + timedelta(hours=h), "read_bytes": 1} for h in (0, 7, 23.999)]
            loaded.load("lustre_ost", *rows, owner="fs")
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

    assert reads("") == spans.SPANS
    assert reads("WHERE ts >= '2026-03-09 10:00:00' AND ts < '2026-03-09 11:00:00'") == 1
