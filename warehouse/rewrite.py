"""Data files that take the place of others: without some of their rows, or merged."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

import schemas
from schemas.gate import in_sort_order
from schemas.table import LOAD_ID
from warehouse import layout, parquet
from warehouse.catalog import Catalog
from warehouse.footer import Footer
from warehouse.records import DataFile
from warehouse.store import Store

Mask = Callable[[pa.Table], npt.NDArray[np.bool_]]


class Rewriter:
    """Takes rows out of a catalog's files, in the name of a load."""

    def __init__(self, store: Store, catalog: Catalog, load_id: str) -> None:
        self._store, self._catalog, self._load_id = store, catalog, load_id

    def without(self, file: DataFile, columns: list[str], drop: Mask) -> DataFile | None:
        """The file itself where no row is to drop, None where every row is, else a new file of the others.

        `drop` says of each row of `columns` whether it is to drop.
        """
        dropped = drop(parquet.read(self._store, file.path, columns))
        if not dropped.any():
            return file
        if dropped.all():
            return None
        left = merged(self._store, [file], self._load_id, keep=~dropped)
        self._catalog.changes.written.append(left)
        return left

    def take_out(self, file: DataFile, columns: list[str], drop: Mask) -> None:
        """Put what is left of a file of the catalog, without the rows to drop, in its place."""
        left = self.without(file, columns, drop)
        if left is file:
            return
        self._catalog.remove_files([file])
        if left is not None:
            self._catalog.add_files([left])

    def take_out_older_keys(self, files: Sequence[DataFile]) -> None:
        """In tables that hold one row a key, leave each key to the last of `files` that has it."""
        waiting = {f.path for f in files}
        for new in files:
            table = schemas.tables()[new.table_name]
            if not table.unique:
                continue
            keys = [k.name for k in table.keys if k.name != table.owner.name]
            newer = _has_key(parquet.read(self._store, new.path, keys), keys)
            # A job that two days' accounts tell of ended once, so its rows are in neighbouring partitions.
            there = self._catalog.files(
                "f.table_name = ? AND owner = ? AND abs(date - ?) <= 1", [new.table_name, new.owner, new.date]
            )
            for file in there:
                if file.path not in waiting:
                    self.take_out(file, keys, newer)
            waiting.remove(new.path)


def merged(
    store: Store, files: Sequence[DataFile], load_id: str, keep: npt.NDArray[np.bool_] | None = None
) -> DataFile:
    """Rows of some files of one table, owner and day, as one new file that says which it stands for.

    It has the columns of the table's declaration; those that a file lacks are null. With `keep`, only those rows.
    """
    first = files[0]
    table = schemas.tables()[first.table_name]
    parts = [parquet.read(store, f.path) for f in files]
    there = set().union(*(part.schema.names for part in parts))
    schema = pa.schema([c.arrow_field for c in table.stored if c.name in there])
    data = pa.concat_tables([_conformed(part, schema) for part in parts])
    if keep is not None:
        data = data.filter(pa.array(keep))
    data = in_sort_order(table, data, presorted=True, one_load=False)
    path = layout.data_path(table, first.owner, first.date, load_id, f"r{secrets.token_hex(4)}")
    told = Footer.merged([Footer.of(store, f.path) for f in files], [f.path for f in files])
    size = parquet.write(store, path, table, data, told.encode())
    return replace(
        first,
        path=path,
        rows=data.num_rows,
        size_bytes=size,
        load_id=load_id,
        load_ids=tuple(sorted(pc.unique(data[LOAD_ID.name]).to_pylist())),
        columns=tuple(data.schema.names),
    )


def _conformed(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, null where `data` has none."""
    columns = [
        data[field.name] if field.name in data.schema.names else pa.nulls(data.num_rows, field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def one_of(column: str, values: set[str]) -> Mask:
    """Rows whose `column` is one of `values`."""
    wanted = pa.array(sorted(values))

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = pc.is_in(data[column], wanted).to_numpy()
        return found

    return mask


def _has_key(fresh: pa.Table, keys: list[str]) -> Mask:
    """Rows whose key is in `fresh`."""
    newer = pl.DataFrame(fresh).with_columns(newer=True)

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        marked = pl.DataFrame(data).join(newer, on=keys, how="left", nulls_equal=True, maintain_order="left")
        return marked["newer"].fill_null(value=False).to_numpy()

    return mask
