"""Makes a catalog from the data files alone, for a lake whose catalog/ is lost or damaged."""

from __future__ import annotations

import logging
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake import schemas
from iolake.schemas.inputs import InputRecord
from iolake.schemas.ledger import DERIVED, FILES, GENERATIONS, INPUTS, LOADS, REJECTS
from iolake.schemas.mart import Mart
from iolake.schemas.table import INPUT_ID, LOAD_ID
from iolake.warehouse import layout, parquet
from iolake.warehouse.bounds import bounds_of
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import DamagedFile, NoLake
from iolake.warehouse.footer import Footer
from iolake.warehouse.records import DataFile, Load, LoadInfo
from iolake.warehouse.rewrite import Rewriter, rows_by_source
from iolake.warehouse.store import Store, Stored
from iolake.warehouse.warehouse import Warehouse

log = logging.getLogger("iolake")


@dataclass
class _Gathered:
    """What the data files hold: the files that no other file replaces, their loads, each load's inputs, and rows."""

    files: list[DataFile] = field(default_factory=list)
    loads: dict[str, LoadInfo] = field(default_factory=dict)
    inputs: dict[str, dict[str, InputRecord]] = field(default_factory=lambda: defaultdict(dict))
    """By input_id, then by load_id."""
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By load_id and input_id, in the files."""
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same, of rows that rewritten files lack for a reason."""

    def order(self, load_id: str, mtime: datetime | None = None) -> tuple[int, datetime, str]:
        """The place of a load among others: loads that began on the same snapshot follow their input's own time."""
        return self.loads[load_id].base_snapshot, mtime or datetime.min, load_id


def rebuild(warehouse: Warehouse) -> int:
    """Make a new catalog from the data files, publish it as the next snapshot, and return its number. NoLake.

    It omits files of unpublished loads, files that another file replaces, damaged files, and rows of an input that a
    later load read again. Data files do not record rejects, copies, inputs without rows and superseded inputs; the
    next ingest finds them again. It also reads inputs again that have fewer rows than their load read. The number is
    above every snapshot on which a file's load began, so that later loads come after them.
    """
    with warehouse.at_work() as load_id:

        def edit(catalog: Catalog, number: int) -> bool:
            found = _gather(warehouse.store, {file.path: file for file in catalog.files()})
            if not found.files and not catalog.rows("FROM snapshots LIMIT 1"):
                raise NoLake(warehouse.uri)
            catalog.remove_files(catalog.files())
            for ledger in (LOADS, INPUTS, REJECTS, GENERATIONS, FILES, DERIVED):
                catalog.con.execute(f"DELETE FROM {ledger.name}")
            catalog.add_files(found.files)
            valid = {input_id: _valid_load(found, input_id) for input_id in found.inputs}
            rewriter = Rewriter(warehouse.store, catalog, load_id)
            for file in found.files:
                rewriter.take_out(file, [INPUT_ID.name, LOAD_ID.name], lambda rows: _is_stale(rows, valid))
            last = {file.path: max(map(found.order, file.load_ids)) for file in catalog.files()}
            rewriter.leave_one_row_a_key(sorted(catalog.files(), key=lambda f: last[f.path]))
            for load in _loads(found, valid, catalog.files()):
                catalog.put_load(load, number)
            return True

        number = warehouse.publish(edit, "rebuild", least=_newest_base(warehouse.store) + 1)
    assert number is not None
    return number


def _newest_base(store: Store) -> int:
    """The newest snapshot that the load of any data file began on; -1 without one."""
    bases = [-1]
    for stored in store.list():
        if layout.load_of(stored.path) is not None:
            footer = _footer(store, stored.path)
            bases += [info.base_snapshot for info, _ in footer.loads] if footer else []
    return max(bases)


def _footer(store: Store, path: str) -> Footer | None:
    """What a file's footer says; None where it can't be read or is not iolake's."""
    try:
        encoded = parquet.inspect(store, path)[0]
        return None if encoded is None else Footer.decode(encoded)
    except (DamagedFile, ValueError, zlib.error):
        return None


def _gather(store: Store, published: dict[str, DataFile]) -> _Gathered:
    """Read every undamaged data file that no other file replaces, and the footers of all."""
    at_work = {layout.marked_load(mark.path) for mark in store.list(layout.STAGING)}
    found = _Gathered()
    footers: dict[str, tuple[Stored, Footer]] = {}
    for stored in store.list():
        load_id = layout.load_of(stored.path)
        # The rows of a month file are those of data files.
        if load_id is None or layout.is_month(stored.path) or (load_id in at_work and stored.path not in published):
            continue
        footer = _footer(store, stored.path)
        if footer is None:
            log.warning("%s: left out, because it is damaged or not a data file", stored.path)
        elif stored.path.partition("/")[0] not in schemas.tables():
            log.warning("%s: left out, because its table is not declared", stored.path)
        else:
            footers[stored.path] = (stored, footer)
    replaced = {path for _, footer in footers.values() for path in footer.replaces}
    for path, (stored, footer) in footers.items():
        for info, inputs in footer.loads:
            found.loads[info.load_id] = info
            for record in inputs:
                found.inputs[record.input_id][info.load_id] = record
        if path in replaced or isinstance(schemas.tables()[path.partition("/")[0]], Mart):
            continue  # the next run derives marts
        try:
            file, rows = _read(store, stored, published.get(path))
        except DamagedFile as error:
            log.warning("%s: left out, %s", path, error.problem)
            continue
        found.files.append(file)
        found.rows += rows
        for load_id, input_id, count in footer.dropped:
            found.dropped[load_id, input_id] += count
    for (load_id, input_id), count in found.rows.items():
        # An input may have rows but no footer that lists it. Its record has no time, so the next run reads it.
        info = found.loads[load_id]
        unknown = InputRecord(info.source, info.owner, "", input_id=input_id, status="loaded", rows=count)
        found.inputs[input_id].setdefault(load_id, unknown)
    return found


def _read(store: Store, stored: Stored, published: DataFile | None) -> tuple[DataFile, Counter[tuple[str, str]]]:
    """A data file as the ledger has it, and its rows by load and input. DamagedFile."""
    name = stored.path.partition("/")[0]
    owner, day = layout.partition_of(stored.path)
    data = parquet.read_whole(store, stored.path, None if published is None else published.content_hash)
    rows = rows_by_source(data)
    file = DataFile(
        stored.path,
        name,
        owner,
        day,
        data.num_rows,
        stored.size_bytes,
        str(layout.load_of(stored.path)),
        tuple(sorted({load_id for load_id, _ in rows})),
        tuple(data.schema.names),
        *bounds_of(schemas.tables()[name], data),
        parquet.hash_of(store, stored.path),
    )
    return file, rows


def _valid_load(found: _Gathered, input_id: str) -> str:
    """The load whose rows of an input count: the last one that left any, or that read none."""
    loads = found.inputs[input_id]
    ordered = sorted(loads, key=lambda load_id: found.order(load_id, loads[load_id].mtime), reverse=True)
    there = (load_id for load_id in ordered if found.rows[load_id, input_id] or not loads[load_id].rows)
    return next(there, ordered[0])


def _is_stale(rows: pa.Table, valid: dict[str, str]) -> npt.NDArray[np.bool_]:
    """Rows of an input that another load brought again."""
    wanted = pa.array(valid.values(), pa.string())
    place = pc.index_in(rows[INPUT_ID.name], pa.array(valid.keys(), pa.string()))
    stale: npt.NDArray[np.bool_] = pc.not_equal(pc.take(wanted, place), rows[LOAD_ID.name]).to_numpy()
    return stale


def _loads(found: _Gathered, valid: dict[str, str], files: Iterable[DataFile]) -> Iterable[Load]:
    """Each load that is left, with the inputs whose rows are its own; inputs that lack rows must be read again."""
    inputs: dict[str, list[InputRecord]] = defaultdict(list)
    short = 0
    for input_id, load_id in valid.items():
        record = found.inputs[input_id][load_id]
        there = found.rows[load_id, input_id]
        if there + found.dropped[load_id, input_id] < record.rows:
            record = replace(record, rows=there, mtime=None, content_hash=None)
            short += 1
        inputs[load_id].append(record)
    if short:
        log.warning("%d inputs have fewer rows in data files than were read; the next ingest reads them again", short)
    own: dict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        own[file.load_id].append(file)
    for load_id in sorted(inputs, key=found.order):
        yield Load(found.loads[load_id], files=tuple(own[load_id]), inputs=tuple(inputs[load_id]))
