"""From cumulative counters to amounts: what was counted between a component's samples.

The rules, the same for every source:

- an amount belongs to the interval from one sample to the component's next one, however long that is;
- a counter that fell was reset in between, and with it the others of its component. The new value is what was
  certainly counted since, so it is taken as the amount, a lower bound, and marked. What was counted between the
  old sample and the reset is unknown;
- a counter that stands still, at zero or elsewhere, counted zero;
- so no amount is negative, and amounts over a span without resets add up to the counter's own difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def sample_order(component: Ints, ts: Ints) -> Ints:
    """Row numbers of the samples ordered by (component, ts); of samples with the same both, the last row only.

    `component` holds small numbers from 0. Samples on a shared grid of times are ordered without sorting.
    """
    if not len(ts):
        return np.empty(0, np.int64)
    times, slot = np.unique(ts, return_inverse=True)
    cells = (int(component.max()) + 1) * len(times)
    if cells > 4 * len(ts) + 1000:
        order = np.lexsort((ts, component))
        keep = np.ones(len(order), dtype=bool)
        keep[:-1] = (np.diff(component[order]) != 0) | (np.diff(ts[order]) != 0)
        return order[keep]
    row_of = np.full(cells, -1, np.int64)
    row_of[component * len(times) + slot] = np.arange(len(ts))
    return row_of[row_of >= 0]


def amounts(opening: Ints, closing: Ints) -> tuple[Ints, Flags]:
    """(amounts, whether the counters were reset) of readings (counters, samples) at both ends of intervals.

    A component's counters are reset together: where one fell, all began at zero again.
    """
    counted = closing - opening
    reset: Flags = np.any(counted < 0, axis=0)
    return np.where(reset, closing, counted) if reset.any() else counted, reset


def listed_amounts(readings: Ints, listed: Flags, restarts: Sequence[int] = ()) -> tuple[Ints, Flags]:
    """`amounts` between one component's consecutive samples (samples, counters), not all `listed` in each sample.

    A server lists a counter once it has counted something. So one that is not listed stands where it stood, and
    at zero before it is first listed and after a reset. `restarts` are samples known to come after a reset.
    """
    if not len(readings):
        return readings, np.empty(0, bool)
    latest = np.maximum.accumulate(np.where(listed, np.arange(len(readings))[:, None], -1), axis=0)
    before = latest[:-1]
    fell = listed[1:] & (before >= 0) & (readings[1:] < np.take_along_axis(readings, np.maximum(before, 0), axis=0))
    fell_from = np.where(fell, before, -1).max(axis=1, initial=-1)
    fell_from[np.array(restarts, np.int64) - 1] = len(readings)
    since = np.zeros(len(readings), np.int64)
    start = 0
    for row in np.flatnonzero(fell_from >= 0).tolist():
        if fell_from[row] >= start:  # else what it fell from was read before the last reset
            since[row + 1] = start = row + 1
    reset = since[1:] > 0
    np.maximum.accumulate(since, out=since)
    standing = np.where(latest >= since[:, None], np.take_along_axis(readings, np.maximum(latest, 0), axis=0), 0)
    return np.where(reset[:, None], standing[1:], standing[1:] - standing[:-1]), reset


class Placement:
    """Where intervals [opening, closing) lie on the steps between `edges`.

    An amount of an interval that touches several steps is spread over them by its share of time in each. Nothing
    is lost: what lies outside the edges goes to the nearest step, and the sums add up exactly.
    """

    def __init__(self, opening: Ints, closing: Ints, edges: Ints) -> None:
        self._steps = len(edges) - 1
        first = np.clip(np.searchsorted(edges, opening, "right") - 1, 0, self._steps - 1)
        longer = np.flatnonzero((closing > edges[first + 1]) & (first < self._steps - 1))
        last = np.minimum(np.searchsorted(edges, closing[longer], "left") - 1, self._steps - 1)
        self._first, self._several = first, longer
        lengths = last - first[longer] + 1
        self._row = np.repeat(self._several, lengths)
        begins = np.cumsum(lengths) - lengths
        self._step = first[self._row] + np.arange(len(self._row)) - np.repeat(begins, lengths)
        self._ends = begins + lengths - 1
        self._begins = begins
        begin, end = opening[self._row], closing[self._row]
        self._share = (edges[self._step + 1] - begin) / np.maximum(end - begin, 1)
        middle = (edges[self._step] + edges[self._step + 1]) // 2
        self._covers = (begin <= middle) & (middle < end)

    def total(self, amount: Ints) -> Ints:
        """The amounts summed in each step."""
        result = np.zeros(self._steps, np.int64)
        whole = amount.copy()
        whole[self._several] = 0
        np.add.at(result, self._first, whole)
        until = np.minimum(np.rint(amount[self._row] * self._share), amount[self._row]).astype(np.int64)
        until[self._ends] = amount[self._several]
        parts = np.diff(until, prepend=0)
        parts[self._begins] = until[self._begins]
        np.add.at(result, self._step, parts)
        return result

    def count(self, valid: Flags) -> Ints:
        """How many of the intervals marked `valid` cover each step, by its middle where they touch several."""
        result = np.zeros(self._steps, np.int64)
        whole = valid.astype(np.int64)
        whole[self._several] = 0
        np.add.at(result, self._first, whole)
        np.add.at(result, self._step, (self._covers & valid[self._row]).astype(np.int64))
        return result
