"""A moved lake's snapshot, copied for a reader: its own views, over the files where these lie now.

Views of this iolake in place of the snapshot's own would compute each mart whose model has changed since, of the whole
lake: a year of it takes 20 GB of memory.
"""

from __future__ import annotations

from pathlib import Path

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.mart import Mart
from iolake.warehouse import small_tables

_HERE = "database_name = current_database() AND schema_name"
_TEXTS = f"""
SELECT view_name, regexp_replace(rtrim(sql, ';'), '^CREATE VIEW', 'CREATE OR REPLACE VIEW') FROM duckdb_views()
WHERE {_HERE} = '{ddl.STORAGE}'
UNION ALL
SELECT function_name,
  format('CREATE OR REPLACE MACRO {ddl.STORAGE}."{{}}"() AS TABLE {{}}', function_name, macro_definition)
FROM duckdb_functions() WHERE {_HERE} = '{ddl.STORAGE}'
"""
"""(name, statement) of all that names files. The first snapshots of a lake may have views there, of an older iolake."""


def place(snapshot: Path, old: str, new: str) -> bool:
    """Make the views of a snapshot file read the files at `new` in place of `old`.

    Returns False, and changes nothing, where a table has other columns than this iolake declares: analyses would not
    find them.
    """
    import duckdb

    with duckdb.connect(str(snapshot)) as con:
        columns: dict[str, list[tuple[str, str]]] = {}
        for view, column, kind in con.execute(
            f"SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE {_HERE} = 'main' "
            "ORDER BY table_name, column_index"
        ).fetchall():
            columns.setdefault(view, []).append((column, kind))
        tables = schemas.tables()
        declared = {name: [c.name for c in table.all_columns] for name, table in tables.items()}
        if any([c for c, _ in columns.get(name, [])] != names for name, names in declared.items()):
            return False
        con.execute("BEGIN")
        before, after = (f"{ddl.literal(root.rstrip('/'))[:-1]}/" for root in (old, new))
        for name, text in con.execute(_TEXTS).fetchall():
            if before in text:
                table = tables.get(name)
                model = table.model if isinstance(table, Mart) else None
                create, drop = ddl.stand_ins(columns[name], model)
                con.execute(";\n".join([*create, text.replace(before, after), *drop]))
        small_tables.to_tables(con, {"main.snapshots"})
        con.execute("UPDATE snapshots SET root = ? WHERE number = (SELECT max(number) FROM snapshots)", [new])
        small_tables.to_views(con)
        con.execute("COMMIT")
    return True
