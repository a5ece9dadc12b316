"""sacct's delimited text, of any --format and delimiter, as frames of strings.

Values are not escaped in it: a comment may hold the delimiter, and a submit line newlines too. Lines with as
many values as the header are taken as they are: mostly that is all of a block, which then goes through polars' CSV
reader as it is. The others are put right where that can be done in one way only, by what the values of each field
look like; where it can't, they are left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import IO, Final

import numpy as np
import polars as pl

from extractors.base import InputError
from extractors.slurm.fields import FREE_TEXT, IDS, RENAMED, known, pattern

BLOCK_BYTES = 32 << 20
_LONGEST_ROW = 10_000
"""Lines that one row may span: a submit line holds whole scripts, but a damaged file must not be read in squares."""

_BEGINNINGS: Final = {**dict.fromkeys(IDS, (("0", "9"),)), "end": (("0", "9"), ("N", "N"), ("U", "U"))}
"""Fields that each row has, and from which letter to which their values begin: an end may be Unknown, None or empty."""


@dataclass
class Rows:
    """Rows of a block: a column of strings for each field, lower-case, and `line`; and what was left out of it.

    A value is null where it is empty, or where a stray delimiter makes it uncertain. Each problem is (part, reason).
    """

    frame: pl.DataFrame
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """The fields in their order, and the byte between them."""

    fields: tuple[str, ...]
    delimiter: bytes

    @property
    def names(self) -> list[str]:
        """Column names: a field that is empty or named twice gets its place as its name, and is dropped later."""
        return [name if name and name not in self.fields[:i] else f"#{i}" for i, name in enumerate(self.fields)]


def read_rows(file: IO[bytes], uri: str, block_bytes: int = BLOCK_BYTES) -> Iterator[Rows]:
    """The rows of a sacct text in blocks, in the file's order; InputError where it has no header of sacct's."""
    first = file.readline()
    header, separator = parse_header(first, uri)
    line, rest, more = 2, b"", True
    while more:
        chunk = file.read(block_bytes)
        more = len(chunk) == block_bytes
        block = b"".join((rest, chunk, file.readline() if more else b""))
        block = block.replace(b"\r\n", b"\n") if first.endswith(b"\r\n") else block
        if separator != header.delimiter:
            block = block.replace(separator, header.delimiter)
        if not more and block and not block.endswith(b"\n"):
            block += b"\n"
        rows = _regular_rows(block, header, line)
        if rows is not None:
            taken, rest = rows.frame.height, b""
        else:
            rows, taken, rest = _mended_rows(block, header, line, more)
        line += taken
        if taken:
            yield rows


def parse_header(line: bytes, uri: str) -> tuple[Header, bytes]:
    """The header and the file's own separator, which may be longer than a byte; InputError if it is not sacct's."""
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip("\r\n")
    names = re.findall(r"[A-Za-z][A-Za-z0-9]*", text)
    if not any(_current(name) in known() for name in names):
        raise InputError(uri, "its first line names no field of sacct", "write it without --noheader")
    found = re.match(r"[A-Za-z0-9]+([^A-Za-z0-9]+)", text)
    separator = found[1] if found else "|"
    if not separator.strip(" "):
        raise InputError(uri, "is sacct's table for people, which cuts long values", "write it with sacct --parsable2")
    fields = tuple(_current(name) for name in text.removesuffix(separator).split(separator))
    if text.endswith(separator):
        fields += ("",)
    delimiter = separator.encode() if len(separator.encode()) == 1 else b"\x1f"
    return Header(fields, delimiter), separator.encode()


def _current(name: str) -> str:
    return RENAMED.get(name.lower(), name.lower())


def _regular_rows(block: bytes, header: Header, first_line: int) -> Rows | None:
    """The rows of a block each of whose lines can be taken for one; None where a line can't."""
    lines = _count(block, b"\n")
    if _count(block, header.delimiter) != lines * (len(header.fields) - 1):
        return None
    try:
        frame = _frame(block, header, np.arange(first_line, first_line + lines))
    except (
        pl.exceptions.ComputeError,
        pl.exceptions.SchemaError,
    ):  # one has too many values
        return None
    begins = (
        reduce(or_, ((pl.col(name) >= low) & (pl.col(name) < chr(ord(high) + 1)) for low, high in ranges))
        .fill_null(name not in IDS)
        .all()
        for name, ranges in _BEGINNINGS.items()
        if name in header.fields
    )
    return Rows(frame) if frame.select(pl.all_horizontal(*begins, True)).item() else None


def _count(block: bytes, byte: bytes) -> int:
    """How often a byte occurs, a piece at a time that fits the processor's cache."""
    data, piece = np.frombuffer(block, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(data[i : i + piece] == ord(byte))) for i in range(0, len(data), piece))


def _mended_rows(block: bytes, header: Header, first_line: int, more: bool) -> tuple[Rows, int, bytes]:
    """(the rows of a block, how many lines they are of, the rest): those after the last sure row wait for `more`."""
    starts, ends, regular = _lines(block, header)
    keep = len(ends)
    if more:
        keep = int(np.flatnonzero(regular)[-1]) + 1 if regular.any() else 0
    rest = block[int(ends[keep - 1]) + 1 :] if keep else block
    starts, ends, regular = starts[:keep], ends[:keep], regular[:keep]
    edges = np.flatnonzero(np.diff(np.concatenate(([True], regular, [True]))))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    good, at = [], 0
    mended: list[tuple[int, list[str | None]]] = []
    problems: list[tuple[str, str]] = []
    for run_start, run_end in runs:
        good.append(block[at : int(starts[run_start])])
        at = int(ends[run_end - 1]) + 1
        lines = [block[starts[i] : ends[i]].decode("utf-8", "replace") for i in range(run_start, run_end)]
        _mend(lines, header, first_line + run_start, mended, problems)
    good.append(block[at : len(block) - len(rest)])
    frame = _frame(b"".join(good), header, np.flatnonzero(regular) + first_line)
    if mended:
        values = {name: [row[i] or None for _, row in mended] for i, name in enumerate(header.names)}
        extra = pl.DataFrame(values, schema=dict.fromkeys(header.names, pl.String))
        extra = extra.with_columns(pl.Series("line", [line for line, _ in mended], pl.Int64))
        frame = pl.concat([frame, extra]).sort("line")
    return Rows(frame, problems), keep, rest


def _lines(block: bytes, header: Header) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each line: its first byte, the byte of its newline, and whether it can be taken for a row as it is.

    That is a line with as many values as the header, of which the id and the end begin as such do: a piece of a
    submit line may hold just as many delimiters.
    """
    data = np.frombuffer(block, np.uint8)
    marks = np.flatnonzero((data == ord(b"\n")) | (data == ord(header.delimiter)))
    last = np.flatnonzero(data[marks] == ord(b"\n"))
    ends = marks[last]
    if not len(ends):
        return ends, ends, ends.astype(bool)
    starts = np.concatenate(([0], ends[:-1] + 1))
    first = np.concatenate(([0], last[:-1] + 1))
    regular = last - first == len(header.fields) - 1
    for name, ranges in _BEGINNINGS.items():
        if name in header.fields:
            place = header.fields.index(name)
            at = starts[regular] if place == 0 else marks[first[regular] + place - 1] + 1
            allowed = b"".join(bytes(range(ord(low), ord(high) + 1)) for low, high in ranges)
            allowed += b"" if name in IDS else header.delimiter + b"\n"
            regular[regular] = np.isin(data[at], np.frombuffer(allowed, np.uint8))
    return starts, ends, regular


def _frame(block: bytes, header: Header, lines: np.ndarray) -> pl.DataFrame:
    """Lines that all have as many values as the header."""
    schema = dict.fromkeys(header.names, pl.String)
    if not block:
        return pl.DataFrame(schema={**schema, "line": pl.Int64})
    if not block.isascii():
        block = block.decode("utf-8", "replace").encode()
    return pl.read_csv(
        block,
        has_header=False,
        separator=header.delimiter.decode(),
        quote_char=None,
        schema=schema,
    ).with_columns(pl.Series("line", lines, pl.Int64))


def _mend(
    lines: list[str],
    header: Header,
    first_line: int,
    mended: list[tuple[int, list[str | None]]],
    problems: list[tuple[str, str]],
) -> None:
    """Make rows of a run of lines with too few or too many values.

    A row is the shortest run of lines that ends here and fits the header; lines before it belong to no row.
    """
    delimiter, wanted = header.delimiter.decode(), len(header.fields)
    start = 0
    for end in range(len(lines)):
        values = 1
        for begin in range(end, max(start, end - _LONGEST_ROW) - 1, -1):
            values += lines[begin].count(delimiter)
            if values < wanted:
                continue
            row = align("\n".join(lines[begin : end + 1]).split(delimiter), header)
            if row is not None:
                problems.extend(_left_out(lines, start, begin, first_line, header))
                problems.extend(_uncertain(row, header, first_line + begin))
                mended.append((first_line + begin, row))
                start = end + 1
                break
    problems.extend(_left_out(lines, start, len(lines), first_line, header))


def align(pieces: list[str], header: Header) -> list[str | None] | None:
    """The value of each field, where free text may hold delimiters; None where the pieces fit in no way.

    A value is None where the pieces fit in several ways that differ in it.
    """
    spare = len(pieces) - len(header.fields)
    delimiter = header.delimiter.decode()
    spans: list[set[tuple[int, int]]] = []
    reached = {0}
    for name in header.fields:
        longest = spare + 1 if name in FREE_TEXT else 1
        fits = pattern(name).fullmatch
        options = {
            (a, b)
            for a in reached
            for b in range(a + 1, min(a + longest, len(pieces)) + 1)
            if fits(pieces[a] if b == a + 1 else delimiter.join(pieces[a:b]))
        }
        spans.append(options)
        reached = {b for _, b in options}
    wanted = {len(pieces)}
    values: list[str | None] = []
    for options in reversed(spans):
        kept = {(a, b) for a, b in options if b in wanted}
        if not kept:
            return None
        texts = {delimiter.join(pieces[a:b]) for a, b in kept}
        values.append(texts.pop() if len(texts) == 1 else None)
        wanted = {a for a, _ in kept}
    return values[::-1]


def _left_out(lines: list[str], start: int, end: int, first_line: int, header: Header) -> Iterator[tuple[str, str]]:
    """Each line that is in no row, but for empty ones and a header that is repeated inside the file."""
    for i in range(start, end):
        values = lines[i].split(header.delimiter.decode())
        if lines[i] and tuple(map(_current, values)) != header.fields:
            yield f"line {first_line + i}", _not_a_row(values, header)


def _not_a_row(values: list[str], header: Header) -> str:
    if len(values) != len(header.fields):
        return f"has {len(values)} values where the header has {len(header.fields)}"
    wrong = (f"{name} {v!r}" for name, v in zip(header.fields, values, strict=True) if not pattern(name).fullmatch(v))
    return f"is not a row of these fields: {next(wrong, 'an id is missing')}"


def _uncertain(row: list[str | None], header: Header, line: int) -> Iterator[tuple[str, str]]:
    names = [name for name, value in zip(header.fields, row, strict=True) if value is None]
    if names:
        yield f"line {line}", f"a stray delimiter makes {', '.join(names)} uncertain; null"
