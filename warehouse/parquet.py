"""Reads and writes data files: a table's rows as Parquet, with their origin in the footer."""

from __future__ import annotations

import base64
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from iolake.schemas.table import DATE, DICTIONARY, HOUR_US, TEXT, Column, Hour, Table
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.store import Store

ROW_GROUP_ROWS = 262_144
FOOTER_KEY = b"iolake"
_ZSTD_LEVEL = 1
_SEAL_KEY = b"iolake_seal"
_NO_SEAL = b"0" * 32
_SEALED = _SEAL_KEY + b"\x18\x20"
"""What precedes the seal in a footer: its key, then Thrift's head of a string of 32 bytes.

The seal is the XXH3-128 of the file with zeros in its place. It checks files that no ledger names.
"""
_SMALL_BYTES = 1 << 20
"""Rows of less go to memory first: pyarrow writes a file in some 300 pieces, and each is a call of Python."""
_REMEMBERED = 128
"""Sets of columns whose schema and options are kept: a run writes many small files of the same."""
OTHER_CONTENT = "damaged (its content is not what was written)"
_HASHED_AT_ONCE = 8 << 20
_BATCH_ROWS = 8_192
"""Values encoded at once. pyarrow's default, 1,024, takes 5 % longer."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written: its size in bytes, and the XXH3-128 of its content."""

    size_bytes: int
    content_hash: str


def write(
    store: Store,
    path: str,
    table: Table,
    data: pa.Table,
    footer: bytes,
    groups: Sequence[tuple[int, int]] | None = None,
) -> Written:
    """Write sorted rows as one file; `footer` is kept beside the schema. Every page has a checksum.

    `groups` are the row groups' [start, stop), those of `row_groups` by default.
    """
    names = tuple(data.schema.names)
    plain, encoded = _declared(table, names)
    extra = {b"ARROW:schema": encoded, FOOTER_KEY: footer, _SEAL_KEY: _NO_SEAL}
    # A column that is declared as never null needs no definition levels.
    fields = zip(plain, data.schema, strict=True)
    schema = pa.schema([pa.field(f.name, given.type, f.nullable) for f, given in fields])
    data = pa.Table.from_arrays(data.columns, schema=schema)
    with store.create(path) as file:
        hashed = _Hashed(file)
        small = pa.BufferOutputStream() if data.nbytes < _SMALL_BYTES else None
        with pq.ParquetWriter(small or hashed, schema, store_schema=False, **_options(table, names)) as writer:
            writer.add_key_value_metadata(extra)
            for start, stop in row_groups(table, data) if groups is None else groups:
                writer.write_table(data.slice(start, stop - start), row_group_size=stop - start)
            hashed.hold()
        if small:
            hashed.write(small.getvalue())
        hashed.seal()
        return Written(file.tell(), hashed.digest())


@lru_cache(_REMEMBERED)
def _declared(table: Table, names: tuple[str, ...]) -> tuple[pa.Schema, bytes]:
    """The declared schema of a file with these columns, and its encoding for the footer.

    Strings may come dictionary-encoded; the schema that readers see says that they are strings.
    """
    plain = pa.schema([table[name].arrow_field for name in names])
    return plain, base64.b64encode(plain.serialize().to_pybytes())


class _Hashed:
    """A file to write to that hashes what passes: reading it again would cost more.

    From `hold` on, it keeps what comes, which is the footer, until `seal` has put the hash of the whole file there.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, xxhash.xxh3_128()
        self._held: bytearray | None = None

    def write(self, content: bytes | pa.Buffer) -> int:
        if self._held is not None:
            self._held += content
            return len(content)
        self._hash.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self._file.tell() + len(self._held or b"")

    def hold(self) -> None:
        self._held = bytearray()

    def seal(self) -> None:
        footer, self._held = bytes(self._held or b""), None
        whole = self._hash.copy()
        whole.update(footer)
        before, _, after = footer.rpartition(_SEALED + _NO_SEAL)
        self.write(before + _SEALED + whole.hexdigest().encode() + after)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> str:
        return self._hash.hexdigest()


def read(store: Store, path: str, columns: list[str] | None = None, encoded: Sequence[str] = ()) -> pa.Table:
    """Read a file, or some of its columns, with the types of its footer; the columns `encoded` as dictionaries.

    DamagedFile where the file is missing, or a page that is read does not have its checksum.
    """
    with _damage_named(store, path), store.open(path) as file:
        return pq.ParquetFile(file, read_dictionary=encoded, page_checksum_verification=True).read(columns)


def read_whole(store: Store, path: str, content_hash: str | None) -> pa.Table:
    """All rows of a file whose content has that hash, or else the one in its footer, if there is any; DamagedFile."""
    with _damage_named(store, path):
        content = store.read(path)
        whole = _has_seal(content) if content_hash is None else xxhash.xxh3_128(content).hexdigest() == content_hash
        if not whole:
            raise DamagedFile(store.location(path), OTHER_CONTENT)
        return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=content_hash is None).read()


def _has_seal(content: bytes) -> bool:
    """Whether a file has the hash in its footer; True for a file of an older iolake, which has none there."""
    at = content.rfind(_SEALED) + len(_SEALED)
    if at < len(_SEALED):
        return True
    end = at + len(_NO_SEAL)
    digest = xxhash.xxh3_128(content[:at])
    digest.update(_NO_SEAL)
    digest.update(content[end:])
    return digest.hexdigest().encode() == content[at:end]


def hash_of(store: Store, path: str) -> str:
    """The XXH3-128 of a file's content. DamagedFile where it is missing."""
    digest = xxhash.xxh3_128()
    with _damage_named(store, path), store.open(path) as file:
        while content := file.read(_HASHED_AT_ONCE):
            digest.update(content)
    return digest.hexdigest()


def inspect(store: Store, path: str) -> tuple[bytes | None, int, tuple[str, ...]]:
    """(footer as given to `write`, number of rows, names of columns) of a file. Raises DamagedFile."""
    with _damage_named(store, path), store.open(path) as file:
        metadata = pq.ParquetFile(file).metadata
        return (
            (metadata.metadata or {}).get(FOOTER_KEY),
            metadata.num_rows,
            tuple(metadata.schema.to_arrow_schema().names),
        )


@contextmanager
def _damage_named(store: Store, path: str) -> Iterator[None]:
    """DamagedFile for what damage makes pyarrow raise. Errors of the disk or the network pass."""
    try:
        yield
    except FileNotFoundError:
        raise DamagedFile(store.location(path), "missing") from None
    except (pa.ArrowMemoryError, pa.ArrowCancelled):
        raise
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedFile(store.location(path), f"damaged ({_one_line(error)})") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


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


@lru_cache(_REMEMBERED)
def _options(table: Table, names: tuple[str, ...]) -> dict[str, Any]:
    """pyarrow's writer options for the encodings that the columns declare."""
    columns = [table[name] for name in names]
    encodings = {leaf: encoding for column in columns for leaf, encoding in column.encodings.items()}
    return {
        "compression": "zstd",
        "compression_level": _ZSTD_LEVEL,
        "use_dictionary": [leaf for leaf, encoding in encodings.items() if encoding == DICTIONARY],
        "column_encoding": {leaf: encoding for leaf, encoding in encodings.items() if encoding != DICTIONARY},
        "write_statistics": [c.name for c in columns if _prunes(table, c)],
        "write_page_index": True,
        "write_page_checksum": True,
        "write_batch_size": _BATCH_ROWS,
    }


def _prunes(table: Table, column: Column) -> bool:
    """Whether the minimum and maximum of a column let a reader skip row groups.

    For texts, only where rows are sorted by them, and for run ids, which begin with job ids that rise with time:
    elsewhere each group holds nearly every text, and comparing texts takes longer than writing them. In a table sorted
    by hour, each group holds every target.
    """
    if pa.types.is_nested(column.type):
        return False
    if isinstance(table.sort_by[0], Hour):
        return column.name in table.sort_by or column.name in {table.event_time, DATE.name}
    return column.type != TEXT or column.name in {table.sort_by[0], "run_id"}
