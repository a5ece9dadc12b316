"""Write the reference pages from the declarations: the data dictionary and the command line.

    python docs/generate.py            write docs/tables.md, docs/tables/*.md and docs/commands.md

A test fails where a page is not what this would write.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb

from iolake import schemas
from iolake.schemas.ddl import duckdb_type
from iolake.schemas.ledger import LEDGER, LedgerTable
from iolake.schemas.table import Column, Table
from iolake.warehouse import catalog, freshness, snapshot_views, views

HERE = Path(__file__).resolve().parent
_MADE = "<!-- Made by docs/generate.py from the declarations; change those. -->\n"


def pages() -> dict[str, str]:
    """Every generated page by its path below docs/."""
    by_source = _tables_by_source()
    made = {f"tables/{stem}.md": _source_page(stem, tables) for stem, tables in by_source.items()}
    made["tables/ledger.md"] = _page("The ledger", (_table_section(t) for t in LEDGER))
    made["tables/views.md"] = _page("Views and macros", _view_sections())
    made["tables.md"] = _index(by_source)
    made["commands.md"] = _commands()
    return {path: _MADE + text for path, text in made.items()}


def _tables_by_source() -> dict[str, list[Table]]:
    """Tables by the stem of the module of schemas/ that declares them."""
    found: dict[str, list[Table]] = {}
    for module in pkgutil.iter_modules(schemas.__path__):
        declared = vars(importlib.import_module(f"iolake.schemas.{module.name}")).values()
        flat = [t for value in declared for t in (value if isinstance(value, (list, tuple)) else [value])]
        tables = {t.name: t for t in flat if isinstance(t, Table)}
        if tables:
            found[module.name] = sorted(tables.values(), key=lambda t: t.name)
    return found


def _source_page(stem: str, tables: list[Table]) -> str:
    return _page(f"Tables of {stem}", (_table_section(t) for t in tables))


def _page(title: str, sections: Iterator[str]) -> str:
    return f"# {title}\n\n" + "\n".join(sections)


def _table_section(table: Table | LedgerTable) -> str:
    lines = [f"## {table.name}", "", table.doc, ""]
    if isinstance(table, Table):
        keys = ", ".join(f"`{k.name}`" for k in table.keys)
        partition = ", ".join(f"`{c.name}`" for c in table.partition_by)
        lines += [f"Key: {keys}. Partitioned by {partition}.", ""]
    columns = table.all_columns if isinstance(table, Table) else table.columns
    lines += ["| column | type | unit | meaning | from |", "|---|---|---|---|---|"]
    lines += [_column_row(c) for c in columns]
    return "\n".join(lines) + "\n"


def _column_row(column: Column) -> str:
    cells = (
        f"`{column.name}`",
        duckdb_type(column.type),
        column.unit or "",
        column.doc,
        f"`{column.origin}`" if column.origin else "",
    )
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


def _view_sections() -> Iterator[str]:
    """A section for each view and macro: its question, how to ask it, and its columns."""
    con = _every_view()
    known = views.table_comments()
    sections = {}
    for name, text in views.sql_files().items():
        columns = [] if views.is_model(name) else views.columns_of(con, name, text)
        example = views.example(name, text)
        known[name] = known.get(name, {}) | views.comments_of(f"{text}\n{example}", [c for c, _ in columns], known)
        sections[name] = _view_section(name, text, columns, known[name])
    con.close()
    yield from (sections[name] for name in sorted(sections))


def _every_view() -> duckdb.DuckDBPyConnection:
    """An empty catalog with the models of all marts, in memory."""
    con = duckdb.connect()
    con.execute(f"ATTACH '{catalog._empty(catalog.declarations())}' AS empty (READ_ONLY)")
    con.execute("COPY FROM DATABASE empty TO memory; DETACH empty")
    snapshot_views.write_models(catalog.Catalog(con), freshness.marts())
    return con


def _view_section(name: str, text: str, columns: list[tuple[str, str]], meanings: dict[str, str]) -> str:
    lines = [f"## {name}", "", views.question(text), ""]
    if views.is_model(name):
        mart = name.removesuffix("_model")
        return "\n".join([*lines, f"Its columns are those of the mart [{mart}](marts.md#{mart}).", ""])
    query = f"FROM {name}" if views.kind(text) == "VIEW" else views.example(name, text)
    if views.kind(text) != "VIEW":
        lines += [f"Called as `{name}({', '.join(views.parameters(text))})`.", ""]
    lines += ["```sql", query, "```", "", "| column | type | unit | meaning |", "|---|---|---|---|"]
    for column, kind in columns:
        unit, meaning = re.fullmatch(r"(?:\[(.*?)\] )?(.*)", meanings.get(column, "")).groups()  # type: ignore[union-attr]
        cells = (f"`{column}`", kind, unit or "", meaning)
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join([*lines, ""])


def _index(by_source: dict[str, list[Table]]) -> str:
    lines = ["# Tables", "", "| table | one row per | |", "|---|---|---|"]
    for stem, tables in by_source.items():
        lines += [f"| `{t.name}` | {t.doc} | [columns](tables/{stem}.md#{t.name}) |" for t in tables]
    lines += [f"| `{t.name}` | {t.doc} | [columns](tables/ledger.md#{t.name}) |" for t in LEDGER]
    lines += ["", "[Views and macros](tables/views.md) answer questions over them.", ""]
    return "\n".join(lines)


def _commands() -> str:
    from iolake.pipelines.cli import cli

    lines = ["# Commands", ""]
    for path, command in _walk(cli, ("iolake",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=100, terminal_width=100)
        lines += [f"## {' '.join(path)}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _walk(inner, (*path, name))


def main() -> None:
    """Write every page, and remove pages that no declaration makes."""
    made = pages()
    for old in (HERE / "tables").glob("*.md"):
        if f"tables/{old.name}" not in made:
            old.unlink()
    for path, text in made.items():
        page = HERE / path
        page.parent.mkdir(exist_ok=True)
        page.write_text(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


if __name__ == "__main__":
    main()
