"""Turns each node's counters of a file system into rows, from each reading to the node's next one."""

from __future__ import annotations

import sys
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.counters import Flags, Ints, listed_amounts, read_amounts
from iolake.extractors.daily import days_of, find_day_inputs, zone_of
from iolake.extractors.lustre import integers, other_system, rows, several_systems, times
from iolake.extractors.params.recordings import Recording
from iolake.schemas.scale import SCALE_CLIENT
from iolake.schemas.site import OwnerKind, Site

COUNTERS: Final = (
    "read_bytes", "write_bytes", "opens", "closes", "read_ops", "write_ops", "readdirs", "inode_updates",
)  # fmt: skip
"""The counters of a node, by their columns of `scale_client`."""
LARGEST: Final = 2**63 - 1
Space = dict[str, int]
Readings = dict[str, dict[int, "array[int]"]]
"""Node to moment (microseconds since 1970) to counters in the order of COUNTERS; -1 is unknown.

A dict of each reading would take five times the memory.
"""
_UNKNOWN: Final = (-1,) * len(COUNTERS)
_PLACES: Final = {name: place for place, name in enumerate(COUNTERS)}


class Found:
    """What a day's files hold: readings of the file system, names of file systems, and faults by part.

    `space` is by (storage pool, moment); '' is the whole file system.
    """

    def __init__(self, backend: str | None) -> None:
        self.backend = backend
        self.readings: Readings = {}
        self.systems: set[str] = set()
        self.faults: dict[str, list[str]] = {}
        self.space: dict[tuple[str, int], Space] = {}

    def add(self, system: str, node: str, us: int, counters: Mapping[str, int]) -> None:
        """Add a reading of a node's counters of a file system."""
        if self.is_ours(system):
            readings = self.readings.setdefault(sys.intern(node), {})
            if (reading := readings.get(us)) is None:
                reading = readings[us] = array("q", _UNKNOWN)
            for name, value in counters.items():
                reading[_PLACES[name]] = value

    def is_ours(self, system: str) -> bool:
        """Note a file system's name; return whether it is the input's own."""
        self.systems.add(system)
        return self.backend in {None, system}

    def fault(self, part: str, reason: str) -> None:
        """Note that something of a part could not be read."""
        self.faults.setdefault(part, []).append(reason)


class NodeCounters(Extractor):
    """An input is a day's files. A node's first reading of a later day ends the day's last row."""

    owner: ClassVar[OwnerKind] = "file_system"
    nothing: ClassVar[str]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the days that have files."""
        yield from find_day_inputs(site, self.owner, self.source, span, with_next=True)

    def hash(self, input: Input, site: Site) -> None:
        """Return None: only the rows tell which of the next day's readings matter."""

    @abstractmethod
    def take(self, recording: Recording, found: Found, site: Site, owner: str) -> None:
        """Add the readings of a file to what was found; InputError where it is damaged."""

    def others(self, found: Found) -> Iterator[Batch]:
        """Yield the batches of other tables that the day's files fill."""
        yield from ()

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the day's rows; rejects name files and lines that were left out."""
        backend = site.file_systems[input.owner].backend
        days, found = days_of(input, zone_of(input, site, self.owner)), Found(backend)
        damaged: list[InputError] = []
        for recording in days.recordings(input.day):
            try:
                self.take(recording, found, site, input.owner)
            except InputError as error:
                damaged.append(error)
                yield Reject(input, f"{error.reason}; {error.remedy}", recording.name)
        if backend is None and len(found.systems) > 1:
            raise several_systems(input.uri, found.systems)
        if backend and found.systems and backend not in found.systems:
            raise other_system(input.uri, backend, found.systems)
        others = list(self.others(found))
        if not found.readings and not others:
            fault = next((reasons[0] for reasons in found.faults.values()), None)
            nothing = InputError(input.uri, fault or f"holds {self.nothing}", "check what the pattern names")
            raise damaged[0] if damaged else nothing
        ends = self._ends(days.recordings_after(input.day), found, site, input.owner)
        for part, reasons in found.faults.items():
            more = f" (one of {len(reasons)} such)" if len(reasons) > 1 else ""
            yield Reject(input, reasons[0] + more, part)
        batch = client_batch(found.readings, ends)
        if batch is None and found.readings:
            reason = "each node has a single reading, so that nothing was counted between two"
            yield Reject(input, f"{reason}; archive one at each step", "readings")
        yield from ([batch] if batch is not None else [])
        yield from others

    def _ends(self, later: list[Recording], found: Found, site: Site, owner: str) -> Readings:
        """Return the first reading of each node after the day's last one."""
        ends: Readings = {}
        system = found.backend or next(iter(found.systems), None)
        for recording in later:
            if ends.keys() >= found.readings.keys():
                break
            other = Found(system)
            try:
                self.take(recording, other, site, owner)
            except InputError:
                continue  # it is rejected with its own day
            for node, readings in other.readings.items():
                after = [us for us in readings if node in found.readings and us > max(found.readings[node])]
                if after and node not in ends:
                    ends[node] = {min(after): readings[min(after)]}
        return ends


def client_batch(readings: Readings, ends: Readings) -> Batch | None:
    """Return `scale_client` by the project's counter rules; None where no node has two readings."""
    nodes: list[str] = []
    starts: list[Ints] = []
    lengths: list[Ints] = []
    amounts: list[Ints] = []
    known: list[Flags] = []
    resets: list[Flags] = []
    for node, mine in sorted(readings.items()):
        series = sorted({**mine, **ends.get(node, {})}.items())
        if len(series) < 2:
            continue
        moments = np.array([us for us, _ in series], np.int64)
        values = np.array([counters for _, counters in series], np.int64)
        listed = values >= 0
        values[~listed] = 0
        counted, reset = listed_amounts(values, listed)
        read = [
            read_amounts(counted[:, i].tolist(), listed[:, i].tolist(), reset.tolist(), moments.tolist())
            for i in range(len(COUNTERS))
        ]
        nodes += [node] * len(counted)
        starts.append(moments[:-1])
        lengths.append(np.diff(moments))
        amounts.append(np.array([[amount or 0 for amount in one] for one in read], np.int64).T)
        known.append(np.array([[amount is not None for amount in one] for one in read], bool).T)
        resets.append(reset)
    if not nodes:
        return None
    counted, listed = np.concatenate(amounts), np.concatenate(known)
    columns: dict[str, pa.Array] = {
        "node": pa.array(nodes, pa.string()),
        "ts": times(np.concatenate(starts)),
        "interval_s": pa.array(np.concatenate(lengths) / 1e6),
        "reset": pa.array(np.concatenate(resets)),
        **{n: integers(counted[:, i].copy(), listed[:, i].copy()) for i, n in enumerate(COUNTERS)},
    }
    return Batch(SCALE_CLIENT, rows(SCALE_CLIENT, columns, len(nodes)).cast(SCALE_CLIENT.batch_schema))
