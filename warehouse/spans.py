"""How a view's read of a table's files is divided, so that a query by time opens few of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from iolake.schemas.ddl import FileSet
from iolake.schemas.table import Hour, Table
from iolake.warehouse.records import DataFile

MANY_FILES = 256
"""With fewer files, to open each costs less than to plan several reads."""
SPANS = 16
"""Measured with 2,000 files, one hour asked by `ts`: 147 ms in one read, 47 in 8, 40 in 16, 43 in 32."""


def file_sets(table: Table, files: Sequence[DataFile], root: str) -> list[FileSet]:
    """The files of a table by their columns and, where they are many and hold rows by the hour, by spans of days."""
    days = sorted({file.date for file in files})
    divided = len(files) > MANY_FILES and isinstance(table.sort_by[0], Hour)
    span_of = {day: at * SPANS // len(days) if divided else 0 for at, day in enumerate(days)}
    groups: dict[tuple[int, tuple[str, ...]], list[DataFile]] = defaultdict(list)
    for file in files:
        groups[span_of[file.date], tuple(file.columns)].append(file)
    return [
        FileSet(columns, [f"{root}/{f.path}" for f in group], *(_days(group) if divided else ()))
        for (_, columns), group in groups.items()
    ]


def _days(files: Sequence[DataFile]) -> tuple[date, date]:
    return min(f.date for f in files), max(f.date for f in files)
