"""One table for the rows of a snapshot's small tables, which are views over it except while an edit is at work.

DuckDB gives each table that has rows blocks of its own, and each of its columns 0.2 kB of statistics: as tables, the
ledger and DuckLake's would be half of a small lake's snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iolake.schemas import ddl
from iolake.schemas.ledger import LEDGER, LedgerTable
from iolake.warehouse import ducklake

if TYPE_CHECKING:
    import duckdb

_SHARED: Final = f"{ddl.STORAGE}.small_tables"
_ASIDE: Final = "_aside"
"""What a view's name ends with while a table has its place."""
FEW: Final = 1000
"""Rows up to which a table is small."""


@dataclass(frozen=True)
class _Table:
    """A table of the ledger or of DuckLake."""

    name: str
    columns: tuple[str, ...]
    places: tuple[str, ...]
    """The column of _SHARED that has each of its own."""
    written: bool
    """Whether edits write it; else it is always a view."""
    declared: LedgerTable | None

    @property
    def bare(self) -> str:
        """The name without the schema."""
        return self.name.partition(".")[2]

    def comments(self, kind: str) -> list[str]:
        return ddl.comment_on(kind, self.declared) if self.declared else []

    def view(self) -> list[str]:
        query = f"SELECT {','.join(self.places)} FROM {_SHARED} WHERE name = {ddl.literal(self.name)}"
        return [ddl.create_named_view(self.name, self.columns, query), *self.comments("VIEW")]

    def to_shared(self) -> str:
        pairs = zip(self.columns, self.places, strict=True)
        columns = ", ".join(f"{ddl.quote(column)} AS {place}" for column, place in pairs)
        return f"SELECT {ddl.literal(self.name)} AS name, {columns} FROM {self.name}"


def create() -> Iterator[str]:
    """The statements that make the tables of an empty catalog, as views with comments."""
    tables, kinds = _tables()
    yield f"CREATE TABLE {_SHARED} (name VARCHAR, {', '.join(f'{place} {kind}' for place, kind in kinds.items())})"
    for table in tables:
        yield from table.view()


def to_tables(con: duckdb.DuckDBPyConnection, names: Container[str] | None = None) -> None:
    """Make the views that edits write into tables; of these `names` alone, where given."""
    there = _names(con, "table")
    if _SHARED not in there:  # an older iolake wrote it
        return
    wanted = [t for t in _tables()[0] if t.written and t.name not in there and (names is None or t.name in names)]
    for table in wanted:
        con.execute(f"ALTER VIEW {table.name} RENAME TO {table.bare}{_ASIDE}")
        con.execute(f"CREATE TABLE {table.name} AS FROM {table.name}{_ASIDE}")
    con.execute(f"DELETE FROM {_SHARED} WHERE name IN (SELECT unnest($1))", [[table.name for table in wanted]])


def to_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make the small tables into views again. The others keep their comments, or get them."""
    there, aside = _names(con, "table"), _names(con, "view")
    if _SHARED not in there:
        return
    tables = [table for table in _tables()[0] if table.name in there]
    counts = con.execute(" UNION ALL ".join(f"SELECT count(*) FROM {table.name}" for table in tables)).fetchall()
    small = [table for table, (rows,) in zip(tables, counts, strict=True) if rows <= FEW]
    if small:
        con.execute(f"INSERT INTO {_SHARED} BY NAME {' UNION ALL BY NAME '.join(t.to_shared() for t in small)}")
    for table in tables:
        was_view = f"{table.name}{_ASIDE}" in aside
        if table in small:
            con.execute(f"DROP TABLE {table.name}")
            con.execute(
                f"ALTER VIEW {table.name}{_ASIDE} RENAME TO {table.bare}" if was_view else ";".join(table.view())
            )
        elif was_view:
            con.execute(";".join([f"DROP VIEW {table.name}{_ASIDE}", *table.comments("TABLE")]))


def _names(con: duckdb.DuckDBPyConnection, kind: str) -> set[str]:
    """The names of a catalog's tables or views, with their schemas."""
    name = f"schema_name || '.' || {kind}_name"
    found = con.execute(f"SELECT {name} FROM duckdb_{kind}s() WHERE database_name = current_database()").fetchall()
    return {name for (name,) in found}


def _tables() -> tuple[list[_Table], dict[str, str]]:
    """Every table, and the type of each column of _SHARED."""
    declared = [(f"main.{t.name}", [(c.name, ddl.duckdb_type(c.type)) for c in t.columns], True, t) for t in LEDGER]
    every = [*declared, *((*table, None) for table in ducklake.tables())]
    letters = ddl.letters(kind for _, columns, _, _ in every for _, kind in columns)
    kinds: dict[str, str] = {}
    tables = []
    for name, columns, written, ledger in every:
        of_kind: dict[str, int] = defaultdict(int)
        places = []
        for _, kind in columns:
            of_kind[kind] += 1
            places.append(f"{letters[kind]}_{of_kind[kind]}")
            kinds[places[-1]] = kind
        tables.append(_Table(name, tuple(column for column, _ in columns), tuple(places), written, ledger))
    return tables, kinds
