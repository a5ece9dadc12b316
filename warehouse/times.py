"""When the rows of a table begin and end: the times that the ledger keeps of each data file and input."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas.table import INPUT_ID, INTERVAL_S, Table

Times = tuple[datetime | None, datetime | None]
"""(begin of the first row, end of the last one) in UTC without a zone; None where no row has a time."""
NO_TIMES: Times = (None, None)
_LONGEST_S = 366 * 86400.0


def event_columns(table: Table) -> tuple[str, ...]:
    """The columns that say when a row begins and ends.

    Start and end where a row is a run or a log, else the event time and the interval's length; none where a table has
    no time but `date`.
    """
    names = {c.name for c in table.stored}
    if {"start_time", "end_time"} <= names:
        return ("start_time", "end_time")
    if table.event_time is None:
        return ()
    return (table.event_time, *({INTERVAL_S.name} & names))


def span_of(table: Table, data: pa.Table) -> Times:
    """The times of some rows of a table."""
    columns = [data[name] for name in event_columns(table) if name in data.schema.names]
    bounds = [pc.min_max(c) for c in columns if pa.types.is_timestamp(c.type)]
    lengths = [pc.max(c).as_py() for c in columns if not pa.types.is_timestamp(c.type)]
    return _times([t for b in bounds for t in (b["min"].as_py(), b["max"].as_py())], lengths)


def times_by_input(table: Table, data: pa.Table) -> Iterator[tuple[str, Times]]:
    """The times of the rows of each input."""
    names = [name for name in event_columns(table) if name in data.schema.names]
    if not names:
        return
    inputs = pc.unique(data[INPUT_ID.name])
    if len(inputs) == 1:  # the case for all sources except those with many small inputs; grouping takes 1 ms a batch
        yield inputs[0].as_py(), span_of(table, data)
        return
    wanted = [(name, how) for name in names for how in ("min", "max")]
    for row in data.select([INPUT_ID.name, *names]).group_by(INPUT_ID.name).aggregate(wanted).to_pylist():
        values = [(name, row[f"{name}_{how}"]) for name, how in wanted]
        times = [value for name, value in values if name != INTERVAL_S.name]
        yield row[INPUT_ID.name], _times(times, [value for name, value in values if name == INTERVAL_S.name])


def widened(a: Times, b: Times) -> Times:
    """The times of two sets of rows as one."""
    firsts, lasts = ([t for t in pair if t is not None] for pair in zip(a, b, strict=True))
    return min(firsts, default=None), max(lasts, default=None)


def _times(moments: list[datetime | None], lengths: list[float | None]) -> Times:
    known = [moment for moment in moments if moment is not None]
    if not known:
        return NO_TIMES
    # The longest interval after the last begin: the end may be given too late, which costs a reader a file, no row.
    longest = max((length for length in lengths if length is not None), default=0.0)
    return min(known), max(known) + timedelta(seconds=max(0.0, min(longest, _LONGEST_S)))
