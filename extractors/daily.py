"""Inputs that are a pattern's files of one day: the files of a server, a metric and an hour fill the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from iolake.extractors.base import Input, Span
from iolake.extractors.files import match, mtime
from iolake.extractors.params.recordings import Days
from iolake.schemas.site import OwnerKind, Site


def find_day_inputs(site: Site, owner: OwnerKind, source: str, span: Span, with_next: bool = False) -> Iterator[Input]:
    """Yield an input for each day that an owner's patterns name; its uri is the pattern, `#` and the day.

    A pattern that names a folder matches all files below it.

    With `with_next` the next day's files count for its size and time: their first counters end the day's last rows.
    """
    for name, where, zone in site.sources(owner, source):
        for rank, text in enumerate(where.files):
            pattern = _files_of(site.pattern(text), span)
            days = Days(pattern, zone)
            for day in sorted({day for _, _, day in match(pattern, span)}, key=str):
                files = [*days.files(day), *(days.files_after(day) if with_next else [])]
                changed = [moment for file in files if (moment := mtime(file.info))]
                size = sum(file.info.get("size") or 0 for file in files)
                uri = f"{pattern}#{day.isoformat()}" if day else pattern
                yield Input(source, name, uri, day, size, max(changed, default=None), rank=rank)


def _files_of(pattern: str, span: Span) -> str:
    """Return the pattern, or that of all files below where it names folders and no file."""
    below = f"{pattern.rstrip('/')}/**/*"
    if next(match(pattern, span), None) is None and next(match(below, span), None) is not None:
        return below
    return pattern


def days_of(input: Input, zone: ZoneInfo) -> Days:
    """Return the days of the pattern that the input's uri starts with."""
    return Days(input.uri.rpartition("#")[0] if input.day else input.uri, zone)


def zone_of(input: Input, site: Site, owner: OwnerKind) -> ZoneInfo:
    """Return the time zone that an input's source writes in."""
    return next(zone for name, _, zone in site.sources(owner, input.source) if name == input.owner)
