"""TOKIO Time Series files, schema version 1: a group for each kind of component, a matrix for each quantity.

The name of a dataset decides what it holds: its `units` are known to lie (counts labelled "bytes/sec", KiB labelled
bytes). A quantity is stored as counts in each step or as rates; counts win where a file has both. Missing is -0.0.
A count after missing steps is kept as stored: the file does not say whether it includes their traffic.
Each dataset names its timestamps, if they are not its group's. Times that a growing file has not reached are zero.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np

from iolake.extractors.base import InputError
from iolake.extractors.counters import Ints
from iolake.extractors.hdf5.chunks import FileMatrix
from iolake.extractors.hdf5.guard import too_large
from iolake.extractors.hdf5.panels import Named, Panel, Values, by_name, rows_of
from iolake.extractors.hdf5.steps import Steps, after, borders, overlap, placed, usual_length, wrong_times
from iolake.extractors.lustre import ONLY_MDT
from iolake.schemas.lustre import LUSTRE_DF, LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, MD_OPS
from iolake.schemas.table import Table

VERSION = "1"
_KIB = 1024.0
_UNKNOWN = "is not a part of TTS version 1 that has a table"
_MDT = re.compile("MDT[0-9a-fA-F]{4}")


class Quantity(NamedTuple):
    """A column, the datasets that hold it as it is or as counts, those that hold rates, and the unit's factor."""

    column: str
    counts: str
    rates: str | None = None
    factor: float = 1.0


class Kind(NamedTuple):
    """A group: the table it fills, the column of its components' names, its quantities and constant columns."""

    table: Table
    key: str
    amounts: Sequence[Quantity]
    gauges: Sequence[Quantity] = ()
    role: str | None = None


_TRAFFIC = (
    Quantity("read_bytes", "readbytes", "readrates"),
    Quantity("write_bytes", "writebytes", "writerates"),
    Quantity("read_ops", "readops", "readoprates"),
    Quantity("write_ops", "writeops", "writeoprates"),
)
_METADATA = tuple(
    Quantity(op, "statfss" if op == "statfs" else op, f"{op if op == 'statfs' else op.removesuffix('s')}rates")
    for op in MD_OPS
)
_SPACE = (
    Quantity("used_bytes", "bytes", factor=_KIB),
    Quantity("total_bytes", "bytestotal", factor=_KIB),
    Quantity("used_inodes", "inodes"),
    Quantity("total_inodes", "inodestotal"),
)
_MEMORY = (
    Quantity("mem_total_bytes", "memtotal"),
    Quantity("mem_free_bytes", "memfree"),
    Quantity("mem_cached_bytes", "memcached"),
    Quantity("mem_buffered_bytes", "membuffered"),
    Quantity("mem_slab_bytes", "memslab"),
    Quantity("mem_slab_unreclaimable_bytes", "memslab_unrecl"),
    Quantity("net_in_bytes", "netinbytes"),
    Quantity("net_out_bytes", "netoutbytes"),
)
_LOAD = (
    Quantity("cpu_pct", "cpuload"),
    Quantity("cpu_user_pct", "cpuuser"),
    Quantity("cpu_sys_pct", "cpusys"),
    Quantity("cpu_idle_pct", "cpuidle"),
)
_MEM_BYTES = Quantity("mem_used_bytes", "memused")
_MEM_PCT = Quantity("mem_pct", "memused")

KINDS = {
    "datatargets": Kind(LUSTRE_OST, "ost", _TRAFFIC),
    "fullness": Kind(LUSTRE_OST, "ost", _SPACE),
    "mdtargets": Kind(LUSTRE_MDT, "mdt", (*_TRAFFIC, *_METADATA)),
    "dataservers": Kind(LUSTRE_SERVER, "server", (*_MEMORY, _MEM_BYTES), (*_LOAD, _MEM_PCT), "oss"),
    "mdservers": Kind(LUSTRE_SERVER, "server", (*_MEMORY, _MEM_BYTES), (*_LOAD, _MEM_PCT), "mds"),
}


class Found(NamedTuple):
    """A usable dataset: the column of each name, the path of its timestamps, and its factor, None for rates."""

    stored: FileMatrix
    rows: dict[str, int]
    timestamps: str
    factor: float | None


class Unusable(Exception):
    """Why a dataset is left out."""


class Reader:
    """One open file; `problems` gathers the parts that had to be left out: (part, reason)."""

    def __init__(self, file: h5py.File, uri: str, backend: str | None) -> None:
        self.file, self.uri, self.backend = file, uri, backend
        self.problems: list[tuple[str, str]] = []
        self.steps: dict[str, Steps] = {}
        version = _text(file.attrs.get("version"))
        if version not in {VERSION, None}:
            raise InputError(uri, f"is of TTS version {version}", f"only version {VERSION} is known")
        if not any(name in file for name in KINDS):
            raise InputError(uri, "has none of the groups of a TTS file", "check that the pattern names TTS files")

    def panels(self) -> Iterator[Panel]:
        """A panel for each kind of component, space joined to the traffic that has the same steps."""
        groups = {name: kind for name, kind in KINDS.items() if isinstance(self.file.get(name), h5py.Group)}
        panels = {name: panel for name, kind in groups.items() if (panel := self._panel(self.file[name], kind))}
        traffic, space = panels.get("datatargets"), panels.get("fullness")
        if traffic and space and np.array_equal(traffic.edges, space.edges):
            panels["datatargets"] = _joined(traffic, panels.pop("fullness"))
        elif space and traffic:
            space.table, space.key, space.constants = LUSTRE_DF, "target", {"role": "ost"}
        self._unknown_parts()
        yield from panels.values()

    def _panel(self, group: h5py.Group, kind: Kind) -> Panel | None:
        """The panel of a group; None where no dataset of it can be used."""
        memory = self._memory(group)
        found: dict[str, Found] = {}
        for quantity in (*kind.amounts, *kind.gauges):
            if quantity in {_MEM_BYTES, _MEM_PCT} and quantity != memory:
                continue
            for name, factor in ((quantity.counts, quantity.factor), (quantity.rates, None)):
                if name and name in group and quantity.column not in found:
                    try:
                        found[quantity.column] = self._found(group[name], factor)
                    except Unusable as reason:
                        self._leave_out(f"{group.name}/{name}", str(reason))
        if not found:
            return None
        edges = self._common_edges(found)
        seconds = np.diff(edges) / 1e6
        targets, values = by_name(
            {
                column: Named(
                    one.rows,
                    placed(one.stored, self.steps[one.timestamps], edges),
                    seconds if one.factor is None else one.factor,
                )
                for column, one in found.items()
            }
        )
        if kind.table is LUSTRE_MDT and len(targets) == 1 and not _MDT.fullmatch(targets[0]):
            targets = [ONLY_MDT]  # the archiver names the server, which has but one target
        return Panel(
            kind.table,
            kind.key,
            targets,
            edges,
            amounts={q.column: values[q.column] for q in kind.amounts if q.column in values},
            gauges={q.column: values[q.column] for q in kind.gauges if q.column in values},
            constants={"role": kind.role} if kind.role else {},
        )

    def _memory(self, group: h5py.Group) -> Quantity | None:
        """LMT keeps memory as a percentage, the other sources as bytes, under one name."""
        if "memused" not in group:
            return None
        source, units = _text(group.attrs.get("source")), _text(group["memused"].attrs.get("units"))
        if source == "lmt" or units == "%":
            return _MEM_PCT
        if source or units:
            return _MEM_BYTES
        self._leave_out(group["memused"].name, "is bytes or a percentage: neither source nor units says which")
        return None

    def _found(self, dataset: h5py.Dataset, factor: float | None) -> Found:
        """The dataset, checked; Unusable."""
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 2 or dataset.dtype.kind not in "biuf":
            raise Unusable("is not a matrix of numbers with named columns")
        if reason := too_large(dataset):
            raise Unusable(reason)
        version = _text(dataset.attrs.get("version"))
        if version not in {VERSION, None}:
            raise Unusable(f"is of version {version}; only version {VERSION} is known")
        width = dataset.shape[1]
        columns = _texts(dataset.attrs.get("columns"))[:width]
        if not any(columns):
            raise Unusable("is not a matrix of numbers with named columns")
        rows = rows_of(columns, self.backend, self.uri)
        if rows is None:
            raise Unusable("has two columns of one name")
        timestamps = self._timestamps(dataset)
        steps = len(self.steps[timestamps].starts)
        if len(dataset) < steps:
            raise Unusable(f"has {len(dataset)} rows for {steps} timestamps")
        nameless = [column for column in range(width) if column >= len(columns) or not columns[column]]
        if dataset[steps:].any() or (nameless and dataset[:steps, nameless].any()):
            self._leave_out(dataset.name, "has values without a timestamp or a column name; these are left out")
        return Found(FileMatrix(dataset, self.uri, max(rows.values()) + 1), rows, timestamps, factor)

    def _timestamps(self, dataset: h5py.Dataset) -> str:
        """The path of the dataset's timestamps, with their steps added to `steps`; Unusable."""
        name = _text(dataset.attrs.get("timestamps"))
        places = [(self.file, name), (dataset.parent, name)] if name else [(dataset.parent, "timestamps")]
        found = next((place[path] for place, path in places if path in place), None)
        if found is None:
            raise Unusable(f"has no timestamps{f': {name} is not in the file' if name else ''}")
        path: str = found.name
        if path not in self.steps:
            self.steps[path] = self._steps(found)
        return path

    def _steps(self, timestamps: h5py.Dataset) -> Steps:
        """The steps that start at the timestamps; Unusable."""
        if not isinstance(timestamps, h5py.Dataset) or timestamps.ndim != 1 or timestamps.dtype.kind not in "iuf":
            raise Unusable(f"has timestamps in {timestamps.name} that are not a list of times")
        if reason := too_large(timestamps):
            raise Unusable(f"has timestamps in {timestamps.name}: {reason}")
        times = np.trim_zeros(timestamps[...].astype(np.int64), "b")
        if not len(times):
            raise Unusable("has no timestamps yet")
        if wrong := wrong_times(times):
            raise Unusable(f"has timestamps in {timestamps.name} that {wrong}")
        end = _text(self.file.attrs.get("end"))
        if len(times) > 1:
            length = usual_length(times)
        elif end:
            length = (int(float(end)) - int(times[0])) // timestamps.size
        else:
            raise Unusable("has one step, and the file has no attribute `end` that gives its length")
        if length <= 0:
            raise Unusable(f"has one step, and the file's end {end} is before it")
        return after(times * 1_000_000, length * 1_000_000, int(times[-1] + length) * 1_000_000)

    def _common_edges(self, found: dict[str, Found]) -> Ints:
        """The borders of all datasets' steps; a dataset whose steps overlap those of the majority is left out."""
        common: list[Steps] = []
        for path, _users in Counter(one.timestamps for one in found.values()).most_common():
            if common and overlap(*common, self.steps[path]):
                for column in [column for column, one in found.items() if one.timestamps == path]:
                    reason = f"has steps that overlap the others' of its group: those of {path}"
                    self._leave_out(found.pop(column).stored.name, reason)
            else:
                common.append(self.steps[path])
        return borders(*common)

    def _unknown_parts(self) -> None:
        for name, group in self.file.items():
            if name not in KINDS or not isinstance(group, h5py.Group):
                if f"/{name}" not in self.steps:
                    self._leave_out(f"/{name}", _UNKNOWN)
                continue
            unknown = {part for part in set(group) - _datasets(KINDS[name]) if f"/{name}/{part}" not in self.steps}
            for part in sorted(unknown):
                self._leave_out(f"/{name}/{part}", _UNKNOWN)
            if not set(group) - {"timestamps"}:
                self._leave_out(f"/{name}", "holds no datasets")

    def _leave_out(self, part: str, reason: str) -> None:
        self.problems.append((part, reason))


def _joined(traffic: Panel, space: Panel) -> Panel:
    """One panel of traffic and space on the same steps, over the targets of both."""
    targets = sorted({*traffic.targets, *space.targets})
    joined = Panel(traffic.table, traffic.key, targets, traffic.edges)
    for panel in (traffic, space):
        place = {target: i for i, target in enumerate(panel.targets)}
        index = np.array([place.get(t, -1) for t in targets], np.int64)
        for name, values in panel.amounts.items():
            row_of = np.where(index >= 0, values.row_of[index], -1)
            joined.amounts[name] = Values(values.matrix, row_of, values.scale)
    return joined


def _datasets(kind: Kind) -> set[str]:
    quantities = (*kind.amounts, *kind.gauges)
    return {"timestamps", *(q.counts for q in quantities), *(q.rates for q in quantities if q.rates)}


def _texts(value: Any) -> list[str]:
    """An attribute that holds several texts; unset ones are empty."""
    return [] if value is None or isinstance(value, h5py.Empty) else [_text(v) or "" for v in np.atleast_1d(value)]


def _text(value: object) -> str | None:
    """An attribute, or an array of one, as text; None for an unset one, which old writers store as the word None."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if value is None or isinstance(value, h5py.Empty):
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return None if text in {"", "None"} else text
