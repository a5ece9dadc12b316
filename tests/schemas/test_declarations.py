"""Every declared table: what is derived from its declaration agrees, in Arrow, DuckDB and polars."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.inputs import InputRecord, RejectRecord, columns_of
from iolake.schemas.ledger import LEDGER
from iolake.schemas.mart import Mart
from iolake.schemas.table import DATE, FILE_SYSTEM, INPUT_ID, LOAD_ID, Table

every_table = pytest.mark.parametrize("table", schemas.tables().values(), ids=lambda t: t.name)


@every_table
def test_arrow_duckdb_and_polars_agree_on_a_table(table: Table) -> None:
    con = duckdb.connect()
    columns = ", ".join(f"{ddl.quote(c.name)} {ddl.duckdb_type(c.type)}" for c in table.all_columns)
    con.execute(f"CREATE TABLE t ({columns})")
    empty = con.sql("FROM t")
    assert empty.to_arrow_table().schema.types == [c.type for c in table.all_columns]
    assert pl.Schema(empty.pl().schema) == table.polars_schema
    assert table.polars_schema.names() == [c.name for c in table.all_columns]


@every_table
def test_the_view_of_an_empty_table_has_its_columns_and_types(table: Table) -> None:
    """The view over files has the same, and comments besides."""
    con = duckdb.connect()
    letters = ddl.letters_of([table])
    name, nulls = (
        ddl.quote(table.name),
        ", ".join(f"NULL::{kind} AS {ddl.quote(n)}" for n, kind in ddl.typed_columns(table)),
    )
    filled = ddl.create_storage_macro(table, [], [f"SELECT {nulls}"])
    con.execute(f"CREATE SCHEMA {ddl.STORAGE}")
    con.execute(";".join([ddl.create_nothing(letters), ddl.create_empty_view(table, letters)]))
    assert con.sql(f"FROM {name}").fetchall() == []
    described = con.sql(f"DESCRIBE {name}").fetchall()
    con.execute(";".join([filled, *ddl.create_view(table)[:5]]))
    assert con.sql(f"DESCRIBE {name}").fetchall() == described
    types = [row[1].replace('"', "") for row in described]
    assert [row[0] for row in described] == [c.name for c in table.all_columns]
    assert types == [ddl.duckdb_type(c.type).replace('"', "") for c in table.all_columns]
    comments = con.sql(
        "SELECT comment FROM duckdb_columns() WHERE table_name = $1 AND schema_name = 'main' ORDER BY column_index",
        params=[table.name],
    ).fetchall()
    assert [c for (c,) in comments[:3]] == [c.comment for c in table.all_columns[:3]]
    assert con.sql("SELECT comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal").fetchall() == [
        (table.doc,)
    ]


@every_table
def test_a_declaration_is_whole(table: Table) -> None:
    """Partitioned by owner and day, sorted by what is stored, and no key but those that may be is null."""
    names = [c.name for c in table.all_columns]
    assert len(set(names)) == len(names)
    assert table.owner.name in {"cluster", "file_system", "endpoint"}
    assert [c.name for c in table.partition_by] == [table.owner.name, DATE.name]
    assert table.keys[0].name == table.owner.name
    assert all(c.doc for c in table.all_columns)
    stored = {c.name for c in table.stored}
    # A row of a mart is of no one input: `derived` says what its partition was made from.
    assert {LOAD_ID.name, INPUT_ID.name} & stored == {
        LOAD_ID.name,
        *([] if isinstance(table, Mart) else [INPUT_ID.name]),
    }
    assert stored | {c.name for c in table.partition_by} == set(names)
    assert {s if isinstance(s, str) else s.column for s in table.sort_by} <= stored
    assert set(table.batch_schema.names) == stored - {LOAD_ID.name, INPUT_ID.name} | (
        set() if table.event_time else {DATE.name}
    )
    if table.event_time:
        assert not table[table.event_time].nullable
        assert table[table.event_time].type == pa.timestamp("us")
    with pytest.raises(KeyError):
        table["no such column"]


@every_table
def test_the_arrow_schema_carries_meaning_and_unit(table: Table) -> None:
    for column, field in zip(table.stored, table.file_schema, strict=True):
        assert field.metadata[b"doc"].decode() == column.doc
        assert field.metadata.get(b"unit", b"").decode() == (column.unit or "")
        assert field.nullable == column.nullable


@pytest.mark.parametrize("record", [InputRecord, RejectRecord])
def test_a_field_of_a_record_has_the_name_of_the_column_that_it_declares(record: Any) -> None:
    """P10: the ledger's rows are written by the names of a record's fields."""
    assert [column.name for column in columns_of(record)] == [field.name for field in fields(record)]


@pytest.mark.parametrize("ledger", LEDGER, ids=lambda t: t.name)
def test_arrow_and_duckdb_agree_on_a_ledger_table(ledger: Any) -> None:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t ({', '.join(f'{c.name} {ddl.duckdb_type(c.type)}' for c in ledger.columns)})")
    assert con.sql("FROM t").to_arrow_table().schema.types == ledger.schema.types


def test_every_arrow_type_has_its_duckdb_name() -> None:
    values: dict[pa.DataType, Any] = {
        pa.bool_(): True, pa.int8(): -1, pa.int16(): -1, pa.int32(): -1, pa.int64(): -1, pa.uint8(): 1,
        pa.uint16(): 1, pa.uint32(): 1, pa.uint64(): 2**64 - 1, pa.float32(): 0.5, pa.float64(): 0.5,
        pa.string(): "x", pa.binary(): b"x", pa.date32(): date(2020, 1, 1),
        pa.timestamp("us"): datetime(2020, 1, 1), pa.list_(pa.int64()): [1, None],
        pa.map_(pa.string(), pa.int64()): [("a", 1)], pa.struct([("x y", pa.int32())]): {"x y": 1},
    }  # fmt: skip
    con = duckdb.connect()
    for kind, value in values.items():
        column = pa.table({"v": pa.array([value, None], kind)})
        con.register("incoming", column)
        ((type_name,),) = con.sql("SELECT typeof(v) FROM incoming LIMIT 1").fetchall()
        assert type_name == ddl.duckdb_type(kind)
    with pytest.raises(KeyError):
        ddl.duckdb_type(pa.time32("s"))


@pytest.mark.parametrize("name", ["plain", 'a"b', "a'b", "select", "a.b", "é"])
def test_names_and_texts_are_quoted(name: str) -> None:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t ({ddl.quote(name)} INTEGER)")
    con.execute(f"COMMENT ON COLUMN t.{ddl.quote(name)} IS {ddl.literal(name)}")
    assert con.sql("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 't'").fetchall() == [
        (name, name)
    ]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module of a centre's own tables, installed beside iolake's."""
    module = types.ModuleType("site_tables")
    point = types.SimpleNamespace(load=lambda: module)
    monkeypatch.setattr(schemas, "entry_points", lambda group: [point] if group == "iolake.schemas" else [])
    monkeypatch.setitem(sys.modules, "site_tables", module)
    schemas.tables.cache_clear()
    yield module
    schemas.tables.cache_clear()


def empty(name: str) -> Table:
    """A table of nothing but its owner."""
    return Table(name, "x", [FILE_SYSTEM], [], [FILE_SYSTEM, DATE], [])


def test_a_centre_s_own_tables_are_tables_too(plugin: types.ModuleType) -> None:
    own = empty("own")
    schemas.tables.cache_clear()
    vars(plugin)["TABLES"] = [own]
    assert schemas.tables()["own"] is own
    assert [*schemas.tables()] == sorted(schemas.tables())


def test_two_declarations_of_one_name_fail(plugin: types.ModuleType) -> None:
    vars(plugin)["MINE"] = empty("lustre_df")
    with pytest.raises(ValueError, match="two tables are declared as lustre_df"):
        schemas.tables()
