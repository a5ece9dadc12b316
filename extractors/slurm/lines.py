"""Reads sacct's delimited text, of any --format and delimiter, into frames of strings.

sacct escapes nothing: a comment may hold the delimiter, and a submit line newlines too. A line with as many values as
the header is a row. Most blocks have no other lines, and polars' CSV reader takes them whole. Other lines are mended
where the patterns of the fields allow one way only, and otherwise left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import IO, Final, NamedTuple

import numpy as np
import polars as pl

from iolake.extractors.base import InputError
from iolake.extractors.slurm.fields import IDS, RENAMED, known, pattern
from iolake.extractors.slurm.mend import Mended, Values, mend
from iolake.extractors.slurm.quotes import NEWLINE, unquoted

BLOCK_BYTES = 32 << 20
_MOST_BYTES: Final = 4 * BLOCK_BYTES
"""How far to read on for a line that is a complete row."""
_LONGEST_LINE: Final = 1 << 24
_LONGEST_HEADER: Final = 1 << 16
_PROBE_BYTES: Final = 1 << 16
"""The first bytes of a block, which show whether all rows end in a delimiter."""

_BEGINNINGS: Final = {**dict.fromkeys(IDS, (("0", "9"),)), "end": (("0", "9"), ("N", "N"), ("U", "U"))}
"""Fields that each row has, and from which letter to which their values begin: an end may be Unknown or None."""


@dataclass
class Rows:
    """Rows of a block: a column of strings for each field, lower-case, and `line`.

    A value is null where it is empty, or where a stray delimiter makes it uncertain. `problems` has (part, reason) of
    each line that was left out or changed; those that are also in `repaired` left no row out.
    """

    frame: pl.DataFrame
    problems: list[tuple[str, str]] = field(default_factory=list)
    repaired: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """The fields in their order, what stands between them, and whether lines end as on Windows."""

    fields: tuple[str, ...]
    separator: bytes
    crlf: bool = False

    @property
    def delimiter(self) -> bytes:
        """One byte in place of the separator."""
        return self.separator if len(self.separator) == 1 else b"\x1f"

    def plain(self, text: bytes) -> bytes:
        """The text with the delimiter between its values and a newline alone at the end of its lines."""
        text = text.replace(b"\r\n", b"\n") if self.crlf else text
        return text if self.separator == self.delimiter else text.replace(self.separator, self.delimiter)

    @property
    def names(self) -> list[str]:
        """Column names: a field that is empty or named twice gets its place as its name, and is dropped later."""
        return [name if name and name not in self.fields[:i] else f"#{i}" for i, name in enumerate(self.fields)]


def read_rows(file: IO[bytes], uri: str, block_bytes: int = BLOCK_BYTES) -> Iterator[Rows]:
    """Yield the rows of a sacct text in blocks, in the file's order. Raises InputError without a header of sacct's."""
    file = unquoted(file)
    line, number = file.readline(_LONGEST_LINE), 1
    while line and (not line.strip() or line.startswith(b"#")):  # a note of whoever saved it
        line, number = file.readline(_LONGEST_LINE), number + 1
    reader = _Reader(parse_header(line, uri), uri, number + 1)
    more = True
    while more:
        chunk = file.read(block_bytes)
        more = len(chunk) == block_bytes
        end = file.readline(_LONGEST_LINE) if more else b""
        if len(end) == _LONGEST_LINE:
            raise InputError(uri, f"has a line of more than {_LONGEST_LINE >> 20} MiB", "check that it is sacct's text")
        chunk += end
        for rows in reader.rows(chunk, more):
            yield _with_newlines(rows)


def _with_newlines(rows: Rows) -> Rows:
    """The rows, with the newlines that quoted values had."""
    texts = [
        column.name
        for column in rows.frame
        if column.dtype == pl.String and column.str.contains(NEWLINE, literal=True).any()
    ]
    if texts:
        rows.frame = rows.frame.with_columns(pl.col(texts).str.replace_all(NEWLINE, "\n", literal=True))
    return rows


class _Reader:
    """Reads one block after the other: keeps the current header, the line number, and the text of an unfinished row."""

    def __init__(self, header: Header, uri: str, line: int) -> None:
        self._header, self._uri = header, uri
        self._line = line
        self._rest = b""
        self._settled: Header | None = None
        """The header, once it is known whether its rows end in a delimiter."""

    def rows(self, chunk: bytes, more: bool) -> Iterator[Rows]:
        """Yield the rows of the text so far; where `more` follows, lines after the last complete row wait for it."""
        chunk, odd = as_utf8(chunk, self._line + self._rest.count(b"\n"))
        block = self._rest + chunk
        if not more and block and not block.endswith(b"\n"):
            block += b"\n"
        rows = _regular_rows(self._header.plain(block), self._header, self._line)
        if rows is None:
            yield from self._of_sections(block, more, odd)
            return
        self._line += rows.frame.height
        self._rest, self._settled = b"", self._header
        if rows.frame.height:
            yield Rows(rows.frame, odd, odd)

    def _of_sections(self, block: bytes, more: bool, odd: list[tuple[str, str]]) -> Iterator[Rows]:
        """Yield the rows of a block that has further headers, or lines that are not complete rows."""
        sections = _sections(block, self._header, self._uri)
        for place, (header, text) in enumerate(sections, 1):
            part, goes_on = header.plain(text), more and place == len(sections)
            if header is not self._settled and goes_on and len(part) < _PROBE_BYTES:
                self._header, self._rest = header, part
                rows, taken = Rows(_frame(b"", header, np.arange(0))), 0
            else:
                self._settled = self._header = header if header is self._settled else _of_rows(header, part)
                may_wait = goes_on and len(part) < _MOST_BYTES
                rows, taken, self._rest = _mended_rows(part, self._header, self._line, may_wait)
            self._line += taken + (place < len(sections))  # and the next section's header
            if taken or odd:
                yield replace(rows, problems=odd + rows.problems, repaired=odd + rows.repaired)
                odd = []


def parse_header(line: bytes, uri: str) -> Header:
    """The header; InputError if it is not sacct's."""
    if len(line) > _LONGEST_HEADER:
        raise InputError(uri, f"has a header of more than {_LONGEST_HEADER >> 10} KiB", "check that it is sacct's text")
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip("\r\n").lstrip(" ")
    if not text.strip():
        raise InputError(uri, "is empty: sacct writes a header even where there are no jobs", "write it again")
    if re.match(r"\w+: (error|fatal|warning|info|debug)", text):
        raise InputError(uri, f"begins with a message: {text[:200]!r}", "fix that and write the file again")
    if "\r" in text:
        raise InputError(uri, "has lines that end in a carriage return alone", "convert it with tr '\\r' '\\n'")
    names = re.findall(r"[A-Za-z][A-Za-z0-9]*", text)
    if not any(_current(name) in known() for name in names):
        raise InputError(uri, "its first line names no field of sacct", "write it without --noheader")
    found = re.match(r"([^A-Za-z0-9 ])(?=[A-Za-z])|[A-Za-z0-9]+([^A-Za-z0-9]+)", text)
    separator = (found[1] or found[2]) if found else "|"
    if not separator.strip(" "):
        raise InputError(uri, "is sacct's table for people, which cuts long values", "write it with sacct --parsable2")
    fields = tuple(_current(name) for name in text.removesuffix(separator).split(separator))
    if text.endswith(separator):
        fields += ("",)
    return Header(fields, separator.encode(), line.endswith(b"\r\n"))


def as_utf8(text: bytes, first_line: int) -> tuple[bytes, list[tuple[str, str]]]:
    """The text with U+FFFD in place of bytes that are not UTF-8, and the lines that have some."""
    try:
        if not text.isascii():
            text.decode()
    except UnicodeDecodeError:
        good = text.decode("utf-8", "replace").encode()
        pairs = zip(text.split(b"\n"), good.split(b"\n"), strict=True)
        reason = "holds bytes that are not UTF-8; read as U+FFFD"
        return good, [(f"line {line}", reason) for line, (was, now) in enumerate(pairs, first_line) if was != now]
    return text, []


def _sections(block: bytes, header: Header, uri: str) -> list[tuple[Header, bytes]]:
    """Split the block at each line that is another header: files that were joined may have different ones."""
    sections, at, lowered = [], 0, block.lower()
    place = lowered.find(b"jobid")
    while place >= 0:
        start, end = block.rfind(b"\n", at, place) + 1, block.find(b"\n", place) + 1
        start = max(start, at)
        found = _other_header(block[start:end], header, uri)
        if found is not None:
            sections.append((header, block[at:start]))
            header, at = found, end
        place = lowered.find(b"jobid", end)
    return [*sections, (header, block[at:])]


def _other_header(line: bytes, header: Header, uri: str) -> Header | None:
    """Parse a line as a header with the same separator and other fields; None for any other line."""
    try:
        found = parse_header(line, uri)
    except InputError:
        return None
    names = [name for name in found.fields if name]
    needs = "end" in names and any(name in names for name in IDS) and all(map(str.isalnum, names))
    return found if needs and found.separator == header.separator and found.fields != header.fields else None


def _current(name: str) -> str:
    return RENAMED.get(name.lower(), name.lower())


def _of_rows(header: Header, block: bytes) -> Header:
    """The header with an empty last field if each row ends in a delimiter that it lacks, as of sacct --parsable.

    Call it once, with the first lines below a header: later lines may be parts of a value that look so.
    """
    probe = block[: block.rfind(b"\n", 0, _PROBE_BYTES) + 1]
    if not header.fields[-1] or _lines(probe, header).complete.any():
        return header
    longer = replace(header, fields=(*header.fields, ""))
    lines = _lines(probe, longer)
    last = np.frombuffer(probe, np.uint8)[lines.ends[lines.complete] - 1]
    return longer if len(last) and (last == ord(header.delimiter)).all() else header


def _regular_rows(block: bytes, header: Header, first_line: int) -> Rows | None:
    """The rows of a block whose lines are all complete rows; None where one is not."""
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
        .fill_null(False)
        .all()
        for name, ranges in _BEGINNINGS.items()
        if name in header.fields
    )
    return Rows(frame) if frame.select(pl.all_horizontal(*begins, True)).item() else None


def _count(block: bytes, byte: bytes) -> int:
    """How often a byte occurs; counts as many bytes at a time as fit in the processor's cache."""
    data, step = np.frombuffer(block, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(data[i : i + step] == ord(byte))) for i in range(0, len(data), step))


class _Lines(NamedTuple):
    """The lines of a block: where each begins, where its newline is, and whether it is a complete row."""

    starts: np.ndarray
    ends: np.ndarray
    complete: np.ndarray

    def head(self, count: int) -> _Lines:
        """The first lines."""
        return _Lines(self.starts[:count], self.ends[:count], self.complete[:count])

    def until_last_row(self) -> _Lines:
        """The lines up to the last complete row."""
        return self.head(int(np.flatnonzero(self.complete)[-1]) + 1 if self.complete.any() else 0)

    @property
    def size(self) -> int:
        """The bytes from the block's begin to the end of the last line."""
        return int(self.ends[-1]) + 1 if len(self.ends) else 0

    def broken_runs(self) -> list[tuple[int, int]]:
        """[first, last) of each run of lines that are not complete rows."""
        edges = np.flatnonzero(np.diff(np.concatenate(([True], self.complete, [True]))))
        return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

    def complete_text(self, block: bytes) -> bytes:
        """The text of all complete rows."""
        parts, at = [], 0
        for start, end in self.broken_runs():
            parts.append(block[at : int(self.starts[start])])
            at = int(self.ends[end - 1]) + 1
        return b"".join([*parts, block[at : self.size]])


def _mended_rows(block: bytes, header: Header, first_line: int, more: bool) -> tuple[Rows, int, bytes]:
    """(rows of a block, how many lines they take, the rest): lines after the last complete row wait for `more`."""
    lines = _lines(block, header)
    if more:
        lines = lines.until_last_row()
    mended: list[tuple[int, Values]] = []
    problems: list[tuple[str, str]] = []
    for start, end in lines.broken_runs():
        texts = [block[lines.starts[i] : lines.ends[i]].decode() for i in range(start, end)]
        found = mend(texts, header.fields, header.delimiter.decode())
        mended += [(first_line + start + place, row) for place, row in found.rows]
        problems += _left_out(texts, found, header, first_line + start)
    uncertain = [problem for line, row in mended for problem in _uncertain(row, header, line)]
    frame = _frame(lines.complete_text(block), header, np.flatnonzero(lines.complete) + first_line)
    rows = Rows(_with_mended(frame, mended, header), problems + uncertain, uncertain)
    return rows, len(lines.ends), block[lines.size :]


def _with_mended(frame: pl.DataFrame, mended: list[tuple[int, Values]], header: Header) -> pl.DataFrame:
    """The frame with mended rows, given with their lines, in the order of lines."""
    if not mended:
        return frame
    values = {name: [row[i] or None for _, row in mended] for i, name in enumerate(header.names)}
    extra = pl.DataFrame(values, schema=dict.fromkeys(header.names, pl.String))
    extra = extra.with_columns(pl.Series("line", [line for line, _ in mended], pl.Int64))
    return pl.concat([frame, extra]).sort("line")


def _lines(block: bytes, header: Header) -> _Lines:
    """The lines of a block.

    A complete row has as many values as the header, and its id and end begin as ids and times do: a part of a submit
    line may hold the same number of delimiters.
    """
    data = np.frombuffer(block, np.uint8)
    marks = np.flatnonzero((data == ord(b"\n")) | (data == ord(header.delimiter)))
    last = np.flatnonzero(data[marks] == ord(b"\n"))
    ends = marks[last]
    if not len(ends):
        return _Lines(ends, ends, ends.astype(bool))
    starts = np.concatenate(([0], ends[:-1] + 1))
    first = np.concatenate(([0], last[:-1] + 1))
    complete = last - first == len(header.fields) - 1
    for name, ranges in _BEGINNINGS.items():
        if name in header.fields:
            place = header.fields.index(name)
            at = starts[complete] if place == 0 else marks[first[complete] + place - 1] + 1
            allowed = b"".join(bytes(range(ord(low), ord(high) + 1)) for low, high in ranges)
            complete[complete] = np.isin(data[at], np.frombuffer(allowed, np.uint8))
    return _Lines(starts, ends, complete)


def _frame(block: bytes, header: Header, lines: np.ndarray) -> pl.DataFrame:
    """Read lines that all have as many values as the header."""
    schema = dict.fromkeys(header.names, pl.String)
    if not block:
        return pl.DataFrame(schema={**schema, "line": pl.Int64})
    return pl.read_csv(
        block,
        has_header=False,
        separator=header.delimiter.decode(),
        quote_char=None,
        schema=schema,
    ).with_columns(pl.Series("line", lines, pl.Int64))


def _left_out(lines: list[str], mended: Mended, header: Header, first_line: int) -> Iterator[tuple[str, str]]:
    """(part, reason) of each line that is in no row, except empty lines and repeated headers."""
    for place in mended.left_out:
        values = lines[place].split(header.delimiter.decode())
        if lines[place] and tuple(map(_current, values)) != header.fields:
            yield f"line {first_line + place}", _not_a_row(values, header)


def _not_a_row(values: list[str], header: Header) -> str:
    if len(values) != len(header.fields):
        reason = f"has {len(values)} values where the header has {len(header.fields)}"
        if len(values) < len(header.fields):
            return (
                f"{reason}; it is cut off or of another --format: write the file again, each --format with its header"
            )
        return f"{reason}; a value holds the delimiter: write the file again with another, as in sacct --delimiter=^"
    wrong = (f"{name} {v!r}" for name, v in zip(header.fields, values, strict=True) if not pattern(name).fullmatch(v))
    return f"is not a row of these fields: {next(wrong, 'an id is missing')}"


def _uncertain(row: Values, header: Header, line: int) -> Iterator[tuple[str, str]]:
    """(part, reason) of a mended row whose values are not all certain."""
    names = [name for name, value in zip(header.fields, row, strict=True) if value is None]
    if names:
        yield f"line {line}", f"a stray delimiter makes {', '.join(names)} uncertain; null"
