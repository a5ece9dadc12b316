"""Which partitions of a mart are fresh: made by today's model from the rows that a snapshot has (P1).

A partition's fingerprint is the hash of its model and of what the snapshot has of every day that the model reads for
it: the loads, and how many rows of them are left. Rows of a load only ever become fewer, so no two contents have the
same loads and the same number of rows; and merging files does not change the fingerprint.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.ledger import DERIVED
from iolake.schemas.mart import Mart, Read
from iolake.schemas.table import LOAD_ID
from iolake.warehouse import mart_days
from iolake.warehouse.mart_days import Day, Window, hours
from iolake.warehouse.views import code, words

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.records import DataFile

_EVER: tuple[float, float] = (-math.inf, math.inf)
_CALLS = 4
"""So many calls of a model at most in a view; each costs a query some milliseconds of planning."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A day of a mart, as a snapshot's tables would make it."""

    owner: str
    day: date
    fingerprint: str
    first_day: date
    last_day: date
    as_of_days: tuple[date, ...]
    """Days of the tables that its mart reads `as_of`; those between first_day and last_day are of other tables."""
    rows_of: int
    """Rows of the tables whose days are the mart's partitions."""


class Dependencies:
    """The partitions of marts that a snapshot's files call for, each with the fingerprint that it should have."""

    def __init__(self, catalog: Catalog, sql: dict[str, str]) -> None:
        self._sql = sql
        self._thresholds: dict[str, float] = dict(catalog.rows("FROM thresholds"))
        self._own: dict[str, list[Day]] = defaultdict(list)
        for day in mart_days.days(catalog):
            self._own[day.table].append(day)
        self._places: dict[str, dict[str, tuple[list[Day], npt.NDArray[np.float64]]]] = {}
        self._made_from: dict[tuple[str, str, date], frozenset[Day]] = {}

    def keys(self, mart: Mart) -> Iterator[tuple[str, str, date]]:
        """(mart, owner, day) of every partition that the mart should have."""
        yield from ((mart.name, d.owner, d.date) for days, _ in self._of(mart.name).values() for d in days)

    def partitions(self, mart: Mart, window: Window | None = None) -> Iterator[Partition]:
        """Every partition that the mart should have; with a window only those that what happened then may touch."""
        model = model_hash(mart, self._sql, self._thresholds)
        looked_up = read_as_of(mart)
        for days, times in self._of(mart.name).values():
            wanted = range(len(days)) if window is None else np.flatnonzero(_overlaps(times, *window))
            for day in (days[int(at)] for at in wanted):
                sources = self._sources(mart, day)
                digest = hashlib.blake2b(model.encode(), digest_size=12)
                for key in sorted(f"{s.table}\0{s.owner}\0{s.date}\0{s.content}" for s in sources):
                    digest.update(key.encode())
                dates = [s.date for s in sources if s.table not in looked_up]
                as_of = tuple(sorted({s.date for s in sources if s.table in looked_up}))
                yield Partition(day.owner, day.date, digest.hexdigest(), min(dates), max(dates), as_of, day.rows)

    def _of(self, name: str) -> dict[str, tuple[list[Day], npt.NDArray[np.float64]]]:
        """The days of a table or mart by owner, with (begin, end, midnight) of each."""
        if name not in self._places:
            table = schemas.tables().get(name)
            days = _united(table, (self._of(n) for n in table.rows_of)) if isinstance(table, Mart) else self._own[name]
            by_owner: dict[str, list[Day]] = defaultdict(list)
            for day in days:
                by_owner[day.owner].append(day)
            self._places[name] = {
                owner: (own, np.array([[d.first, d.last, hours(d.date)] for d in own]))
                for owner, own in by_owner.items()
            }
        return self._places[name]

    def _sources(self, mart: Mart, day: Day) -> frozenset[Day]:
        """The days of the lake's own tables that a partition rests on, also by way of other marts."""
        key = (mart.name, day.owner, day.date)
        if key not in self._made_from:
            found: set[Day] = set()
            for read in mart.reads:
                table = schemas.tables().get(read.table)
                for other in self._read(read, day):
                    found |= self._sources(table, other) if isinstance(table, Mart) else {other}
            self._made_from[key] = frozenset(found)
        return self._made_from[key]

    def _read(self, read: Read, day: Day) -> Iterator[Day]:
        """The days of a table that a partition's model reads."""
        slack, midnight = 24.0 * read.slack_days, hours(day.date)
        for owner, (days, times) in self._of(read.table).items():
            if read.same_owner and owner != day.owner:
                continue
            if read.as_of:
                found = _newest_at(times[:, 2], day)
            elif read.day_only:
                found = np.abs(times[:, 2] - midnight) <= slack
            else:
                found = _overlaps(times, day.first - slack, day.last + slack)
            yield from (days[int(at)] for at in np.flatnonzero(found))


def _newest_at(midnights: npt.NDArray[np.float64], day: Day) -> npt.NDArray[np.bool_]:
    """Which days have the newest snapshot at some moment of a day's rows; the next day where none is as old."""
    begin = 24 * (day.first // 24)
    found: npt.NDArray[np.bool_] = (midnights >= begin) & (midnights <= day.last)
    older = midnights[midnights < begin]
    if older.size:
        found |= midnights == older.max()
    elif not found.any():
        found = midnights == midnights.min()
    return found


def read_as_of(mart: Mart) -> frozenset[str]:
    """The tables that a mart reads `as_of`, also by way of other marts."""
    tables = [(read, schemas.tables().get(read.table)) for read in mart.reads]
    own = frozenset(read.table for read, _ in tables if read.as_of)
    return own.union(*(read_as_of(t) for _, t in tables if isinstance(t, Mart)))


def _overlaps(times: npt.NDArray[np.float64], begin: float, end: float) -> npt.NDArray[np.bool_]:
    overlaps: npt.NDArray[np.bool_] = (times[:, 0] < end) & (times[:, 1] >= begin)
    return overlaps


def _united(mart: Mart, tables: Iterable[dict[str, tuple[list[Day], npt.NDArray[np.float64]]]]) -> Iterator[Day]:
    """The days on which at least one of the tables has rows."""
    found: dict[tuple[str, date], Day] = {}
    for day in (d for table in tables for days, _ in table.values() for d in days):
        known = found.get((day.owner, day.date), day)
        rows = day.rows + (known.rows if known is not day else 0)
        first, last = min(day.first, known.first), max(day.last, known.last)
        found[day.owner, day.date] = Day(mart.name, day.owner, day.date, first, last, rows, "")
    yield from found.values()


def model_hash(mart: Mart, sql: dict[str, str], thresholds: Mapping[str, float]) -> str:
    """Hash of what a mart's rows follow beside the lake's tables.

    That is its declaration, every file of sql/ that its model names, itself or by way of others, among them the models
    of the marts that it reads, and the site's thresholds of the rules that these files quote. Comments do not count.
    """
    tables = schemas.tables()
    seen: set[str] = set()
    waiting = [mart.model]
    while waiting:
        name = waiting.pop()
        table = tables.get(name)
        name = table.model if isinstance(table, Mart) else name
        if name in sql and name not in seen:
            seen.add(name)
            waiting += words(sql[name])
    declared = repr(ddl.typed_columns(mart))
    named = {name: code(sql[name]) for name in sorted(seen)}
    if thresholds:
        quoted = {rule for name in seen - {"finding_rules"} for rule in re.findall(r"'([\w-]+)'", named[name])}
        declared += "".join(f"\0{rule} {thresholds[rule]}" for rule in sorted(quoted & thresholds.keys()))
    return hashlib.blake2b("\0".join([declared, *named.values()]).encode(), digest_size=8).hexdigest()


def marts() -> list[Mart]:
    """Every declared mart, those first that others read."""
    waiting = {name: t for name, t in schemas.tables().items() if isinstance(t, Mart)}
    ordered: list[Mart] = []
    while waiting:
        ready = [m for m in waiting.values() if not {r.table for r in m.reads} & (waiting.keys() - {m.name})]
        if not ready:
            raise RuntimeError(f"schemas/: each of the marts {', '.join(waiting)} reads another")
        ordered += ready
        for mart in ready:
            del waiting[mart.name]
    return ordered


def origins() -> Iterator[dict[str, object]]:
    """The rows of `mart_reads`: each table behind each mart once, by the widest way that leads to it."""
    for mart in marts():
        widest: dict[str, tuple[bool, float]] = {}
        for table, same_owner, days in _ways(mart):
            known_owner, known_days = widest.get(table, (True, 0))
            widest[table] = same_owner and known_owner, max(days, known_days)
        for table, (same_owner, days) in widest.items():
            yield {
                "mart": mart.name,
                "table_name": table,
                "same_owner": same_owner,
                "days_around": None if math.isinf(days) else int(days),
                "as_of": table in read_as_of(mart),
            }


def _ways(mart: Mart) -> Iterator[tuple[str, bool, float]]:
    """(table, whether of the same owner, days around) of each way from a mart to a table that is no mart."""
    for read in mart.reads:
        table = schemas.tables().get(read.table)
        days = float(read.slack_days) if read.day_only and not read.as_of else math.inf
        if isinstance(table, Mart):
            yield from ((name, read.same_owner and same, days + more) for name, same, more in _ways(table))
        else:
            yield read.table, read.same_owner, days


def update(catalog: Catalog, sql: dict[str, str], declarations: str) -> set[str]:
    """Bring `derived` up to date with the catalog's files, and return the marts whose partitions changed.

    The files of partitions that are stale now, or are no more, leave the catalog: a reader of files sees fresh rows
    alone.
    """
    declared = marts()
    last = catalog.rows("SELECT declarations FROM snapshots ORDER BY number DESC LIMIT 1")
    all_known = last == [(declarations,)] and catalog.rows("FROM derived LIMIT 1") != []
    window = _changed(catalog) if all_known and not catalog.changes.thresholds else _EVER
    if not declared or window is None:
        return set()
    known = {
        (mart, owner, day): (fresh, fingerprint, first, last, as_of)
        for mart, owner, day, fresh, fingerprint, first, last, as_of in catalog.rows(
            "SELECT table_name, owner, date, fresh, fingerprint, first_day, last_day, as_of_days FROM derived"
        )
    }
    found = Dependencies(catalog, sql)
    there = {key for m in declared for key in found.keys(m)}
    touched = {(m.name, p.owner, p.day): p for m in declared for p in found.partitions(m, _widened(window, m))}
    new: list[dict[str, object]] = []
    gone = [key for key in known if key not in there]
    for key, p in touched.items():
        fresh, fingerprint, *days = known.get(key, (None, None))
        here = [p.first_day, p.last_day, list(p.as_of_days)]
        if (fresh and fingerprint == p.fingerprint) or (fresh is False and days == here):
            continue
        gone.append(key)
        names = ("table_name", "owner", "date", "fresh", "first_day", "last_day", "as_of_days")
        new.append(dict(zip(names, (*key, False, *here), strict=True)))
    _remove(catalog, gone)
    catalog.insert(DERIVED, new)
    return {key[0] for key in gone}


def _changed(catalog: Catalog) -> Window | None:
    """The time range of the files that an edit added or removed; None where no mart reads any of them.

    A snapshot that marts read `as_of` counts until the day of the next one, and the first one at all times before it.
    """
    looked_up = frozenset[str]().union(*(read_as_of(mart) for mart in marts()))
    windows = []
    for f in (*catalog.changes.added.values(), *catalog.changes.removed.values()):
        table = schemas.tables().get(f.table_name)
        if table is None or isinstance(table, Mart):
            continue
        begin, end = mart_days.times(table, f.date, f.first_ts, f.last_ts)
        if table.name in looked_up:
            begin, end = _valid(catalog, f)
        windows.append((min(begin, hours(f.date)), max(end, hours(f.date) + 24)))
    return (min(begin for begin, _ in windows), max(end for _, end in windows)) if windows else None


def _valid(catalog: Catalog, file: DataFile) -> Window:
    """From the day of a snapshot's file to the end of the day of the next one."""
    ((before, after),) = catalog.rows(
        "SELECT max(date) FILTER (date < $3), min(date) FILTER (date > $3) FROM files "
        "WHERE table_name = $1 AND owner = $2",
        [file.table_name, file.owner, file.date],
    )
    return -math.inf if before is None else hours(file.date), math.inf if after is None else hours(after) + 24


def _widened(window: Window, mart: Mart) -> Window:
    """The time of the partitions that may rest on what happened in a window."""
    reach = 24.0 * (_reach_days(mart) + 1)
    return window[0] - reach, window[1] + reach


def _reach_days(mart: Mart) -> int:
    """How far beyond its own time a partition looks, by way of other marts as well."""
    tables = [(read, schemas.tables().get(read.table)) for read in mart.reads]
    return max(r.slack_days + (_reach_days(t) if isinstance(t, Mart) else 0) for r, t in tables)


def put(catalog: Catalog, made: Sequence[tuple[Mart, Partition, DataFile | None, str]]) -> None:
    """Write partitions that a derivation made into the catalog, in place of what it had of them."""
    catalog.changes.marts |= {mart.name for mart, *_ in made}
    _remove(catalog, [(mart.name, p.owner, p.day) for mart, p, _, _ in made])
    catalog.add_files(file for _, _, file, _ in made if file)
    catalog.insert(
        DERIVED,
        (
            {
                "table_name": mart.name,
                "owner": p.owner,
                "date": p.day,
                "fresh": True,
                "fingerprint": p.fingerprint,
                "first_day": p.first_day,
                "last_day": p.last_day,
                "as_of_days": p.as_of_days,
                "rows": file.rows if file else 0,
                "load_id": load_id,
            }
            for mart, p, file, load_id in made
        ),
    )


def make_stale(catalog: Catalog, keys: Sequence[tuple[str, str, date]]) -> None:
    """Have partitions derived again: their files leave the catalog, and until then a query computes their rows."""
    catalog.changes.marts |= {name for name, _, _ in keys}
    for name, owner, day in keys:
        catalog.remove_files(catalog.files("f.table_name = ? AND owner = ? AND date = ?", [name, owner, day]))
        catalog.con.execute(
            "UPDATE derived SET fresh = false, fingerprint = NULL, rows = NULL, load_id = NULL "
            "WHERE table_name = ? AND owner = ? AND date = ?",
            [name, owner, day],
        )


def _remove(catalog: Catalog, keys: Sequence[tuple[str, str, date]]) -> None:
    """Take partitions out of the catalog, with their files."""
    if not keys:
        return
    names, owners, days = zip(*keys, strict=True)
    catalog.con.register("gone", pa.table({"table_name": names, "owner": owners, "date": days}))
    catalog.remove_files(catalog.files("(f.table_name, owner, date) IN (FROM gone)"))
    catalog.con.execute("DELETE FROM derived WHERE (table_name, owner, date) IN (FROM gone)")
    catalog.con.unregister("gone")


def live(mart: Mart, catalog: Catalog) -> list[str]:
    """The SELECTs that compute a mart's stale partitions; none where all are fresh."""
    stale = catalog.rows(
        "SELECT owner, date, first_day, last_day, fresh FROM derived WHERE table_name = ? ORDER BY owner, date",
        [mart.name],
    )
    runs: list[list[tuple[str, date, date, date]]] = []
    previous: tuple[str, bool] | None = None
    for owner, day, first, last, fresh in stale:
        if not fresh:
            if previous != (owner, False):
                runs.append([])
            runs[-1].append((owner, day, first, last))
        previous = (owner, fresh)
    if not runs:
        return []
    if all(not row[4] for row in stale):
        return [select(mart)]
    if len(runs) > _CALLS:
        every = [row for run in runs for row in run]
        pairs = ", ".join(f"({ddl.literal(o)}, DATE '{d}')" for o, d, _, _ in every)
        where = f"\nWHERE ({ddl.quote(mart.owner.name)}, date) IN ({pairs})"
        return [select(mart, None, *_bounds(every)) + where]
    return [select(mart, run[0][0], *_bounds(run)) for run in runs]


def _bounds(days: Iterable[tuple[str, date, date, date]]) -> tuple[date, date, date, date]:
    _, at, first, last = zip(*days, strict=True)
    return min(at), max(at), min(first), max(last)


def select(mart: Mart, owner: str | None = None, *days: date) -> str:
    """A SELECT of the model in the declared types: of an owner's days (since, until, first, last read), or of all."""
    columns = ", ".join(
        f"{'NULL' if c.name == LOAD_ID.name else ddl.quote(c.name)}::{ddl.duckdb_type(c.type)} AS {ddl.quote(c.name)}"
        for c in mart.all_columns
    )
    values = [f"DATE '{d}'" for d in days] or ["NULL"] * 4
    of = "NULL" if owner is None else ddl.literal(owner)
    return f"SELECT {columns}\nFROM main.{mart.model}({', '.join([of, *values])})"
