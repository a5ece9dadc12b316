"""From matrices of a day, one row a target and one column a step, to the rows of a table, hour by hour."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.hdf5.chunks import MISSING_BITS, Doubles, Matrix, Numbers, bits, doubles
from iolake.extractors.lustre import Sums, counts_map, fs_batch, integers, names, own_names, rows, times, whole_counts
from iolake.schemas.lustre import LUSTRE_MDT, LUSTRE_OST
from iolake.schemas.table import HOUR_US, Table

_LARGEST = 2**62


class Block(NamedTuple):
    """A quantity (targets, steps), where its numbers are values, and the count of invalid ones (see `_checked`)."""

    numbers: npt.NDArray[Any]
    valid: Flags
    bad: int


@dataclass
class Values:
    """One quantity: a matrix (names, steps), which of its rows belongs to each target (-1: none), and its scale.

    `scale` turns stored numbers into the column's unit: a factor, or one for each step where the file holds rates.
    """

    matrix: Matrix
    row_of: Ints
    scale: float | Doubles = 1.0

    def amounts(self, cuts: Sequence[int]) -> Iterator[Block]:
        """The values of steps [cut, next cut), block by block, as whole numbers; 0 where a value is missing."""
        for scaled in self._scaled(cuts):
            block = _checked(scaled)
            whole = scaled.dtype == np.int64
            if whole or block.bad:
                scaled[~block.valid] = 0
            yield block._replace(numbers=scaled.copy() if whole else np.rint(scaled, out=scaled).astype(np.int64))

    def gauges(self, cuts: Sequence[int]) -> Iterator[Block]:
        """The values of steps [cut, next cut), block by block."""
        for scaled in self._scaled(cuts):
            yield _checked(doubles(scaled).copy())

    def _scaled(self, cuts: Sequence[int]) -> Iterator[Numbers]:
        """Blocks in the column's unit, one row a target; whole numbers unless they are scaled."""
        for (start, stop), block in zip(pairwise(cuts), self.matrix.blocks(cuts), strict=True):
            own = self._own(block)
            scale = self.scale[start:stop] if isinstance(self.scale, np.ndarray) else self.scale
            if not np.array_equal(scale, 1.0):
                own = doubles(own)
                with np.errstate(over="ignore"):  # too large a value is counted as invalid
                    own *= scale
            yield own

    def _own(self, block: Numbers) -> Numbers:
        """The block with a row for each target."""
        if np.array_equal(self.row_of, np.arange(len(block))):
            return block
        own: Numbers = block[self.row_of]
        bits(own)[self.row_of < 0] = MISSING_BITS
        return own


class Named(NamedTuple):
    """A quantity as the file holds it: a matrix, the row of each name in it, and its scale."""

    rows: Mapping[str, int]
    matrix: Matrix
    scale: float | Doubles = 1.0


def by_name(found: Mapping[str, Named]) -> tuple[list[str], dict[str, Values]]:
    """The sorted names of all quantities, and each quantity's values by these names."""
    targets = sorted({name for named in found.values() for name in named.rows})
    return targets, {
        column: Values(named.matrix, np.array([named.rows.get(t, -1) for t in targets], np.int64), named.scale)
        for column, named in found.items()
    }


def rows_of(labels: Sequence[str], backend: str | None, uri: str) -> dict[str, int] | None:
    """Name to row, for the rows that belong to `backend`; None where a name has two rows.

    A row without a name is not used. InputError where the rows belong to other file systems.
    """
    named = [row for row, label in enumerate(labels) if label]
    own = own_names([labels[row] for row in named], backend, uri)
    rows = {name: named[i] for i, name in own.items()}
    return rows if len(rows) == len(own) else None


def _checked(block: Numbers) -> Block:
    """The numbers, where they are values, and the count of invalid ones: negative, infinite, too large or NaN."""
    valid = bits(block) >= 0
    if block.min(initial=0) >= 0 and block.max(initial=0) <= _LARGEST:  # neither holds where something is NaN
        return Block(block, valid, 0)
    valid &= block <= _LARGEST
    return Block(block, valid, int(np.count_nonzero(~valid & (bits(block) != MISSING_BITS))))


@dataclass
class Panel:
    """One kind of target or server in a file: their names in order, the steps, and the quantities.

    `edges` are microseconds, one more than steps. `constants` are columns with one value. `bad` counts, for each
    column, the invalid numbers (negative, infinite, NaN); they become null.
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
    whole: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def batches(self, summed: Sequence[str], emit: bool = True) -> Iterator[Batch]:
        """The rows, a batch an hour in the table's order; the sums over targets of `summed` are kept in `totals`.

        While the caller uses an hour, threads read the next one, one thread a quantity.
        """
        steps = len(self.edges) - 1
        self.totals = {n: (np.zeros(steps, np.int64), np.zeros(steps, bool)) for n in summed if n in self.amounts}
        self.present, self.whole = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        in_order = self.table in (LUSTRE_OST, LUSTRE_MDT)  # the only panel of its table, in a table sorted by hour
        hours = self.edges[:-1] // HOUR_US
        cuts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), steps]
        amounts = self.amounts | {f"other_ops.{name}": values for name, values in self.other_ops.items()}
        sources = {name: values.amounts(cuts) for name, values in amounts.items()}
        sources |= {name: values.gauges(cuts) for name, values in self.gauges.items()}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            coming = {name: pool.submit(next, blocks) for name, blocks in sources.items()}
            for start, stop in pairwise(cuts):
                blocks = {name: block.result() for name, block in coming.items()}
                if stop < steps:
                    coming = {name: pool.submit(next, blocks) for name, blocks in sources.items()}
                data = self._rows(start, stop, blocks)
                if emit and self.targets:
                    yield Batch(self.table, data, in_order)

    def sums(self) -> Sums:
        """Sums over the targets, once `batches` has run.

        A target that lacks one of its counts in a step is missing there, but for counts that the whole file lacks.
        """
        present = self.whole if all(seen.any() for _, seen in self.totals.values()) else self.present
        return Sums(len(self.targets), present, self.totals)

    def _rows(self, start: int, stop: int, blocks: Mapping[str, Block]) -> pa.Table:
        """The rows of steps [start, stop)."""
        count, steps = len(self.targets), stop - start
        columns = {
            self.key: names(_codes(count, steps), self.targets),
            "ts": times(np.tile(self.edges[start:stop], count)),
        }
        if "interval_s" in self.table.batch_schema.names:
            columns["interval_s"] = _lengths(count, np.diff(self.edges[start : stop + 1]).tobytes())
        for name, value in self.constants.items():
            columns[name] = names(np.zeros(count * steps, np.int32), [value])
        known = {name: blocks[name].valid for name in self.totals}
        for name, valid in known.items():
            numbers = blocks[name].numbers
            total, seen = self.totals[name]
            np.sum(numbers, axis=0, out=total[start:stop])
            seen[start:stop] = valid.any(axis=0)
        if (whole := whole_counts(known)) is not None:
            self.whole[start:stop] = whole.sum(axis=0)
            self.present[start:stop] = np.logical_or.reduce(list(known.values())).sum(axis=0)
        for name in self.amounts:
            columns[name] = integers(blocks[name].numbers.ravel(), blocks[name].valid.ravel())
        for name in self.gauges:
            columns[name] = pa.array(blocks[name].numbers.ravel(), mask=~blocks[name].valid.ravel())
        if self.other_ops:
            others = {name: blocks[f"other_ops.{name}"] for name in self.other_ops}
            collected = np.any([block.valid for block in others.values()], axis=0)
            columns["other_ops"] = counts_map({n: b.numbers.ravel() for n, b in others.items()}, collected.ravel())
        self.bad.update({name: block.bad for name, block in blocks.items()})
        return rows(self.table, columns, count * steps)


@lru_cache(maxsize=4)
def _codes(count: int, steps: int) -> npt.NDArray[np.int32]:
    """The codes of `count` names, each repeated for every step; cached, since most hours have the same."""
    return np.repeat(np.arange(count, dtype=np.int32), steps)


@lru_cache(maxsize=4)
def _lengths(count: int, us: bytes) -> pa.Array:
    """The lengths of steps, from the bytes of their microseconds, for each of `count` names; cached likewise."""
    return pa.array(np.tile(np.frombuffer(us, np.int64) / 1e6, count))


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
