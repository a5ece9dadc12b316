"""Month files: a table's rows of one owner and month in one file, which views read in place of a file for each day.

To open a file costs a query 0.3 ms, and to plan one 0.02 ms, whatever it holds: a year of small days costs more than
its rows do. The data files of the days stay what the lake consists of: what adds or removes one drops the month file of
its month from the catalog, in the same edit, and the nightly run writes another.
"""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from iolake import schemas
from iolake.schemas.gate import in_sort_order
from iolake.schemas.ledger import MONTHS
from iolake.schemas.table import DATE, Table
from iolake.warehouse import backfill, layout, parquet
from iolake.warehouse.footer import Footer
from iolake.warehouse.records import DataFile

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.store import Store

log = logging.getLogger("iolake")

SETTLED_DAYS = 7
"""A month gets its file so many days after its end: most late data has come by then."""
LEAST_FILES = 8
"""Fewer files are left as they are."""
SMALL_BYTES = 4 << 20
"""Where a month's files are larger on average, reading them costs more than opening them."""
GROUP_CELLS = 500_000
"""Least rows times columns of a row group: each costs a query some 10 µs to rule out, and smaller ones no less."""
_LOOKUPS = 16
"""Month files that are looked up at once: an object store takes some 10 ms for each."""

_COLUMNS = ("path", "table_name", "owner", "rows", "size_bytes", "load_id", "content_hash")


def of(catalog: Catalog, table: str | None = None) -> list[DataFile]:
    """The month files of a table, or of all; `date` is the first day of the month."""
    if not catalog.has(MONTHS):
        return []
    rows = catalog.rows(
        f"SELECT month, column_names, {', '.join(f'm.{name}' for name in _COLUMNS)} FROM months m "
        "JOIN generations USING (generation) WHERE m.table_name = $1 OR $1 IS NULL ORDER BY path",
        [table],
    )
    return [
        DataFile(date=month, columns=columns, load_ids=(), **dict(zip(_COLUMNS, row, strict=True)))
        for month, columns, *row in rows
    ]


def key(file: DataFile) -> tuple[str, str, date]:
    """The table, owner and month whose rows a month file holds, or that a data file's rows are of."""
    return file.table_name, file.owner, file.date.replace(day=1)


def last_day(month: date) -> date:
    """The last day of the month that begins on a day."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def put(catalog: Catalog, files: Sequence[DataFile]) -> None:
    """Write month files into the catalog."""
    catalog.add_generations(files)
    names = [*_COLUMNS, "generation"]
    catalog.insert(MONTHS, ({name: getattr(f, name) for name in names} | {"month": f.date} for f in files))
    catalog.changes.months |= {f.table_name for f in files}
    catalog.month_files = None


def forget(catalog: Catalog, files: Iterable[DataFile]) -> None:
    """Take the month files of some data files' months out of the catalog."""
    keys = set(map(key, files))
    if keys and catalog.month_files is None:
        catalog.month_files = of(catalog)
    remove(catalog, [m for m in catalog.month_files or () if key(m) in keys])


def remove(catalog: Catalog, files: Sequence[DataFile]) -> None:
    """Take month files out of the catalog."""
    if files:
        catalog.con.execute("DELETE FROM months WHERE path IN (SELECT unnest(?))", [[f.path for f in files]])
        catalog.changes.months |= {f.table_name for f in files}
        catalog.month_files = None


def remove_lost(catalog: Catalog, store: Store) -> None:
    """Take month files that the lake lacks, or that have another size, out of the catalog: views read their days again.

    DuckDB opens a view's files to create it, and those of the views that it reads: one lost copy would stop every edit.
    """
    files = of(catalog)
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        there = pool.map(store.stat, [f.path for f in files])
        lost = [f for f, found in zip(files, there, strict=True) if not found or found.size_bytes != f.size_bytes]
    for file in lost:
        log.warning("%s: missing or damaged; views read the data files of its month", store.location(file.path))
    remove(catalog, lost)


def due(
    files: Sequence[DataFile], there: Sequence[DataFile], today: date, max_cells: int
) -> Iterator[tuple[DataFile, ...]]:
    """The data files of each table, owner and settled month that has no month file and gains by one."""
    done = set(map(key, there))
    last = (today - timedelta(days=SETTLED_DAYS)).replace(day=1)
    groups: dict[tuple[str, str, date], list[DataFile]] = defaultdict(list)
    for file in files:
        if file.date.replace(day=1) < last and file.table_name in schemas.tables() and key(file) not in done:
            groups[key(file)].append(file)
    for group in groups.values():
        cells = sum(f.rows * len(f.columns) for f in group)
        size = sum(f.size_bytes for f in group)
        if len(group) >= LEAST_FILES and cells <= max_cells and size <= len(group) * SMALL_BYTES:
            yield tuple(sorted(group, key=lambda f: (f.date, f.path)))


def write(store: Store, files: Sequence[DataFile], load_id: str) -> DataFile:
    """Write the rows of one table, owner and month to a month file, days in order. DamagedFile."""
    first = files[0]
    table = schemas.tables()[first.table_name]
    parts = [(f.date, backfill.read(store, f)) for f in files]
    there = set().union(*(part.schema.names for _, part in parts))
    schema = pa.schema([c.arrow_field for c in (*table.stored, DATE) if c.name in there or c is DATE])
    days = [
        _day(table, schema, day, [part for _, part in group]) for day, group in groupby(parts, key=lambda part: part[0])
    ]
    data = pa.concat_tables(days)
    month = first.date.replace(day=1)
    path = layout.month_path(table, first.owner, month, load_id, f"r{secrets.token_hex(4)}")
    written = parquet.write(store, path, table, data, Footer(()).encode(), _row_groups(table, days))
    return replace(
        first,
        path=path,
        date=month,
        rows=data.num_rows,
        size_bytes=written.size_bytes,
        content_hash=written.content_hash,
        load_id=load_id,
        columns=tuple(data.schema.names),
    )


def _day(table: Table, schema: pa.Schema, day: date, parts: Sequence[pa.Table]) -> pa.Table:
    """The rows of a day's files in the table's order, with their date; null where a file has no such column."""
    rows = pa.concat_tables(parts, promote_options="default")
    if len(parts) > 1:
        rows = in_sort_order(table, rows, presorted=True, one_load=False)
    columns = dict(zip(rows.schema.names, rows.columns, strict=True))
    columns[DATE.name] = pa.repeat(pa.scalar(day, DATE.type), rows.num_rows)
    return pa.table(
        [columns[f.name] if f.name in columns else pa.nulls(rows.num_rows, f.type) for f in schema], schema=schema
    )


def _row_groups(table: Table, days: Sequence[pa.Table]) -> list[tuple[int, int]]:
    """[start, stop) of each row group: those of the days' own files, small ones together."""
    groups: list[tuple[int, int]] = []
    least = GROUP_CELLS // days[0].num_columns
    at = 0
    for day in days:
        for start, stop in parquet.row_groups(table, day):
            if groups and groups[-1][1] - groups[-1][0] < least:
                groups[-1] = groups[-1][0], at + stop
            else:
                groups.append((at + start, at + stop))
        at += day.num_rows
    return groups
