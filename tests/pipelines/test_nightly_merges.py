"""The nightly run merges the files of past days, within bounds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from iolake.warehouse.compact import _newest, compact
from iolake.warehouse.records import DataFile
from tests.warehouse.by_hand import NOON, Loaded, first_night, late_log


def file(day: int, rows: int) -> DataFile:
    return DataFile("p", "t", "o", date(2026, 3, day), rows, 1, "l", ("l",), ("a", "b"))


@pytest.mark.parametrize(("budget", "days"), [(10**9, [4, 3, 2]), (40, [4, 3]), (39, [4]), (0, [4])])
def test_the_newest_days_are_merged_first_until_the_budget_is_spent(budget: int, days: list[int]) -> None:
    groups = [[file(day, 5), file(day, 5)] for day in (2, 4, 3)]
    assert [group[0].date.day for group in _newest(groups, budget)] == days


def test_what_one_night_leaves_the_next_one_merges(tmp_path: Path) -> None:
    loaded = Loaded(str(tmp_path / "lake"))
    first_night(loaded)
    late_log(loaded)
    later = date(2030, 1, 1)
    done = 0
    while compact(loaded.warehouse, later, budget=1).files_before:
        done += 1
    assert done == 2
    assert compact(loaded.warehouse, later).files_before == 0
    assert loaded.lake.sql("SELECT count(*) FROM darshan_logs WHERE date = $1", [NOON.date()]).fetchall() == [(2,)]
