"""What the Lustre sources share: names of targets, building rows, and the sums of the whole file system."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import Batch, Input, InputError
from iolake.extractors.counters import Flags, Ints, Placement
from iolake.schemas.lustre import LUSTRE_FS, LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, SUMMED
from iolake.schemas.site import Site
from iolake.schemas.table import Table

_SERIES = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_SERVER, LUSTRE_FS)
TARGET = re.compile(r"(?P<fs>.+)-(?P<target>(?:OST|MDT)[0-9a-fA-F]{4})(?:_UUID)?")
"""A target's full name: the file system before the last hyphen, then kind and hexadecimal index."""
BYTE_COUNTERS: Final = {
    ("read_bytes", "sum"): "read_bytes",
    ("write_bytes", "sum"): "write_bytes",
    ("read_bytes", "count"): "read_ops",
    ("write_bytes", "count"): "write_ops",
}
"""Counters of transfers to their columns: bytes are a counter's sum, transfers its samples."""
BYTES: Final = ("read_bytes", "write_bytes")
ONLY_MDT: Final = "MDT0000"
"""The metadata target of a file system with a single one, where the source names only its server, or nothing."""
_BACKEND: Final = re.compile(r"(?<![\w-])([A-Za-z][A-Za-z0-9_]{0,7})-(?:OST|MDT)[0-9a-f]{4}")
"""A target's name: Lustre allows a file system's name eight characters (lustre(7), mkfs.lustre(8) --fsname)."""
_MOUNT: Final = re.compile(r"^(\w+)-(?:OST|MDT)\S* .* (/\S*)\[(?:OST|MDT):", re.MULTILINE)


def contested(tables: Sequence[Table]) -> frozenset[str]:
    """The names of the tables that other sources fill too for the same day: the series over time."""
    return frozenset(table.name for table in tables if table in _SERIES)


def zone_of(input: Input, site: Site) -> ZoneInfo:
    """The time zone that an input's source of a file system writes in."""
    owner = site.file_systems[input.owner]
    return ZoneInfo(owner.sources[input.source].timezone or owner.timezone)


def own_names(names: Sequence[str], backend: str | None, uri: str) -> dict[int, str]:
    """Index to short name, for the names that belong to the file system `backend`.

    A target's short name lacks the file system's prefix. A name without a prefix (a server, a disk) stays as it is and
    always belongs. Without `backend` all targets must be of one file system; InputError.
    """
    parts = [TARGET.fullmatch(name) for name in names]
    systems = sorted({part["fs"] for part in parts if part})
    if backend is None and len(systems) > 1:
        raise several_systems(uri, systems)
    own = {
        i: part["target"] if part else name
        for i, (name, part) in enumerate(zip(names, parts, strict=True))
        if part is None or backend is None or part["fs"] == backend
    }
    if systems and backend is not None and backend not in systems:
        raise other_system(uri, backend, systems)
    return own


def several_systems(uri: str, systems: Iterable[str]) -> InputError:
    """The error for a file with several file systems where the site does not name one."""
    held = ", ".join(sorted(systems))
    return InputError(uri, f"holds several file systems ({held})", "name one as the file system's backend in site.toml")


def other_system(uri: str, backend: str, systems: Iterable[str]) -> InputError:
    """The error for a file with other file systems than the site's."""
    held = ", ".join(sorted(systems))
    return InputError(uri, f"holds {held}, not {backend}", "correct the file system's backend in site.toml")


def rows(table: Table, columns: Mapping[str, pa.Array], count: int) -> pa.Table:
    """`count` rows of `table` with the given columns; the others are null."""
    unknown = columns.keys() - set(table.batch_schema.names)
    assert not unknown, f"{table.name} has no {unknown}"
    arrays = [columns[f.name] if f.name in columns else _nulls(f.type, count) for f in table.batch_schema]
    return pa.Table.from_arrays(arrays, names=table.batch_schema.names)


@lru_cache(maxsize=64)
def _nulls(kind: pa.DataType, count: int) -> pa.Array:
    return pa.nulls(count, kind)


def integers(values: Ints, valid: Flags | None = None) -> pa.Array:
    """An Arrow int64 column over the memory of `values`; null where not `valid`."""
    if valid is None or valid.all():
        return pa.array(values)
    bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.int64(), len(values), [bitmap, pa.py_buffer(np.ascontiguousarray(values))])


def times(us: Ints) -> pa.Array:
    """A timestamp column from microseconds since the epoch."""
    return pa.array(us).view(pa.timestamp("us"))


def names(codes: npt.NDArray[np.int32], values: Sequence[str]) -> pa.Array:
    """A column of names, dictionary-encoded: `codes` point into `values`."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values, pa.string()))


def counts_map(entries: Mapping[str, Ints], collected: Flags) -> pa.Array:
    """A MAP column from one column of counts a name. Zeros are left out; a row that was not collected is null."""
    keys = sorted(entries)
    count = len(collected)
    matrix = np.stack([entries[k] for k in keys], axis=1) if keys else np.zeros((count, 0), np.int64)
    present = (matrix != 0) & collected[:, None]
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(present.sum(axis=1), out=offsets[1:])
    codes = np.broadcast_to(np.arange(len(keys), dtype=np.int32), matrix.shape)[present]
    labels = pa.array(keys, pa.string()).take(pa.array(codes))
    mask = None if collected.all() else pa.array(~collected)
    return pa.MapArray.from_arrays(pa.array(offsets), labels, pa.array(matrix[present]), mask=mask)


def whole_counts(valid: Mapping[str, Flags]) -> Flags | None:
    """Where a target has all of its counts; None without any.

    Bytes read and bytes written are counted apart, and a sum that lacks one of them is of a part. Metadata operations
    come together, and a server lists those that it had.
    """
    if not valid:
        return None
    parts = [valid[name] for name in BYTES if name in valid]
    counted: Flags = np.all(parts, axis=0) if parts else np.any(list(valid.values()), axis=0)
    return counted


@dataclass
class Sums:
    """The sums over all targets of one kind, on the steps of the file system.

    `known` is the number of targets, `present` how many of them have counts in each step. `amounts` holds, by quantity,
    the sums and the steps in which at least one target has a value.
    """

    known: int
    present: Ints
    amounts: dict[str, tuple[Ints, Flags]] = field(default_factory=dict)

    @classmethod
    def none(cls, steps: int, known: int = 0) -> Sums:
        """Nothing counted yet."""
        return cls(known, np.zeros(steps, np.int64))

    def add(self, place: Placement, amounts: Mapping[str, tuple[Ints, Flags]], reset: Flags | None = None) -> None:
        """Add what targets report for the intervals of `place`; values that are not valid are missing.

        A counter that was `reset` in an interval says what it counted since: a lower bound, so the target is missing.
        """
        for name, (values, valid) in amounts.items():
            total, seen = self.amounts.get(name, (0, False))
            self.amounts[name] = total + place.total(np.where(valid, values, 0)), seen | place.touched(valid)
        counted = whole_counts({name: valid for name, (_, valid) in amounts.items()})
        if counted is not None:
            whole = counted if reset is None else counted & ~reset
            self.present += np.minimum(place.count(whole), self.known)

    def spread(self, edges: Ints, onto: Ints) -> Sums:
        """Spread these sums from the steps between `edges` over the steps between `onto`."""
        place = Placement(edges[:-1], edges[1:], onto)
        step = np.searchsorted(edges, (onto[:-1] + onto[1:]) // 2, "right") - 1
        inside = (step >= 0) & (step < len(edges) - 1)
        present = np.where(inside, self.present[np.clip(step, 0, len(edges) - 2)], 0)
        amounts = {name: (place.total(values), place.touched(valid)) for name, (values, valid) in self.amounts.items()}
        return Sums(self.known, present, amounts)


def fs_batch(edges: Ints, osts: Sums, mdts: Sums) -> Batch:
    """`lustre_fs`, a row for each of the steps between `edges` (microseconds)."""
    count = len(edges) - 1
    interval_s = np.diff(edges) / 1e6
    columns = {
        "ts": times(edges[:-1]),
        "interval_s": pa.array(interval_s),
        "osts": pa.array(np.full(count, osts.known, np.int32)),
        "osts_missing": pa.array((osts.known - osts.present).astype(np.int32)),
        "mdts": pa.array(np.full(count, mdts.known, np.int32)),
        "mdts_missing": pa.array((mdts.known - mdts.present).astype(np.int32)),
        "ost_seconds_before": pa.array(_before(osts.present * interval_s)),
        "mdt_seconds_before": pa.array(_before(mdts.present * interval_s)),
    }
    for name in SUMMED:
        found = [kind.amounts[name] for kind in (osts, mdts) if name in kind.amounts]
        seen = np.any([valid for _, valid in found], axis=0)
        if seen.any():
            values = np.sum([np.where(valid, values, 0) for values, valid in found], axis=0)
            columns[name] = integers(values, seen)
            columns[f"{name}_before"] = pa.array(_before(values))
    return Batch(LUSTRE_FS, rows(LUSTRE_FS, columns, count), in_order=True)


def _before(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The sum of the earlier values, for each."""
    total = np.zeros_like(values)
    np.cumsum(values[:-1], out=total[1:])
    return total


def named_systems(text: str) -> list[tuple[str, str | None]]:
    """The file systems whose targets a text names, each with its mount point where it says that."""
    mounts = dict(_MOUNT.findall(text))
    return [(name, mounts.get(name)) for name in dict.fromkeys(_BACKEND.findall(text))]
