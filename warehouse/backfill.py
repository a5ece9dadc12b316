"""Columns that a data file was written without, computed from its other columns as their declaration says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from iolake import schemas
from iolake.schemas.ddl import duckdb_type, quote
from iolake.schemas.table import Table
from iolake.warehouse import parquet
from iolake.warehouse.records import DataFile
from iolake.warehouse.store import Store

if TYPE_CHECKING:
    import polars as pl


def read(store: Store, file: DataFile, columns: Sequence[str] | None = None, encoded: Sequence[str] = ()) -> pa.Table:
    """A file's rows, or some columns, with those that the table's declaration can compute where the file lacks them.

    All rows are checked by the file's hash, some columns by the checksums of their pages. DamagedFile.
    """
    table = schemas.tables()[file.table_name]
    lacking = absent(table, file.columns)
    if columns is None and not encoded:
        data = parquet.read_whole(store, file.path, file.content_hash)
        return fill(table, data) if lacking else data
    if not lacking or (columns is not None and not set(lacking) & set(columns)):
        return parquet.read(store, file.path, None if columns is None else list(columns), encoded)
    data = fill(table, parquet.read(store, file.path, None, encoded))
    return data if columns is None else data.select(list(columns))


def absent(table: Table, columns: Sequence[str]) -> list[str]:
    """The names of the table's computable columns that are not among `columns`."""
    return [c.name for c in table.stored if c.backfill and c.name not in columns]


def fill(table: Table, data: pa.Table) -> pa.Table:
    """`data` with the table's computable columns that it lacks, at its end."""
    import duckdb

    lacking = [table[name] for name in absent(table, data.schema.names)]
    computed = ", ".join(f"({c.backfill})::{duckdb_type(c.type)} AS {quote(c.name)}" for c in lacking)
    with duckdb.connect() as con:
        con.register("old", data)
        found = con.sql(f"SELECT {computed} FROM old").to_arrow_table()
    for column in lacking:
        data = data.append_column(column.arrow_field, found[column.name].cast(column.type))
    return data


def fill_frame(table: Table, rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """`fill` of a polars frame, with the columns of `schema`."""
    import polars as pl

    frame = pl.DataFrame(fill(table, rows.to_arrow()))
    return frame.select(schema.names()).cast(schema)
