"""The steps of a dataset, and datasets with different steps side by side.

A step is as long as most steps in the file. Before a gap in the times, a step keeps that length, and the rest of the
gap is a step of its own in which every value is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from iolake.extractors.counters import Ints
from iolake.extractors.hdf5.chunks import MISSING_BITS, Matrix, Numbers, bits

_LATEST: Final = 2**32
"""Far enough ahead for telemetry; milliseconds are beyond it."""


class Steps(NamedTuple):
    """Steps [starts, ends), microseconds; they rise and don't overlap, but may leave gaps."""

    starts: Ints
    ends: Ints


def wrong_times(seconds: Ints) -> str | None:
    """What is wrong with times that should rise and be seconds since 1970; None where they are right."""
    if (np.diff(seconds) <= 0).any():
        return "do not rise"
    if seconds[0] < 0 or seconds[-1] > _LATEST:
        return "are not seconds since 1970"
    return None


def usual_length(times: Ints) -> int:
    """The most frequent distance between rising times; the shortest where several are as frequent."""
    lengths, counts = np.unique(np.diff(times), return_counts=True)
    return int(lengths[np.argmax(counts)])


def after(times: Ints, length: int, last: int) -> Steps:
    """The steps that start at rising times, none longer than `length`; the last one ends at `last` or before."""
    return Steps(times, np.minimum(times + length, np.append(times[1:], last)))


def before(times: Ints, length: int) -> Steps:
    """The steps that end at the second of rising times and those after it, none longer than `length`."""
    return Steps(np.maximum(times[1:] - length, times[:-1]), times[1:])


def borders(*parts: Steps) -> Ints:
    """The borders of the steps of all parts; gaps are steps too."""
    return np.unique(np.concatenate([edge for steps in parts for edge in steps]))


def overlap(*parts: Steps) -> bool:
    """Whether a step of one part covers a piece of another part's step."""
    edges = borders(*parts)
    return any((edges[np.searchsorted(edges, steps.starts) + 1] != steps.ends).any() for steps in parts)


def placed(matrix: Matrix, steps: Steps, edges: Ints) -> Matrix:
    """A matrix of these steps as a matrix of the steps between `edges`, which contain them."""
    at = np.searchsorted(edges, steps.starts)
    return matrix if len(at) == len(edges) - 1 else _Placed(matrix, at)


class _Placed:
    """A matrix whose column i is step `at[i]`; the steps between are missing."""

    def __init__(self, matrix: Matrix, at: Ints) -> None:
        self._matrix, self._at = matrix, at

    def blocks(self, cuts: Sequence[int]) -> Iterator[Numbers]:
        """The values of steps [cut, next cut)."""
        own_cuts = np.searchsorted(self._at, cuts).tolist()
        ranges = zip(pairwise(cuts), pairwise(own_cuts), self._matrix.blocks(own_cuts), strict=True)
        for (start, stop), (first, last), own in ranges:
            kind: np.dtype[Any] = own.dtype
            block: Numbers = np.empty((len(own), stop - start), kind)
            bits(block)[...] = MISSING_BITS
            block[:, self._at[first:last] - start] = own
            yield block
