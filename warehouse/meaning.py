"""What the columns of a snapshot's tables, views and macros mean."""

from __future__ import annotations

import duckdb

from iolake.warehouse import views


def columns(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str, str]]:
    """(column, type, comment) of each column of a table, view or macro; none where there is no such one.

    A snapshot has the comments of views and of tables with rows. Those of other tables are declared in schemas/, and
    those of macros, whose columns DuckDB gives no comments, in sql/.
    """
    found: list[tuple[str, str, str | None]] = con.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = $1 "
        "AND database_name = current_database() AND schema_name = 'main' ORDER BY column_index",
        [name],
    ).fetchall()
    if found:
        declared = views.table_comments().get(name, {})
        return [(column, kind, comment or declared.get(column, "")) for column, kind, comment in found]
    return columns_of_macro(con, name) if name in views.sql_files() else []


def columns_of_macro(con: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str, str]]:
    """The same of what a macro of sql/ returns: a table may have its name."""
    if views.is_model(name):
        return columns(con, name.removesuffix("_model"))
    text = views.sql_files()[name]
    try:
        found = views.columns_of(con, name, text)
    except duckdb.CatalogException:  # a snapshot of an older iolake lacks it
        return []
    text += f"\n{views.example(name, text)}"
    known = views.table_comments()
    for other in views.words(text) & views.sql_files().keys() - {name}:
        known[other] = known.get(other, {}) | {column: comment for column, _, comment in columns(con, other)}
    meanings = views.comments_of(text, [column for column, _ in found], known)
    return [(column, kind, meanings.get(column, "")) for column, kind in found]
