"""HPSS's daily report: tables of a day's traffic, migration and tape drives, one of each for each system.

A table has a title "<system> : <what>", a heading, and a ruler of `=` whose runs say where columns begin and end. It
ends at a blank or a shorter line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any, ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
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


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where the columns of a table are in its lines, by their names in lower case."""

    first: slice
    last: slice
    columns: dict[str, slice]

    def cut(self, headings: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
        """Return what cuts a line into its first column and those of the headings; a missing column is empty."""
        return itemgetter(self.first, *(self.columns.get(heading, slice(0)) for heading in headings))


class _Section(NamedTuple):
    """A table of a system; its rows are lines that are not cut into columns yet."""

    system: str
    title: str
    layout: _Layout
    rows: list[str]

    def has_names(self) -> bool:
        """Return whether the first column holds a text."""
        return any(row[self.layout.first].strip() for row in self.rows)


class HpssReport(Extractor):
    """Any number of reports a file; each one's day is the endpoint's local one."""

    source: ClassVar = "hpss_report"
    what: ClassVar = "HPSS's daily report"
    heads: ClassVar = (r"^ *HPSS Report for Date ",)
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (ARCHIVE_DAY, ARCHIVE_MIGRATION, ARCHIVE_DRIVES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the reports' tables; rejects name reports that cannot be read, and count values that cannot."""
        zone = zone_of(input, site, self.owner)
        days: dict[datetime, dict[str, list[_Section]]] = {}
        faults: dict[str, str] = {}
        for member in members(input.uri):
            for at, lines in _reports(member.text().splitlines()):
                part = f"{member.name}, line {at}" if member.name else f"line {at}"
                sections = [(table, found) for found in _sections(lines) if (table := _table(found.title)) is not None]
                ts = _start(lines[0], zone) if lines else None
                if ts is None:
                    faults[part] = f"has no line `{_BEGINS}` with a day"
                elif not any(section.has_names() for _, section in sections):
                    faults[part] = "has none of the report's tables"
                else:
                    of_day = days.setdefault(ts, {table.name: [] for table in self.tables})
                    for table, section in sections:
                        of_day[table.name].append(section)
        if not days:
            raise InputError(input.uri, next(iter(faults.values()), "holds no report"), "check what the pattern names")
        odd: list[str] = []
        for ts, of_day in days.items():
            for table in self.tables:
                rows = _Rows(table, of_day[table.name])
                if rows.count:
                    yield rows.batch(ts, odd)
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
    layouts: dict[tuple[str, str], _Layout | None] = {}
    for place in [place for place, line in enumerate(lines) if line[:1] == "=" and place >= 2]:
        heading, ruler = lines[place - 1 : place + 1]
        if (heading, ruler) not in layouts:
            layouts[heading, ruler] = _layout(heading, ruler) if _RULER.fullmatch(ruler) else None
        layout = layouts[heading, ruler]
        if layout is None or (title := _TITLE.fullmatch(lines[place - 2].strip())) is None:
            continue
        last, end = layout.last, place + 1
        while end < len(lines) and lines[end][last].strip():
            end += 1
        yield _Section(title["system"].lower(), title["title"].lower(), layout, lines[place + 1 : end])


def _layout(heading: str, ruler: str) -> _Layout:
    """Return the columns, each from the end of the one before it to the end of its run."""
    ends = [run.end() for run in _RUN.finditer(ruler)]
    columns = {heading[a:b].strip().lower(): slice(a, b) for a, b in pairwise([0, *ends])}
    return _Layout(slice(ends[0]), slice(ends[-2], None), columns)


def _table(title: str) -> Table | None:
    """Return the table that takes a section."""
    if title in _GROUPINGS:
        return ARCHIVE_DAY
    return {"migration purge report": ARCHIVE_MIGRATION, "tape drive report": ARCHIVE_DRIVES}.get(title)


class _Rows:
    """The rows of a table that have a name; of rows with the same key the first one counts."""

    def __init__(self, table: Table, sections: Sequence[_Section]) -> None:
        self._table = table
        headings = _COLUMNS[table.name]
        cut = cache(partial(_Layout.cut, headings=("app", *headings)))
        cells = [*chain.from_iterable(map(cut(its.layout), its.rows) for its in sections)]
        first, applications, *texts = zip(*cells, strict=True) if cells else [()] * (2 + len(headings))
        names = ["total" if name.lower() == "total" else name for name in map(str.strip, first)]
        keys: dict[str, Sequence[str]] = {
            "system": [*chain.from_iterable([its.system] * len(its.rows) for its in sections)],
            "grouping": [*chain.from_iterable([_GROUPINGS.get(its.title, "")] * len(its.rows) for its in sections)],
            "application": [*map(str.strip, applications)],
        }
        wanted = [key.name for key in table.keys if key.name not in {"endpoint", "ts"}]
        own = {name: keys.get(name, names) for name in wanted}
        joined = [*map("\0".join, zip(*own.values(), strict=True))]
        places = dict(zip(reversed(joined), reversed(range(len(joined))), strict=True))
        kept = sorted(place for place in places.values() if names[place])
        self.count = len(kept)
        self._texts = own | dict(zip(headings, texts, strict=True))
        if self.count < len(names):
            self._texts = {name: [column[at] for at in kept] for name, column in self._texts.items()}

    def batch(self, ts: datetime, odd: list[str]) -> Batch:
        """Return the rows; `odd` gets the texts that are neither numbers nor times."""
        schema, found = self._table.batch_schema, dict[str, Any](self._texts)
        found["ts"] = [ts] * self.count
        for heading, column in _COLUMNS[self._table.name].items():
            found[column] = _numbers(self._texts[heading], schema.field(column).type, odd)
        return Batch(self._table, pa.table([pa.array(found[f.name], f.type) for f in schema], schema=schema))


def _numbers(texts: Sequence[str], kind: pa.DataType, odd: list[str]) -> Any:
    """Return a column's numbers, or, of times, their seconds; None where a text is neither or empty."""
    singly = int if pa.types.is_integer(kind) else float
    with suppress(ValueError, OverflowError):
        numbers = np.fromiter(map(singly, texts), kind.to_pandas_dtype(), len(texts))
        if ((numbers >= 0) & (numbers < _LARGEST)).all():
            return numbers
    found: list[float | int | None] = []
    for text in map(str.strip, texts):
        number = _number(text, singly) if text else None
        is_amount = number is not None and 0 <= number < _LARGEST
        found.append(number if is_amount else None)
        if text and not is_amount:
            odd.append(text)
    return found


def _number(text: str, kind: type[int] | type[float]) -> float | int | None:
    try:
        return kind(text)
    except ValueError:
        spent = _SPENT.fullmatch(text)
    if spent is None:
        return None
    days, hours, minutes, seconds = map(int, spent.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
