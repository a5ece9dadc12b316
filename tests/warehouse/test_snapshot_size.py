"""A snapshot costs what it says, and nothing where there is nothing to say."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from iolake.schemas import ddl
from iolake.schemas.ledger import INPUTS
from iolake.schemas.lustre import LUSTRE_DF
from iolake.warehouse import catalog, small_tables, views
from iolake.warehouse.views import is_of_models, models_behind
from tests.warehouse.by_hand import NOON, Loaded, job
from tests.warehouse.toy import Centre, df

LIMIT = 1 << 19
"""Bytes of a small lake's snapshot with every declared table; 4.7 MB before blocks were small and packed."""


@pytest.mark.usefixtures("all_tables")
def test_a_small_lake_has_small_snapshots_with_every_comment(centre: Centre) -> None:
    """P9: packing keeps the comments of tables, columns and macros, which any client shows."""
    for day in range(3):
        centre.write(f"2017-03-2{day}.json", {"lustre_df": [df("a", 1 + 24 * day, 7)]})
        centre.ingest()
    sizes = [path.stat().st_size for path in sorted((centre.root / "lake" / "catalog").iterdir())]
    assert len(sizes) == 6  # of each day, one with its rows and one with their marts
    assert max(sizes) < LIMIT
    with duckdb.connect(str(centre.root / "lake" / "lake.duckdb"), read_only=True) as con:
        bare = con.execute(
            "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = 'lustre_df' "
            "AND comment IS NULL"
        ).fetchall()
        macros = con.execute(
            "SELECT function_name FROM duckdb_functions() WHERE NOT internal AND comment IS NULL "
            "AND schema_name = 'main'"
        )
        assert bare == []
        assert macros.fetchall() == []


def test_a_tables_comments_come_with_its_first_rows_and_go_with_the_last(centre: Centre) -> None:
    """P9: a plain client sees them in the snapshot that has the rows; `iolake describe` always shows them."""
    described = []
    for rows in ([], [df("a", 1, 7)], []):
        centre.write("2017-03-20.json", {"lustre_target": [df("a", 1)], "lustre_df": rows})
        centre.ingest()
        with duckdb.connect(str(centre.root / "lake" / "lake.duckdb"), read_only=True) as con:
            shown = con.sql(
                "SELECT column_name, data_type, comment FROM duckdb_columns() "
                "WHERE schema_name = 'main' AND table_name = 'lustre_df' ORDER BY column_index"
            ).fetchall()
            assert con.sql("SELECT count(*) FROM lustre_df").fetchall() == [(len(rows),)]
        described.append(shown)
        assert centre.lake.describe("lustre_df") == [
            (c.name, ddl.duckdb_type(c.type), c.comment) for c in LUSTRE_DF.all_columns
        ]
    before, full, after = described
    assert full == centre.lake.describe("lustre_df")
    assert before == after == [(name, kind, None) for name, kind, _ in full]


def test_a_table_of_the_ledger_is_the_same_small_or_not(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P10: it keeps its rows and comments as it outgrows the shared table, and as it becomes small again."""
    kinds = []
    for day, few in enumerate((1000, 1, 1, 1000, 1000)):
        monkeypatch.setattr(small_tables, "FEW", few)
        centre.write(f"2017-03-2{day}.json", {"lustre_df": [df("a", 1 + 24 * day, 7)]})
        centre.ingest()
        uris = centre.lake.sql("SELECT uri FROM inputs ORDER BY uri").fetchall()
        assert [Path(uri).name for (uri,) in uris] == [f"2017-03-2{at}.json" for at in range(day + 1)]
        shown = centre.lake.sql(
            "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = 'inputs' "
            "AND schema_name = 'main' ORDER BY column_index"
        ).fetchall()
        assert shown == [(c.name, ddl.duckdb_type(c.type), c.comment) for c in INPUTS.columns]
        assert centre.lake.tables()["inputs"] == INPUTS.doc
        left = centre.lake.sql("SELECT view_name FROM duckdb_views() WHERE view_name LIKE '%_aside'").fetchall()
        assert left == []
        kinds += centre.lake.sql("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'inputs'").fetchall()
    assert [count for (count,) in kinds] == [0, 1, 1, 0, 0]


def test_the_tables_of_an_older_snapshot_stay_as_they_are() -> None:
    """P9: a moved lake whose snapshot has no shared table is read."""
    with duckdb.connect() as con:
        con.execute("CREATE TABLE snapshots (number BIGINT)")
        small_tables.to_tables(con, {"main.snapshots"})
        small_tables.to_views(con)
        assert con.sql("SELECT table_name FROM duckdb_tables()").fetchall() == [("snapshots",)]


@pytest.mark.usefixtures("all_tables")
def test_a_snapshot_has_the_models_of_stale_marts_alone(fresh: Loaded) -> None:
    """P1: a snapshot has the models that its tables call, and no other model."""
    any_stale = set()
    for path in sorted((Path(fresh.uri) / "catalog").glob("*.duckdb")):
        with duckdb.connect(str(path), read_only=True) as con:
            macros = con.execute(
                "SELECT schema_name, function_name, macro_definition FROM duckdb_functions() WHERE NOT internal"
            ).fetchall()
            stale = con.execute("SELECT DISTINCT table_name || '_model' FROM derived WHERE NOT fresh").fetchall()
        models = {name for schema, name, _ in macros if schema == "main" and is_of_models(name)}
        called = {
            name for schema, _, text in macros if schema == "storage" for name in re.findall(r"\w+_model\b", text)
        }
        assert called == {name for (name,) in stale} <= models, path
        assert models == models_behind(called), path
        any_stale.add(bool(stale))
    assert any_stale == {False, True}


def test_a_pass_that_finds_nothing_writes_nothing(centre: Centre) -> None:
    """P2: neither a snapshot nor any other file of the lake changes."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 7)]})
    centre.ingest()
    before = files(centre.root / "lake")
    assert centre.ingest().snapshots == []
    assert files(centre.root / "lake") == before


def files(root: Path) -> dict[str, tuple[int, int]]:
    """The inode and time of change of every file."""
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}


@pytest.mark.usefixtures("all_tables")
def test_a_plug_ins_view_may_call_a_model(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot has that model whether the mart is stale or fresh."""
    view = "-- Its own runs\nCREATE OR REPLACE VIEW own_runs AS FROM job_summary_model(NULL, NULL, NULL, NULL, NULL)"
    texts = views._texts() | {"own_runs": view}
    monkeypatch.setattr(views, "_texts", lambda: texts)
    catalog._hash.cache_clear()
    loaded.load("slurm_jobs", job(1, NOON))
    for _ in range(2):
        assert loaded.lake.sql("SELECT job_id FROM own_runs").fetchall() == [(1,)]
        loaded.derive()
    catalog._hash.cache_clear()
