"""Values by component and interval, gathered from many reports into the rows of the Storage Scale tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.lustre import integers, rows, times
from iolake.schemas.table import Table

Floats = npt.NDArray[np.float64]
Component = tuple[str, ...]
METRIC: Final = "metrics."
"""What the name of a column starts with that goes to the table's map `metrics`."""
_LARGEST: Final = 2.0**53
"""A report's floating point holds no larger number exactly, and no interval moves as many bytes."""


@dataclass
class Dense:
    """Rows with all their columns: `component` points into the cells' components; NaN is unknown."""

    component: Ints
    start_us: Ints
    interval_s: Floats
    columns: dict[str, Floats]


class _Part(NamedTuple):
    """Values of one column: `values` is (moments, components), `codes` says which components."""

    codes: Ints
    start_us: Ints
    interval_s: Floats
    column: str
    values: Floats


@dataclass
class Cells:
    """The values of one table: component, start of the interval, and columns, added in any order."""

    table: Table
    components: dict[Component, int] = field(default_factory=dict)
    _parts: list[_Part] = field(default_factory=list)

    def add(
        self, components: Sequence[Component], start_us: Ints, interval_s: float | Floats, column: str, values: Floats
    ) -> int:
        """Add a column's values (moments, components); return how many were left out.

        Left out is what is no amount and no gauge: negative, infinite or beyond 2**53.
        """
        wrong = (values < 0) | (values > _LARGEST)
        if any_wrong := bool(wrong.any()):
            values = np.where(wrong, np.nan, values)
        codes = [self.components.setdefault(component, len(self.components)) for component in components]
        length = np.full(len(start_us), interval_s, np.float64)
        self._parts.append(_Part(np.array(codes, np.int64), start_us, length, column, values))
        return int(wrong.sum()) if any_wrong else 0

    def dense(self) -> Dense | None:
        """Return the rows that have a value, one a component and interval; None where there is no row.

        Of values for the same column and row, the one added last counts.
        """
        if not self._parts:
            return None
        moments = np.unique(np.concatenate([part.start_us for part in self._parts]))
        size = len(self.components) * len(moments)
        length = np.full(size, np.nan)
        columns: dict[str, Floats] = {}
        for part in self._parts:
            cells = part.codes * len(moments) + np.searchsorted(moments, part.start_us)[:, None]
            known = ~np.isnan(part.values)
            if part.column not in columns:
                columns[part.column] = np.full(size, np.nan)
            columns[part.column][cells[known]] = part.values[known]
            length[cells[known]] = part.interval_s[known.nonzero()[0]]
        filled = np.flatnonzero(~np.isnan(length))
        if not len(filled):
            return None
        component, at_moment = np.divmod(filled, len(moments))
        dense = {name: values[filled] for name, values in columns.items()}
        return Dense(component, moments[at_moment], length[filled], dense)

    def batch(self, dense: Dense, roles: Sequence[str | None] | None = None) -> Batch:
        """Return the rows as the table's; `roles` holds the role of each component."""
        keys = [c.name for c in self.table.keys if c.name not in {self.table.owner.name, "ts"}]
        listed = list(self.components)
        texts: dict[str, Sequence[str | None]] = {name: [key[i] for key in listed] for i, name in enumerate(keys)}
        if roles is not None:
            texts["role"] = roles
        at = pa.array(dense.component)
        arrays: dict[str, pa.Array] = {
            "ts": times(dense.start_us),
            "interval_s": pa.array(dense.interval_s),
            **{name: pa.array(values, pa.string()).take(at) for name, values in texts.items()},
        }
        metrics: dict[str, Floats] = {}
        for name, values in dense.columns.items():
            if name.startswith(METRIC):
                metrics[name.removeprefix(METRIC)] = values
            elif pa.types.is_floating(self.table[name].type):
                arrays[name] = pa.array(values, mask=np.isnan(values))
            else:
                arrays[name] = _whole(values)
        if metrics:
            arrays["metrics"] = _map(metrics)
        return Batch(self.table, rows(self.table, arrays, len(dense.start_us)).cast(self.table.batch_schema))


def summed(dense: Dense, group: Ints, names: Sequence[str]) -> Dense:
    """Return `names` summed over the rows of the same group and interval; unknown where all are unknown."""
    moments, at = np.unique(dense.start_us, return_inverse=True)
    keys, place = np.unique(group * len(moments) + at, return_inverse=True)
    length = np.empty(len(keys))
    length[place] = dense.interval_s
    columns = {}
    for name in names:
        values = dense.columns.get(name, np.full(len(place), np.nan))
        known = ~np.isnan(values)
        total = np.bincount(place, np.where(known, values, 0), len(keys))
        columns[name] = np.where(np.bincount(place, known, len(keys)) > 0, total, np.nan)
    return Dense(keys // len(moments), moments[keys % len(moments)], length, columns)


def _whole(values: Floats) -> pa.Array:
    valid: Flags = ~np.isnan(values)
    return integers(np.rint(np.where(valid, values, 0)).astype(np.int64), valid)


def _map(metrics: Mapping[str, Floats]) -> pa.Array:
    """A MAP column of the values that are known; null in a row without any."""
    names = sorted(metrics)
    matrix = np.stack([metrics[name] for name in names], axis=1)
    known = ~np.isnan(matrix)
    offsets = np.zeros(len(matrix) + 1, np.int32)
    np.cumsum(known.sum(axis=1), out=offsets[1:])
    codes = np.broadcast_to(np.arange(len(names), dtype=np.int32), matrix.shape)[known]
    labels = pa.array(names, pa.string()).take(pa.array(codes))
    mask = None if known.any(axis=1).all() else pa.array(~known.any(axis=1))
    return pa.MapArray.from_arrays(pa.array(offsets), labels, pa.array(matrix[known]), mask=mask)
