"""Data files: how a table's rows lie in Parquet, and what a footer says of where they came from."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from iolake.schemas.table import DICTIONARY, HOUR_US, TEXT, Column, Hour, Table
from iolake.warehouse.store import Store

ROW_GROUP_ROWS = 262_144
FOOTER_KEY = b"iolake"
_ZSTD_LEVEL = 1
_BATCH_ROWS = 8_192
"""How many values are encoded at once: pyarrow's own 1,024 take a twentieth longer."""


def write(store: Store, path: str, table: Table, data: pa.Table, footer: bytes) -> int:
    """Write sorted rows as one file and return its size in bytes; `footer` is kept beside the schema."""
    with store.create(path) as file:
        plain = pa.schema([table.file_schema.field(name) for name in data.schema.names])
        # Strings may come dictionary-encoded; readers are told that they are strings.
        told = {b"ARROW:schema": base64.b64encode(plain.serialize().to_pybytes()), FOOTER_KEY: footer}
        # What is never null is declared so: no levels to write, and none to read.
        schema = pa.schema([pa.field(f.name, data.schema.field(f.name).type, f.nullable) for f in plain])
        data = pa.Table.from_arrays(data.columns, schema=schema)
        with pq.ParquetWriter(file, data.schema, store_schema=False, **_options(table, data.schema)) as writer:
            writer.add_key_value_metadata(told)
            for start, stop in row_groups(table, data):
                writer.write_table(data.slice(start, stop - start), row_group_size=stop - start)
        return file.tell()


def read(store: Store, path: str, columns: list[str] | None = None, encoded: Sequence[str] = ()) -> pa.Table:
    """A file's rows, or some of its columns, with the types that its footer tells; `encoded` texts as dictionaries."""
    with store.open(path) as file:
        return pq.ParquetFile(file, read_dictionary=encoded).read(columns)


def inspect(store: Store, path: str) -> tuple[bytes | None, int, tuple[str, ...]]:
    """(what `write` was given for the footer, rows, columns) of a file."""
    with store.open(path) as file:
        metadata = pq.ParquetFile(file).metadata
        return (
            (metadata.metadata or {}).get(FOOTER_KEY),
            metadata.num_rows,
            tuple(metadata.schema.to_arrow_schema().names),
        )


def row_groups(table: Table, data: pa.Table) -> list[tuple[int, int]]:
    """[start, stop) of each row group of sorted rows: one an hour where the sort order starts with the hour."""
    count = data.num_rows
    cuts = [0, count]
    if table.sort_by and isinstance(table.sort_by[0], Hour) and count:
        times = data[table.sort_by[0].column].cast(pa.int64())

        def hour(row: int) -> int:
            return int(times[row].as_py()) // HOUR_US

        hours = range(hour(0) + 1, hour(count - 1) + 1)
        changes = sorted({bisect_left(range(count), h, key=hour) for h in hours})
        cuts = [0, *changes, count] if len(changes) < count // 1000 else cuts
    starts = [start for a, b in pairwise(cuts) for start in range(a, b, ROW_GROUP_ROWS)]
    return list(pairwise([*starts, count]))


def _options(table: Table, schema: pa.Schema) -> dict[str, Any]:
    """pyarrow's writer options for the encodings that the columns declare."""
    columns = [table[name] for name in schema.names]
    encodings = {leaf: encoding for column in columns for leaf, encoding in column.encodings.items()}
    return {
        "compression": "zstd",
        "compression_level": _ZSTD_LEVEL,
        "use_dictionary": [leaf for leaf, encoding in encodings.items() if encoding == DICTIONARY],
        "column_encoding": {leaf: encoding for leaf, encoding in encodings.items() if encoding != DICTIONARY},
        "write_statistics": [c.name for c in columns if _prunes(table, c)],
        "write_page_index": True,
        "write_batch_size": _BATCH_ROWS,
    }


def _prunes(table: Table, column: Column) -> bool:
    """Whether the least and greatest value of a row group may let a reader skip it.

    Those of texts only where rows are sorted by them: elsewhere a group holds nearly every text, and comparing them
    takes longer than writing them. In a table by the hour each group holds every target, idle ones and busy ones.
    """
    if pa.types.is_nested(column.type):
        return False
    if isinstance(table.sort_by[0], Hour):
        return column.name in table.sort_by or column.name == table.event_time
    return column.type != TEXT or column.name == table.sort_by[0]
