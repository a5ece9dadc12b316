"""HPSS's daily report: tables of a day's traffic, migration and tape drives, one of each for each system.

A table has a title "<system> : <what>", a heading, and a ruler of `=` whose runs say where columns begin and end. It
ends at a blank or a shorter line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from math import isfinite
from operator import itemgetter
from typing import Any, ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.daily import zone_of
from iolake.extractors.files import find_files
from iolake.extractors.members import members
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.table import Table
from iolake.schemas.transfers import ARCHIVE_DAY, ARCHIVE_DRIVES, ARCHIVE_MIGRATION

_BEGINS: Final = "HPSS Report for Date"
_DATE: Final = re.compile(r"HPSS Report for Date\s+(\d{4})-(\d\d)-(\d\d)\s*")
_TITLE: Final = re.compile(r"(?P<system>\w+)\s*:\s+(?P<title>\S.*?)\s*")
_RULER: Final = re.compile(r"=+(?:\s+=+)+\s*")
_RUN: Final = re.compile("=+")
_SPENT: Final = re.compile(r"(\d+)-(\d\d):(\d\d):(\d\d)")
_GROUPINGS: Final = {
    "io totals by hpss client gateway (ui) host": "gateway",
    "io totals by client host": "client_host",
    "io totals by client application": "application",
    "largest users": "user",
}
_TRAFFIC: Final = {
    "users": "users", "io_gb": "io_gb", "ops": "ops", "write_gb": "write_gb", "w_ops": "write_ops",
    "read_gb": "read_gb", "r_ops": "read_ops", "copy_gb": "copy_gb", "c_ops": "copy_ops",
}  # fmt: skip
_MIGRATION: Final = {
    "sc": "storage_class_id", "migfiles": "migrated_files", "mig (gb)": "migrated_gb", "migtime": "migration_s",
    "purfiles": "purged_files", "purge(gb)": "purged_gb", "purgetime": "purge_s",
}  # fmt: skip
_DRIVES: Final = {
    "count": "drives", "cleans": "cleans", "locks": "locks", "mounts": "mounts", "availtime": "available_s",
    "locktime": "locked_s", "lock%": "locked_pct", "mounttime": "mounted_s", "mnt%": "mounted_pct",
}  # fmt: skip
_COLUMNS: Final = {ARCHIVE_DAY.name: _TRAFFIC, ARCHIVE_MIGRATION.name: _MIGRATION, ARCHIVE_DRIVES.name: _DRIVES}
"""The columns of each table, by their headings."""
_LARGEST: Final = 1 << 62


class _Section(NamedTuple):
    system: str
    title: str
    columns: dict[str, list[str]]


class _Layout(NamedTuple):
    """Where the last column begins, what cuts a line into columns, and their names."""

    last: int
    cut: Callable[[str], tuple[str, ...]]
    names: list[str]


class HpssReport(Extractor):
    """Any number of reports a file; each one's day is the endpoint's local one."""

    source: ClassVar = "hpss_report"
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (ARCHIVE_DAY, ARCHIVE_MIGRATION, ARCHIVE_DRIVES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the reports' tables; rejects name reports that cannot be read, and count values that cannot."""
        zone = zone_of(input, site, self.owner)
        days: dict[datetime, dict[str, _Rows]] = {}
        faults: dict[str, str] = {}
        for member in members(input.uri):
            for at, lines in _reports(member.text().splitlines()):
                part = f"{member.name}, line {at}" if member.name else f"line {at}"
                sections = [(table, found) for found in _sections(lines) if (table := _table(found.title)) is not None]
                ts = _start(lines[0], zone) if lines else None
                if ts is None:
                    faults[part] = f"has no line `{_BEGINS}` with a day"
                elif not any(any(next(iter(section.columns.values()))) for _, section in sections):
                    faults[part] = "has none of the report's tables"
                else:
                    rows = days.setdefault(ts, {table.name: _Rows(table) for table in self.tables})
                    for table, section in sections:
                        rows[table.name].add(section)
        if not days:
            raise InputError(input.uri, next(iter(faults.values()), "holds no report"), "check what the pattern names")
        odd: list[str] = []
        for ts, found in days.items():
            yield from (rows.batch(ts, odd) for rows in found.values() if rows.keys)
        for part, reason in faults.items():
            yield Reject(input, f"the report {reason}; check what it holds", part)
        if odd:
            yield Reject(input, f"{len(odd)} values are neither numbers nor times, such as {odd[0]!r}", "values")


def _reports(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the first line, lines) of each report. Tables above the first date line are a report, too."""
    starts = [at for at, line in enumerate(lines) if _BEGINS in line and line.strip().startswith(_BEGINS)]
    if not starts or any(True for _ in _sections(lines[: starts[0]])):
        starts.insert(0, 0)
    for start, stop in pairwise([*starts, len(lines)]):
        yield start + 1, lines[start:stop]


def _start(line: str, zone: ZoneInfo) -> datetime | None:
    """Return when the day of a date line begins, in UTC; None where the line names no day."""
    if (dated := _DATE.fullmatch(line.strip())) is None:
        return None
    year, month, day = map(int, dated.groups())
    try:
        return datetime(year, month, day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _sections(lines: list[str]) -> Iterator[_Section]:
    """Yield the tables: a title, a heading and a ruler after each other, then rows."""
    layouts: dict[tuple[str, str], _Layout] = {}
    for place in range(2, len(lines)):
        heading, ruler = lines[place - 1], lines[place]
        if "==" not in ruler or not _RULER.fullmatch(ruler):
            continue
        title = _TITLE.fullmatch(lines[place - 2].strip())
        if title is None:
            continue
        if (heading, ruler) not in layouts:
            layouts[heading, ruler] = _layout(heading, ruler)
        last, cut, names = layouts[heading, ruler]
        end = place + 1
        while end < len(lines) and lines[end][last:].strip():
            end += 1
        cells = [*map(str.strip, chain.from_iterable(map(cut, lines[place + 1 : end])))]
        columns = {name: cells[at :: len(names)] for at, name in enumerate(names)}
        yield _Section(title["system"].lower(), title["title"].lower(), columns)


def _layout(heading: str, ruler: str) -> _Layout:
    """Return the columns, each from the end of the one before it to the end of its run; names are in lower case."""
    ends = [run.end() for run in _RUN.finditer(ruler)]
    cut = itemgetter(*(slice(a, b) for a, b in pairwise([0, *ends])))
    return _Layout(ends[-2], cut, [name.strip().lower() for name in cut(heading)])


def _table(title: str) -> Table | None:
    """Return the table that takes a section."""
    if title in _GROUPINGS:
        return ARCHIVE_DAY
    return {"migration purge report": ARCHIVE_MIGRATION, "tape drive report": ARCHIVE_DRIVES}.get(title)


class _Rows:
    """The rows of a table, by column; of rows with the same key the first one counts."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._texts: dict[str, list[str]] = {heading: [] for heading in _COLUMNS[table.name]}
        self.keys: dict[tuple[str, ...], None] = {}

    def add(self, section: _Section) -> None:
        """Add a section's rows."""
        names = ["total" if name.lower() == "total" else name for name in next(iter(section.columns.values()))]
        own: Sequence[tuple[str, ...]]
        if self._table is ARCHIVE_DAY:
            grouping, applications = _GROUPINGS[section.title], section.columns.get("app", [""] * len(names))
            own = [(section.system, grouping, *both) for both in zip(names, applications, strict=True)]
        else:
            own = [(section.system, name) for name in names]
        kept = []
        for at, key in enumerate(own):
            if names[at] and key not in self.keys:
                self.keys[key] = None
                kept.append(at)
        for heading, texts in self._texts.items():
            its = section.columns.get(heading)
            texts.extend([""] * len(kept) if its is None else its if len(kept) == len(its) else [its[i] for i in kept])

    def batch(self, ts: datetime, odd: list[str]) -> Batch:
        """Return the rows; `odd` gets the texts that are neither numbers nor times."""
        names = [key.name for key in self._table.keys if key.name not in {"endpoint", "ts"}]
        found: dict[str, Sequence[Any]] = dict(zip(names, zip(*self.keys, strict=True), strict=True))
        found["ts"] = [ts] * len(self.keys)
        schema = self._table.batch_schema
        for heading, column in _COLUMNS[self._table.name].items():
            kind = int if pa.types.is_integer(schema.field(column).type) else float
            found[column] = _numbers(self._texts[heading], kind, odd)
        return Batch(self._table, pa.table([pa.array(found[f.name], f.type) for f in schema], schema=schema))


def _numbers(texts: list[str], kind: type[int] | type[float], odd: list[str]) -> list[float | int | None]:
    """Return a column's numbers, or, of times, their seconds; None where a text is neither or empty."""
    try:
        found = [kind(text) if text else None for text in texts]
    except ValueError:
        found = [_number(text, kind) for text in texts]
    known = [*filter(None, found)]
    if (known and not (min(known) >= 0 and max(known) < _LARGEST and isfinite(sum(known)))) or None in found:
        for at, number in enumerate(found):
            if texts[at] and (number is None or not 0 <= number < _LARGEST):
                odd.append(texts[at])
                found[at] = None
    return found


def _number(text: str, kind: type[int] | type[float]) -> float | int | None:
    if spent := _SPENT.fullmatch(text):
        days, hours, minutes, seconds = map(int, spent.groups())
        return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
    try:
        return kind(text) if text else None
    except ValueError:
        return None
