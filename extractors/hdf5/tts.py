"""TOKIO Time Series files, schema version 1: a group for each kind of component, a matrix for each quantity.

The name of a dataset decides what it holds: its `units` are known to lie (counts labelled "bytes/sec", KiB labelled
bytes). A quantity is stored as counts in each step or as rates; counts win where both are there. Missing is -0.0.
A count that follows missing steps is kept as it is stored: the file does not say whether it holds their traffic too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import h5py
import numpy as np

from extractors.base import InputError
from extractors.counters import Ints
from extractors.hdf5.chunks import Stored
from extractors.hdf5.panels import Panel, Values
from extractors.lustre import ONLY_MDT, own_names
from schemas.lustre import LUSTRE_DF, LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, MD_OPS
from schemas.table import Table

VERSION = "1"
_KIB = 1024.0


class Quantity(NamedTuple):
    """A column, the datasets that hold it as counts (or as they are) and as rates, and the unit's factor."""

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
    Quantity("mem_used_bytes", "memused"),
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
_MEM_PCT = Quantity("mem_pct", "memused")

KINDS = {
    "datatargets": Kind(LUSTRE_OST, "ost", _TRAFFIC),
    "fullness": Kind(LUSTRE_OST, "ost", _SPACE),
    "mdtargets": Kind(LUSTRE_MDT, "mdt", (*_TRAFFIC, *_METADATA)),
    "dataservers": Kind(LUSTRE_SERVER, "server", _MEMORY, _LOAD, "oss"),
    "mdservers": Kind(LUSTRE_SERVER, "server", _MEMORY, _LOAD, "mds"),
}


class Reader:
    """One open file; `problems` gathers the parts that had to be left out: (part, reason)."""

    def __init__(self, file: h5py.File, uri: str, backend: str | None) -> None:
        self.file, self.uri, self.backend = file, uri, backend
        self.problems: list[tuple[str, str]] = []
        version = _text(file.attrs.get("version"))
        if version not in {VERSION, None}:
            raise InputError(uri, f"is of TTS version {version}", f"only version {VERSION} is known")
        if not any(name in file for name in KINDS):
            raise InputError(uri, "has none of the groups of a TTS file", "check that the pattern names TTS files")

    def panels(self) -> Iterator[Panel]:
        """A panel for each kind of component, space joined to the traffic that has the same steps."""
        panels = {name: self._panel(name, kind) for name, kind in KINDS.items() if name in self.file}
        traffic, space = panels.get("datatargets"), panels.get("fullness")
        if traffic and space and np.array_equal(traffic.edges, space.edges):
            panels["datatargets"] = _joined(traffic, panels.pop("fullness"))
        elif space and traffic:
            space.table, space.key, space.constants = LUSTRE_DF, "target", {"role": "ost"}
        self._unknown_parts()
        yield from panels.values()

    def _panel(self, name: str, kind: Kind) -> Panel:
        group = self.file[name]
        edges = self._edges(group)
        found = {}
        amounts, gauges = list(kind.amounts), list(kind.gauges)
        if _memory_is_percent(group):
            amounts.remove(Quantity("mem_used_bytes", "memused"))
            gauges.append(_MEM_PCT)
        for quantity in (*amounts, *gauges):
            for dataset, is_rate in ((quantity.counts, False), (quantity.rates, True)):
                if dataset and dataset in group and quantity.column not in found:
                    loaded = self._matrix(group[dataset], len(edges) - 1)
                    if loaded is not None:
                        steps_s = np.diff(edges) / 1e6
                        found[quantity.column] = (*loaded, steps_s if is_rate else quantity.factor)
        targets = sorted({target for rows, _stored, _scale in found.values() for target in rows})
        if kind.table is LUSTRE_MDT and len(targets) == 1:  # the archiver names the server; it has but one target
            found = {q: ({ONLY_MDT: rows[targets[0]]}, stored, scale) for q, (rows, stored, scale) in found.items()}
            targets = [ONLY_MDT]
        values = {
            column: Values(stored, np.array([rows.get(t, -1) for t in targets], np.int64), scale)
            for column, (rows, stored, scale) in found.items()
        }
        return Panel(
            kind.table,
            kind.key,
            targets,
            edges,
            amounts={q.column: values[q.column] for q in amounts if q.column in values},
            gauges={q.column: values[q.column] for q in gauges if q.column in values},
            constants={"role": kind.role} if kind.role else {},
        )

    def _matrix(self, dataset: h5py.Dataset, steps: int) -> tuple[dict[str, int], Stored] | None:
        """(name to row, the matrix); None with a problem noted where the dataset can't be used."""
        version = _text(dataset.attrs.get("version"))
        columns = [_text(c) or "" for c in dataset.attrs.get("columns", ())]
        problem = None
        if version not in {VERSION, None}:
            problem = f"is of version {version}; only version {VERSION} is known"
        elif dataset.ndim != 2 or dataset.dtype.kind not in "biuf" or not columns:
            problem = "is not a matrix of numbers with named columns"
        elif len(set(columns)) < len(columns):
            problem = "has two columns of one name"
        elif len(dataset) < steps:
            problem = f"has {len(dataset)} rows for {steps} timestamps"
        if problem:
            self._leave_out(dataset.name, problem)
            return None
        named = min(len(columns), dataset.shape[1])
        if dataset[steps:].any() or dataset[:steps, named:].any():
            self._leave_out(dataset.name, "has values without a timestamp or a column name; these are left out")
        own = own_names(columns[:named], self.backend, self.uri)
        return {name: row for row, name in own.items()}, Stored(dataset, self.uri, named)

    def _edges(self, group: h5py.Group) -> Ints:
        """Borders of the steps in microseconds, one more than timestamps."""
        path = next((d.attrs["timestamps"] for d in group.values() if "timestamps" in d.attrs), "timestamps")
        path = _text(path) or "timestamps"
        if path not in group:
            raise InputError(self.uri, f"{group.name} has no timestamps", "the file is damaged; archive it again")
        stamps = group[path][...].astype(np.int64)
        end = int(self.file.attrs.get("end", 0))
        if not len(stamps) or (np.diff(stamps) <= 0).any():
            raise InputError(
                self.uri, f"timestamps of {group.name} do not rise", "the file is damaged; archive it again"
            )
        step = int(stamps[1] - stamps[0]) if len(stamps) > 1 else end - int(stamps[0])
        if step <= 0:
            raise InputError(self.uri, f"the length of {group.name}'s one step is unknown", "archive the file again")
        return np.append(stamps, stamps[-1] + step) * 1_000_000

    def _unknown_parts(self) -> None:
        known = {name: _datasets(kind) for name, kind in KINDS.items()}
        for name, group in self.file.items():
            if name not in known:
                self._leave_out(f"/{name}", "is not a part of TTS version 1 that has a table")
                continue
            for dataset in sorted(set(group) - known[name]):
                self._leave_out(f"/{name}/{dataset}", "is not a part of TTS version 1 that has a table")

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


def _memory_is_percent(group: h5py.Group) -> bool:
    """LMT keeps memory as a percentage, the other sources as bytes, under one name."""
    if "memused" not in group:
        return False
    return _text(group.attrs.get("source")) == "lmt" or _text(group["memused"].attrs.get("units")) == "%"


def _datasets(kind: Kind) -> set[str]:
    quantities = (*kind.amounts, *kind.gauges)
    return {"timestamps", *(q.counts for q in quantities), *(q.rates for q in quantities if q.rates)}


def _text(value: object) -> str | None:
    """An attribute as text; None for an unset one, which old writers store as the word None."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else None if value is None else str(value)
    return None if text in {None, "", "None"} else text
