"""Staging: a load's rows, gated and sorted, into data files that nothing lists yet."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.gate import conform, in_sort_order
from schemas.table import DATE, INPUT_ID, LOAD_ID, Table
from warehouse import layout, parquet
from warehouse.footer import Footer
from warehouse.records import DataFile, InputRecord, LoadInfo
from warehouse.store import Store

BUFFER_BYTES = 256 << 20
_EPOCH = date(1970, 1, 1)
_DAY_US = 86_400_000_000


class Stager:
    """One worker's piece of a load: takes batches, writes data files below the lake.

    Rows are held until there are `buffer_bytes` of a table and more come, so a file is sorted as a whole.
    """

    def __init__(self, store: Store, load: LoadInfo, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._store, self._load = store, load
        self._piece = secrets.token_hex(3)
        self._buffer_bytes = buffer_bytes
        self._held: dict[Table, list[pa.Table]] = defaultdict(list)
        self._in_order: dict[Table, bool] = {}
        self._files: list[DataFile] = []
        self._count = 0
        self.rows: dict[str, int] = defaultdict(int)
        """Rows by input_id, of what was added."""

    def add(self, table: Table, data: pa.Table, in_order: bool = False) -> None:
        """Take rows of one table, in `batch_schema`'s columns and `input_id`; GateError where they don't fit."""
        if not data.num_rows:
            return
        data = conform(table, data, table.batch_schema.append(INPUT_ID.arrow_field))
        # Written before it is added to, so that something is left to hold the footer that tells of the inputs.
        if sum(d.nbytes for d in self._held[table]) >= self._buffer_bytes:
            self._write([table], [])
        for count in pc.value_counts(data["input_id"]).to_pylist():
            self.rows[count["values"]] += count["counts"]
        self._held[table].append(data)
        self._in_order[table] = in_order and self._in_order.get(table, True)

    def finish(self, inputs: list[InputRecord]) -> tuple[DataFile, ...]:
        """Write what is held, and return all files of the piece. One footer tells of `inputs`."""
        self._write(list(self._held), inputs)
        return tuple(self._files)

    def discard(self) -> None:
        """Remove what was written: the piece failed, or is done again."""
        for file in self._files:
            self._store.remove(file.path)
        self._files.clear()
        self._held.clear()

    def _write(self, tables: list[Table], inputs: list[InputRecord]) -> None:
        """Write the held rows of some tables, a file for each day, side by side."""
        jobs = []
        for table in tables:
            data = pa.concat_tables(self._held.pop(table)).unify_dictionaries()
            in_order = self._in_order.pop(table)
            jobs += [(table, day, part, in_order) for day, part in _by_day(table, data)]
        described = Footer.of_load(self._load, inputs).encode()
        bare = Footer.of_load(self._load, []).encode()
        names = [f"{self._piece}{_letters(self._count + k)}" for k in range(len(jobs))]
        self._count += len(jobs)
        calls = [
            (*job, name, described if k == 0 else bare) for k, (job, name) in enumerate(zip(jobs, names, strict=True))
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self._files += pool.map(lambda call: self._write_file(*call), calls)

    def _write_file(self, table: Table, day: date, data: pa.Table, in_order: bool, piece: str, told: bytes) -> DataFile:
        data = in_sort_order(table, data, in_order)
        ids = pa.DictionaryArray.from_arrays(np.zeros(data.num_rows, np.int32), pa.array([self._load.load_id]))
        data = data.append_column(LOAD_ID.name, ids).select([c.name for c in table.stored])
        path = layout.data_path(table, self._load.owner, day, self._load.load_id, piece)
        size = parquet.write(self._store, path, table, data, told)
        return DataFile(
            path,
            table.name,
            self._load.owner,
            day,
            data.num_rows,
            size,
            self._load.load_id,
            (self._load.load_id,),
            tuple(data.schema.names),
        )


def _by_day(table: Table, data: pa.Table) -> list[tuple[date, pa.Table]]:
    """The rows of each UTC day of the table's event time, without the `date` column."""
    if table.event_time is None:
        days = data[DATE.name].cast(pa.int32()).to_numpy()
        data = data.drop_columns([DATE.name])
    else:
        days = data[table.event_time].cast(pa.int64()).to_numpy() // _DAY_US
    if (days[1:] >= days[:-1]).all():
        starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        return [(_EPOCH + timedelta(int(days[a])), data.slice(a, b - a)) for a, b in pairwise(starts)]
    return [(_EPOCH + timedelta(int(d)), data.filter(pa.array(days == d))) for d in np.unique(days)]


def _letters(number: int) -> str:
    """0, 1, 2, ... as a, b, ..., z, ba, bb, ..."""
    text = ""
    while True:
        number, digit = divmod(number, 26)
        text = chr(ord("a") + digit) + text
        if not number:
            return text
