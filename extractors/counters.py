"""From cumulative counters to amounts: what was counted between a component's samples.

The rules, the same for every source:

- an amount belongs to the interval from one sample to the component's next one, however long that is;
- a counter that fell was reset in between. Its new value is what was certainly counted since, so it is taken
  as the amount, a lower bound, and marked. What was counted between the old sample and the reset is unknown;
- a counter that stands still, at zero or elsewhere, counted zero;
- so no amount is negative, and amounts over a span without resets add up to the counter's own difference.
"""

from __future__ import annotations

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


def intervals(component: Ints, order: Ints) -> tuple[Ints, Ints]:
    """(opening row, closing row) of each interval between consecutive samples of one component."""
    same = np.flatnonzero(component[order][1:] == component[order][:-1])
    return order[same], order[same + 1]


def amounts(opening: Ints, closing: Ints) -> tuple[Ints, Flags]:
    """(amount, whether the counter was reset) between two readings of a counter."""
    reset = closing < opening
    return np.where(reset, closing, closing - opening), reset


def carry_forward(readings: Ints, present: Flags) -> Ints:
    """Readings (sample, counter) with the absent ones filled: by the counter's last reading, or zero before its first.

    A server lists a counter only once it has counted something, so one that a sample of the same component
    does not list stands where it stood.
    """
    latest = np.where(present, np.arange(len(readings))[:, None], -1)
    np.maximum.accumulate(latest, axis=0, out=latest)
    filled = np.take_along_axis(readings, np.maximum(latest, 0), axis=0)
    return np.where(latest >= 0, filled, 0)


def spread(opening: Ints, closing: Ints, amount: Ints, edges: Ints) -> Ints:
    """Amounts of [opening, closing) summed into the steps between `edges`, each by the share of its length in a step.

    Nothing is lost: what lies outside the edges goes to the nearest step, and the sums add up exactly.
    """
    steps = len(edges) - 1
    first = np.clip(np.searchsorted(edges, opening, "right") - 1, 0, steps - 1)
    last = np.clip(np.searchsorted(edges, closing, "left") - 1, first, steps - 1)
    row = np.repeat(np.arange(len(amount)), last - first + 1)
    begins = np.r_[True, row[1:] != row[:-1]][: len(row)]
    ends = np.r_[row[1:] != row[:-1], True][: len(row)]
    step = first[row] + np.arange(len(row)) - np.flatnonzero(begins)[row]
    share = (edges[step + 1] - opening[row]) / np.maximum(closing - opening, 1)[row]
    until = np.where(ends, amount[row], np.minimum(np.rint(amount[row] * share), amount[row]).astype(np.int64))
    total = np.zeros(steps, np.int64)
    np.add.at(total, step, np.where(begins, until, np.diff(until, prepend=0)))
    return total


def covered(opening: Ints, closing: Ints, edges: Ints) -> Ints:
    """How many of the intervals [opening, closing) cover the middle of each step between `edges`."""
    middle = (edges[:-1] + edges[1:]) // 2
    change = np.zeros(len(edges), np.int64)
    np.add.at(change, np.searchsorted(middle, opening, "left"), 1)
    np.add.at(change, np.searchsorted(middle, closing, "left"), -1)
    return np.cumsum(change)[:-1]
