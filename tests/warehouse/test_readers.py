"""Every table's data files in every reader: DuckDB, polars and Spark give back the rows that were written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from iolake import schemas
from iolake.schemas.table import Table
from iolake.warehouse import parquet
from iolake.warehouse.store import Store

TABLES = tuple(schemas.tables().values())
ROWS = 1000


def value(kind: pa.DataType, rng: random.Random) -> Any:
    """Values of an Arrow type: mostly small ones, so that they repeat, and some extremes."""
    if pa.types.is_map(kind):
        return [(f"key{i}", value(kind.item_type, rng)) for i in range(rng.randrange(4))]
    if pa.types.is_struct(kind):
        return {field.name: value(field.type, rng) for field in kind}
    if pa.types.is_list(kind):
        return [value(kind.value_type, rng) for _ in range(rng.randrange(4))]
    if pa.types.is_timestamp(kind):
        return datetime(2026, 3, 1) + timedelta(microseconds=rng.randrange(10**12))
    if pa.types.is_integer(kind):
        signed = pa.types.is_signed_integer(kind)
        largest = 2 ** (kind.bit_width - signed) - 1
        return rng.choice([0, 7, largest, -largest - 1 if signed else 1, rng.randrange(2**31)])
    choices: dict[pa.DataType, list[Any]] = {
        pa.bool_(): [False, True],
        pa.float64(): [0.0, -0.5, 1e300, rng.random() * 1e6],
        pa.string(): ["", "OST0001", "naïve ☃", f"/scratch/{rng.randrange(10**6)}"],
    }
    return rng.choice(choices[kind])


def rows_of(table: Table) -> pa.Table:
    """Rows of a table, with nulls wherever they may be."""
    rng = random.Random(table.name)
    columns = {
        c.name: pa.array(
            [None if c.nullable and rng.random() < 0.2 else value(c.type, rng) for _ in range(ROWS)], c.type
        )
        for c in table.stored
    }
    return pa.table(columns, schema=pa.schema([pa.field(c.name, c.type, c.nullable) for c in table.stored]))


def plain(found: pa.Table, table: Table) -> list[dict[str, Any]]:
    """Rows as Python values, maps as dicts; numbers of any width are the same numbers."""
    maps = [c.name for c in table.stored if pa.types.is_map(c.type)]
    rows = found.select([c.name for c in table.stored]).to_pylist()
    return [row | {name: None if row[name] is None else dict(pairs(row[name])) for name in maps} for row in rows]


def pairs(entries: Any) -> Iterator[tuple[Any, Any]]:
    """The entries of a map, whichever way a reader gives them."""
    for entry in entries:
        yield (entry["key"], entry["value"]) if isinstance(entry, dict) else entry


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data file of each table."""
    folder = tmp_path_factory.mktemp("readers")
    store = Store(str(folder))
    for table in TABLES:
        parquet.write(store, f"{table.name}.parquet", table, rows_of(table), b"")
    return folder


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_duckdb_reads_what_was_written(lake: Path, table: Table) -> None:
    found = duckdb.read_parquet(f"{lake}/{table.name}.parquet").to_arrow_table()
    assert plain(found, table) == plain(rows_of(table), table)


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_polars_reads_what_was_written(lake: Path, table: Table) -> None:
    found = pl.scan_parquet(lake / f"{table.name}.parquet").collect().to_arrow()
    assert plain(found, table) == plain(rows_of(table), table)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A Spark session of this machine alone."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed; it is no dependency, only a reader")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    yield session
    session.stop()


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_spark_reads_what_was_written(spark: Any, lake: Path, table: Table) -> None:
    found = spark.read.parquet(f"{lake}/{table.name}.parquet").toArrow()
    assert plain(found, table) == plain(rows_of(table), table)
