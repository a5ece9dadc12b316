"""Keeps a derivation from copying damage: finds the damaged files that stale partitions read, and skips these."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.warehouse import months, snapshot_views
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.freshness import Partition, read_as_of
from iolake.warehouse.records import DataFile
from iolake.warehouse.store import Store
from iolake.warehouse.verify import damage_of

Work = list[tuple[Mart, list[Partition]]]
"""Partitions to compute by mart, those marts first that others read."""


@dataclass(frozen=True)
class Damage:
    """Damaged data files and month files, and the error for each of them."""

    files: list[DataFile]
    months: list[DataFile]
    """Each is a copy of its days: views read these once it is taken out."""
    errors: tuple[DamagedFile, ...]


def damage_behind(store: Store, catalog: Catalog, work: Work) -> Damage:
    """The damaged files that the models of stale partitions may open."""
    spans = [(_tables_behind(m), min(p.first_day for p in ps), max(p.last_day for p in ps)) for m, ps in work]
    looked_up = frozenset[str]().union(*(read_as_of(m) for m, _ in work))

    def may_open(file: DataFile, last_day: date) -> bool:
        return file.table_name in looked_up or any(
            file.table_name in tables and file.date <= end and last_day >= begin for tables, begin, end in spans
        )

    files = _damaged(store, [f for f in catalog.files() if may_open(f, f.date)])
    copies = _damaged(store, [m for m in months.of(catalog) if may_open(m, months.last_day(m.date))])
    return Damage([f for f, _ in files], [m for m, _ in copies], tuple(error for _, error in (*files, *copies)))


def take_out(store: Store, catalog: Catalog, damage: Damage) -> None:
    """Take damaged files out of a private copy of a snapshot, and write its views without them."""
    catalog.remove_files(damage.files)
    months.remove(catalog, damage.months)
    for name in {file.table_name for file in (*damage.files, *damage.months)}:
        snapshot_views.write_table(catalog, schemas.tables()[name], store.uri)


def without_damage(work: Work, damaged: Iterable[DataFile]) -> Work:
    """The partitions whose models open no damaged data file."""
    days: dict[str, set[date]] = defaultdict(set)
    for file in damaged:
        days[file.table_name].add(file.date)
    left: Work = []
    for mart, partitions in work:
        looked_up = read_as_of(mart)
        bad = set().union(*(days[name] for name in _tables_behind(mart) - looked_up if name in days))
        bad_as_of = set().union(*(days[name] for name in looked_up if name in days))
        if whole := [
            p
            for p in partitions
            if not any(p.first_day <= day <= p.last_day for day in bad) and bad_as_of.isdisjoint(p.as_of_days)
        ]:
            left.append((mart, whole))
    return left


def _damaged(store: Store, files: Sequence[DataFile]) -> list[tuple[DataFile, DamagedFile]]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = pool.map(partial(damage_of, store), files)
        return [(file, error) for file, error in zip(files, errors, strict=True) if error]


def _tables_behind(mart: Mart) -> set[str]:
    """The tables that a mart's model reads, also by way of other marts, which are among them."""
    tables = [(read.table, schemas.tables().get(read.table)) for read in mart.reads]
    return {name for name, _ in tables}.union(*(_tables_behind(t) for _, t in tables if isinstance(t, Mart)))
