"""From matrices of a day, one row a target and one column a step, to the rows of a table, hour by hour."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from extractors.base import Batch
from extractors.counters import Flags, Ints
from extractors.hdf5.chunks import Doubles
from extractors.lustre import Sums, counts_map, fs_batch, integers, names, rows, times
from schemas.lustre import LUSTRE_MDT, LUSTRE_OST
from schemas.table import HOUR_US, Table

_LARGEST = np.float64(2.0**62).view(np.uint64)
_NEGATIVE_ZERO = np.float64(-0.0).view(np.uint64)


@dataclass
class Values:
    """One quantity: a matrix (names, steps), which of its rows belongs to each target (-1: none), and its scale.

    Missing is -0.0. `scale` turns stored numbers into the column's unit: a factor, or one for each step where
    the file holds rates.
    """

    matrix: Doubles
    row_of: Ints
    scale: float | Doubles = 1.0

    def block(self, start: int, stop: int) -> Doubles:
        """The values of steps [start, stop), shape (targets, steps), in the column's unit, in memory of their own."""
        if len(self.row_of) == len(self.matrix) and (self.row_of == np.arange(len(self.row_of))).all():
            part = self.matrix[:, start:stop]
        else:
            part = self.matrix[self.row_of, start:stop]
            part[self.row_of < 0] = -0.0
        if isinstance(self.scale, np.ndarray):
            return part * self.scale[start:stop]
        return part.copy() if self.scale == 1.0 else part * self.scale


@dataclass
class Panel:
    """What a file knows of one kind of target or server: their names in order, the steps, and the quantities.

    `edges` are microseconds, one more than steps. `constants` are columns with one value. `bad` counts, for
    each column, the stored numbers that can't be: negative, infinite or not a number; they become null.
    """

    table: Table
    key: str
    targets: Sequence[str]
    edges: Ints
    amounts: dict[str, Values] = field(default_factory=dict)
    gauges: dict[str, Values] = field(default_factory=dict)
    other_ops: dict[str, Values] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    bad: Counter[str] = field(default_factory=Counter)
    totals: dict[str, tuple[Ints, Flags]] = field(default_factory=dict)
    present: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def batches(self, summed: Sequence[str], emit: bool = True) -> Iterator[Batch]:
        """The rows, a batch an hour in the table's order; the sums over targets of `summed` are kept in `totals`."""
        steps = len(self.edges) - 1
        self.totals = {n: (np.zeros(steps, np.int64), np.zeros(steps, bool)) for n in summed if n in self.amounts}
        self.present = np.zeros(steps, np.int64)
        in_order = self.table in (LUSTRE_OST, LUSTRE_MDT)  # the only panel of its table, in a table sorted by hour
        hours = self.edges[:-1] // HOUR_US
        cuts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), steps]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for data, bad in pool.map(lambda cut: self._rows(*cut), list(pairwise(cuts))):
                self.bad.update(bad)
                if emit and self.targets:
                    yield Batch(self.table, data, in_order)

    def sums(self) -> Sums:
        """Sums over the targets, once `batches` has run."""
        return Sums(len(self.targets), self.present, self.totals)

    def _rows(self, start: int, stop: int) -> tuple[pa.Table, Counter[str]]:
        """The rows of steps [start, stop), and how many stored numbers of each column can't be."""
        bad: Counter[str] = Counter()
        count, steps = len(self.targets), stop - start
        ones = np.ones(count, np.int64)[:, None]
        columns = {
            self.key: names(np.repeat(np.arange(count, dtype=np.int32), steps), self.targets),
            "ts": times((ones * self.edges[start:stop]).ravel()),
        }
        if "interval_s" in self.table.batch_schema.names:
            interval_s = np.diff(self.edges[start : stop + 1]) / 1e6
            columns["interval_s"] = pa.array((ones * interval_s).ravel())
        for name, value in self.constants.items():
            columns[name] = names(np.zeros(count * steps, np.int32), [value])
        counted = np.zeros((count, steps), bool)
        for name, values in self.amounts.items():
            amount, valid = _integers(name, values.block(start, stop), bad)
            columns[name] = integers(amount.ravel(), valid.ravel())
            if name in self.totals:
                total, seen = self.totals[name]
                np.sum(amount, axis=0, out=total[start:stop])
                seen[start:stop] = valid.any(axis=0)
                counted |= valid
        self.present[start:stop] = counted.sum(axis=0)
        for name, values in self.gauges.items():
            block = values.block(start, stop)
            valid = _valid(name, block, bad)
            columns[name] = pa.array(block.ravel(), mask=~valid.ravel())
        if self.other_ops:
            columns["other_ops"] = self._other_ops(start, stop, bad)
        return rows(self.table, columns, count * steps), bad

    def _other_ops(self, start: int, stop: int, bad: Counter[str]) -> pa.Array:
        entries = {}
        collected = np.zeros(len(self.targets) * (stop - start), bool)
        for name, values in self.other_ops.items():
            amount, valid = _integers(name, values.block(start, stop), bad)
            entries[name] = np.where(valid, amount, 0).ravel()
            collected |= valid.ravel()
        return counts_map(entries, collected)


def _integers(name: str, block: Doubles, bad: Counter[str]) -> tuple[Ints, Flags]:
    """The block as whole numbers, and where they are values; the block itself is used up."""
    valid = _valid(name, block, bad)
    if not valid.all():
        block[~valid] = 0.0
    return np.rint(block, out=block).astype(np.int64), valid


def _valid(name: str, block: Doubles, bad: Counter[str]) -> Flags:
    """Where a number is a value: neither missing nor impossible. Impossible ones are counted."""
    bits = block.view(np.uint64)
    valid: Flags = bits <= _LARGEST
    if not valid.all():
        bad[name] += int((~valid & (bits != _NEGATIVE_ZERO)).sum())
    return valid


def whole_file_system(osts: Panel | None, mdts: Panel | None) -> Batch | None:
    """`lustre_fs` from the sums of the panels: on the steps of the storage targets, else of the metadata targets."""
    if osts is None and mdts is None:
        return None
    edges = (osts or mdts).edges  # type: ignore[union-attr]
    ost_sums = osts.sums() if osts else Sums.none(len(edges) - 1)
    mdt_sums = mdts.sums() if mdts else Sums.none(len(edges) - 1)
    if mdts and not np.array_equal(mdts.edges, edges):
        mdt_sums = mdt_sums.spread(mdts.edges, edges)
    return fs_batch(edges, ost_sums, mdt_sums)
