"""What `iolake sql` does with its queries: each statement is answered, those of an argument or of standard input."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator

import click
import duckdb

from iolake.pipelines.output import Form, write
from iolake.schemas.errors import IolakeError
from iolake.warehouse import LakeError
from iolake.warehouse.sandbox import Sandbox, Unbounded


def answer(lake: Sandbox | Unbounded, text: str, form: Form) -> None:
    """Run a text's statements and print the answer of each.

    LakeError without a statement, for bytes that are no UTF-8, and for two answers in one Parquet file.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LakeError("the query is not UTF-8; write or save it as UTF-8") from None
    found = lake.statements(text)
    if not found:
        raise LakeError("the query asks for nothing; write one such as FROM jobs LIMIT 5")
    if form == "parquet" and len(found) > 1:
        raise LakeError(f"a Parquet file holds one answer, and these are {len(found)} statements; ask them one by one")
    with lake.bounded():
        for statement in found:
            rows = lake.lake.sql(statement)
            if [kind.name for kind in statement.expected_result_type] != ["NOTHING"]:
                write(rows, form, sys.stdout, lake.folder)


def answer_all(lake: Sandbox | Unbounded, form: Form) -> int:
    """Answer the statements of standard input, and return how many failed.

    A terminal gets a prompt. A failed statement prints one line and the next one is read.
    """
    failed = asked = 0
    for statement in statements(_lines()):
        asked += 1
        try:
            answer(lake, statement, form)
        except (IolakeError, duckdb.Error) as error:
            failed += 1
            click.echo(f"iolake: {str(error).splitlines()[0]}", err=True)
    if not asked and not sys.stdin.isatty():
        raise click.UsageError("Missing argument 'QUERY', and standard input has none either.")
    return failed


def statements(lines: Iterable[str]) -> Iterator[str]:
    """The statements of a text: each ends with a semicolon at the end of a line, or with the text."""
    waiting: list[str] = []
    for line in lines:
        if not waiting and line.strip() in {".quit", ".exit", "quit", "exit"}:
            return
        waiting.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(waiting)
            waiting = []
    if "".join(waiting).strip():
        yield "\n".join(waiting)


def _lines() -> Iterator[str]:
    if not sys.stdin.isatty():
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (input() then edits lines and keeps their history)
    click.echo("End a query with ; and leave with Ctrl-D. `iolake tables` lists what there is.")
    while True:
        try:
            yield input("iolake> ")
        except EOFError:
            click.echo()
            return
