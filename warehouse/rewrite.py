"""Rewrites data files: merges them, or removes some of their rows."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from iolake import schemas
from iolake.schemas.gate import in_sort_order
from iolake.schemas.table import INPUT_ID, LOAD_ID
from iolake.warehouse import backfill, layout, parquet
from iolake.warehouse.bounds import bounds_of
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.file_keys import FileKeys
from iolake.warehouse.footer import Footer
from iolake.warehouse.records import DataFile
from iolake.warehouse.store import Store

Mask = Callable[[pa.Table], npt.NDArray[np.bool_]]


class Rewriter:
    """Removes rows from a catalog's files; the new files carry a load's id."""

    def __init__(self, store: Store, catalog: Catalog, load_id: str, keys: FileKeys | None = None) -> None:
        self._store, self._catalog, self._load_id = store, catalog, load_id
        self._file_keys = keys or FileKeys(store)

    def without(self, file: DataFile, columns: list[str], drop: Mask) -> DataFile | None:
        """Return the file if no row is dropped, None if all are, else a new file with the remaining rows.

        `drop` takes a table of `columns` and returns a mask of the rows to drop.
        """
        encoded = [INPUT_ID.name] if INPUT_ID.name in columns else []
        dropped = drop(backfill.read(self._store, file, columns, encoded))
        if not dropped.any():
            return file
        if dropped.all():
            return None
        left = merged(self._store, [file], self._load_id, keep=~dropped)
        self._catalog.changes.written.append(left)
        return left

    def take_out(self, file: DataFile, columns: list[str], drop: Mask) -> DataFile | None:
        """Drop rows of a file in the catalog, and return the file that replaces it, as `without` does."""
        left = self.without(file, columns, drop)
        if left is not file:
            self._catalog.remove_files([file])
            if left is not None:
                self._catalog.add_files([left])
        return left

    def keys(self, file: DataFile, wanted: Mask) -> pl.DataFrame:
        """The keys of the wanted rows of a file."""
        data = backfill.read(self._store, file, [*_keys(file), INPUT_ID.name], [INPUT_ID.name])
        return pl.DataFrame(data.filter(pa.array(wanted(data))).select(_keys(file)))

    def has_keys(self, file: DataFile, keys: pl.DataFrame) -> bool:
        """Whether the catalog has a row of each of `keys`; they are keys of rows of `file`."""
        for other in self._catalog.near_files.of(file):
            there = pl.DataFrame(backfill.read(self._store, other, _keys(file)))
            keys = keys.join(there, on=_keys(file), how="anti", nulls_equal=True)
        return keys.is_empty()

    def rows_by_input(self, source: str, owner: str) -> dict[str, int]:
        """The number of rows in the catalog for each input of a source."""
        loads = [row[0] for row in self._catalog.rows("SELECT load_id FROM loads WHERE source = ?", [source])]
        counts: Counter[str] = Counter()
        for file in self._catalog.files("owner = ? AND list_has_any(load_ids, ?)", [owner, loads]):
            found = parquet.read(self._store, file.path, [INPUT_ID.name])[INPUT_ID.name].value_counts().to_pylist()
            counts.update({row["values"]: row["counts"] for row in found})
        return counts

    def leave_one_row_a_key(self, files: Sequence[DataFile]) -> None:
        """In tables with one row a key, keep for each key of `files` the row with the most values, or else the last.

        If one archive has eighty columns of a job and another has six, the eighty stay.
        """
        waiting = {f.path for f in files}
        for file in files:
            waiting.remove(file.path)
            if not schemas.tables()[file.table_name].unique:
                continue
            # Accounts of two adjacent days may list one job.
            earlier = [f for f in self._catalog.near_files.of(file) if f.path != file.path and f.path not in waiting]
            new: DataFile | None = file
            for old in self._with_shared_keys(file, earlier):
                if new is not None:
                    new = self._settle(old, new)

    def _with_shared_keys(self, file: DataFile, others: Sequence[DataFile]) -> list[DataFile]:
        """Those of the other files that have rows of keys of `file`; each file's keys are read once a commit."""
        near = [other for other in others if not _are_ids_apart(file, other)]
        if not near:
            return []
        frames = [self._file_keys.of(other, _keys(file)).with_columns(file=n) for n, other in enumerate(near)]
        ours = self._file_keys.of(file, _keys(file))
        shared = pl.concat(frames).join(ours, on=_keys(file), how="semi", nulls_equal=True)
        return [near[n] for n in sorted(shared["file"].unique())]

    def _settle(self, old: DataFile, new: DataFile) -> DataFile | None:
        """Keep each key that two files share in one of them, and return the file that replaces `new`."""
        keys = _keys(new)
        shared = self._filled(old, keys).join(self._filled(new, keys), on=keys, nulls_equal=True, suffix="_new")
        if shared.is_empty():
            return new
        fuller = pl.col("filled") > pl.col("filled_new")
        self.take_out(old, keys, _has_key(shared.filter(~fuller), keys))
        return self.take_out(new, keys, _has_key(shared.filter(fuller), keys))

    def _filled(self, file: DataFile, keys: list[str]) -> pl.DataFrame:
        """The keys of a file's rows, each with the number of its columns that are not null."""
        data = backfill.read(self._store, file)
        filled = np.sum([column.is_valid().to_numpy() for column in data.columns], axis=0)
        return pl.DataFrame(data.select(keys)).with_columns(filled=pl.Series(filled))


def _are_ids_apart(one: DataFile, other: DataFile) -> bool:
    """Whether two files of runs have no job in common, by their least and greatest job ids."""
    bounds = (one.first_job_id, one.last_job_id, other.first_job_id, other.last_job_id)
    if "run_id" not in _keys(one) or any(bound is None for bound in bounds):
        return False
    first, last, others_first, others_last = bounds
    return bool(last < others_first or others_last < first)  # type: ignore[operator]


def _keys(file: DataFile) -> list[str]:
    """The key columns of a file's table without the owner, which is the same in all rows."""
    table = schemas.tables()[file.table_name]
    return [k.name for k in table.keys if k.name != table.owner.name]


def merged(
    store: Store, files: Sequence[DataFile], load_id: str, keep: npt.NDArray[np.bool_] | None = None
) -> DataFile:
    """Write rows of some files of one table, owner and day to a new file, whose footer names the files it replaces.

    A column that one of the files lacks is null there. With `keep`, a mask, the file has only those rows.
    """
    first = files[0]
    table = schemas.tables()[first.table_name]
    parts = [backfill.read(store, f) for f in files]
    there = set().union(*(part.schema.names for part in parts))
    schema = pa.schema([c.arrow_field for c in table.stored if c.name in there])
    data = pa.concat_tables([_conformed(part, schema) for part in parts])
    footer = Footer.merged([Footer.of(store, f.path) for f in files], [f.path for f in files])
    if keep is not None:
        footer = footer.without(rows_by_source(data.filter(pa.array(~keep))))
        data = data.filter(pa.array(keep))
    data = in_sort_order(table, data, presorted=True, one_load=False)
    path = layout.data_path(table, first.owner, first.date, load_id, f"r{secrets.token_hex(4)}")
    written = parquet.write(store, path, table, data, footer.encode())
    return replace(
        first,
        path=path,
        rows=data.num_rows,
        size_bytes=written.size_bytes,
        content_hash=written.content_hash,
        load_id=load_id,
        load_ids=tuple(sorted(pc.unique(data[LOAD_ID.name]).to_pylist())),
        columns=tuple(data.schema.names),
        **bounds_of(table, data)._asdict(),
    )


def rows_by_source(data: pa.Table) -> Counter[tuple[str, str]]:
    """How many rows there are of each (load_id, input_id)."""
    counted = data.group_by([LOAD_ID.name, INPUT_ID.name]).aggregate([([], "count_all")]).to_pylist()
    return Counter({(row[LOAD_ID.name], row[INPUT_ID.name]): row["count_all"] for row in counted})


def _conformed(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, null where `data` has none."""
    columns = [
        data[field.name] if field.name in data.schema.names else pa.nulls(data.num_rows, field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def of_inputs(input_ids: set[str]) -> Mask:
    """A mask of the rows that come from some inputs."""
    wanted = pa.array(sorted(input_ids))

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        chunks = data[INPUT_ID.name].chunks
        return np.concatenate(
            [pc.is_in(c.dictionary, wanted).to_numpy(zero_copy_only=False)[c.indices] for c in chunks]
        )

    return mask


def _has_key(wanted: pl.DataFrame, keys: list[str]) -> Mask:
    """A mask of the rows whose key is in `wanted`."""
    wanted = wanted.select(keys).with_columns(wanted=True)

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        marked = pl.DataFrame(data).join(wanted, on=keys, how="left", nulls_equal=True, maintain_order="left")
        return marked["wanted"].fill_null(value=False).to_numpy()

    return mask
