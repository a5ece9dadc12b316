"""Every column of every view and macro has a comment, in any DuckDB client and in `iolake describe`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from iolake import schemas
from iolake.warehouse import catalog, freshness, snapshot_views, views
from iolake.warehouse.lake import Macro
from iolake.warehouse.meaning import columns, columns_of_macro


@pytest.fixture(scope="module")
def snapshot() -> Iterator[duckdb.DuckDBPyConnection]:
    """The catalog that every new lake starts from, with the models of all marts."""
    con = duckdb.connect()
    con.execute(f"ATTACH '{catalog._empty(catalog.declarations())}' AS empty (READ_ONLY)")
    con.execute("COPY FROM DATABASE empty TO memory; DETACH empty")
    snapshot_views.write_models(catalog.Catalog(con), freshness.marts())
    yield con
    con.close()


def test_every_column_of_every_relation_has_a_comment(snapshot: duckdb.DuckDBPyConnection) -> None:
    """A table's come with its first rows."""
    silent = snapshot.sql(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND coalesce(length(comment), 0) < 4 "
        "AND table_name NOT IN (SELECT unnest($1))",
        params=[[*schemas.tables()]],
    ).fetchall()
    assert not silent, "write `-- column <name>: [unit] meaning` into the head of sql/<view>.sql"


def test_a_view_beside_another_statement_is_kept_as_it_is() -> None:
    """A plug-in's file may define a macro, too."""
    view = "CREATE OR REPLACE VIEW v AS SELECT 1;"
    assert views.query_of(view) == "SELECT 1"
    assert views.query_of(f"{view} CREATE OR REPLACE MACRO h(x) AS x;") is None


def test_a_readers_setting_changes_no_view(snapshot: duckdb.DuckDBPyConnection) -> None:
    """DuckDB parses a view that is kept as text anew: where / divides two integers, the setting would round."""
    names = [name for name, text in views.sql_files().items() if views.query_of(text)]
    assert names

    def typed(setting: bool) -> list[list[Any]]:
        snapshot.execute(f"SET integer_division = {setting}")
        return [snapshot.sql(f"DESCRIBE FROM storage.{name}()").fetchall() for name in names]

    assert typed(True) == typed(False)


def test_every_macro_shows_its_call_and_columns_with_comments(snapshot: duckdb.DuckDBPyConnection) -> None:
    calls = {name: macro.call for name, macro in _macros(snapshot).items()}
    tables = {name for name, text in views.sql_files().items() if views.kind(text) == "MACRO TABLE"}
    assert tables
    for name in tables:
        assert calls[name].startswith(f"{name}(")
        shown = columns_of_macro(snapshot, name)
        assert shown, name
        silent = [column for column, _, comment in shown if len(comment) < 4]
        assert not silent, f"write `-- column <name>: [unit] meaning` into the head of sql/{name}.sql"
    assert calls["concurrent_jobs"] == "concurrent_jobs(in_cluster, since, until)"
    assert [c[:2] for c in columns_of_macro(snapshot, "concurrent_jobs")][:1] == [("jobs", "BIGINT")]


def test_a_declared_column_names_a_column_of_its_view(snapshot: duckdb.DuckDBPyConnection) -> None:
    """A line for a column that a view no longer has is a mistake."""
    names = {
        name: {column for column, _, _ in (columns if views.kind(text) == "VIEW" else columns_of_macro)(snapshot, name)}
        for name, text in views.sql_files().items()
    }
    stray = [
        (name, column)
        for name, text in views.sql_files().items()
        for column in views.declared_columns(text)
        if column not in names[name] and not name.endswith("_for_models")  # a copy of what has its own name
    ]
    assert not stray


def test_a_column_inherits_its_comment_unless_the_view_computes_it() -> None:
    known = {"t": {"a": "from t", "b": "from t", "c": "from t", "d": "from t"}}
    text = (
        "-- What?\n-- column e: [B] its own\nCREATE OR REPLACE VIEW v AS SELECT a, b + 1 AS b, t.c AS c, 1 AS e FROM t"
    )
    assert views.comments_of(text, ["a", "b", "c", "e"], known) == {"a": "from t", "c": "from t", "e": "[B] its own"}
    assert views.question(text) == "What?"


def test_a_plug_in_brings_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_texts", lambda: {"b": "-- ?\nCREATE OR REPLACE VIEW b AS FROM a", "a": "SELECT 1"})
    assert [*views.sql_files()] == ["a", "b"]


def test_the_example_of_every_macro_runs(snapshot: duckdb.DuckDBPyConnection) -> None:
    for name, text in views.sql_files().items():
        if views.kind(text) != "VIEW" and not views.is_of_models(name):
            assert views.example(name, text), f"write a call, FROM {name}(...), into the head of sql/{name}.sql"
            snapshot.execute(views.example(name, text))


def _macros(con: duckdb.DuckDBPyConnection) -> dict[str, Macro]:
    found = con.sql(
        "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal AND schema_name = 'main'"
    ).fetchall()
    return {name: Macro.parse(name, comment) for name, comment in found}
