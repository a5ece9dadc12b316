"""Rebuilding: a catalog from the data files alone, for the day when catalog/ is lost."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake import schemas
from iolake.schemas.ledger import DERIVED, FILES, GENERATIONS, INPUTS, LOADS, REJECTS
from iolake.schemas.mart import Mart
from iolake.schemas.table import INPUT_ID, LOAD_ID
from iolake.warehouse import layout, parquet
from iolake.warehouse.bounds import bound_columns, bounds_of
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import NoLake
from iolake.warehouse.footer import Footer
from iolake.warehouse.records import DataFile, InputRecord, Load, LoadInfo
from iolake.warehouse.rewrite import Rewriter
from iolake.warehouse.store import Store
from iolake.warehouse.warehouse import Warehouse

log = logging.getLogger("iolake")


@dataclass
class _Told:
    """What all footers and rows tell: the files that no other stands for, loads, and each load's inputs."""

    files: list[DataFile] = field(default_factory=list)
    loads: dict[str, LoadInfo] = field(default_factory=dict)
    inputs: dict[str, dict[str, InputRecord]] = field(default_factory=lambda: defaultdict(dict))
    """By input_id, then by load_id."""


def rebuild(warehouse: Warehouse) -> int:
    """Make the catalog anew from the data files, as the next snapshot, and return its number. NoLake.

    Left out are files of loads that were not published, files that others stand for, and rows of an input that
    a later load brought again. What no file tells, the next ingest finds again: rejects, copies, inputs
    without rows, and that a better source took an input's place.
    """
    with warehouse.at_work() as load_id:

        def edit(catalog: Catalog, number: int) -> bool:
            told = _gather(warehouse.store, {file.path for file in catalog.files()})
            if number == 0 and not told.files:
                raise NoLake(warehouse.uri)
            catalog.remove_files(catalog.files())
            for ledger in (LOADS, INPUTS, REJECTS, GENERATIONS, FILES, DERIVED):
                catalog.con.execute(f"DELETE FROM {ledger.name}")
            catalog.add_files(told.files)
            newest = {input_id: max(loads) for input_id, loads in told.inputs.items()}
            rewriter = Rewriter(warehouse.store, catalog, load_id)
            for file in told.files:
                rewriter.take_out(file, [INPUT_ID.name, LOAD_ID.name], lambda rows: _is_stale(rows, newest))
            rewriter.leave_one_row_a_key(sorted(catalog.files(), key=lambda f: f.load_id))
            for load in _loads(told, newest, catalog.files()):
                catalog.put_load(load, number)
            return True

        number = warehouse.publish(edit, "rebuild")
    assert number is not None
    return number


def _gather(store: Store, published: set[str]) -> _Told:
    """Read every data file's footer, and which inputs and loads its rows are of."""
    at_work = {layout.marked_load(mark.path) for mark in store.list(layout.STAGING)}
    told, replaced = _Told(), set[str]()
    for stored in list(store.list()):
        load_id = layout.load_of(stored.path)
        if load_id is None or (load_id in at_work and stored.path not in published):
            continue
        table_name = stored.path.partition("/")[0]
        try:
            encoded, rows, columns = parquet.inspect(store, stored.path)
        except (pa.ArrowException, OSError) as error:
            log.warning("%s: left out, it can't be read: %s", stored.path, error)
            continue
        if encoded is None or table_name not in schemas.tables():
            log.warning("%s: left out, it is no data file of a declared table", stored.path)
            continue
        table = schemas.tables()[table_name]
        if isinstance(table, Mart):
            continue  # the next run derives it
        footer = Footer.decode(encoded)
        replaced.update(footer.replaces)
        for info, inputs in footer.loads:
            told.loads[info.load_id] = info
            for record in inputs:
                told.inputs[record.input_id][info.load_id] = record
        owner, day = layout.partition_of(stored.path)
        ids = parquet.read(store, stored.path, [INPUT_ID.name, LOAD_ID.name]).group_by([INPUT_ID.name, LOAD_ID.name])
        pairs = ids.aggregate([([], "count_all")]).to_pylist()
        for pair in pairs:
            # An input that no footer tells of any more is known by its rows; without a time, it is read again.
            unknown = InputRecord(pair["input_id"], "", None, None, None, None, "loaded", (), pair["count_all"])
            told.inputs[pair["input_id"]].setdefault(pair["load_id"], unknown)
        load_ids = tuple(sorted({pair["load_id"] for pair in pairs}))
        bounds = bounds_of(table, parquet.read(store, stored.path, [c for c in bound_columns(table) if c in columns]))
        what = (stored.path, table_name, owner, day, rows, stored.size_bytes, load_id, load_ids, columns)
        told.files.append(DataFile(*what, *bounds))
    told.files = [file for file in told.files if file.path not in replaced]
    return told


def _is_stale(rows: pa.Table, newest: dict[str, str]) -> npt.NDArray[np.bool_]:
    """Rows of an input that a later load brought again."""
    wanted = pa.array(newest.values(), pa.string())
    place = pc.index_in(rows[INPUT_ID.name], pa.array(newest.keys(), pa.string()))
    stale: npt.NDArray[np.bool_] = pc.not_equal(pc.take(wanted, place), rows[LOAD_ID.name]).to_numpy()
    return stale


def _loads(told: _Told, newest: dict[str, str], files: Iterable[DataFile]) -> Iterable[Load]:
    """Each load that is left, with the inputs whose rows are its."""
    inputs: dict[str, list[InputRecord]] = defaultdict(list)
    for input_id, load_id in newest.items():
        inputs[load_id].append(told.inputs[input_id][load_id])
    own: dict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        own[file.load_id].append(file)
    for load_id in sorted(inputs):
        yield Load(told.loads[load_id], files=tuple(own[load_id]), inputs=tuple(inputs[load_id]))
