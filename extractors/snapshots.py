"""Command output archived as snapshots: each starts with a line `BEGIN <seconds since 1970>`.

A file without such a line is one snapshot. It is dated by the time in its name; without one by its last change where
that falls on the day in its name, else by the start of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from iolake.extractors.base import Input, InputError
from iolake.extractors.files import named_time
from iolake.extractors.hosts import by_host, by_prefix
from iolake.schemas.site import OwnerKind, Site

UNDATED: Final = "does not say when it was taken"
DATE_IT: Final = "put `BEGIN <seconds since 1970>` before each snapshot"
_BEGIN: Final = re.compile(r"(?P<host>[\w.-]+:)?\s*BEGIN\b(?:\s+(?P<epoch>\d{1,10})(?:\.\d+)?\s*$)?")
_MOST_LINES: Final = 1_000_000


class Snapshot(NamedTuple):
    """One run of the command: its time, if known, the line that it starts after, and its lines, host by host."""

    ts: datetime | None
    begin_line: int
    lines: Sequence[str]


def time_in_name(input: Input, site: Site, owner: OwnerKind) -> datetime | None:
    """The local time in a file's name, by the pattern that names it; None where the pattern has no time of the day."""
    files = next(where.files for name, where, _ in site.sources(owner, input.source) if name == input.owner)
    return named_time(site.pattern(files[input.rank]), input.uri) if input.rank < len(files) else None


def snapshots(input: Input, lines: Iterable[str], zone: ZoneInfo, named: datetime | None = None) -> Iterator[Snapshot]:
    """Yield the snapshots in a file's lines, in order; only one of them is in memory, but where each host has its own.

    `named` is the local time in the file's name. InputError where an undated file has no day in its name either, or a
    snapshot is longer than any command prints.
    """
    begin_line, ts, own, any_begin = 0, None, list[str](), False
    lines = iter(lines)
    for number, line in enumerate(lines, 1):
        if "BEGIN" not in line or (begin := _BEGIN.match(line)) is None:
            own.append(line)
            if len(own) > _MOST_LINES:
                raise InputError(input.uri, f"has a snapshot of more than {_MOST_LINES} lines", "check what it holds")
            continue
        if begin["host"] and not any_begin:
            yield from _of_hosts(input, [*own, line, *islice(lines, _MOST_LINES)], zone, named)
            return
        yield Snapshot(ts, begin_line, by_host(input.uri, own))
        begin_line, ts, own, any_begin = number, _time(begin), [], True
    yield Snapshot(ts if any_begin else taken(input, zone, named), begin_line, by_host(input.uri, own))


def _of_hosts(input: Input, lines: Sequence[str], zone: ZoneInfo, named: datetime | None) -> Iterator[Snapshot]:
    """The snapshots of a file in which each host's lines have a BEGIN of their own; those of one time are one."""
    if len(lines) > _MOST_LINES:
        raise InputError(input.uri, f"has more than {_MOST_LINES} lines of many hosts", "write a file a host")
    merged: dict[datetime | None, list[str]] = {}
    for own in by_prefix(input.uri, lines).values():
        for snapshot in snapshots(input, own, zone, named):
            merged.setdefault(snapshot.ts, []).extend(snapshot.lines)
    begins = [(_time(begin), number) for number, line in enumerate(lines, 1) if (begin := _BEGIN.match(line))]
    first = dict(reversed(begins))
    for ts in sorted(merged, key=lambda ts: ts or datetime.min):
        yield Snapshot(ts, first.get(ts, 0), merged[ts])


def _time(begin: re.Match[str]) -> datetime | None:
    epoch = begin["epoch"]
    return datetime.fromtimestamp(int(epoch), UTC).replace(tzinfo=None) if epoch else None


def taken(input: Input, zone: ZoneInfo, named: datetime | None = None) -> datetime:
    """When an undated file was taken (UTC): at `named`, else its last change if on its day, else its day's start."""
    if named is not None:
        return named.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    if input.mtime and (input.day is None or input.mtime.astimezone(zone).date() == input.day):
        return input.mtime.astimezone(UTC).replace(tzinfo=None)
    if input.day is None:
        raise InputError(input.uri, UNDATED, DATE_IT)
    return datetime.combine(input.day, datetime.min.time(), zone).astimezone(UTC).replace(tzinfo=None)
