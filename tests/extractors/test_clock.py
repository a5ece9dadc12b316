"""Times as texts: those that are read at once are the standard library's."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.clock import utc_us


@given(st.lists(st.none() | st.datetimes(datetime(1980, 1, 1)), max_size=5), st.sampled_from([0, 3, 6]))
def test_times_in_utc_that_are_read_at_once_are_the_standard_librarys(
    moments: list[datetime | None], digits: int
) -> None:
    """P8 and P6: to the microsecond; null stays null."""
    unit = timedelta(microseconds=10 ** (6 - digits))
    times = [moment and datetime(1970, 1, 1) + (moment - datetime(1970, 1, 1)) // unit * unit for moment in moments]
    precision = {0: "seconds", 3: "milliseconds", 6: "microseconds"}[digits]
    texts = [moment and f"{moment.isoformat(timespec=precision)}Z" for moment in times]
    found = utc_us(pa.array(texts, pa.string()))
    assert found is not None
    assert found.to_pylist() == [
        moment and (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1) for moment in times
    ]


@pytest.mark.parametrize(
    "text",
    ["", "2026-02-30T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01 10:00:00Z", "2026-03-01",
     "2026-03-01T10:00:00", "2026-03-01T10:00:00+0100", "2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00Z\n"],
)  # fmt: skip
def test_other_texts_are_left_to_a_careful_reader(text: str) -> None:
    """P5: none is taken for another time."""
    assert utc_us(pa.array(["2026-03-01T10:00:00Z", text])) is None
