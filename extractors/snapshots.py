"""Command output archived as snapshots: each starts with a line `BEGIN <seconds since 1970>`.

A file without such a line is one snapshot. It is dated by its last change where that falls on the day in the file's
name, else by the start of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from iolake.extractors.base import Input, InputError

UNDATED: Final = "does not say when it was taken"
DATE_IT: Final = "put `BEGIN <seconds since 1970>` before each snapshot"
_BEGIN: Final = re.compile(r"\s*BEGIN\b(?:\s+(?P<epoch>\d{1,10})(?:\.\d+)?\s*$)?")


class Snapshot(NamedTuple):
    """One run of the command: when, if that is said; the line that it starts after, its lines."""

    ts: datetime | None
    begin_line: int
    lines: Sequence[str]


def snapshots(input: Input, lines: Sequence[str], zone: ZoneInfo) -> Iterator[Snapshot]:
    """Yield the snapshots in a file's lines, in order; InputError where an undated file names no day either."""
    begins = [(i, begin) for i, line in enumerate(lines) if (begin := _BEGIN.match(line))]
    if not begins:
        yield Snapshot(taken(input, zone), 0, lines)
        return
    yield Snapshot(None, 0, lines[: begins[0][0]])
    ends = [i for i, _ in begins[1:]] + [len(lines)]
    for (start, begin), end in zip(begins, ends, strict=True):
        epoch = begin["epoch"]
        ts = datetime.fromtimestamp(int(epoch), UTC).replace(tzinfo=None) if epoch else None
        yield Snapshot(ts, start + 1, lines[start + 1 : end])


def taken(input: Input, zone: ZoneInfo) -> datetime:
    """Return when an undated file was taken (UTC): its last change if on its day, else the start of that day."""
    if input.mtime and (input.day is None or input.mtime.astimezone(zone).date() == input.day):
        return input.mtime.astimezone(UTC).replace(tzinfo=None)
    if input.day is None:
        raise InputError(input.uri, UNDATED, DATE_IT)
    return datetime.combine(input.day, datetime.min.time(), zone).astimezone(UTC).replace(tzinfo=None)
