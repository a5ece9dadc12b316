"""What moved in each hour: transfers are spread over the hours in which they ran."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake
from tests.conftest import Fill

TEN = datetime(2026, 3, 1, 10)


def transfer(end: datetime, took: float | None, **values: Any) -> dict[str, Any]:
    start = None if took is None else end - timedelta(seconds=took)
    base = {"endpoint": "dtn", "tool": "gridftp", "direction": "in", "succeeded": True, "bytes": 100}
    times = {"date": end.date(), "end_time": end, "start_time": start, "duration_s": took}
    return base | times | {"transfer_id": str(values)} | values


def hours(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.sql(
        "SELECT hour, tool, transfers, failed, bytes_in, bytes_out, busy_s FROM transfer_hour ORDER BY ALL"
    ).fetchall()


def test_a_transfer_is_spread_over_the_hours_in_which_it_ran(lake: Lake, fill: Fill) -> None:
    fill("transfers", transfer(TEN + timedelta(minutes=30), 5400, bytes=900))
    assert hours(lake) == [
        (TEN - timedelta(hours=1), "gridftp", 1, 0, 600, 0, 3600.0),
        (TEN, "gridftp", 1, 0, 300, 0, 1800.0),
    ]


def test_directions_tools_and_failures_have_rows_of_their_own(lake: Lake, fill: Fill) -> None:
    at = TEN + timedelta(minutes=5)
    fill(
        "transfers",
        transfer(at, 10, bytes=7),
        transfer(at, 20, bytes=8, direction="out"),
        transfer(at, None, bytes=0, succeeded=False),
        transfer(at, 5, bytes=9, tool="hsi", succeeded=None),
        transfer(at, None, bytes=0, direction=None),
    )
    assert hours(lake) == [(TEN, "gridftp", 3, 1, 7, 8, 30.0), (TEN, "hsi", 1, 0, 9, 0, 5.0)]


@pytest.mark.parametrize("took", [1, 3599, 3600, 3601, 86_400])
def test_nothing_is_lost(lake: Lake, fill: Fill, took: int) -> None:
    """A law: the hours of a transfer add up to its bytes and its duration."""
    fill("transfers", transfer(TEN + timedelta(minutes=17), took, bytes=10**12))
    found = hours(lake)
    assert sum(row[4] for row in found) == pytest.approx(10**12, abs=len(found))
    assert sum(row[6] for row in found) == took
