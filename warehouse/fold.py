"""Folding a load into a catalog: what it brings, what it takes the place of, and what it must leave out."""

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
from schemas.table import INPUT_ID, LOAD_ID
from warehouse import layout, parquet
from warehouse.catalog import Catalog
from warehouse.footer import Footer
from warehouse.records import DataFile, InputRecord, Load
from warehouse.store import Store

Mask = Callable[[pa.Table], npt.NDArray[np.bool_]]


class Fold:
    """One load, one catalog."""

    def __init__(self, store: Store, catalog: Catalog, load: Load) -> None:
        self._store, self._catalog, self._load = store, catalog, load

    def run(self, snapshot: int) -> None:
        """Make the catalog what it is with the load in it."""
        self._leave_out_what_is_there()
        self._drop_replaced_rows()
        self._catalog.add_files(self._load.files)
        self._drop_older_keys()
        self._catalog.put_load(self._load, snapshot)

    def _leave_out_what_is_there(self) -> None:
        """Inputs that the lake has already, as themselves or, where content is what counts, as a copy."""
        loaded = [r for r in self._load.inputs if r.status == "loaded"]
        info = self._load.info
        known = {
            row[0]: row[1:]
            for row in self._catalog.rows(
                "SELECT input_id, content_hash, extractor_version, coalesce(superseded, []) FROM inputs "
                "WHERE status = 'loaded' AND input_id IN (SELECT unnest(?))",
                [[r.input_id for r in loaded]],
            )
        }
        here: dict[str, InputRecord] = {}
        for record in loaded:
            same = known.get(record.input_id)
            if same == (record.content_hash, info.extractor_version, sorted(record.superseded)):
                here[record.input_id] = replace(record, status="unchanged", rows=0, reason="loaded by another run")
        if info.content_addressed:
            here |= self._copies(loaded)
        if not here:
            return
        kept = [self._without(f, [INPUT_ID.name], _one_of(INPUT_ID.name, set(here))) for f in self._load.files]
        # One that another run loaded is in the ledger as that run left it.
        inputs = tuple(here.get(r.input_id, r) for r in self._load.inputs if r.input_id not in here.keys() & known)
        twins = sum(r.input_id in here.keys() & known for r in self._load.inputs)
        self._load = replace(
            self._load,
            files=tuple(f for f in kept if f is not None),
            inputs=inputs,
            rejects=tuple(r for r in self._load.rejects if r.input_id not in here),
            unchanged=self._load.unchanged + twins,
        )

    def _copies(self, loaded: Sequence[InputRecord]) -> dict[str, InputRecord]:
        """Of inputs with one content, all but the one that the lake has, or else the first by name."""
        info = self._load.info
        own = {r.input_id for r in loaded}
        first = {
            content: uri
            for content, uri, input_id in self._catalog.rows(
                "SELECT content_hash, uri, input_id FROM inputs "
                "WHERE source = ? AND owner = ? AND (status = 'loaded' OR rows > 0) "
                "AND content_hash IN (SELECT unnest(?))",
                [info.source, info.owner, [r.content_hash for r in loaded]],
            )
            if input_id not in own
        }
        copies: dict[str, InputRecord] = {}
        for record in sorted(loaded, key=lambda r: r.uri):
            assert record.content_hash is not None
            if (uri := first.setdefault(record.content_hash, record.uri)) != record.uri:
                copies[record.input_id] = replace(record, status="unchanged", rows=0, reason=f"same content as {uri}")
        return copies

    def _drop_replaced_rows(self) -> None:
        """Rows of an earlier content of the load's inputs, and of inputs that are now superseded."""
        ids = [r.input_id for r in self._load.inputs if r.status in {"loaded", "superseded", "unchanged"}]
        old = self._catalog.rows(
            "SELECT input_id, load_id, content_hash FROM inputs WHERE rows > 0 AND input_id IN (SELECT unnest(?))",
            [ids],
        )
        if not old:
            return
        replaced, loads = {row[0] for row in old}, {row[1] for row in old}
        for file in self._catalog.files("list_has_any(load_ids, ?)", [sorted(loads)]):
            self._keep(file, [INPUT_ID.name], _one_of(INPUT_ID.name, replaced))
        # Copies of a content that is no more are inputs of their own again.
        there = {r.content_hash for r in self._load.inputs if r.status == "loaded"}
        self._catalog.con.execute(
            "DELETE FROM inputs WHERE status = 'unchanged' AND source = ? AND owner = ? "
            "AND content_hash IN (SELECT unnest(?))",
            [self._load.info.source, self._load.info.owner, [row[2] for row in old if row[2] not in there]],
        )

    def _drop_older_keys(self) -> None:
        """In tables that hold one row a key, the rows of the load's keys that other files have had until now."""
        waiting = {f.path for f in self._load.files}
        for new in self._load.files:
            table = schemas.tables()[new.table_name]
            if not table.unique:
                continue
            keys = [k.name for k in table.keys if k.name != table.owner.name]
            fresh = pl.from_arrow(parquet.read(self._store, new.path, keys))
            assert isinstance(fresh, pl.DataFrame)
            # A job that two days' accounts tell of ended once, so its rows are in neighbouring partitions.
            there = self._catalog.files(
                "f.table_name = ? AND owner = ? AND abs(date - ?) <= 1", [new.table_name, new.owner, new.date]
            )
            for file in there:
                if file.path not in waiting:
                    self._keep(file, keys, _has_key(fresh, keys))
            waiting.remove(new.path)

    def _keep(self, file: DataFile, columns: list[str], drop: Mask) -> None:
        """Put what is left of a file of the catalog, without the rows to drop, in its place."""
        left = self._without(file, columns, drop)
        if left is file:
            return
        self._catalog.remove_files([file])
        if left is not None:
            self._catalog.add_files([left])

    def _without(self, file: DataFile, columns: list[str], drop: Mask) -> DataFile | None:
        """The file itself where no row is to drop, None where every row is, else a new file of the others."""
        dropped = drop(parquet.read(self._store, file.path, columns))
        if not dropped.any():
            return file
        if dropped.all():
            return None
        data = parquet.read(self._store, file.path).filter(pa.array(~dropped))
        left = rewrite(self._store, [file], data, self._load.info.load_id)
        self._catalog.changes.written.append(left)
        return left


def rewrite(store: Store, files: Sequence[DataFile], data: pa.Table, load_id: str) -> DataFile:
    """Rows of some files of one table, owner and day, as one new file that says which it stands for."""
    first = files[0]
    table = schemas.tables()[first.table_name]
    data = in_sort_order(table, data, presorted=True, one_load=False)
    path = layout.data_path(table, first.owner, first.date, load_id, f"r{secrets.token_hex(4)}")
    told = Footer.merged([Footer.of(store, f.path) for f in files], replaces=[f.path for f in files])
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


def _one_of(column: str, values: set[str]) -> Mask:
    """Rows whose `column` is one of `values`."""
    wanted = pa.array(sorted(values))

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = pc.is_in(data[column], wanted).to_numpy()
        return found

    return mask


def _has_key(fresh: pl.DataFrame, keys: list[str]) -> Mask:
    """Rows whose key is in `fresh`."""
    newer = fresh.with_columns(newer=True)

    def mask(data: pa.Table) -> npt.NDArray[np.bool_]:
        there = pl.from_arrow(data)
        assert isinstance(there, pl.DataFrame)
        marked = there.join(newer, on=keys, how="left", nulls_equal=True, maintain_order="left")
        return marked["newer"].fill_null(value=False).to_numpy()

    return mask
