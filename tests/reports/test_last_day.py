"""Which day the morning page is of where no day is asked for."""

from __future__ import annotations

from datetime import date
from typing import Any

from iolake.reports.pages.morning import last_day
from iolake.warehouse import Lake


def test_it_is_the_last_day_of_runs_and_without_runs_that_of_any_data(lake: Lake, fill: Any) -> None:
    """A lake of a file system alone has mornings, too."""
    assert last_day(lake) is None
    fill("files", {"path": "a", "table_name": "lustre_fs", "date": date(2026, 1, 5)})
    assert last_day(lake) == date(2026, 1, 5)
    fill("files", {"path": "b", "table_name": "job_summary", "date": date(2026, 1, 4)})
    assert last_day(lake) == date(2026, 1, 4)
