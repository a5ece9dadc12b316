"""LMT, the Lustre Monitoring Tool: its MySQL or MariaDB server, or its tables in an SQLite file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, Final

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.lmt.database import Database
from iolake.extractors.lmt.samples import ROUTER, Day
from iolake.extractors.lmt.tables import Components, mdt_batches, ost_batches, server_batches, target_batch
from iolake.extractors.lustre import Sums, contested, fs_batch, zone_of
from iolake.extractors.mysql import try_to_connect, unreachable
from iolake.schemas.lustre import LUSTRE_FS, LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, LUSTRE_TARGET
from iolake.schemas.site import Site, password

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_SERVER, LUSTRE_FS, LUSTRE_TARGET)
_ROUTERS: Final = {ROUTER.info, ROUTER.table}
"""Tables that may be missing: a centre may have no routers."""


class Lmt(Extractor):
    """A day of a database is an input (its uri with `#2018-01-28`), and so is an SQLite file that a pattern names."""

    source: ClassVar = "lmt"
    what: ClassVar = "LMT's database"
    version: ClassVar = 5
    batch_inputs: ClassVar = 8
    owner: ClassVar = "file_system"
    tables: ClassVar = _TABLES
    contested: ClassVar = contested(_TABLES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The files that patterns name, and the days of the databases; an unreachable database is one input."""
        yield from find_files(site, "file_system", self.source, span)
        for name, where, _zone in site.sources("file_system", self.source):
            if where.uri is None:
                continue
            uri = site.resolve(where.uri)
            try:
                days = _opened(uri, name).days()
            except (InputError, OSError) as error:
                yield Input(self.source, name, uri, unreadable=unreachable(uri, error))
                continue
            for day in days:
                if day in span:
                    settled = day + timedelta(days=2) <= days[-1]
                    yield Input(self.source, name, f"{uri}#{day.isoformat()}", day, settled=settled)

    def hash(self, input: Input, site: Site) -> str | None:
        """Of a file its content; a database's day is known by its rows."""
        return None if _is_database(input.uri) else super().hash(input, site)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """The day's rows; of a file without a day in its name, the rows of all its days."""
        backend, zone = site.file_systems[input.owner].backend, zone_of(input, site)
        if _is_database(input.uri):
            uri = input.uri.removesuffix(f"#{input.day}") if input.day else input.uri
            db = _opened(uri, input.owner)
        else:
            db = Database("sqlite://" + os.path.abspath(input.uri))
        known = Components(db, backend)
        left_out: Counter[tuple[str, str]] = Counter()
        for date in [input.day] if input.day else db.days():
            try:
                day = Day(db, date, zone)
            except InputError as error:
                if input.day:
                    raise
                yield Reject(input, error.reason, date.isoformat())
                continue
            yield from (batch for batch in _batches(day, known, backend) if batch.table.name not in input.superseded)
            left_out.update(_left_out(day))
        for (part, reason), count in left_out.items():
            yield Reject(input, f"{count} {reason}", part)
        for part in sorted(db.missing - _ROUTERS if _ROUTERS.isdisjoint(db.columns) else db.missing):
            yield Reject(input, f"the database has no such {'column' if '.' in part else 'table'}", part)


def _opened(uri: str, owner: str) -> Database:
    """An owner's database, whose server answers. InputError where it refuses, ConnectionError where it says nothing."""
    if uri.startswith("mysql://"):
        try_to_connect(uri, owner, Lmt.source)
    return Database(uri, password(owner, Lmt.source))


def _left_out(day: Day) -> dict[tuple[str, str], int]:
    """(table, reason) to the number of its rows that were left out; one read as two kinds of samples counts once."""
    found = {("TIMESTAMP_INFO", "rows have no id, or no time such as 2018-01-28 00:00:05"): day.untimed}
    for (kind, reason), count in day.left_out.items():
        found[kind.table, reason] = max(count, found.get((kind.table, reason), 0))
    return {key: count for key, count in found.items() if count}


def _batches(day: Day, known: Components, backend: str | None) -> Iterator[Batch]:
    """The day's rows; those of the whole file system last, when all has been added to its sums."""
    steps = len(day.edges) - 1
    osts, mdts = Sums.none(steps, len(known.ost.values)), Sums.none(steps, len(known.mdt.values))
    yield from ost_batches(day, known.ost, osts)
    yield from mdt_batches(day, known, mdts)
    yield from server_batches(day, known)
    yield target_batch(day, backend)
    yield fs_batch(day.edges, osts, mdts)


def _is_database(uri: str) -> bool:
    return uri.startswith(("sqlite://", "mysql://"))
