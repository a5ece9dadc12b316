"""Follows chains of records with array operations instead of a loop over records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iolake.extractors.darshan.decoded import Ints


def follow(jump: Ints, starts: Ints) -> npt.NDArray[np.bool_]:
    """Return a mask of the n items that are reachable from `starts`, where item `jump[i]` follows item i.

    A jump to n ends the chain. Most items are followed by their right neighbour, so a chain is a few runs of
    neighbours with leaps between them, and only the leaps are followed.
    """
    behind = np.arange(1, len(jump) + 1)
    behind[-1:] = -1  # so that every run ends with a leap
    leaps = np.flatnonzero(jump != behind)
    target = jump[leaps]
    next_leap = np.where(target < len(jump), np.searchsorted(leaps, target), len(leaps))
    leapt = target[_by_doubling(next_leap, np.searchsorted(leaps, starts))]
    runs = np.concatenate([starts, leapt[leapt < len(jump)]])
    steps = np.zeros(len(jump) + 1, dtype=np.int64)
    np.add.at(steps, runs, 1)
    np.add.at(steps, leaps[np.searchsorted(leaps, runs)] + 1, -1)
    return np.cumsum(steps[:-1]) > 0


def _by_doubling(jump: Ints, starts: Ints) -> npt.NDArray[np.bool_]:
    """Return that mask for any jumps. After round k, it marks each item within 2**k steps of a start."""
    nothing = len(jump)
    jump = np.append(jump, nothing)
    reached = np.zeros(nothing + 1, dtype=bool)
    reached[starts] = True
    while True:
        new = jump[reached]
        new = new[~reached[new]]
        reached[new] = True
        if not len(new) or (new == nothing).all():
            return reached[:nothing]
        jump = jump[jump]


def find(positions: Ints, sought: Ints) -> Ints:
    """Return the index of each `sought` value in the ascending `positions`, or len(positions) where it is absent."""
    if not len(positions):
        return np.zeros(len(sought), dtype=np.int64)
    index = np.searchsorted(positions, sought)
    inside = np.minimum(index, len(positions) - 1)
    return np.where(positions[inside] == sought, index, len(positions))


def contiguous(candidates: Ints, following: Ints, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return (where records begin, where one should begin but cannot) in regions [start, end) of records end to end.

    A record can begin at each of the ascending `candidates`, and the next one then begins at `following`.
    """
    end = ends[np.searchsorted(ends, candidates, side="right")]
    fits = following <= end
    candidates, following, end = candidates[fits], following[fits], end[fits]
    nothing = len(candidates)
    first, jump = find(candidates, starts), find(candidates, following)
    jump[following == end] = nothing
    reached = follow(jump, first[first < nothing])
    breaks = reached & (jump == nothing) & (following < end)
    return candidates[reached], np.concatenate([starts[first == nothing], following[breaks]])
