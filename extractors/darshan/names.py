"""Decodes the names region, which maps record ids to paths and other names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.darshan.chain import contiguous, find, follow
from iolake.extractors.darshan.decoded import Group, Ints
from iolake.extractors.darshan.records import DAMAGED

COUNTED: Final = 0
"""Version of the region's layout in which a name follows its length; in version 1 it ends with a NUL."""

_ID: Final = 8
_MIX: Final = (1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
"""Odd numbers that spread ids over 64 bits. Under the first, records in their table's order have keys in order."""

Unsigned = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Names:
    """The names of many logs: in log number `logs[i]`, `ids[i]` is the id of `distinct[places[i]]`.

    Sorted by `keys`, which `_keys` computes with `mix`. The first of equal keys is used.
    """

    logs: Ints
    ids: Unsigned
    places: npt.NDArray[np.int32]
    distinct: pa.Array
    keys: Unsigned
    mix: int

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, logs: Ints, ids: Unsigned) -> pa.Array:
        """Return the int32 index of the name of each (log, id), null where the log has no such name."""
        sought = _keys(logs, ids, self._log_bits, self.mix)
        index = np.minimum(np.searchsorted(self.keys, sought), len(self) - 1)
        known = (self.ids[index] == ids) & (self.logs[index] == logs)
        return pa.array(index.astype(np.int32), mask=None if known.all() else ~known)

    @cached_property
    def _log_bits(self) -> int:
        return _bits(self.logs)


def read_names(groups: Iterable[Group]) -> tuple[Names, dict[int, str]]:
    """Return the names of many logs, and {log: reason} for logs with a damaged names region.

    The first name of an id is used; an empty name only where the id has no other.
    """
    parts: list[tuple[Ints, Unsigned, pa.Array]] = []
    damaged: dict[int, str] = {}
    for group in groups:
        part, broken = _read(group)
        parts.append(part)
        damaged |= broken
    none = (np.empty(0, np.int64), np.empty(0, np.uint64), pa.array([], pa.string()))
    columns = tuple(zip(none, *parts, strict=True))
    logs, ids, names = np.concatenate(columns[0]), np.concatenate(columns[1]), pa.concat_arrays(columns[2])
    empty = pc.equal(names, "").to_numpy(zero_copy_only=False)
    if empty.any():
        order = np.argsort(empty, kind="stable")
        logs, ids, names = logs[order], ids[order], names.take(pa.array(order))
    places, distinct = _distinct(names, logs)
    order, keys, mix = _order(logs, ids)
    return Names(logs[order], ids[order], places[order], distinct, keys, mix), damaged


def _distinct(names: pa.Array, logs: Ints) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Return (index of each name in the distinct names, distinct names). Skips the search for a single log."""
    if not _bits(logs):
        return np.arange(len(names), dtype=np.int32), names
    encoded = names.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary


def _order(logs: Ints, ids: Unsigned) -> tuple[Ints, Unsigned, int]:
    """Return (sort order, sorted keys, mix), with the first mix that gives different records different keys.

    The sort is stable for equal records.
    """
    for mix in _MIX:
        keys = _keys(logs, ids, _bits(logs), mix)
        order = np.argsort(keys)
        ordered = keys[order]
        twins = np.flatnonzero(ordered[1:] == ordered[:-1])
        if len(twins):
            order = np.argsort(keys, kind="stable")
        here, after = order[twins], order[twins + 1]
        if np.array_equal(ids[here], ids[after]) and np.array_equal(logs[here], logs[after]):
            return order, ordered, mix
    raise AssertionError("two names share a key under each of four mixes")


def _bits(logs: Ints) -> int:
    """Return how many bits the log numbers need."""
    return int(logs.max(initial=0)).bit_length()


def _read(group: Group) -> tuple[tuple[Ints, Unsigned, pa.Array], dict[int, str]]:
    joined = np.frombuffer(group.data, np.uint8)
    regions = np.flatnonzero(group.lengths)
    ends = np.cumsum(group.lengths)[regions]
    starts, logs = ends - group.lengths[regions], group.logs[regions]
    counted = group.layout.version == COUNTED
    read = _counted if counted else _ending_with_nul
    at, broken = read(joined, starts, ends, group)
    damaged = logs[np.searchsorted(ends, broken, side="right")]
    if len(damaged):
        return (logs[:0], np.empty(0, np.uint64), pa.array([], pa.string())), dict.fromkeys(damaged.tolist(), DAMAGED)
    order = "<u8" if group.layout.byte_order == "little" else ">u8"
    ids = np.ndarray((max(len(joined) - _ID + 1, 0),), order, joined.data, strides=(1,))[at].astype(np.uint64)
    names = _strings(joined, at, _ID + 4, len(joined)) if counted else _strings(joined, at, _ID, -1)
    return (logs[np.searchsorted(ends, at, side="right")], ids, names), {}


def _ending_with_nul(joined: Bytes, starts: Ints, ends: Ints, group: Group) -> tuple[Ints, Ints]:
    """Return (offsets of records, offsets at which a record is damaged).

    A record begins at a region's start or after a NUL, either a name's terminator or a zero byte inside an id.
    """
    if not len(joined):
        return starts, starts
    nuls = np.append(np.flatnonzero(joined == 0), len(joined) + _ID)
    within = joined[ends - 1] != 0
    if within.any():
        return starts[:0], starts[within]
    candidates = np.append(0, nuls[:-2] + 1)
    last = np.arange(len(candidates))
    while len(short := np.flatnonzero(nuls[last] < candidates + _ID)):
        last[short] += 1
    following = nuls[last] + 1
    end = ends[np.searchsorted(ends, candidates, side="right")]
    nothing = len(candidates)
    jump = np.where(following < end, last + 1, nothing)  # the candidate behind that NUL
    reached = follow(jump, find(candidates, starts))
    return candidates[reached], candidates[reached & (following > end)]


def _counted(joined: Bytes, starts: Ints, ends: Ints, group: Group) -> tuple[Ints, Ints]:
    """Return the same for names that follow a 4-byte length; here a record may begin at any byte."""
    head = _ID + 4
    if len(joined) < head:
        return starts[:0], starts
    order = "<u4" if group.layout.byte_order == "little" else ">u4"
    lengths = np.ndarray((len(joined) - head + 1,), order, joined.data, offset=_ID, strides=(1,)).astype(np.int64)
    candidates = np.flatnonzero(lengths <= len(joined))
    return contiguous(candidates, candidates + head + lengths[candidates], starts, ends)


def _strings(joined: Bytes, at: Ints, start: int, stop: int) -> pa.Array:
    """Return bytes [start, stop) of the contiguous records that begin at the offsets `at`, as strings.

    Bytes that are not UTF-8 become \\xNN escapes.
    """
    offsets = pa.py_buffer(np.append(at, len(joined)).astype(np.int32))
    records = pa.Array.from_buffers(pa.binary(), len(at), [None, offsets, pa.py_buffer(joined)])
    names = pc.binary_slice(records, start, stop)
    try:
        return names.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([name.decode("utf-8", "backslashreplace") for name in names.to_pylist()], pa.string())


def _keys(logs: Ints, ids: Unsigned, log_bits: int, mix: int) -> Unsigned:
    """Return a 64-bit key for each (log, id): the log number, then the high bits of the mixed id."""
    if not log_bits:
        return ids
    mixed: Unsigned = ids * np.uint64(mix)
    return (logs.astype(np.uint64) << np.uint64(64 - log_bits)) | (mixed >> np.uint64(log_bits))
