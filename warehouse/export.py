"""Plain Parquet of chosen tables and days, for a publication or another tool: no catalog, no views, no partitions.

DIR/<table>/<day>.parquet     every column of the table, its owner and day among them
DIR/dictionary.md             what each column means, and what was done to it
DIR/croissant.json            the same for machines: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import difflib
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from iolake import schemas
from iolake.schemas.ddl import quote
from iolake.schemas.errors import PermanentError
from iolake.schemas.ledger import INPUTS, LOADS, REJECTS, LedgerTable
from iolake.schemas.mart import Mart
from iolake.schemas.table import DATE, LOAD_ID, Column, Table
from iolake.warehouse.errors import LakeError, NoTable
from iolake.warehouse.lake import Lake
from iolake.warehouse.pseudonyms import Pseudonyms

_LEDGER: Final = {table.name: table for table in (LOADS, INPUTS, REJECTS)}
"""The ledger's tables that say where rows come from; the others are about the lake's own files."""
_ROW_GROUP_ROWS: Final = 262_144


class ExportError(LakeError, PermanentError):
    """An export that cannot be made: what is in the way, and what to do."""


@dataclass(frozen=True)
class ExportedTable:
    """A table as it was exported: its columns, and (path below the folder, rows, bytes) of each file."""

    name: str
    doc: str
    columns: Sequence[Column]
    files: Sequence[tuple[str, int, int]]

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return sum(rows for _, rows, _ in self.files)


def export(
    lake: Lake,
    folder: Path,
    tables: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> list[ExportedTable]:
    """Write the rows of `tables`, or of all, whose `date` is in [since, until) below a new folder.

    With `pseudonyms`, what identifies somebody is hashed by each column's declaration, times are shifted, and rows are
    sorted by the new values. Nothing is at `folder` until all is written. NoTable, ExportError.
    """
    from iolake.warehouse.croissant import describe

    chosen = [_table(name) for name in dict.fromkeys(tables)] or [*schemas.tables().values(), *_LEDGER.values()]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError(f"{folder}: exists and is not empty; an export needs a new folder")
    unfinished = folder.parent / f".{folder.name}-{secrets.token_hex(4)}"
    try:
        unfinished.mkdir(parents=True)
        made = [
            ExportedTable(table.name, table.doc, _columns(table), files)
            for table in chosen
            if (files := list(_write(lake, unfinished, table, since, until, pseudonyms)))
        ]
        if not made:
            raise ExportError("no row of these tables and days is in the lake; `iolake status` shows what is")
        describe(unfinished, made, pseudonyms)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return made


def _table(name: str) -> Table | LedgerTable:
    known: dict[str, Any] = {**schemas.tables(), **_LEDGER}
    if name not in known:
        raise NoTable(name, difflib.get_close_matches(name, known))
    found: Table | LedgerTable = known[name]
    return found


def _columns(table: Table | LedgerTable) -> tuple[Column, ...]:
    if isinstance(table, Mart):  # rows that a query computes have no load
        return tuple(replace(c, nullable=True) if c is LOAD_ID else c for c in table.all_columns)
    return table.all_columns if isinstance(table, Table) else tuple(table.columns)


def _write(
    lake: Lake,
    folder: Path,
    table: Table | LedgerTable,
    since: date | None,
    until: date | None,
    pseudonyms: Pseudonyms | None,
) -> Iterator[tuple[str, int, int]]:
    """Write a table's files, one a day, and return path, rows and bytes of each; a ledger table is one file."""
    columns = _columns(table)
    schema = pa.schema([c.arrow_field for c in columns], {"doc": table.doc, "table": table.name})
    day_column = quote(DATE.name if isinstance(table, Table) else "day")
    within = f"($1 IS NULL OR {day_column} >= $1) AND ($2 IS NULL OR {day_column} < $2)"
    found = lake.sql(f"SELECT DISTINCT {day_column} FROM {table.name} WHERE {within} ORDER BY 1", [since, until])
    days = [row[0] for row in found.fetchall()]
    if isinstance(table, LedgerTable):
        days = [None] if days else []
    names = ", ".join(quote(c.name) for c in columns)
    for day in days:
        where, values = (within, [since, until]) if day is None else (f"{day_column} = $1", [day])
        rows = lake.sql(f"SELECT {names} FROM {table.name} WHERE {where}", values).to_arrow_table()
        data = pa.table({c.name: rows[c.name].cast(c.type) for c in columns})
        if pseudonyms is not None:
            data = pa.table({c.name: pseudonyms.column(c, data[c.name]) for c in columns})
        data = _in_order(table, data).cast(schema)
        path = folder / table.name / f"{_file_name(table, day, pseudonyms)}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(data, path, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
        yield str(path.relative_to(folder)), data.num_rows, path.stat().st_size


def _file_name(table: Table | LedgerTable, day: date | None, pseudonyms: Pseudonyms | None) -> str:
    """The day of the rows as they are published; a ledger table's own name."""
    if day is None:
        return table.name
    return str(day if pseudonyms is None else day + pseudonyms.shift)


def _in_order(table: Table | LedgerTable, data: pa.Table) -> pa.Table:
    """Rows in the order of their keys as they are now: the lake's own order would rank what was hashed."""
    keys = table.keys if isinstance(table, Table) else table.columns
    names = [c.name for c in keys if not pa.types.is_nested(c.type)]
    return data.take(pc.sort_indices(data, [(name, "ascending") for name in names]))
