"""HPSS's daily report: tables of a day's traffic, migration and tape drives, one of each for each system.

A table has a title "<system> : <what>", a heading, and a ruler of `=` whose runs say where columns begin and end. It
ends at a blank or a shorter line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
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

_DATE: Final = re.compile(r"HPSS Report for Date\s+(\d{4})-(\d\d)-(\d\d)\s*")
_TITLE: Final = re.compile(r"(?P<system>\w+)\s*:\s+(?P<title>\S.*?)\s*")
_RULER: Final = re.compile(r"=+(?:\s+=+)+\s*")
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


class _Section(NamedTuple):
    system: str
    title: str
    rows: list[dict[str, str]]


class HpssReport(Extractor):
    """A report a file; its day is the endpoint's local one."""

    source: ClassVar = "hpss_report"
    version: ClassVar = 1
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (ARCHIVE_DAY, ARCHIVE_MIGRATION, ARCHIVE_DRIVES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the report's tables; a reject counts the values that cannot be read."""
        lines = [line for member in members(input.uri) for line in member.text().splitlines()]
        date_line = next((dated for line in lines if (dated := _DATE.fullmatch(line.strip()))), None)
        try:
            day = date(*map(int, date_line.groups())) if date_line else None
        except ValueError:
            day = None
        if day is None:
            raise InputError(input.uri, "has no line `HPSS Report for Date`", "check what the pattern names")
        ts = _start(day, zone_of(input, site, self.owner))
        odd: list[str] = []
        found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table.name: {} for table in self.tables}
        for section in _sections(lines):
            table, rows = _rows(section, odd)
            if table is not None:
                names = [key.name for key in table.keys if key.name not in {"endpoint", "ts"}]
                for row in rows:
                    found[table.name].setdefault(tuple(row[name] for name in names), {"ts": ts, **row})
        if not any(found.values()):
            raise InputError(input.uri, "has none of the report's tables", "check what the pattern names")
        for table in self.tables:
            if rows_of := list(found[table.name].values()):
                yield Batch(table, pa.Table.from_pylist(rows_of, table.batch_schema))
        if odd:
            yield Reject(input, f"{len(odd)} values are neither numbers nor times, such as {odd[0]!r}", "values")


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def _sections(lines: list[str]) -> Iterator[_Section]:
    """Yield the tables: a title, a heading and a ruler after each other, then rows."""
    for place in range(2, len(lines)):
        ruler, title = lines[place], _TITLE.fullmatch(lines[place - 2].strip())
        if title is None or not _RULER.fullmatch(ruler):
            continue
        spans = _spans(ruler)
        names = [lines[place - 1][start:end].strip().lower() for start, end in spans]
        rows = []
        for line in lines[place + 1 :]:
            if len(line.rstrip()) <= spans[-1][0] or not line.strip():
                break
            texts = [line[start:end].strip() for start, end in spans]
            rows.append(dict(zip(names, texts, strict=True)))
        yield _Section(title["system"].lower(), title["title"].lower(), rows)


def _spans(ruler: str) -> list[tuple[int, int]]:
    """Return where each column begins and ends: from the end of the one before it to the end of its run."""
    ends = [run.end() for run in re.finditer("=+", ruler)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _rows(section: _Section, odd: list[str]) -> tuple[Table | None, list[dict[str, Any]]]:
    """Return the table that takes a section, and its rows without `ts`."""
    rows: list[dict[str, Any]] = []
    table, columns = None, {}
    if section.title in _GROUPINGS:
        table, columns = ARCHIVE_DAY, _TRAFFIC
    elif section.title == "migration purge report":
        table, columns = ARCHIVE_MIGRATION, _MIGRATION
    elif section.title == "tape drive report":
        table, columns = ARCHIVE_DRIVES, _DRIVES
    if table is None:
        return None, rows
    for texts in section.rows:
        name = next(iter(texts.values()))
        name = name.lower() if name.lower() == "total" else name
        values = {c: _value(table, c, texts[n], odd) for n, c in columns.items() if n in texts}
        key: dict[str, Any] = {"storage_class": name} if table is ARCHIVE_MIGRATION else {"drive_type": name}
        if table is ARCHIVE_DAY:
            key = {"grouping": _GROUPINGS[section.title], "name": name, "application": texts.get("app", "")}
        if name:
            rows.append({"system": section.system, **key, **values})
    return table, rows


def _value(table: Table, column: str, text: str, odd: list[str]) -> float | int | None:
    """Return the number or, of a time, the seconds of a text; None where it is neither."""
    if not text:
        return None
    if spent := _SPENT.fullmatch(text):
        days, hours, minutes, seconds = map(int, spent.groups())
        return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)
    try:
        whole = pa.types.is_integer(table[column].type)
        number = int(text) if whole else float(text)
        if 0 <= number < 1 << 62:
            return number
    except ValueError:
        pass
    odd.append(text)
    return None
