"""Writes the views and macros of a snapshot: of each table over the snapshot's files, and what sql/ has.

A table without rows has a view without comments, for these would be half of a small lake's snapshot. They come with its
first rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import duckdb

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.mart import Mart
from iolake.schemas.table import Table
from iolake.warehouse import freshness, months, views
from iolake.warehouse.spans import file_sets

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog
    from iolake.warehouse.store import Store


def declare(catalog: Catalog) -> None:
    """Write the views of a lake without rows, and what sql/ has for readers."""
    letters = ddl.letters_of(schemas.tables().values())
    catalog.con.execute(ddl.create_nothing(letters))
    for table in schemas.tables().values():
        catalog.con.execute(ddl.create_empty_view(table, letters))
    known = views.table_comments()
    wanted = {*views.for_readers(), *views.models_behind(views.for_readers())}
    for name, text in views.sql_files().items():
        if name in wanted:
            _write_file(catalog, name, text, known)


def write(catalog: Catalog, store: Store, declarations: str) -> None:
    """Write the views of changed tables, and of all of them where declarations or the lake's location changed."""
    root = store.uri
    months.remove_lost(catalog, store)
    last = catalog.rows("SELECT root, declarations FROM snapshots ORDER BY number DESC LIMIT 1")
    everything = last not in ([], [(root, declarations)])
    derived = freshness.update(catalog, views.sql_files(), declarations)
    stale = {name for (name,) in catalog.rows("SELECT DISTINCT table_name FROM derived WHERE NOT fresh")}
    write_models(catalog, (mart for mart in freshness.marts() if mart.name in stale))
    tables = [table for table in schemas.tables().values() if not isinstance(table, Mart)]
    for table in (*tables, *freshness.marts()):  # a mart's view reads tables, where these lie now
        if everything or table.name in catalog.changes.tables or table.name in derived:
            write_table(catalog, table, root)


def write_table(catalog: Catalog, table: Table, root: str) -> None:
    """Write the view of a table over its files as they are now."""
    sets = file_sets(table, catalog.files("f.table_name = ?", [table.name]), root, months.of(catalog, table.name))
    computed = freshness.live(table, catalog) if isinstance(table, Mart) else []
    there = table.name in _macros(catalog, ddl.STORAGE)
    if sets or computed:
        create, drop = ddl.stand_ins(ddl.typed_columns(table), table.model if isinstance(table, Mart) else None)
        catalog.con.execute(";\n".join([*create, ddl.create_storage_macro(table, sets, computed), *drop]))
        if not there:
            catalog.con.execute(";\n".join(ddl.create_view(table)))
    elif there:
        catalog.con.execute(ddl.create_empty_view(table, ddl.letters_of(schemas.tables().values())))
        catalog.con.execute(f"DROP MACRO TABLE {ddl.STORAGE}.{ddl.quote(table.name)}")
    catalog.con.execute(f"DELETE FROM {ddl.STORAGE}.job_days WHERE table_name = ?", [table.name])
    if any(one.by_job for one in sets):
        catalog.con.execute(
            f"INSERT INTO {ddl.STORAGE}.job_days "
            "SELECT table_name, owner, date, min(first_job_id), max(last_job_id) FROM files "
            "WHERE table_name = ? AND first_job_id IS NOT NULL GROUP BY ALL ORDER BY ALL",
            [table.name],
        )


def write_models(catalog: Catalog, marts: Iterable[Mart]) -> None:
    """Have the models of these marts and those that a view or macro calls, with the models behind them, no other.

    Only rows that a query computes need them, and all of them are 245 kB.
    """
    texts = views.sql_files()
    there = _macros(catalog, "main")
    wanted = views.models_behind([*(mart.model for mart in marts), *views.for_readers()])
    for name in texts:  # each after those that it calls
        if name in wanted - there:
            _write_file(catalog, name, texts[name], {})
    for name in reversed(texts):
        if name in there and name not in wanted and views.is_of_models(name):
            catalog.con.execute(f"DROP MACRO TABLE main.{ddl.quote(name)}")


def _macros(catalog: Catalog, schema: str) -> set[str]:
    query = "SELECT function_name FROM duckdb_functions() WHERE database_name = current_database() AND schema_name = ?"
    return {name for (name,) in catalog.rows(query, [schema])}


def _write_file(catalog: Catalog, name: str, text: str, known: views.Comments) -> None:
    query = views.query_of(text)
    statements = [views.code(text)] if query is None else ddl.create_text_view(name, query)
    try:
        for statement in statements:
            catalog.con.execute(statement)
        for statement in views.comment_statements(catalog.con, name, text, known):
            catalog.con.execute(statement)
    except duckdb.Error as error:
        raise views.SqlError(name, str(error)) from error
