"""Commands that ask: sql, tables, describe, status, rejects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from iolake.pipelines.cli.options import Where, where_options

if TYPE_CHECKING:
    from iolake.pipelines.output import Form

_SNAPSHOT = click.option("--snapshot", type=int, metavar="N", help="Ask snapshot N instead of the newest one.")


@click.command()
@click.argument("query", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "line", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="line writes each value on a line of its own, for wide rows.",
)
@click.option(
    "--safe/--unsafe",
    "safe",
    default=None,
    help="--safe bounds memory, threads and time too; --unsafe may read and write any file. Without either, "
    "a query reads the lake and nothing else.",
)
@_SNAPSHOT
@where_options
def sql(query: str | None, form: Form, safe: bool | None, snapshot: int | None, where: Where) -> None:
    """Ask the lake in DuckDB's SQL. Without a query, answer those of standard input; a terminal gets a prompt.

    \b
    iolake sql
    iolake sql "FROM job_summary WHERE job_id = 4478544" --format line
    iolake sql "SELECT user_name, sum(nnodes * elapsed_s) / 3600 AS node_h FROM jobs GROUP BY ALL"
    iolake sql "FROM darshan_logs" --format parquet > logs.parquet
    iolake sql --unsafe "COPY (FROM jobs) TO 'jobs.csv'"
    """
    from iolake.pipelines.prompt import answer, answer_all
    from iolake.warehouse.sandbox import Sandbox, Unbounded

    opened = where.open_lake(snapshot)
    lake = Unbounded(opened) if safe is False else Sandbox.of(opened, safe=safe is True)
    if query is not None:
        answer(lake, query, form)
    elif answer_all(lake, form):
        sys.exit(1)


@click.command()
@_SNAPSHOT
@where_options
def tables(snapshot: int | None, where: Where) -> None:
    """List the lake's tables, views and macros, with what each holds or answers.

    \b
    iolake tables
    """
    from iolake.pipelines.output import print_rows

    lake = where.open_lake(snapshot)
    print_rows(("table", "what it holds"), lake.tables().items(), sys.stdout)
    click.echo()
    print_rows(("macro", "what it answers"), [(m.call, m.question) for m in lake.macros().values()], sys.stdout)


@click.command()
@click.argument("table")
@_SNAPSHOT
@where_options
def describe(table: str, snapshot: int | None, where: Where) -> None:
    """Show the columns of a table, view or macro: type, unit, meaning, and where each comes from.

    \b
    iolake describe darshan_posix
    """
    from iolake.pipelines.output import print_rows

    lake = where.open_lake(snapshot)
    columns = lake.describe(table)
    if macro := lake.macros().get(table):
        click.echo(f"FROM {macro.call}\n")
    print_rows(("column", "type", "meaning"), columns, sys.stdout)


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@where_options
def status(sources: tuple[str, ...], where: Where) -> None:
    """Show the coverage: inputs found, loaded and rejected, rows and missing days, by source and day.

    A day that a command such as sacct was never asked for is missing, too; the next ingest asks for it.

    \b
    iolake status
    iolake status darshan
    """
    from iolake.extractors.lookback import days_to_ask
    from iolake.reports.status import status_page

    to_ask = days_to_ask(where.read_site()) if where.has_site else ()
    click.echo(status_page(where.open_lake(), sources, to_ask))


@click.command()
@where_options
def rejects(where: Where) -> None:
    """List what could not be read, and why.

    \b
    iolake rejects
    """
    from iolake.pipelines.output import print_rows

    rows = where.open_lake().sql(
        "SELECT source, owner, uri, coalesce(part, '') AS part, reason FROM rejects ORDER BY ALL"
    )
    found = rows.fetchall()
    if not found:
        click.echo("nothing was rejected")
        return
    print_rows(tuple(rows.columns), found, sys.stdout)
