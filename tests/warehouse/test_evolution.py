"""A lake whose declarations change: tables and the ledger gain columns, and old files stay as they are."""

from __future__ import annotations

import dataclasses
from datetime import date

import pyarrow as pa
import pytest

from iolake.pipelines import registry
from iolake.schemas import ddl, ledger
from iolake.schemas.table import Column, Table
from iolake.warehouse import catalog, small_tables, staging, views
from iolake.warehouse.compact import compact
from iolake.warehouse.lake import Lake
from tests.warehouse.toy import TABLES, TOYS, Centre, Toy, df

NEW = Column("colour", pa.string(), "a column that the first files lack", unit="B")
QUERY = "SELECT target, used_bytes, colour FROM lustre_df ORDER BY target"


@pytest.fixture
def grown(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> Centre:
    """A lake with a file from before `lustre_df` gained a column, and one from after."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)], "lustre_target": [df("a", 1)]})
    centre.ingest()
    table = dataclasses.replace(TABLES["lustre_df"], columns=[*TABLES["lustre_df"].columns, NEW])
    declare(monkeypatch, table)
    centre.write("2017-03-20b.json", {"lustre_df": [df("b", 1, 2) | {"colour": "red"}]})
    centre.ingest()
    return centre


def declare(monkeypatch: pytest.MonkeyPatch, table: Table) -> None:
    """Replaces the declaration of `lustre_df` from now on."""
    monkeypatch.setitem(TABLES, "lustre_df", table)

    class Grown(Toy):
        tables = [table, TABLES["lustre_target"]]  # noqa: RUF012

    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"toy": Grown()})


def test_older_files_read_as_null(grown: Centre) -> None:
    """P6: a column that a file lacks is null there, in SQL and in polars; no row or value is lost."""
    expected = [("a", 1, None), ("b", 2, "red")]
    assert grown.lake.sql(QUERY).fetchall() == expected
    scanned = grown.lake.scan("lustre_df").sort("target").select("target", "used_bytes", "colour").collect()
    assert scanned.rows() == expected
    assert grown.lake.sql(
        "SELECT DISTINCT len(column_names) FROM generations WHERE table_name = 'lustre_df'"
    ).fetchall()
    assert ("colour", "VARCHAR", NEW.comment) in grown.lake.describe("lustre_df")


def test_an_older_snapshot_has_the_columns_that_it_had(grown: Centre) -> None:
    lake = Lake(grown.root / "lake", snapshot=0)
    assert [name for name, _, _ in lake.describe("lustre_df")] == [
        c.name for c in TABLES["lustre_df"].all_columns if c.name != "colour"
    ]


def test_no_footer_but_the_first_of_a_generation_is_opened(grown: Centre) -> None:
    """Planning a query opens one footer of each generation; other files may even be damaged."""
    for number in range(3):
        grown.write(f"2017-03-2{number + 4}.json", {"lustre_df": [df("z", 24 * (4 + number), 9) | {"colour": "x"}]})
    grown.ingest()
    lake = grown.lake
    files = [f for f in lake.files("lustre_df") if "colour" in f.columns]
    for file in files[1:]:
        (grown.root / "lake" / file.path).write_bytes(b"not Parquet")
    assert lake.sql("SELECT target FROM lustre_df LIMIT 0").fetchall() == []
    assert lake.sql(f"SELECT target FROM lustre_df WHERE date = DATE '{files[0].date}'").fetchall()


def test_compaction_gives_all_rows_the_columns_of_now(grown: Centre) -> None:
    before = grown.lake.sql(QUERY).fetchall()
    compact(grown.warehouse)
    assert grown.lake.sql(QUERY).fetchall() == before
    (file,) = grown.lake.files("lustre_df")
    assert "colour" in file.columns


def test_a_column_that_is_declared_no_longer_is_gone(grown: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [c for c in TABLES["lustre_df"].columns if c.name not in {"colour", "mount_point"}]
    declare(monkeypatch, dataclasses.replace(TABLES["lustre_df"], columns=kept))
    grown.write("2017-03-20b.json", {"lustre_df": [df("b", 1, 3)]})
    grown.ingest()
    assert grown.lake.sql("SELECT target, used_bytes FROM lustre_df ORDER BY ALL").fetchall() == [("a", 1), ("b", 3)]
    assert "colour" not in {name for name, _, _ in grown.lake.describe("lustre_df")}
    compact(grown.warehouse)
    assert grown.lake.scan("lustre_df").select("used_bytes").collect()["used_bytes"].sort().to_list() == [1, 3]


def test_views_that_are_declared_no_longer_are_gone(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next commit uses the new declarations; the ledger keeps its rows."""
    monkeypatch.setattr(views, "sql_files", lambda: {"early": "-- Which?\nCREATE OR REPLACE VIEW early AS SELECT 1"})
    catalog._hash.cache_clear()
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    assert centre.lake.tables()["early"] == "Which?"
    monkeypatch.setattr(views, "sql_files", lambda: {"late": "CREATE OR REPLACE VIEW late AS FROM lustre_df"})
    catalog._hash.cache_clear()
    centre.write("2017-03-21.json", {"lustre_df": [df("b", 25, 1)]})
    centre.ingest()
    assert "early" not in centre.lake.tables()
    assert centre.lake.sql("SELECT count(*) FROM late").fetchall() == [(2,)]
    assert centre.lake.sql("SELECT count(*) FROM loads").fetchall() == [(2,)]
    catalog._hash.cache_clear()


def test_a_new_form_of_the_views_that_are_kept_as_text_is_a_new_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the old form would stay in snapshots and in copies of the empty catalog."""
    tables, usual = tuple(TABLES.values()), ddl.create_text_view
    before = catalog._hash.__wrapped__(tables)
    assert catalog._hash.__wrapped__(tables) == before
    monkeypatch.setattr(ddl, "create_text_view", lambda name, query: [*usual(name, query), "SELECT 1"])
    assert catalog._hash.__wrapped__(tables) != before


def test_a_ledger_that_gained_a_column_keeps_its_rows(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    grown = dataclasses.replace(
        ledger.REJECTS, columns=[*ledger.REJECTS.columns, Column("note", pa.string(), "a note")]
    )
    every = tuple(grown if t is ledger.REJECTS else t for t in ledger.LEDGER)
    monkeypatch.setattr(catalog, "LEDGER", every)
    monkeypatch.setattr(small_tables, "LEDGER", every)
    monkeypatch.setattr(catalog, "REJECTS", grown)
    catalog._hash.cache_clear()
    centre.write("2017-03-21.json", "broken")
    centre.ingest()
    catalog._hash.cache_clear()
    assert centre.lake.sql("SELECT note, reason FROM rejects").fetchall() == [(None, "not JSON")]
    assert centre.lake.sql("SELECT status FROM inputs ORDER BY 1").fetchall() == [("loaded",), ("rejected",)]


def test_a_view_reads_each_generation_once() -> None:
    """Views avoid union_by_name, which opens every footer."""
    table = TABLES["lustre_df"]
    names = tuple(c.name for c in table.stored)
    sets = [ddl.FileSet(names, ["/x/1.parquet", "/x/2.parquet"]), ddl.FileSet(names[:-1], ["/x/3.parquet"])]
    text = ddl.create_storage_macro(table, sets)
    assert text.count("read_parquet(") == 2
    assert "union_by_name = true" not in text
    assert "hive_types" in text


def test_a_long_column_of_nulls_is_omitted_and_reads_as_null(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P6: neither beside files that have it, in SQL and in polars, nor merged with them is a value lost."""
    monkeypatch.setattr(staging, "_MANY_ROWS", 2)
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1), df("b", 1)]})
    centre.ingest()
    centre.write("2017-03-20b.json", {"lustre_df": [df("c", 1, 5)]})
    centre.ingest()
    expected = [("a", None), ("b", None), ("c", 5)]
    for _ in range(2):
        assert centre.lake.sql("SELECT target, used_bytes FROM lustre_df ORDER BY target").fetchall() == expected
        scanned = centre.lake.scan("lustre_df").select("target", "used_bytes").sort("target").collect()
        assert scanned.rows() == expected
        compact(centre.warehouse, date(2017, 3, 21))
    assert [sorted({"used_bytes", "ts"} & set(f.columns)) for f in centre.lake.files("lustre_df")] == [
        ["ts", "used_bytes"]
    ]


def test_a_computed_column_is_never_null_in_older_files(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P6: SQL, polars, compaction and the one row a key all compute what a file was written without."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)], "lustre_target": [df("a", 1)]})
    centre.ingest()
    computed = Column("name", pa.string(), "computed", nullable=False, backfill="concat(target, '!', used_bytes)")
    table = TABLES["lustre_df"]
    keys = [*table.keys, computed]
    declare(monkeypatch, dataclasses.replace(table, keys=keys, unique=True))
    centre.write("2017-03-20b.json", {"lustre_df": [df("a", 1, 1) | {"name": "a!1"}, df("b", 1, 2) | {"name": "b!2"}]})
    centre.ingest()
    query = "SELECT target, name FROM lustre_df ORDER BY target"
    assert centre.lake.sql(query).fetchall() == [("a", "a!1"), ("b", "b!2")]
    centre.write("2017-03-21.json", {"lustre_df": [df("c", 24, 3) | {"name": "c!3"}]})
    centre.ingest()
    compact(centre.warehouse)
    expected = [("a", "a!1"), ("b", "b!2"), ("c", "c!3")]
    assert centre.lake.sql(query).fetchall() == expected
    assert centre.lake.scan("lustre_df").sort("target").select("target", "name").collect().rows() == expected
