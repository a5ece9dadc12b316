"""CSV and Parquet files of jobs, as frames with the files' own columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from iolake.extractors.base import InputError, quoted
from iolake.extractors.packed import damage_named, expanded, not_text

SQLITE: Final = b"SQLite format 3\0"
_MOST_BYTES: Final = 1 << 29
_MOST_ROWS: Final = 10_000_000
_MOST_CELLS: Final = 1 << 26
_MOST_COLUMNS: Final = 10_000
_LONGEST_LINE: Final = 1 << 24
_PIECE: Final = 1 << 20
_HEAD: Final = 512
_BINARY: Final = (b"PAR1", SQLITE)
_MOST_VALUE_BYTES: Final = 4 << 30


def read_content(uri: str) -> bytes:
    """A file's bytes, expanded; InputError where it is damaged, is no text, or holds more than fits."""
    content, since_line = bytearray(), 0
    compression = fsspec.utils.infer_compression(uri)
    with damage_named(uri), fsspec.open(uri, "rb") as packed, expanded(packed, compression, uri) as file:
        while piece := file.read(_PIECE):
            content += piece
            if len(content) > _MOST_BYTES:
                raise InputError(uri, f"holds more than {_MOST_BYTES >> 20} MiB", "write a file a month or a day")
            if content.startswith(_BINARY):
                continue
            if b"\0" in piece:
                kind = not_text(bytes(content[:_HEAD]))
                reason = "is neither text nor Parquet" if kind in {None, "not text"} else f"is {kind}"
                raise InputError(uri, reason, "check what the pattern names")
            first, last = piece.find(b"\n"), piece.rfind(b"\n")
            length = since_line + (len(piece) if first < 0 else first)
            since_line = length if first < 0 else len(piece) - last - 1
            if length > _LONGEST_LINE:
                raise InputError(uri, f"has a line longer than {_LONGEST_LINE >> 20} MiB", "check what it holds")
    return bytes(content)


class JobTable(NamedTuple):
    """The columns of a file that are wanted, as text where it is CSV, and what else the file has.

    `unread` names its other columns. `too_long` lists the lines of rows that are left out for having too many values.
    """

    frame: pl.DataFrame
    unread: list[str]
    too_long: list[int]


def read_table(content: bytes, uri: str, wanted: Collection[str]) -> JobTable:
    """The `wanted` columns of CSV or Parquet; no other column is decoded."""
    try:
        if content.startswith(b"PAR1"):
            return _read_parquet(content, uri, wanted)
        content = content if b"\n" in content else content.replace(b"\r", b"\n")  # Excel's "CSV (Macintosh)"
        above = content[: len(content) - len(content.lstrip(b"\r\n"))].count(b"\n")
        content = content.lstrip(b"\r\n")
        header = content.partition(b"\n")[0].decode()
        separator = max(",;\t|", key=header.count)
        _check_columns(header.count(separator) + 1, uri)
        names = pl.read_csv(content, infer_schema=False, separator=separator, n_rows=0).columns
        own, unread = _parted(names, wanted)
        _check_cells(content.count(b"\n"), len(own), uri)
        text, too_long = content.decode(), list[int]()
        if unread and _may_be_too_long(text, separator, len(names)):
            fitting, too_long = _fitting(text, separator)
            content = fitting if too_long else content
        try:
            frame = pl.read_csv(content, infer_schema=False, separator=separator, columns=list(own))
        except pl.exceptions.ComputeError:  # polars has no way to name a row that is too long
            fitting, too_long = _fitting(text, separator)
            frame = pl.read_csv(fitting, infer_schema=False, separator=separator, columns=list(own))
        lines = [above + line for line in too_long]
        return JobTable(_without_blank_lines(frame, text, separator).rename(own), unread, lines)
    except UnicodeDecodeError as error:
        raise InputError(uri, f"is neither Parquet nor UTF-8 at byte {error.start}", "save it as UTF-8") from None
    except (pl.exceptions.PolarsError, csv.Error) as error:
        reason = f"is neither CSV nor Parquet{quoted(error)}"
        raise InputError(uri, reason, "write one line or row a job, with a header") from None


def _parted(names: Sequence[str], wanted: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """(the names that are wanted to the table's own, the others), whatever their case and the blanks around them.

    One of the others is wanted where none is, so that the file has rows.
    """
    own: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name not in wanted):
        if (plain := name.strip().lower()) in wanted and plain not in own.values():
            own[name] = plain
    unread = [name for name in names if name not in own]
    return own or {name: name for name in names[:1]}, unread


def _read_parquet(content: bytes, uri: str, wanted: Collection[str]) -> JobTable:
    """The wanted columns of a Parquet file; InputError where it is damaged.

    pyarrow decodes it: polars panics where a damaged footer places a column beyond the file, and takes any bytes for
    UTF-8.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(content), coerce_int96_timestamp_unit="us")
        own, unread = _parted(file.schema_arrow.names, wanted)
        _check_size(file.metadata, own, uri)
        rows = file.read(list(own)).replace_schema_metadata()
        rows.validate(full=True)
        if long := [f.name for f in rows.schema if pa.types.is_decimal256(f.type)]:
            raise InputError(uri, f"column {long[0]} has numbers of more than 38 digits", "write it as a double")
        frame = pl.DataFrame(rows).rename(own)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(uri, f"is a damaged Parquet file{quoted(error)}", "copy it again") from None
    return JobTable(frame, unread, [])


def _check_size(metadata: pq.FileMetaData, own: Collection[str], uri: str) -> None:
    """InputError where some columns of a Parquet file have more values or bytes than fit, however small it is."""
    _check_columns(metadata.num_columns, uri)
    leaves = [c for c in range(metadata.num_columns) if metadata.schema.column(c).path.partition(".")[0] in own]
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    size = sum(group.column(c).total_uncompressed_size for group in groups for c in leaves)
    _check_cells(metadata.num_rows, len(leaves), uri)
    if metadata.num_rows > _MOST_ROWS or size > _MOST_VALUE_BYTES:
        reason = f"holds {metadata.num_rows:,} rows of {size >> 20:,} MiB; at most {_MOST_ROWS:,} of 4,096 MiB are read"
        raise InputError(uri, reason, "write a file a month or a day")


def _check_columns(columns: int, uri: str) -> None:
    """InputError where a table has more columns than any scheduler's."""
    if columns > _MOST_COLUMNS:
        raise InputError(uri, f"has {columns:,} columns; at most {_MOST_COLUMNS:,} are read", "check what it holds")


def _check_cells(rows: int, columns: int, uri: str) -> None:
    """InputError where the columns that are read have more cells than fit, however little each holds."""
    if rows * columns > _MOST_CELLS:
        reason = f"holds {rows:,} rows of {columns:,} columns that are read; at most {_MOST_CELLS:,} values fit"
        raise InputError(uri, reason, "write a file a month or a day")


def _may_be_too_long(text: str, separator: str, columns: int) -> bool:
    """Return whether a line has as many separators as the header has columns, or a quoted value has more lines.

    polars raises on a row with too many values only where it reads every column; else it shifts the row's values.
    """
    return any(line.count(separator) >= columns or line.count('"') % 2 for line in io.StringIO(text))


def _without_blank_lines(frame: pl.DataFrame, text: str, separator: str) -> pl.DataFrame:
    """The frame without the rows of lines that hold no value: a row may hold one in an unread column."""
    empty = pl.all_horizontal(pl.all().str.strip_chars().replace("", None).is_null())
    if not frame.select(empty.any()).item():
        return frame
    blank = sum(not "".join(row).strip() for _, row in _rows(text, separator))
    return frame.filter(~empty | (empty.cum_sum() > blank))


def _fitting(text: str, separator: str) -> tuple[bytes, list[int]]:
    """A CSV without the rows that have more values than its header, and the lines where these end."""
    rows, fitting = _rows(text, separator), io.StringIO(newline="")
    writer, too_long = csv.writer(fitting, delimiter=separator), list[int]()
    _, header = next(rows)
    writer.writerow(header)
    for line, row in rows:
        if any(row[len(header) :]):
            too_long.append(line)
        else:
            writer.writerow(row[: len(header)])
    return fitting.getvalue().encode(), too_long


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of a CSV, its header too, with the line where it ends."""
    csv.field_size_limit(_LONGEST_LINE)  # a list of nodes may be longer than the module's 128 KiB
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    for row in rows:
        yield rows.line_num, row
