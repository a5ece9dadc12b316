"""How a view's read of a table's files is divided, so that a query by time or job opens few of them (P11)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from iolake.schemas.ddl import FileSet
from iolake.schemas.table import JOB_ID, Hour, Table
from iolake.warehouse.months import last_day
from iolake.warehouse.records import DataFile

SOME_FILES = 16
"""With fewer files, to open each costs less than to plan several reads."""
SPANS = 16
"""The most reads of days: with 2,000 files, one hour by `ts` takes 147 ms in one read, 47 in 8, 40 in 16, 43 in 32."""
MANY_DAYS = 64
"""With fewer files, to open each costs no more than to look up the days of a job: 0.3 ms a file of 90 columns."""


def spans_of(files: int) -> int:
    """How many reads of spans of days serve a query by time best: each costs every query 1 ms to plan.

    With 96 files of days, one hour by `ts` takes 33 ms of CPU in one read, 19 in 2, 15 in 4, 11 in 6.
    """
    return 1 if files < SOME_FILES else min(SPANS, round(math.sqrt(files / 8)))


def file_sets(table: Table, files: Sequence[DataFile], root: str, months: Sequence[DataFile] = ()) -> list[FileSet]:
    """The files of a table by their columns, and divided further where they are many; months in place of their days.

    Where rows are sorted by the hour, they are divided by spans of days, and month files by spans of months; else by
    whether the bounds of their job ids are known. One job of 365 days' files with bounds takes 19 ms of CPU, 254
    without, 38 in 16 spans of days. Two halves of 32 days' files, each with its bounds, take one job from 28 to 24 ms,
    but one run from 32 to 41 and a month by user from 21 to 26.
    """
    merged = {(month.owner, month.date) for month in months}
    files = [file for file in files if (file.owner, file.date.replace(day=1)) not in merged]
    by_hour = isinstance(table.sort_by[0], Hour)
    by_job = len(files) > MANY_DAYS and not by_hour
    span_of = _spans(files, spans_of(len(files)) if by_hour else 1)
    groups: dict[tuple[int, tuple[str, ...], bool], list[DataFile]] = defaultdict(list)
    for file in files:
        groups[span_of[file.date], tuple(file.columns), by_job and file.first_job_id is not None].append(file)
    # Bounds of lustre_fs's months take lustre_during from 67 to 212 ms: its join then rules out fewer files.
    bounds_help = by_hour or any(column.name == JOB_ID.name for column in table.all_columns)
    month_span_of = _spans(months, spans_of(len(months)) if by_hour else 1)
    by_columns: dict[tuple[int, tuple[str, ...]], list[DataFile]] = defaultdict(list)
    for month in months:
        by_columns[month_span_of[month.date], tuple(month.columns)].append(month)
    divided = len(set(span_of.values())) > 1
    return [
        *(
            FileSet(
                columns,
                [f"{root}/{m.path}" for m in of],
                min(m.date for m in of) if bounds_help else None,
                max(last_day(m.date) for m in of) if bounds_help else None,
                by_month=True,
            )
            for (_, columns), of in by_columns.items()
        ),
    ] + [
        FileSet(
            columns,
            [f"{root}/{f.path}" for f in group],
            min(f.date for f in group) if divided else None,
            max(f.date for f in group) if divided else None,
            bounded,
        )
        for (_, columns, bounded), group in groups.items()
    ]


def _spans(files: Sequence[DataFile], count: int) -> dict[date, int]:
    """The number of the span that each of the files' days is in."""
    days = sorted({file.date for file in files})
    return {day: at * count // len(days) for at, day in enumerate(days)}
