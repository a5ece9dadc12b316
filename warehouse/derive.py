"""Deriving: the stale partitions of marts, computed by their models and published as one snapshot."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas import ddl
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.mart import Mart
from iolake.schemas.table import DATE, LOAD_ID
from iolake.warehouse import freshness, layout, months, parquet, snapshot_views, views
from iolake.warehouse.bounds import bounds_of
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.damaged_sources import Work, damage_behind, take_out, without_damage
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.footer import Footer
from iolake.warehouse.freshness import Partition
from iolake.warehouse.records import DataFile
from iolake.warehouse.relocate import mend
from iolake.warehouse.scratch import scratch
from iolake.warehouse.store import Store
from iolake.warehouse.warehouse import Warehouse

Progress = Callable[[str, int, int], None]
"""Called with a mart's name, how many partitions are done and how many there are, of all marts."""

PUBLISH_EVERY_S = 60.0
"""A long derivation publishes what it has at this pace, so that a kill loses no more than that."""
BATCH_ROWS = 100_000
"""Partitions of so many rows of the tables behind them are computed by one query: planning one costs some 50 ms."""
MEMORY_LIMIT_SHARE = "60%"
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Derived:
    """What a derivation did: partitions and rows, the snapshots that it published."""

    partitions: int = 0
    rows: int = 0
    snapshots: tuple[int, ...] = ()
    seconds: float = 0.0
    damaged: tuple[DamagedFile, ...] = ()
    """The damaged data files that stale partitions read: these partitions stay stale."""


@dataclass(frozen=True)
class _Made:
    """A partition as it was computed: the file with its rows, None where it has none."""

    mart: Mart
    partition: Partition
    file: DataFile | None


def derive(warehouse: Warehouse, progress: Progress | None = None, memory_limit: str = MEMORY_LIMIT_SHARE) -> Derived:
    """Compute every stale partition of the newest snapshot, and publish them. Without any, it publishes nothing (P2).

    Partitions whose sources another writer changed meanwhile are left out of what is published: they stay stale, and
    a query computes them (P7). Partitions that read a damaged data file are left out too, so that damage is not copied.
    `memory_limit` is DuckDB's; what does not fit goes to a temporary folder. CommitContested.
    """
    started = time.monotonic()
    mend(warehouse)
    number = warehouse.newest()
    if number is None:
        return Derived()
    with scratch() as folder:
        path = Path(folder) / "catalog.duckdb"
        warehouse.store.copy(layout.snapshot_path(number), path)
        with Catalog.editing(path, warehouse.store, private=True) as catalog:
            catalog.write_views(warehouse.store)
            work = _stale(catalog)
            if not work:
                return Derived()
            damage = damage_behind(warehouse.store, catalog, work)
            take_out(warehouse.store, catalog, damage)
            work = without_damage(work, damage.files)
        if not work:
            return Derived(damaged=damage.errors)
        with warehouse.at_work() as load_id, engine(warehouse.store, path, Path(folder), memory_limit) as con:
            writer = _Writer(warehouse.store, con, load_id)
            done = _derive(warehouse, writer, work, damage.months, progress, started)
            return replace(done, damaged=damage.errors)


def stale(warehouse: Warehouse) -> dict[str, int]:
    """How many partitions of each mart are stale in the newest snapshot; empty where all are fresh."""
    number = warehouse.newest()
    if number is None:
        return {}
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        return dict(catalog.rows("SELECT table_name, count(*) FROM derived WHERE NOT fresh GROUP BY ALL ORDER BY ALL"))


def _stale(catalog: Catalog) -> Work:
    """The stale partitions by mart, those marts first that others read."""
    wanted: dict[str, set[tuple[str, date]]] = {}
    for name, owner, day in catalog.rows("SELECT table_name, owner, date FROM derived WHERE NOT fresh"):
        wanted.setdefault(name, set()).add((owner, day))
    if not wanted:
        return []
    found = freshness.Dependencies(catalog, views.sql_files())
    return [
        (mart, sorted((p for p in found.partitions(mart) if (p.owner, p.day) in wanted[mart.name]), key=_place))
        for mart in freshness.marts()
        if mart.name in wanted
    ]


def _place(partition: Partition) -> tuple[str, date]:
    return partition.owner, partition.day


def engine(store: Store, path: Path, folder: Path, memory_limit: str = MEMORY_LIMIT_SHARE) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own over the copy of the snapshot, bounded in memory."""
    con = duckdb.connect(str(path))
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"SET memory_limit = {ddl.literal(memory_limit)}")
    con.execute(f"SET temp_directory = {ddl.literal(str(folder / 'spill'))}")
    con.execute("SET parquet_metadata_cache = true")
    if not store.local:
        con.register_filesystem(store.fs)
    return con


def _derive(
    warehouse: Warehouse,
    writer: _Writer,
    work: Work,
    damaged_months: Sequence[DataFile],
    progress: Progress | None,
    started: float,
) -> Derived:
    total = sum(len(partitions) for _, partitions in work)
    published: list[int | None] = []
    waiting: list[_Made] = []
    done = rows = 0
    last = started
    for mart, partitions in work:
        for batch in batches(partitions):
            made = writer.make(mart, batch)
            waiting += made
            done += len(made)
            rows += sum(m.file.rows for m in made if m.file)
            if progress:
                progress(mart.name, done, total)
            if time.monotonic() - last >= PUBLISH_EVERY_S:
                published.append(_publish(warehouse, waiting, writer.load_id, damaged_months))
                waiting, last = [], time.monotonic()
        writer.show(mart)
    published.append(_publish(warehouse, waiting, writer.load_id, damaged_months))
    return Derived(done, rows, tuple(n for n in published if n is not None), time.monotonic() - started)


def batches(partitions: Sequence[Partition]) -> Iterator[list[Partition]]:
    """Partitions of one owner that follow each other, not too large together."""
    batch: list[Partition] = []
    rows = 0
    for p in partitions:
        if batch and (p.owner != batch[0].owner or rows + p.rows_of > BATCH_ROWS):
            yield batch
            batch, rows = [], 0
        batch.append(p)
        rows += p.rows_of
    if batch:
        yield batch


def model_query(mart: Mart, batch: Sequence[Partition]) -> str:
    """The SELECT of a model for partitions of one owner, and the days between them."""
    first, last = min(p.first_day for p in batch), max(p.last_day for p in batch)
    return freshness.select(mart, batch[0].owner, min(p.day for p in batch), max(p.day for p in batch), first, last)


def _publish(
    warehouse: Warehouse, made: Sequence[_Made], load_id: str, damaged_months: Sequence[DataFile]
) -> int | None:
    """Publish partitions on top of the newest snapshot, without damaged month files.

    Partitions whose sources are others there are dropped.
    """
    if not made:
        return None

    def edit(catalog: Catalog, _number: int) -> bool:
        catalog.changes.written += [m.file for m in made if m.file]
        current = {
            (m.name, p.owner, p.day): p.fingerprint
            for found in [freshness.Dependencies(catalog, views.sql_files())]
            for m in {m.mart.name: m.mart for m in made}.values()
            for p in found.partitions(m)
        }
        right = [m for m in made if current.get((m.mart.name, *_place(m.partition))) == m.partition.fingerprint]
        freshness.put(catalog, [(m.mart, m.partition, m.file, load_id) for m in right])
        months.remove(catalog, damaged_months)
        return bool(right)

    return warehouse.publish(edit, "derive")


class _Writer:
    """Computes partitions over a private copy of a snapshot, and writes them below the lake."""

    def __init__(self, store: Store, con: duckdb.DuckDBPyConnection, load_id: str) -> None:
        self._store, self._con, self.load_id = store, con, load_id
        self._catalog = Catalog(con)
        self._count = 0
        self._made: list[tuple[Mart, Partition, DataFile | None, str]] = []

    def make(self, mart: Mart, batch: Sequence[Partition]) -> list[_Made]:
        """Compute partitions of one owner by one query, a day in memory at a time, and write them."""
        days = ", ".join(f"DATE '{p.day}'" for p in batch)
        query = f"{model_query(mart, batch)}\nWHERE date IN ({days})\nORDER BY date"
        reader = self._con.sql(query).to_arrow_reader(_ROWS_AT_ONCE)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            files: dict[date, Future[DataFile]] = {}
            for day, rows in _days(reader):
                files[day] = pool.submit(self._write, mart, batch[0].owner, day, rows, self._next_name())
            made = [_Made(mart, p, files[p.day].result() if p.day in files else None) for p in batch]
        self._made += [(m.mart, m.partition, m.file, self.load_id) for m in made]
        return made

    def show(self, mart: Mart) -> None:
        """Let the models of other marts read what was made of this one."""
        freshness.put(self._catalog, [m for m in self._made if m[0] is mart])
        snapshot_views.write_table(self._catalog, mart, self._store.uri)

    def _write(self, mart: Mart, owner: str, day: date, data: pa.Table, name: str) -> DataFile:
        schema = pa.schema([c.arrow_field for c in mart.stored if c.name != LOAD_ID.name])
        data = pa.table({f.name: data[f.name].cast(f.type) for f in schema})
        data = in_sort_order(mart, conform(mart, data, schema))
        load_ids = pa.DictionaryArray.from_arrays(np.zeros(data.num_rows, np.int32), pa.array([self.load_id]))
        data = data.append_column(LOAD_ID.name, load_ids)
        path = layout.data_path(mart, owner, day, self.load_id, name)
        written = parquet.write(self._store, path, mart, data, Footer(()).encode())
        names = tuple(data.schema.names)
        return DataFile(
            path,
            mart.name,
            owner,
            day,
            data.num_rows,
            written.size_bytes,
            self.load_id,
            (self.load_id,),
            names,
            *bounds_of(mart, data),
            written.content_hash,
        )

    def _next_name(self) -> str:
        self._count += 1
        return f"m{self._count:x}"


def _days(reader: pa.RecordBatchReader) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day, of rows in order of their day."""
    day: date | None = None
    held: list[pa.RecordBatch] = []
    for batch in reader:
        days = batch[DATE.name]
        for value in pc.unique(days).to_pylist():
            if value != day and held:
                assert day is not None
                yield day, pa.Table.from_batches(held)
                held = []
            day = value
            held.append(batch.filter(pc.equal(days, value)))
    if held:
        assert day is not None
        yield day, pa.Table.from_batches(held)
