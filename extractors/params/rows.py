"""Turns readings of a file system's targets into rows of `lustre_ost`, `lustre_mdt` and `lustre_fs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.counters import Flags, Ints, Placement, listed_amounts
from iolake.extractors.lustre import BYTE_COUNTERS, Sums, counts_map, fs_batch, integers, names, rows, times
from iolake.extractors.params.joblist import date_us, unread_units
from iolake.extractors.params.reading import U64, Reading
from iolake.schemas.lustre import LUSTRE_MDT, LUSTRE_OST, MD_OP_COLUMN
from iolake.schemas.table import Table

Series = Mapping[str, Sequence[Reading]]
"""Target to its readings, each with its time, in order of time."""

_KIB = 1024
_MOST = np.iinfo(np.int64).max
_SHORTEST_US = 500_000
"""Readings that are closer together came from one call."""
_JITTER = 0.1
"""The part of a step by which the last reading may be late without beginning another step."""
_MD_COUNTERS = {(op, "count"): column for op, column in MD_OP_COLUMN.items()}
_SPACES = ("kbytestotal", "kbytesfree", "kbytesavail", "filestotal", "filesfree")


@dataclass
class _Steps:
    """The rows of targets of one kind: from each reading to the next, and the last reading with nothing after it."""

    code: Ints
    start: Ints
    end: Ints
    reset: Flags
    counted: Flags
    amounts: dict[tuple[str, str], Ints]
    space: dict[str, tuple[Ints, Flags]]

    def known(self, key: tuple[str, str]) -> Flags:
        """In which rows a counter's amount is known: nothing of it was counted in a unit without a known size."""
        unread = unread_units(self.amounts, key[0]) if key[1] == "sum" else ()
        known: Flags = np.all([self.counted, *(self.amounts[one] == 0 for one in unread)], axis=0)
        return known


def target_batches(series: Series, unread: set[tuple[str, str]] | None = None) -> list[Batch]:
    """`lustre_ost`, `lustre_mdt` and `lustre_fs`; adds counters of bytes without a known unit to `unread`.

    A target's last reading has a row for its space, without a length and amounts: no reading follows. Readings of jobs
    alone are not rows of the target.
    """
    own = {target: [r for r in readings if r.counters is not None or r.space] for target, readings in series.items()}
    kinds = {
        table: {target: readings for target, readings in own.items() if readings and target.startswith(prefix)}
        for table, prefix in ((LUSTRE_OST, "OST"), (LUSTRE_MDT, "MDT"))
    }
    steps = {table.name: _steps(kind) for table, kind in kinds.items() if kind}
    if unread is not None:
        unread.update(*(unread_units(step.amounts) for step in steps.values()))
    batches = [Batch(table, _rows(table, sorted(kind), steps[table.name])) for table, kind in kinds.items() if kind]
    edges = _edges(list(steps.values()))
    if len(edges) > 1:
        sums = [_sums(table, steps.get(table.name), len(kind), edges) for table, kind in kinds.items()]
        batches.append(fs_batch(edges, *sums))
    return batches


def _steps(series: Series) -> _Steps:
    keys = sorted({key for readings in series.values() for reading in readings for key in reading.counters or {}})
    parts = [_target_steps(code, series[target], keys) for code, target in enumerate(sorted(series))]
    amount = np.concatenate([p[1] for p in parts])
    columns = [np.concatenate(column) for column in zip(*(p[0] for p in parts), strict=True)]
    readings = [reading for target in sorted(series) for reading in series[target] if not reading.ends_only]
    space = {
        name: (
            np.array([r.space.get(name, 0) for r in readings], np.int64),
            np.array([name in r.space for r in readings], bool),
        )
        for name in _SPACES
    }
    code, start, end, reset, counted = columns
    amounts = {key: np.ascontiguousarray(amount[:, i]) for i, key in enumerate(keys)}
    return _Steps(code, start, end, reset, counted, amounts, space)


def _target_steps(
    code: int, readings: Sequence[Reading], keys: Sequence[tuple[str, str]]
) -> tuple[tuple[npt.NDArray[Any], ...], Ints]:
    """((code, start, end, reset, whether it has amounts), amounts (readings, keys)) of one target."""
    count = len(readings)
    us = np.array([reading.us for reading in readings], np.int64)
    counted = np.array([reading.counters is not None for reading in readings], bool)
    amount, reset, end = np.zeros((count, len(keys)), np.int64), np.zeros(count, bool), us.copy()
    if len(at := np.flatnonzero(counted)):
        counted[at[-1]] = False
        amount[at[:-1]], reset[at[:-1]], fits = _moved([r for r in readings if r.counters is not None], keys)
        counted[at[:-1]] = fits
        end[at[:-1]] = us[at[1:]]
    begins = np.array([not reading.ends_only for reading in readings], np.bool_)
    columns = (np.full(count, code), us, end, reset, counted)
    return tuple(column[begins] for column in columns), amount[begins]


def _moved(readings: Sequence[Reading], keys: Sequence[tuple[str, str]]) -> tuple[Ints, Flags, Flags]:
    """(amounts, reset, whether the amounts fit their columns) between readings that all have counters."""
    lists = [reading.counters or {} for reading in readings]
    shape = (len(lists), len(keys))
    values: npt.NDArray[Any] = np.array([[min(c.get(k, 0), U64) for k in keys] for c in lists], np.uint64)
    listed = np.array([[k in c for k in keys] for c in lists], np.bool_)
    moved, reset = listed_amounts(values.reshape(shape), listed.reshape(shape), _restarts(readings))
    fits: Flags = np.all(moved <= _MOST, axis=1)
    return moved.astype(np.int64), reset, fits


def _restarts(readings: Sequence[Reading]) -> list[int]:
    """The readings that count since another start than those before, or since after the reading before.

    A reading may lack the start.
    """
    restarts = []
    start_us: int | None = None
    for i, (old, new) in enumerate(pairwise(readings), 1):
        start_us = start_us if old.start_us is None else old.start_us
        since_us = date_us(new.start_us)
        restarted = new.start_us is not None and start_us is not None and new.start_us != start_us
        if restarted or (since_us is not None and since_us > (old.us or 0)):
            restarts.append(i)
    return restarts


def _rows(table: Table, targets: Sequence[str], steps: _Steps) -> pa.Table:
    always, own = _owned(table, steps)
    interval = (steps.end - steps.start) / 1e6
    columns: dict[str, pa.Array] = {
        table.keys[1].name: names(steps.code.astype(np.int32), targets),
        "ts": times(steps.start),
        "interval_s": pa.array(interval, mask=~steps.counted),
        "reset": pa.array(steps.reset, mask=~steps.counted),
        **{name: integers(np.zeros(len(interval), np.int64), steps.known(key)) for key, name in always.items()},
        **{own[key]: integers(values, steps.known(key)) for key, values in steps.amounts.items() if key in own},
        "other_ops": counts_map(
            {op: v for (op, kind), v in steps.amounts.items() if kind == "count" and (op, kind) not in own},
            steps.counted,
        ),
        "op_time_us": counts_map({op: v for (op, kind), v in steps.amounts.items() if kind == "time"}, steps.counted),
        **_space(steps.space),
    }
    return rows(table, columns, len(interval))


def _space(space: Mapping[str, tuple[Ints, Flags]]) -> dict[str, pa.Array]:
    """Space columns. A server reports its numbers one after the other: with more free than total, use is unknown."""
    (
        (total, has_total),
        (free, has_free),
        (available, has_available),
        (files, has_files),
        (files_free, has_free_files),
    ) = (space[name] for name in _SPACES)
    return {
        "total_bytes": integers(total * _KIB, has_total),
        "used_bytes": integers((total - free) * _KIB, has_total & has_free & (free <= total)),
        "available_bytes": integers(available * _KIB, has_available),
        "total_inodes": integers(files, has_files),
        "used_inodes": integers(files - files_free, has_files & has_free_files & (files_free <= files)),
    }


def _edges(kinds: Sequence[_Steps]) -> Ints:
    """The edges of the file system's steps. Targets are read at different moments, so a step is a usual interval."""
    spans = [(s.start[s.counted], s.end[s.counted]) for s in kinds if s.counted.any()]
    if not spans:
        return np.empty(0, np.int64)
    start, end = (np.concatenate(part) for part in zip(*spans, strict=True))
    length = end - start
    usual = length[length >= _SHORTEST_US]
    step = max(1_000_000, round(float(np.median(usual)) / 1e6) * 1_000_000) if len(usual) else 1_000_000
    count = max(1, int(np.ceil((int(end.max()) - int(start.min())) / step - _JITTER)))
    return int(start.min()) + np.arange(count + 1, dtype=np.int64) * step


def _owned(table: Table, steps: _Steps) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Counters with a column: those that every server of the kind counts, at zero if not listed; and all.

    A metadata target counts bytes only with data on it.
    """
    always = _MD_COUNTERS if table is LUSTRE_MDT else BYTE_COUNTERS
    return always, always | {key: column for key, column in BYTE_COUNTERS.items() if key in steps.amounts}


def _sums(table: Table, steps: _Steps | None, known: int, edges: Ints) -> Sums:
    sums = Sums.none(len(edges) - 1, known)
    if steps is not None and steps.counted.any():
        has = steps.counted
        zero = np.zeros(int(has.sum()), np.int64)
        owned = _owned(table, steps)[1]
        amounts = {
            name: (steps.amounts[key][has] if key in steps.amounts else zero, steps.known(key)[has])
            for key, name in owned.items()
        }
        sums.add(Placement(steps.start[has], steps.end[has], edges), amounts, steps.reset[has])
    return sums
