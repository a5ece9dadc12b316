"""Writes the rows of a load, checked and sorted, to data files that no snapshot lists yet."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date, timedelta
from itertools import pairwise, repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.inputs import InputRecord
from iolake.schemas.table import DATE, INPUT_ID, LOAD_ID, Table
from iolake.warehouse import layout, parquet
from iolake.warehouse.bounds import bounds_of
from iolake.warehouse.footer import Footer
from iolake.warehouse.records import DataFile, LoadInfo
from iolake.warehouse.store import Store
from iolake.warehouse.times import NO_TIMES, Times, times_by_input, widened

BUFFER_BYTES = 320 << 20
"""Enough for a day of a large file system: 4.3 million rows of `lustre_ost`."""
SPLIT_CELLS = 8_000_000
"""From this number of rows times columns, a day's rows go to several files, written in parallel."""
_MANY_ROWS = 250_000
"""From this number of rows, a column of nulls is not written: that takes 2 ms, and 33 ms for 4.3 million rows."""
_EPOCH = date(1970, 1, 1)
_DAY_US = 86_400_000_000


class Stager:
    """Writes the data files of one unit: takes batches, and writes files below the lake that no reader lists.

    It buffers up to `buffer_bytes` of a table before it writes, so each file is sorted as a whole.
    """

    def __init__(self, store: Store, load: LoadInfo, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._store, self._load = store, load
        self._token = secrets.token_hex(3)
        self._buffer_bytes = buffer_bytes
        self._held: dict[Table, list[pa.Table]] = defaultdict(list)
        self._held_bytes: dict[Table, int] = defaultdict(int)
        self._in_order: dict[Table, bool] = {}
        self._files: list[DataFile] = []
        self._count = 0
        self.rows: dict[str, int] = defaultdict(int)
        """Added rows by input_id."""
        self.times: dict[str, Times] = {}
        """When the first added row begins and the last one ends, by input_id, where rows have times."""

    def add(self, table: Table, data: pa.Table, in_order: bool = False) -> None:
        """Add rows of one table: the columns of `batch_schema` and `input_id`. Raises GateError where they differ."""
        if not data.num_rows:
            return
        data = conform(table, data, table.batch_schema.append(INPUT_ID.arrow_field))
        # Write before adding, so that rows remain for the last file, whose footer lists the inputs.
        if self._held_bytes[table] >= self._buffer_bytes:
            self._write([table], [])
        for chunk in data[INPUT_ID.name].dictionary_encode().chunks:
            one = len(chunk.dictionary) == 1  # the case for all sources except those with many small inputs
            counts = np.array([len(chunk)]) if one else np.bincount(chunk.indices, minlength=len(chunk.dictionary))
            for input_id, count in zip(chunk.dictionary.to_pylist(), counts.tolist(), strict=True):
                self.rows[input_id] += count
        for input_id, times in times_by_input(table, data):
            self.times[input_id] = widened(self.times.get(input_id, NO_TIMES), times)
        self._held[table].append(data)
        # Columns of nulls share one buffer.
        self._held_bytes[table] += sum(c.nbytes for c in data.columns if c.null_count < len(c))
        self._in_order[table] = in_order and self._in_order.get(table, True)

    def finish(self, inputs: list[InputRecord]) -> tuple[DataFile, ...]:
        """Write the buffered rows, and return all files of the unit. One footer lists `inputs`."""
        self._write(list(self._held), inputs)
        return tuple(self._files)

    def discard(self) -> None:
        """Remove the written files: the unit failed, or is staged again."""
        for file in self._files:
            self._store.remove(file.path)
        self._files.clear()
        self._held.clear()

    def _write(self, tables: list[Table], inputs: list[InputRecord]) -> None:
        """Write the buffered rows of some tables in parallel, one file or more for each day."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = self._parts(tables, pool)
            bare = Footer.of_load(self._load, []).encode()
            footers = [Footer.of_load(self._load, inputs).encode(), *repeat(bare, len(parts) - 1)]
            calls = [(*part, self._next_name(), footer) for part, footer in zip(parts, footers, strict=False)]
            self._files += pool.map(lambda call: self._write_file(*call), calls)

    def _parts(self, tables: list[Table], pool: Executor) -> list[tuple[Table, date, pa.Table]]:
        """Take the buffered rows of some tables, sorted and split into the rows of each file."""
        days: list[tuple[Table, date, pa.Table, bool]] = []
        for table in tables:
            data = _unified(pa.concat_tables(self._held.pop(table)))
            if table.unique:
                data = _fullest_of_each_key(table, data)
            in_order = self._in_order.pop(table)
            self._held_bytes.pop(table)
            days += [(table, day, rows, in_order) for day, rows in _by_day(table, data)]
        ordered = pool.map(lambda d: in_sort_order(d[0], d[2], d[3]), days)
        return [
            (table, day, part)
            for (table, day, _, _), rows in zip(days, ordered, strict=True)
            for part in _split(table, rows)
        ]

    def _next_name(self) -> str:
        self._count += 1
        return f"{self._token}{_letters(self._count - 1)}"

    def _write_file(self, table: Table, day: date, data: pa.Table, name: str, footer: bytes) -> DataFile:
        codes = np.zeros(data.num_rows, np.int32)
        ids = pa.DictionaryArray.from_arrays(codes, pa.array([self._load.load_id]), safe=False)
        data = data.append_column(LOAD_ID.name, ids)
        data = data.select([c.name for c in table.stored if not _is_omitted(data[c.name])])
        path = layout.data_path(table, self._load.owner, day, self._load.load_id, name)
        written = parquet.write(self._store, path, table, data, footer)
        return DataFile(
            path,
            table.name,
            self._load.owner,
            day,
            data.num_rows,
            written.size_bytes,
            self._load.load_id,
            (self._load.load_id,),
            tuple(data.schema.names),
            *bounds_of(table, data),
            written.content_hash,
        )


def _fullest_of_each_key(table: Table, data: pa.Table) -> pa.Table:
    """Keep one row of each key that several inputs have: the one with the most values, or else the last."""
    if len(pc.unique(data[INPUT_ID.name])) < 2:
        return data
    names = [key.name for key in table.keys if key.name in data.schema.names]
    import polars as pl  # only a unit of several inputs in a unique table needs it

    keys = pl.DataFrame(data.select(names))
    if keys.is_unique().all():
        return data
    filled = np.sum([column.is_valid().to_numpy() for column in data.columns], axis=0)
    numbered = keys.with_columns(pl.Series("#filled", filled), pl.int_range(pl.len()).alias("#row"))
    fullest = numbered.sort("#filled", "#row").unique(names, keep="last")["#row"].sort()
    return data.take(fullest.to_arrow())


def _unified(data: pa.Table) -> pa.Table:
    """Give each column a single dictionary: pyarrow writes a row group from codes only where it has one."""
    encoded = [c for c in data.columns if pa.types.is_dictionary(c.type)]
    if all(chunk.dictionary.equals(c.chunk(0).dictionary) for c in encoded for chunk in c.chunks):
        return data
    return data.unify_dictionaries()


def _split(table: Table, data: pa.Table) -> list[pa.Table]:
    """Split sorted rows into parts to write in parallel, at the bounds of row groups."""
    parts = min(os.cpu_count() or 1, data.num_rows * len(table.stored) // SPLIT_CELLS)
    starts = [start for start, _ in parquet.row_groups(table, data)] if parts > 1 else [0]
    cuts = sorted({min(starts, key=lambda s: abs(s - data.num_rows * k // parts)) for k in range(1, parts)} | {0})
    return [data.slice(a, b - a) for a, b in pairwise([*cuts, data.num_rows])]


def _by_day(table: Table, data: pa.Table) -> list[tuple[date, pa.Table]]:
    """The rows of each UTC day of the table's event time, without the `date` column."""
    if table.event_time is None:
        days = data[DATE.name].cast(pa.int32()).to_numpy()
        data = data.drop_columns([DATE.name])
    else:
        times = data[table.event_time].cast(pa.int64())
        least, most = (int(v.as_py()) // _DAY_US for v in pc.min_max(times).values())
        if least == most:
            return [(_EPOCH + timedelta(least), data)]
        days = times.to_numpy() // _DAY_US
    if (days[1:] >= days[:-1]).all():
        starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        return [(_EPOCH + timedelta(int(days[a])), data.slice(a, b - a)) for a, b in pairwise(starts)]
    return [(_EPOCH + timedelta(int(d)), data.filter(pa.array(days == d))) for d in np.unique(days)]


def _is_omitted(column: pa.ChunkedArray) -> bool:
    """Whether to leave out a column of nulls that is slow to write; readers see null where a file lacks a column.

    MAP columns and columns of many rows are slow. Other columns stay, because a view reads each set of columns
    separately.
    """
    slow = pa.types.is_nested(column.type) or len(column) >= _MANY_ROWS
    return bool(slow and column.null_count == len(column))


def _letters(number: int) -> str:
    """0, 1, 2, ... as a, b, ..., z, ba, bb, ..."""
    text = ""
    while True:
        number, digit = divmod(number, 26)
        text = chr(ord("a") + digit) + text
        if not number:
            return text
