"""Completes decoded rows to the tables' batches, with what the log, its file's name and its names region say."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.base import Batch, Input
from iolake.extractors.darshan.decoded import Block, Head, Ints
from iolake.extractors.darshan.file_name import parse_name, program_of
from iolake.extractors.darshan.names import Names
from iolake.schemas.darshan import DARSHAN_HEATMAP, DARSHAN_LOGS, DARSHAN_MOUNTS
from iolake.schemas.site import Site
from iolake.schemas.table import INPUT_ID, TIMESTAMP, Table

_DAY_US: Final = 86_400_000_000
_LONGEST_RUN_S: Final = 1e9
"""The most seconds since the start that can be a time of a run; more would leave the range of a TIMESTAMP."""
_HEATMAP_NAME: Final = "heatmap:"
_SPELLINGS: Final = {"MPIIO": "MPI-IO"}
"""Modules that heatmaps spell in another way than the log's header."""
_HEATMAP_RECORDS: Final = {
    16592106915301738621: "POSIX",
    3668870418325792824: "MPI-IO",
    3989511027826779520: "STDIO",
    1597927878319380788: "DFS",
    4131494093108637317: "DAOS",
}
"""The heatmaps' record ids: hashes of their names, the same in every log, also where the names were made unreadable."""


@dataclass(frozen=True)
class Opened:
    """A log on its way into rows: the input that it is, the hash of its content, what it says of its run.

    `places` has where in the file the region of each module begins, and that of the names. `left_out` holds
    (part, reason) for what can't be read although the rest can.
    """

    input: Input
    log_id: str
    head: Head
    places: Mapping[str, int | None]
    left_out: Sequence[tuple[str, str]]


class RowBuilder:
    """Builds full table rows from decoded blocks. A block names its log by the index in `opened`."""

    def __init__(self, opened: Sequence[Opened], names: Names, site: Site) -> None:
        self._opened, self._names, self._site = opened, names, site

    def batch(self, block: Block) -> Batch:
        """The block's rows with every column of their table, in the table's order."""
        names = block.table.batch_schema.names
        given = {name: column for name, column in block.columns.items() if name in names}
        columns = given | self._of_logs(block.logs) | self._of_names(block, names)
        if "ts" in names:
            columns["ts"] = self._moments(block.logs, block.columns["start_s"])
        if block.table is DARSHAN_HEATMAP:
            columns["module"] = _heatmap_modules(block.columns["record_id"], columns.pop("path", None))
        return _batch(block.table, columns, len(block.logs))

    def logs(self) -> Batch:
        """The rows of `darshan_logs`."""
        heads = [o.head for o in self._opened]
        parts = [parse_name(o.input.uri, o.head.job_id, o.head.exe, o.head.uid) for o in self._opened]
        values: dict[str, list[Any]] = {
            name: [getattr(head, name) for head in heads]
            for name in ("uid", "exe", "nprocs", "run_time_s", "log_version", "byte_order", "compression")
        } | {
            "user_name": [name.user for name in parts],
            "exe_name": [program_of(head.exe) for head in heads],
            "start_time": [head.start_us for head in heads],
            "end_time": [head.end_us for head in heads],
            "lib_version": [head.metadata.get("lib_ver") for head in heads],
            "modules": [tuple(head.modules) for head in heads],
            "partial_modules": [head.partial_modules for head in heads],
            "is_partial": [head.is_partial for head in heads],
            "module_versions": [tuple(head.modules.items()) for head in heads],
            "mpi_hints": [head.metadata.get("h") for head in heads],
            "metadata": [tuple(head.metadata.items()) for head in heads],
            "file_name": [o.input.uri.rstrip("/").rsplit("/", 1)[-1] for o in self._opened],
            "file_exe": [name.exe for name in parts],
            "file_pid": [name.pid for name in parts],
            "file_tag": [name.tag for name in parts],
        }
        typed = {name: _alike(column, DARSHAN_LOGS[name].type) for name, column in values.items()}
        return _batch(DARSHAN_LOGS, typed | self._of_logs(np.arange(len(heads))), len(heads))

    def mounts(self) -> Batch:
        """The rows of `darshan_mounts`."""
        counts = [len(o.head.mounts) for o in self._opened]
        of = np.repeat(np.arange(len(counts)), counts)
        points = pa.array([point for o in self._opened for point, _ in o.head.mounts], pa.string())
        columns = {
            "position": pa.array([i for count in counts for i in range(count)], pa.int64()),
            "mount_point": points.dictionary_encode(),
            "fs_type": pa.array([kind for o in self._opened for _, kind in o.head.mounts], pa.string()),
            "file_system": self._file_systems(points.dictionary_encode()),
        }
        return _batch(DARSHAN_MOUNTS, columns | self._of_logs(of), len(of))

    def _of_logs(self, logs: Ints) -> dict[str, Any]:
        """The columns that all rows of a log share."""
        places = pa.array(logs.astype(np.int32))
        return {
            "log_id": pa.DictionaryArray.from_arrays(places, self._log_ids),
            "input_id": pa.DictionaryArray.from_arrays(places, self._input_ids),
            "job_id": self._job_ids.take(places),
            "date": pa.array(self._dates[logs], pa.int32()).cast(pa.date32()),
        }

    def _of_names(self, block: Block, wanted: Sequence[str]) -> dict[str, Any]:
        """path, mount_point and file_system, where the table has them; a heatmap's path is the name of its record."""
        columns: dict[str, Any] = {}
        if "record_id" in block.columns and len(self._names):
            named = self._named(block.logs, pa.array(block.columns["record_id"]).to_numpy(zero_copy_only=False))
            path = _encoded(pa.array(self._names.places).take(named), self._names.distinct)
            if "path" in wanted or block.table is DARSHAN_HEATMAP:
                columns["path"] = path
            if "mount_point" in wanted:
                columns["mount_point"] = self._mounts.take(named)
        if "mount_point" in block.columns:
            columns["mount_point"] = pa.array(block.columns["mount_point"]).dictionary_encode()
        if "file_system" in wanted and "mount_point" in columns:
            columns["file_system"] = self._file_systems(columns["mount_point"])
        return columns

    def _named(self, logs: Ints, ids: npt.NDArray[np.uint64]) -> pa.Array:
        """The index of each row's name; rows of one record, as traces have many, are looked up once."""
        new = np.append(True, (ids[1:] != ids[:-1]) | (logs[1:] != logs[:-1]))[: len(ids)]
        named = self._names.find(logs[new], ids[new])
        return named if new.all() else named.take(pa.array(np.cumsum(new) - 1))

    def _file_systems(self, points: pa.DictionaryArray) -> pa.Array:
        """The site's name for what is mounted at each point."""
        names = sorted(self._site.file_systems)
        mounted = [self._site.mounts.get(_folder(point) or "/") for point in points.dictionary.to_pylist()]
        codes = pa.array([None if name is None else names.index(name) for name in mounted], pa.int32())
        return pa.DictionaryArray.from_arrays(codes.take(points.indices), pa.array(names, pa.string()))

    @cached_property
    def _log_ids(self) -> pa.Array:
        return pa.array([o.log_id for o in self._opened], pa.string())

    @cached_property
    def _input_ids(self) -> pa.Array:
        return pa.array([o.input.input_id for o in self._opened], pa.string())

    @cached_property
    def _job_ids(self) -> pa.Array:
        return pa.array([o.head.job_id for o in self._opened], pa.int64())

    @cached_property
    def _dates(self) -> npt.NDArray[np.int32]:
        return np.array([_day(o) for o in self._opened], dtype=np.int32)

    def _moments(self, logs: Ints, start_s: Any) -> pa.Array:
        """UTC times of seconds since the start of the run; null where either is not known."""
        starts = pa.array([o.head.start_us for o in self._opened], pa.int64()).take(pa.array(logs))
        seconds = pa.array(start_s, pa.float64())
        near = pc.and_(pc.greater_equal(seconds, 0), pc.less(seconds, _LONGEST_RUN_S))
        offsets = pc.cast(pc.multiply(pc.if_else(near, seconds, None), 1e6), pa.int64(), safe=False)
        return pc.add(starts, offsets).cast(TIMESTAMP)

    @cached_property
    def _mounts(self) -> pa.DictionaryArray:
        """The longest mount point, of the log's and the site's, that holds each name."""
        tables: dict[tuple[tuple[str, str], ...], int] = {}
        of_log = np.array([tables.setdefault(o.head.mounts, len(tables)) for o in self._opened], dtype=np.int64)
        of_name = of_log[self._names.logs]
        codes: dict[str, int] = {}
        found = np.full(len(of_name), -1, dtype=np.int32)
        for mounts, number in tables.items():
            points = sorted({point for point, _ in mounts} | set(self._site.mounts), key=_by_length, reverse=True)
            code = np.array([codes.setdefault(point, len(codes)) for point in points] + [-1], dtype=np.int32)
            if len(tables) == 1:
                found = code[longest_mounts(self._names.distinct, points)][self._names.places]
                break
            here = np.flatnonzero(of_name == number)
            names = self._names.distinct.take(pa.array(self._names.places[here]))
            found[here] = code[longest_mounts(names, points)]
        return pa.DictionaryArray.from_arrays(pa.array(found, mask=found < 0), pa.array(list(codes), pa.string()))


def longest_mounts(paths: pa.Array, points: Sequence[str]) -> npt.NDArray[np.int32]:
    """For each path the place of its mount point in `points`, longest first; -1 for none. Whole components count."""
    places = np.full(len(paths), -1, dtype=np.int32)
    left = np.arange(len(paths))
    for place, point in enumerate(points):
        folder = _folder(point)
        inside, itself = pc.starts_with(paths, folder + "/"), pc.equal(paths, folder or "/")
        held = pc.or_(inside, itself).to_numpy(zero_copy_only=False)
        if held.any():
            places[left[held]] = place
            left, paths = left[~held], paths.filter(pa.array(~held))
        if not len(left):
            break
    return places


def _folder(point: str) -> str:
    """A mount point without a final slash; the root becomes empty."""
    return point.rstrip("/")


def _by_length(point: str) -> tuple[int, str]:
    """A sort key: by length without a final slash, then by text, so that equal mount points have a fixed order."""
    return len(_folder(point)), point


def _encoded(indices: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    """The values at these indices. With more values than indices, the dictionary has only those that occur."""
    if len(values) <= len(indices):
        return pa.DictionaryArray.from_arrays(indices, values)
    occurring = indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(occurring.indices, values.take(occurring.dictionary))


def _batch(table: Table, columns: dict[str, Any], rows: int) -> Batch:
    schema = table.batch_schema.append(INPUT_ID.arrow_field)
    arrays = [columns[f.name] if f.name in columns else pa.nulls(rows, f.type) for f in schema]
    return Batch(table, pa.table(arrays, schema.names), in_order=True)


def _alike(values: Sequence[Hashable], kind: pa.DataType) -> pa.Array:
    """The values as an array; those that many logs share are converted once."""
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(value, len(numbers)) for value in values]
    return pa.array(list(numbers), kind).take(pa.array(places, pa.int32()))


def _day(opened: Opened) -> int:
    """The UTC day of a log, as days since 1970: that of its end, else its start, else the file's."""
    head, input = opened.head, opened.input
    moment = head.end_us if head.end_us is not None else head.start_us
    if moment is not None:
        return moment // _DAY_US
    if input.day is not None:
        return (input.day - date(1970, 1, 1)).days
    return (input.mtime.date() - date(1970, 1, 1)).days if input.mtime else 0


def _heatmap_modules(record_ids: Any, names: pa.DictionaryArray | None) -> pa.Array:
    """The library of each heatmap record: by its id, else by its name."""
    known = pa.array(list(_HEATMAP_RECORDS), pa.uint64())
    by_id = pa.array(list(_HEATMAP_RECORDS.values())).take(pc.index_in(pa.array(record_ids, pa.uint64()), known))
    if names is None:
        return by_id
    words = [None if name is None else name.removeprefix(_HEATMAP_NAME) for name in names.dictionary.to_pylist()]
    spelt = pa.array([None if word is None else _SPELLINGS.get(word, word) for word in words], pa.string())
    return pc.coalesce(by_id, spelt.take(names.indices))


def in_table_order(opened: Sequence[Opened]) -> Ints:
    """The order in which the tables have logs: by job and log."""

    def place(number: int) -> tuple[bool, int, str]:
        o = opened[number]
        return o.head.job_id is not None, o.head.job_id or 0, o.log_id

    return np.array(sorted(range(len(opened)), key=place), dtype=np.int64)
