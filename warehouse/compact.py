"""Compaction: one data file for each closed day, and one month file for each settled month, of a table and owner."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import TypeVar

from iolake import schemas
from iolake.warehouse import layout, months
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.garbage import recover
from iolake.warehouse.lake import Lake
from iolake.warehouse.records import DataFile
from iolake.warehouse.rewrite import merged
from iolake.warehouse.warehouse import Warehouse

log = logging.getLogger("iolake")
MAX_CELLS = 100_000_000
"""Rows times columns that are merged at once: about a GB of memory, and as much again to sort it."""


@dataclass(frozen=True)
class Compacted:
    """How many data files became how many."""

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    damaged: tuple[DamagedFile, ...] = ()
    """An error for each day or month that was left as it is, since a file of it is missing or damaged."""
    months: int = 0
    """How many month files were written."""


ORPHAN_AGE_HOURS = 24.0
"""Age of a mark of another host from which a compaction watches for its heartbeat."""
NIGHTLY_CELLS = 1_000_000_000
"""Rows times columns that the nightly run merges at most: some minutes of work."""


def compact(
    warehouse: Warehouse, today: date | None = None, max_cells: int = MAX_CELLS, budget: int | None = None
) -> Compacted:
    """Merge the files of every table, owner and UTC day before `today` into one, and write the month files due.

    Each step is a new snapshot. The rows are the same, in the table's sort order, all of them with the columns that the
    table has now. A day of more than `max_cells` is merged to several files, such a month gets no file. Files that
    another writer replaces meanwhile are left to the next compaction, and so are days and months past `budget` cells in
    all, oldest first. A day or month with a damaged file stays as it is, so that damage is not copied. NoLake,
    CommitContested.
    """
    warehouse.require()
    recover(warehouse, ORPHAN_AGE_HOURS)
    today = today or datetime.now(UTC).date()
    days, spent = _merge_days(warehouse, today, max_cells, budget)
    left = None if budget is None else budget - spent
    made, damaged = _write_months(warehouse, today, max_cells, left)
    return replace(days, months=made, damaged=(*days.damaged, *damaged))


def _merge_days(warehouse: Warehouse, today: date, max_cells: int, budget: int | None) -> tuple[Compacted, int]:
    """What merging closed days did, and how many cells it took."""
    groups = list(_groups(Lake(warehouse.uri).files(), today, max_cells))
    if budget is not None:
        groups = _newest(groups, budget)
    if not groups:
        return Compacted(), 0
    with warehouse.at_work() as load_id:
        work: list[tuple[list[DataFile], DataFile]] = []
        damaged: list[DamagedFile] = []
        for group in groups:
            try:
                work.append((group, merged(warehouse.store, group, load_id)))
            except DamagedFile as error:
                log.error("%s", error)
                damaged.append(error)
        done: list[tuple[list[DataFile], DataFile]] = []

        def edit(catalog: Catalog, _number: int) -> bool:
            there = {file.path for file in catalog.files()}
            done[:] = [(old, new) for old, new in work if there.issuperset(f.path for f in old)]
            for old, new in done:
                catalog.remove_files(old)
                catalog.add_files([new])
            return bool(done)

        warehouse.publish(edit, "compact")
        published = {new.path for _, new in done}
        for _, new in work:
            if new.path not in published:
                warehouse.store.remove(new.path)
    before = [file for old, _ in done for file in old]
    sizes = sum(f.size_bytes for f in before), sum(new.size_bytes for _, new in done)
    return Compacted(len(before), len(done), *sizes, tuple(damaged)), sum(map(_cells, groups))


def _write_months(
    warehouse: Warehouse, today: date, max_cells: int, budget: int | None
) -> tuple[int, list[DamagedFile]]:
    """How many month files were written and published, and why others were not."""
    with Catalog.reading(warehouse.store, layout.snapshot_path(warehouse.require())) as catalog:
        groups = [*months.due(catalog.files(), months.of(catalog), today, max_cells)]
    if budget is not None:
        groups = _newest(groups, budget) if budget > 0 else []
    if not groups:
        return 0, []
    damaged: list[DamagedFile] = []
    with warehouse.at_work() as load_id:
        work: dict[str, tuple[tuple[DataFile, ...], DataFile]] = {}
        for group in groups:
            try:
                month = months.write(warehouse.store, group, load_id)
            except DamagedFile as error:
                log.error("%s", error)
                damaged.append(error)
            else:
                work[month.path] = group, month
        done: list[DataFile] = []

        def edit(catalog: Catalog, _number: int) -> bool:
            there: dict[tuple[str, str, date], set[str]] = defaultdict(set)
            for file in catalog.files():
                there[months.key(file)].add(file.path)
            # Another writer may have added or replaced files of the month meanwhile, or written its month file.
            had = set(map(months.key, months.of(catalog)))
            done[:] = [
                month
                for group, month in work.values()
                if months.key(month) not in had and there[months.key(month)] == {file.path for file in group}
            ]
            months.put(catalog, done)
            return bool(done)

        warehouse.publish(edit, "compact")
        for path in work.keys() - {month.path for month in done}:
            warehouse.store.remove(path)
    return len(done), damaged


def _cells(group: Sequence[DataFile]) -> int:
    return sum(f.rows * len(f.columns) for f in group)


_Group = TypeVar("_Group", bound=Sequence[DataFile])


def _newest(groups: list[_Group], budget: int) -> list[_Group]:
    """The groups of the newest days that fit into `budget` cells, at least one."""
    ordered = sorted(groups, key=lambda group: group[0].date, reverse=True)
    cells = list(accumulate(map(_cells, ordered)))
    return [group for at, group in enumerate(ordered) if at == 0 or cells[at] <= budget]


def _groups(files: Sequence[DataFile], today: date, max_cells: int) -> Iterator[list[DataFile]]:
    """The files to merge with each other: of one table, owner and closed day, not too large together."""
    days: dict[tuple[str, str, date], list[DataFile]] = defaultdict(list)
    for file in files:
        if file.date < today and file.table_name in schemas.tables():
            days[file.table_name, file.owner, file.date].append(file)
    for day in days.values():
        group: list[DataFile] = []
        cells = 0
        for file in sorted(day, key=lambda f: f.rows):
            more = file.rows * len(file.columns)
            if group and cells + more > max_cells:
                yield from [group] if len(group) > 1 else []
                group, cells = [], 0
            group.append(file)
            cells += more
        if len(group) > 1:
            yield group
