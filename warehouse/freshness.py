"""Which partitions of a mart are fresh: made by today's model from the rows that a snapshot has (P1).

A partition's fingerprint is the hash of its model and of what the snapshot has of every day that the model reads for
it: the loads, and how many rows of them are left. Rows of a load only ever become fewer, so no two contents have the
same loads and the same number of rows; and merging files does not change the fingerprint.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
from iolake.schemas.table import LOAD_ID

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.records import DataFile

_UNKNOWN_START = timedelta(days=31)
"""How far rows reach back before their day in a file whose times no ledger has, from an older lake."""
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
    """What a snapshot's files are to the marts: their partitions, each with the fingerprint that it should have."""

    def __init__(self, catalog: Catalog, sql: dict[str, str]) -> None:
        self._sql = sql
        self._days: dict[str, dict[str, list[_Day]]] = defaultdict(lambda: defaultdict(list))
        for day in _days(catalog):
            self._days[day.table][day.owner].append(day)
        self._times: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
        self._spans: dict[str, dict[tuple[str, date], tuple[float, float, int]]] = {}
        self._made_from: dict[tuple[str, str, date], frozenset[_Day]] = {}

    def partitions(self, mart: Mart) -> Iterator[Partition]:
        """Every partition that the mart should have."""
        model = model_hash(mart, self._sql)
        for (owner, day), (_, _, rows) in self._span(mart).items():
            sources = self._sources(mart, owner, day)
            digest = hashlib.blake2b(model.encode(), digest_size=12)
            for key in sorted(f"{s.table}\0{s.owner}\0{s.date}\0{s.content}" for s in sources):
                digest.update(key.encode())
            days = [s.date for s in sources]
            yield Partition(owner, day, digest.hexdigest(), min(days), max(days), rows)

    def _span(self, mart: Mart) -> dict[tuple[str, date], tuple[float, float, int]]:
        """(begin, end, rows) of each partition of a mart, by owner and day."""
        if mart.name not in self._spans:
            spans: dict[tuple[str, date], tuple[float, float, int]] = {}
            for name in mart.rows_of:
                table = schemas.tables().get(name)
                if isinstance(table, Mart):
                    found = ((k, *v) for k, v in self._span(table).items())
                else:
                    found = (((d.owner, d.date), d.first, d.last, d.rows) for o in self._days[name].values() for d in o)
                for key, first, last, rows in found:
                    known = spans.get(key, (first, last, 0))
                    spans[key] = (min(first, known[0]), max(last, known[1]), rows + known[2])
            self._spans[mart.name] = spans
        return self._spans[mart.name]

    def _sources(self, mart: Mart, owner: str, day: date) -> frozenset[_Day]:
        """The days of the lake's own tables that a partition rests on, also by way of other marts."""
        key = (mart.name, owner, day)
        if key not in self._made_from:
            begin, end, _ = self._span(mart)[owner, day]
            found: set[_Day] = set()
            for read in mart.reads:
                slack = 24.0 * read.slack_days
                if read.day_only:
                    begin, end = _hours(day), _hours(day) + 24
                table = schemas.tables().get(read.table)
                if isinstance(table, Mart):
                    for (o, d), (first, last, _) in self._span(table).items():
                        near = (_hours(d), _hours(d)) if read.day_only else (first, last)
                        if (o == owner or not read.same_owner) and near[0] < end + slack and near[1] >= begin - slack:
                            found |= self._sources(table, o, d)
                else:
                    found.update(self._overlapping(read, owner, begin - slack, end + slack))
                if read.day_only:
                    begin, end, _ = self._span(mart)[owner, day]
            self._made_from[key] = frozenset(found)
        return self._made_from[key]

    def _overlapping(self, read: Read, owner: str, begin: float, end: float) -> Iterator[_Day]:
        for name, days in self._days[read.table].items():
            if read.same_owner and name != owner:
                continue
            key = (read.table, name)
            if key not in self._times:
                self._times[key] = np.array([[d.first, d.last, _hours(d.date)] for d in days])
            first, last, midnight = self._times[key].T
            overlaps = (midnight < end) & (midnight + 24 > begin) if read.day_only else (first < end) & (last >= begin)
            yield from (days[int(i)] for i in np.flatnonzero(overlaps))


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
    tables = schemas.tables()
    for name, owner, day, first, last, rows, content in found:
        table = tables.get(name)
        if table is None or isinstance(table, Mart):
            continue
        midnight = _hours(day)
        has_start = any(c.name == "start_time" for c in table.columns)
        reach = _UNKNOWN_START.total_seconds() / 3600 if has_start else 0.0
        begin = midnight - reach if first is None else min(_hours(first), midnight)
        end = midnight + 24 if last is None else max(_hours(last), midnight)
        yield _Day(name, owner, day, begin, end, rows, content)


def _hours(moment: date | datetime) -> float:
    at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return at.replace(tzinfo=UTC).timestamp() / 3600


def model_hash(mart: Mart, sql: dict[str, str]) -> str:
    """Hash of a mart's declaration and of every file of sql/ that its model names, itself or by way of others."""
    seen: set[str] = set()
    waiting = [mart.model]
    while waiting:
        name = waiting.pop()
        if name in sql and name not in seen:
            seen.add(name)
            waiting += re.findall(r"\w+", re.sub(r"--.*", "", sql[name]))
    declared = ddl.create_storage_view(mart, [])
    return hashlib.blake2b("\0".join([declared, *(sql[n] for n in sorted(seen))]).encode(), digest_size=8).hexdigest()


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


def update(catalog: Catalog, sql: dict[str, str]) -> set[str]:
    """Bring `derived` up to date with the catalog's files, and return the marts whose partitions changed.

    The files of partitions that are stale now, or are no more, leave the catalog: a reader of files sees fresh rows
    alone.
    """
    declared = marts()
    if not declared:
        return set()
    known = {
        (mart, owner, day): (fresh, fingerprint, first, last)
        for mart, owner, day, fresh, fingerprint, first, last in catalog.rows(
            "SELECT table_name, owner, date, fresh, fingerprint, first_day, last_day FROM derived"
        )
    }
    found = Dependencies(catalog, sql)
    wanted = {(m.name, p.owner, p.day): p for m in declared for p in found.partitions(m)}
    new: list[dict[str, object]] = []
    gone = [key for key in known if key not in wanted]
    for key, p in wanted.items():
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
