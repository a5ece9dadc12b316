"""Times as texts: those that are read at once are the standard library's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.clock import utc_us

MOMENTS = st.datetimes(datetime(1700, 1, 1), timezones=st.just(UTC))
PRECISIONS = st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"])


@given(
    st.lists(st.none() | MOMENTS, max_size=5),
    PRECISIONS,
    st.sampled_from(" T"),
    st.sampled_from(["Z", "+00:00", "+0000"]),
)
def test_times_that_are_read_at_once_are_the_standard_librarys(
    moments: list[datetime | None], precision: str, between: str, zone: str
) -> None:
    """P8 and P6: to the microsecond; null stays null; one that is no time changes no other."""
    plain = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    texts = [None if moment is None else moment.isoformat(between, precision) + zone for moment in plain]
    expected = [None if text is None else microseconds(text) for text in texts]
    assert utc_us(texts).to_pylist() == expected
    assert utc_us([*texts, "yesterday"]).to_pylist() == [*expected, None]


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(st.text(st.sampled_from("0123456789-:.,TZ+ W"), max_size=28))
def test_a_text_of_any_form_is_read_alike_alone_and_beside_one_that_is_no_time(text: str) -> None:
    """P5: Arrow takes nothing for a time that the standard library takes for none, or for another time."""
    assert utc_us([text])[0] == utc_us([text, "yesterday"])[0]


@pytest.mark.parametrize("text", ["", "2026-02-30T00:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01T10:00:00Z\n", "12"])
def test_what_is_no_time_is_null(text: str) -> None:
    """P6: unknown, and no stop for others."""
    assert utc_us(["1970-01-01T00:00:01Z", text]).to_pylist() == [1_000_000, None]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:01", 1), ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01", 0), ("19700101T000002Z", 2)],
)
def test_other_forms_of_iso_8601_are_read_too(text: str, seconds: int) -> None:
    """P8: without a zone it is UTC."""
    assert utc_us([text]).to_pylist() == [seconds * 1_000_000]
