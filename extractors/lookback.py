"""Sources that are queried a day at a time, and whose answer for a day may still change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iolake.extractors.base import Input, Span
from iolake.extractors.files import find_files
from iolake.schemas.site import OWNER_KINDS, OwnerKind, Site, SiteError, Source

LOOK_BACK_DAYS: Final = 7
"""Days for which a day is asked again: accounting still ends, requeues or corrects its jobs."""


def find_days(
    source: str, owner: str, uri: str, where: Source, zone: ZoneInfo, span: Span, now: datetime | None = None
) -> Iterator[Input]:
    """An input `uri` + day for each day of `span` up to today, on the zone's clock.

    A span without a start begins with the source's option `first_day`, or, without it, with the look-back (option
    `look_back_days`). A day in the look-back has no mtime, so every run reads it. The mtime of an older day is the time
    when it left the look-back, so one later run reads it, and none after that. Raises SiteError for invalid options.
    """
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    days, first_day = where.options.get("look_back_days", LOOK_BACK_DAYS), where.options.get("first_day")
    if not isinstance(days, int) or type(first_day) not in (date, type(None)):
        said = f"look_back_days = {days!r} and first_day = {first_day!r}"
        raise SiteError(
            "site.toml", [f"{owner}.{source}: {said}; write a number of days, and a day such as 2026-01-31"]
        )
    look_back = timedelta(days=days)
    until = min(span.until or date.max, today + timedelta(days=1))
    day = span.since or first_day or until - timedelta(days=1) - look_back
    while day < until:
        settles = bounds(day + look_back, zone)[1].replace(tzinfo=UTC)
        settled = day + look_back < today
        yield Input(source, owner, f"{uri}{day}", day, 0 if settled else None, settles if settled else None)
        day += timedelta(days=1)


def find_files_and_days(site: Site, owner: OwnerKind, source: str, span: Span) -> Iterator[Input]:
    """The files that the site's patterns name, and the days of each `uri`; the input of a day is uri, `#` and day."""
    yield from find_files(site, owner, source, span)
    for name, where, zone in site.sources(owner, source):
        if where.uri is not None:
            yield from find_days(source, name, f"{where.uri}#", where, zone, span)


def days_to_ask(site: Site) -> Iterator[tuple[str, str, date]]:
    """(source, owner, day) of each day to ask for now: of sources that are commands, or that have a first day."""
    for kind in OWNER_KINDS:
        for source in {source for owner in site.owners(kind).values() for source in owner.sources}:
            for owner, where, zone in site.sources(kind, source):
                if where.command is not None or "first_day" in where.options:
                    days = find_days(source, owner, "", where, zone, Span())
                    yield from ((source, owner, input.day) for input in days if input.day is not None)


def bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) of a day of the zone's clock, as UTC without a zone."""
    start, end = (
        datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        for d in (day, day + timedelta(days=1))
    )
    return start, end
