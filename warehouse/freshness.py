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
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.ledger import DERIVED
from iolake.schemas.mart import Mart, Read
from iolake.schemas.table import LOAD_ID, Table
from iolake.warehouse.views import code, words

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.records import DataFile

_UNKNOWN_START = timedelta(days=31)
"""How far rows reach back before their day in a file whose times no ledger has, from an older lake."""
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
    rows_of: int
    """Rows of the tables whose days are the mart's partitions."""


Window = tuple[float, float]
"""Hours since 1970."""


@dataclass(frozen=True, slots=True)
class _Day:
    """What a snapshot has of a table, an owner and a day; times in hours since 1970."""

    table: str
    owner: str
    date: date
    first: float
    last: float
    rows: int
    content: str


class Dependencies:
    """The partitions of marts that a snapshot's files call for, each with the fingerprint that it should have."""

    def __init__(self, catalog: Catalog, sql: dict[str, str]) -> None:
        self._sql = sql
        self._thresholds: dict[str, float] = dict(catalog.rows("FROM thresholds"))
        self._own: dict[str, list[_Day]] = defaultdict(list)
        for day in _days(catalog):
            self._own[day.table].append(day)
        self._places: dict[str, dict[str, tuple[list[_Day], npt.NDArray[np.float64]]]] = {}
        self._made_from: dict[tuple[str, str, date], frozenset[_Day]] = {}

    def keys(self, mart: Mart) -> Iterator[tuple[str, str, date]]:
        """(mart, owner, day) of every partition that the mart should have."""
        yield from ((mart.name, d.owner, d.date) for days, _ in self._of(mart.name).values() for d in days)

    def partitions(self, mart: Mart, window: Window | None = None) -> Iterator[Partition]:
        """Every partition that the mart should have; with a window only those that what happened then may touch."""
        model = model_hash(mart, self._sql, self._thresholds)
        for days, times in self._of(mart.name).values():
            wanted = range(len(days)) if window is None else np.flatnonzero(_overlaps(times, *window))
            for day in (days[int(at)] for at in wanted):
                sources = self._sources(mart, day)
                digest = hashlib.blake2b(model.encode(), digest_size=12)
                for key in sorted(f"{s.table}\0{s.owner}\0{s.date}\0{s.content}" for s in sources):
                    digest.update(key.encode())
                dates = [s.date for s in sources]
                yield Partition(day.owner, day.date, digest.hexdigest(), min(dates), max(dates), day.rows)

    def _of(self, name: str) -> dict[str, tuple[list[_Day], npt.NDArray[np.float64]]]:
        """The days of a table or mart by owner, with (begin, end, midnight) of each."""
        if name not in self._places:
            table = schemas.tables().get(name)
            days = _united(table, (self._of(n) for n in table.rows_of)) if isinstance(table, Mart) else self._own[name]
            by_owner: dict[str, list[_Day]] = defaultdict(list)
            for day in days:
                by_owner[day.owner].append(day)
            self._places[name] = {
                owner: (own, np.array([[d.first, d.last, _hours(d.date)] for d in own]))
                for owner, own in by_owner.items()
            }
        return self._places[name]

    def _sources(self, mart: Mart, day: _Day) -> frozenset[_Day]:
        """The days of the lake's own tables that a partition rests on, also by way of other marts."""
        key = (mart.name, day.owner, day.date)
        if key not in self._made_from:
            found: set[_Day] = set()
            for read in mart.reads:
                table = schemas.tables().get(read.table)
                for other in self._read(read, day):
                    found |= self._sources(table, other) if isinstance(table, Mart) else {other}
            self._made_from[key] = frozenset(found)
        return self._made_from[key]

    def _read(self, read: Read, day: _Day) -> Iterator[_Day]:
        """The days of a table that a partition's model reads."""
        slack, midnight = 24.0 * read.slack_days, _hours(day.date)
        for owner, (days, times) in self._of(read.table).items():
            if read.same_owner and owner != day.owner:
                continue
            if read.day_only:
                found = np.abs(times[:, 2] - midnight) <= slack
            else:
                found = _overlaps(times, day.first - slack, day.last + slack)
            yield from (days[int(at)] for at in np.flatnonzero(found))


def _overlaps(times: npt.NDArray[np.float64], begin: float, end: float) -> npt.NDArray[np.bool_]:
    overlaps: npt.NDArray[np.bool_] = (times[:, 0] < end) & (times[:, 1] >= begin)
    return overlaps


def _united(mart: Mart, tables: Iterable[dict[str, tuple[list[_Day], npt.NDArray[np.float64]]]]) -> Iterator[_Day]:
    """The days on which at least one of the tables has rows."""
    found: dict[tuple[str, date], _Day] = {}
    for day in (d for table in tables for days, _ in table.values() for d in days):
        known = found.get((day.owner, day.date), day)
        rows = day.rows + (known.rows if known is not day else 0)
        first, last = min(day.first, known.first), max(day.last, known.last)
        found[day.owner, day.date] = _Day(mart.name, day.owner, day.date, first, last, rows, "")
    yield from found.values()


def _days(catalog: Catalog) -> Iterator[_Day]:
    """What the catalog has, by table, owner and day; marts' own files are left out."""
    found = catalog.rows("""
        SELECT
          table_name, owner, date,
          CASE WHEN count(first_ts) = count(*) THEN min(first_ts) END,
          CASE WHEN count(last_ts) = count(*) THEN max(last_ts) END,
          sum(rows)::BIGINT,
          md5(concat_ws('|', sum(rows)::BIGINT, list_sort(list_distinct(flatten(list(load_ids))))::VARCHAR))
        FROM files
        GROUP BY table_name, owner, date
        ORDER BY table_name, owner, date""")
    for name, owner, day, first, last, rows, content in found:
        table = schemas.tables().get(name)
        if table is not None and not isinstance(table, Mart):
            yield _Day(name, owner, day, *_times(table, day, first, last), rows, content)


def _times(table: Table, day: date, first: datetime | None, last: datetime | None) -> Window:
    """When rows of a day begin and end: as the ledger has it, else by their day."""
    midnight = _hours(day)
    has_start = any(c.name == "start_time" for c in table.columns)
    reach = _UNKNOWN_START.total_seconds() / 3600 if has_start else 0.0
    begin = midnight - reach if first is None else min(_hours(first), midnight)
    return begin, midnight + 24 if last is None else max(_hours(last), midnight)


def _hours(moment: date | datetime) -> float:
    at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return at.replace(tzinfo=UTC).timestamp() / 3600


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
    declared = ddl.create_storage_view(mart, [])
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
            around = None if math.isinf(days) else int(days)
            yield {"mart": mart.name, "table_name": table, "same_owner": same_owner, "days_around": around}


def _ways(mart: Mart) -> Iterator[tuple[str, bool, float]]:
    """(table, whether of the same owner, days around) of each way from a mart to a table that is no mart."""
    for read in mart.reads:
        table = schemas.tables().get(read.table)
        days = float(read.slack_days) if read.day_only else math.inf
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
        (mart, owner, day): (fresh, fingerprint, first, last)
        for mart, owner, day, fresh, fingerprint, first, last in catalog.rows(
            "SELECT table_name, owner, date, fresh, fingerprint, first_day, last_day FROM derived"
        )
    }
    found = Dependencies(catalog, sql)
    there = {key for m in declared for key in found.keys(m)}
    touched = {(m.name, p.owner, p.day): p for m in declared for p in found.partitions(m, _widened(window, m))}
    new: list[dict[str, object]] = []
    gone = [key for key in known if key not in there]
    for key, p in touched.items():
        fresh, fingerprint, first, last = known.get(key, (None, None, None, None))
        if (fresh and fingerprint == p.fingerprint) or (fresh is False and (first, last) == (p.first_day, p.last_day)):
            continue
        gone.append(key)
        names = ("table_name", "owner", "date")
        new.append(
            dict(zip(names, key, strict=True)) | {"fresh": False, "first_day": p.first_day, "last_day": p.last_day}
        )
    _remove(catalog, gone)
    catalog.insert(DERIVED, new)
    return {key[0] for key in gone}


def _changed(catalog: Catalog) -> Window | None:
    """The time range of the files that an edit added or removed; None where no mart reads any of them."""
    windows = [
        (min(begin, _hours(f.date)), max(end, _hours(f.date) + 24))
        for f in (*catalog.changes.added.values(), *catalog.changes.removed.values())
        for table in [schemas.tables().get(f.table_name)]
        if table is not None and not isinstance(table, Mart)
        for begin, end in [_times(table, f.date, f.first_ts, f.last_ts)]
    ]
    return (min(begin for begin, _ in windows), max(end for _, end in windows)) if windows else None


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
                "rows": file.rows if file else 0,
                "load_id": load_id,
            }
            for mart, p, file, load_id in made
        ),
    )


def make_stale(catalog: Catalog, keys: Sequence[tuple[str, str, date]]) -> None:
    """Have partitions derived again: their files leave the catalog, and until then a query computes their rows."""
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
