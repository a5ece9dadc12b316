"""From cumulative counters to amounts: what a component counted between two samples.

The rules are the same for every source:

- An amount belongs to the interval from one sample to the component's next one, however long that is.
- A counter that fell was reset, and with it the other counters of its component. The new value was certainly counted
  since the reset, so it is the amount: a lower bound, and marked. The count between the old sample and the reset is
  unknown.
- A counter that did not change counted zero.
- So no amount is negative, and over a span without resets the amounts add up to the counter's own difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def sample_order(component: Ints, ts: Ints) -> Ints:
    """Row numbers in order of (component, ts); of rows with the same component and time only the last.

    `component` holds small numbers from 0. Samples on a shared grid of times need no sort.
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
    """(amounts, reset) between the readings (counters, samples) at the two ends of intervals.

    A component's counters are reset together: where one fell, all restarted from zero.
    """
    counted = closing - opening
    reset: Flags = np.any(counted < 0, axis=0)
    return np.where(reset, closing, counted) if reset.any() else counted, reset


def listed_amounts(readings: Ints, listed: Flags, restarts: Sequence[int] = ()) -> tuple[Ints, Flags]:
    """(amounts, reset) between one component's consecutive samples (samples, counters) that do not list all counters.

    A server lists a counter once it has counted something. A counter that is missing from `listed` keeps its value,
    which is zero before it is first listed and after a reset. `restarts` are samples that are known to follow a reset.
    """
    if not len(readings):
        return readings, np.empty(0, bool)
    latest = _latest_listed(listed)
    since = _last_reset(readings, listed, latest, restarts)
    reset = np.diff(since, prepend=0)[1:] > 0
    standing = np.where(latest >= since[:, None], np.take_along_axis(readings, np.maximum(latest, 0), axis=0), 0)
    return np.where(reset[:, None], standing[1:], standing[1:] - standing[:-1]), reset


def _latest_listed(listed: Flags) -> Ints:
    """For each sample and counter the last sample so far that lists the counter; -1 before the first."""
    latest: Ints = np.maximum.accumulate(np.where(listed, np.arange(len(listed))[:, None], -1), axis=0)
    return latest


def _last_reset(readings: Ints, listed: Flags, latest: Ints, restarts: Sequence[int]) -> Ints:
    """For each sample the first sample after the last reset; 0 where there was none.

    A counter shows a reset only if it fell from a value that was read after the reset before.
    """
    before = latest[:-1]
    fell = listed[1:] & (before >= 0) & (readings[1:] < np.take_along_axis(readings, np.maximum(before, 0), axis=0))
    fell_from = np.where(fell, before, -1).max(axis=1, initial=-1)
    fell_from[np.array(restarts, np.int64) - 1] = len(readings)
    since = np.zeros(len(readings), np.int64)
    start = 0
    for row in np.flatnonzero(fell_from >= 0).tolist():
        if fell_from[row] >= start:
            since[row + 1] = start = row + 1
    return np.maximum.accumulate(since)


def read_amounts(
    counted: Sequence[int], listed: Sequence[bool], resets: Sequence[bool], times: Sequence[int]
) -> list[int | None]:
    """What a counter counted from each reading to the next, where a reading may lack it because it was not read.

    `counted` and `resets` are those of `listed_amounts`, `times` those of the readings.

    Up to its first value nothing is known. What it counted over readings that lack it is spread over them by time; the
    amount since a reset belongs to the reset's own interval.
    """
    amounts: list[int | None] = [None] * len(counted)
    since: int | None = 0 if listed[0] else None
    for place, amount in enumerate(counted):
        if not listed[place + 1]:
            continue
        if since is not None and resets[place]:
            amounts[place] = amount
        elif since is not None:
            span, left = times[place + 1] - times[since], amount
            for part in range(since, place):
                share = amount * (times[part + 1] - times[part]) // span
                amounts[part], left = share, left - share
            amounts[place] = left
        since = place + 1
    return amounts


class Placement:
    """Where intervals [opening, closing) lie on the steps between `edges`.

    The amount of an interval that touches several steps is spread over them by the time in each. Nothing is lost:
    amounts outside the edges go to the nearest step, and the sums are exact.
    """

    def __init__(self, opening: Ints, closing: Ints, edges: Ints) -> None:
        self._steps = len(edges) - 1
        self._first = np.clip(np.searchsorted(edges, opening, "right") - 1, 0, self._steps - 1)
        self._several = np.flatnonzero((closing > edges[self._first + 1]) & (self._first < self._steps - 1))
        self._list_parts(closing, edges)
        self._share_parts(opening[self._row], closing[self._row], edges)

    def _list_parts(self, closing: Ints, edges: Ints) -> None:
        """List the parts of intervals that touch several steps, end to end: the interval and the step of each."""
        first, intervals = self._first, self._several
        last = np.minimum(np.searchsorted(edges, closing[intervals], "left") - 1, self._steps - 1)
        lengths = last - first[intervals] + 1
        self._row = np.repeat(intervals, lengths)
        self._begins = np.cumsum(lengths) - lengths
        self._ends = self._begins + lengths - 1
        self._step = first[self._row] + np.arange(len(self._row)) - np.repeat(self._begins, lengths)

    def _share_parts(self, begin: Ints, end: Ints, edges: Ints) -> None:
        """Compute the share of its interval up to each part's end, and whether it covers the middle of its step."""
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
        """How many of the `valid` intervals cover each step: its middle, where they touch several steps."""
        result = np.zeros(self._steps, np.int64)
        whole = valid.astype(np.int64)
        whole[self._several] = 0
        np.add.at(result, self._first, whole)
        np.add.at(result, self._step, (self._covers & valid[self._row]).astype(np.int64))
        return result

    def touched(self, valid: Flags) -> Flags:
        """The steps that receive a part, even of zero, of the amount of a `valid` interval."""
        result: Flags = np.zeros(self._steps, bool)
        result[self._first[valid]] = True
        result[self._step[valid[self._row]]] = True
        return result
