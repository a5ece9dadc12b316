"""How a view's read of a table's files is divided, so that a query by time or job opens few of them (P11)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from iolake.schemas.ddl import FileSet
from iolake.schemas.table import Hour, Table
from iolake.warehouse.records import DataFile

MANY_FILES = 256
"""With fewer files, to open each costs less than to plan several reads."""
SPANS = 16
"""Measured with 2,000 files, one hour asked by `ts`: 147 ms in one read, 47 in 8, 40 in 16, 43 in 32."""
MANY_DAYS = 32
"""With fewer files, to open each costs less than to look up the days of a job."""


def file_sets(table: Table, files: Sequence[DataFile], root: str) -> list[FileSet]:
    """The files of a table by their columns, and divided further where they are many.

    Where rows are sorted by the hour, they are divided by spans of days; else by whether the bounds of their job ids
    are known. One job of 365 days' files with bounds takes 19 ms of CPU, 254 without, 38 in 16 spans of days.
    """
    days = sorted({file.date for file in files})
    by_hour = isinstance(table.sort_by[0], Hour)
    divided = len(files) > MANY_FILES and by_hour
    by_job = len(files) > MANY_DAYS and not by_hour
    span_of = {day: at * SPANS // len(days) if divided else 0 for at, day in enumerate(days)}
    groups: dict[tuple[int, tuple[str, ...], bool], list[DataFile]] = defaultdict(list)
    for file in files:
        groups[span_of[file.date], tuple(file.columns), by_job and file.first_job_id is not None].append(file)
    return [
        FileSet(
            columns,
            [f"{root}/{f.path}" for f in group],
            min(f.date for f in group) if divided else None,
            max(f.date for f in group) if divided else None,
            bounded,
        )
        for (_, columns, bounded), group in groups.items()
    ]
