"""Pictures and numbers in plain text."""

from datetime import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.reports import text
from iolake.reports.charts import theme
from iolake.reports.units import binary_unit, bytes_text

VALUES = st.lists(st.none() | st.floats(0, 1e15))


@given(VALUES)
def test_a_sparkline_has_a_character_a_value_and_tells_missing_from_zero(values: list[float | None]) -> None:
    """P6: a missing value is not drawn as a low value."""
    line = text.sparkline(values)
    assert len(line) == len(values)
    assert all((mark == text.MISSING) == (value is None) for mark, value in zip(line, values, strict=True))


@given(st.lists(st.floats(0, 1e15), min_size=2))
def test_a_sparkline_is_never_lower_for_a_larger_value(values: list[float]) -> None:
    line = text.sparkline(values)
    by_value = sorted(zip(values, line, strict=True))
    assert [mark for _, mark in by_value] == sorted(line)


def test_a_sparkline_uses_its_whole_height() -> None:
    assert text.sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert text.sparkline([5, 10], top=100) == "▂▂"
    assert text.sparkline([0, 0]) == "▁▁"


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_bar_is_as_wide_as_asked(share: float, width: int) -> None:
    assert len(text.bar(share, width)) == width


def test_a_bar_is_filled_to_its_share() -> None:
    assert text.bar(0.5, 4) == "██  "
    assert text.bar(0.8233, 10) == "████████▎ "
    assert text.bar(7, 3) == "███"


def test_columns_are_as_wide_as_their_widest_and_numbers_end_at_the_right() -> None:
    assert text.columns([("a", "12", ""), ("bcd", "7", "x")], right=[1]) == ["a    12", "bcd   7  x"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (756, "756 s (12 min 36 s)"),
        (85.47495, "85.5 s"),
        (4, "4 s"),
        (0.25, "0.25 s"),
        (86400, "86,400 s (24 h 00 min)"),
    ],
)
def test_seconds_are_also_shown_as_hours_and_minutes(value: float, shown: str) -> None:
    assert text.seconds(value) == shown


def test_what_is_not_known_says_so_and_is_not_zero() -> None:
    """P6: null is not zero, on a page too."""
    for show in (text.size, text.rate, text.number, text.percent, text.seconds, text.moment):
        assert show(None) == "unknown"
    assert text.size(0) == "0 B"
    assert text.percent(0) == "0.00 %"


def test_times_are_shown_to_the_second() -> None:
    assert text.moment(datetime(2017, 3, 20, 8, 59, 2)) == "2017-03-20 08:59:02"


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["n3", "n1", "n2", "n2"], "n[1-3]"),
        (["nid00009", "nid00010", "nid00012"], "nid[00009-00010,00012]"),
        (["n10", "n9", "n100"], "n[9-10,100]"),
        (["nid00009", "nid10000"], "nid[00009,10000]"),
        (["login", "n1"], "login, n1"),
        ([], ""),
    ],
)
def test_names_are_folded_where_their_numbers_follow_each_other(names: list[str], folded: str) -> None:
    assert text.names(names) == folded


def test_a_long_list_of_names_is_cut_and_shows_it() -> None:
    line = text.names([f"n{2 * k:04d}" for k in range(100)], room=20)
    assert len(line) == 20
    assert line.endswith("…")


@settings(max_examples=60)
@given(st.floats(0, 2.0**70), st.integers(3, 6))
def test_ticks_of_bytes_reach_the_largest_in_the_unit_of_the_words(largest: float, most: int) -> None:
    """An axis says GiB where the page's words say GiB; its ticks are few, even, and 1, 2 or 5 of the unit."""
    ticks = theme.Bytes(largest, most)
    assert bytes_text(largest).endswith(f" {ticks.unit}") or f"{largest:.0f}" == "0"
    assert ticks.values[0] == 0
    assert largest <= ticks.values[-1] <= max(1.0, 3 * largest)
    assert 2 <= len(ticks.values) <= 2 * most
    step = ticks.values[1] / binary_unit(largest)[1]
    assert f"{step:e}"[0] in "125"


def test_a_sum_of_any_type_has_a_largest_and_no_value_has_none() -> None:
    """P6: DuckDB's sums come as decimals; a column of nulls has no largest, which is not zero."""
    assert theme.largest(pl.Series([Decimal(3), None]), pl.Series([2.5])) == 3.0
    assert theme.largest(pl.Series([None], dtype=pl.Float64)) is None


@given(st.floats(1, 1e15), st.floats(1, 1e15))
def test_an_axis_that_does_not_begin_at_zero_has_ticks_among_its_values(one: float, other: float) -> None:
    """Two of them at least reach from the smallest value to the largest."""
    smallest, largest = sorted((one, other))
    if largest < smallest * 1.001:
        return
    values = theme.Bytes.between(pl.Series([largest, None, smallest])).values
    assert values[0] <= smallest * (1 + 1e-9)
    assert values[-1] >= largest * (1 - 1e-9)
    assert len(values) <= 8
    assert len(set(values)) == len(values) >= 2
