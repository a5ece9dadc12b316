"""Answers on standard output: a table for people, csv, json or parquet for programs."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal

import duckdb

from iolake.schemas import ddl
from iolake.warehouse.scratch import scratch

Form = Literal["table", "line", "csv", "json", "parquet"]
_STRING_OR_ODD_NUMBER: Final = re.compile(rb'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")|-?(?:NaN|Infinity)')


def write(answer: duckdb.DuckDBPyRelation, form: Form, out: IO[str], folder: str | None = None) -> None:
    """Write a query's answer: a table, a line for each value, csv with a header, JSON lines, or a Parquet file's bytes.

    `folder` is where DuckDB may write an answer on its way, the usual folder for temporary files if None.
    """
    if form == "line":
        _write_lines(answer, out)
        return
    if form == "table" and answer.columns == ["explain_key", "explain_value"]:
        out.writelines(f"{plan}\n" for _, plan in answer.fetchall())
        return
    if form == "table":
        width = shutil.get_terminal_size((120, 24)).columns if out.isatty() else 10_000
        answer.show(max_width=width, max_rows=1000 if out.isatty() else 1_000_000)
        return
    with scratch(folder) as own:
        path = Path(own) / "answer"
        if form == "csv":
            answer.write_csv(str(path), header=True)
        elif form == "parquet":
            answer.write_parquet(str(path), compression="zstd")
        else:
            answer.query("answer", f"COPY (FROM answer) TO {ddl.literal(str(path))} (FORMAT json)")
        with path.open("rb") as file:
            out.flush()
            bytes_out = out.buffer if hasattr(out, "buffer") else sys.stdout.buffer
            if form == "json":
                for line in file:
                    bytes_out.write(_without_odd_numbers(line))
            else:
                shutil.copyfileobj(file, bytes_out)


def _without_odd_numbers(line: bytes) -> bytes:
    """A line of DuckDB's JSON with null in place of numbers that JSON has no word for: NaN and infinity."""
    if b"NaN" not in line and b"Infinity" not in line:
        return line
    return _STRING_OR_ODD_NUMBER.sub(lambda found: found["string"] or b"null", line)


def _write_lines(answer: duckdb.DuckDBPyRelation, out: IO[str]) -> None:
    """Write `column = value` on a line of its own for each value, with an empty line between rows."""
    width = max(len(name) for name in answer.columns)
    for number, row in enumerate(answer.fetchall()):
        out.write("\n" if number else "")
        for name, value in zip(answer.columns, row, strict=True):
            out.write(f"{name:>{width}} = {'NULL' if value is None else value}\n")


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> None:
    """Columns side by side, the last one wrapped where `out` is a terminal."""
    texts = [[("" if v is None else str(v)) for v in row] for row in rows]
    widths = [max(len(line[k]) for line in [list(names), *texts]) for k in range(len(names))]
    room = shutil.get_terminal_size((120, 24)).columns if out.isatty() else None
    for line in [list(names), ["-" * w for w in widths[:-1]] + ["-" * len(names[-1])], *texts]:
        head = "  ".join(text.ljust(w) for text, w in zip(line[:-1], widths[:-1], strict=True))
        out.write(_wrapped(head, line[-1], room) + "\n")


def _wrapped(head: str, last: str, room: int | None) -> str:
    import textwrap

    start = f"{head}  " if head else ""
    if room is None or len(start) + len(last) <= room or room - len(start) < 20:
        return (start + last).rstrip()
    return textwrap.fill(last, room, initial_indent=start, subsequent_indent=" " * len(start))
