"""Finding where records begin in a region whose records have no fixed length, without walking them one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.darshan.decoded import Ints


def follow(
    candidates: Ints, following: Ints, starts: Ints, ends: Ints
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which candidates are reached from `starts`, each of which is a chain of its own that must end at its end.

    candidates: positions where a record could begin, ascending. following: where the next one would begin then.
    starts, ends: first position and end of each region, ascending; `starts[i] < ends[i]`. A chain never passes its
    region's end: a candidate whose `following` is beyond it must not be among the candidates.

    Returns (reached, whole): for each candidate whether it is the beginning of a record, and for each region
    whether its chain ended exactly at its end.

    The chains are followed by doubling: after round k, every record within 2**k steps of its start is marked.
    """
    dead = len(candidates)
    jump = np.full(dead + 1, dead)
    reached = np.zeros(dead + 1, dtype=bool)
    first = _find(candidates, starts)
    reached[first] = True
    reached[dead] = False
    at_end = _find(ends, following) < len(ends)
    jump[:-1] = np.where(at_end, dead, _find(candidates, following))
    broken = ~at_end & (jump[:-1] == dead)
    while True:
        new = jump[reached]
        new = new[(new < dead) & ~reached[new]]
        if not len(new):
            break
        reached[new] = True
        jump = jump[jump]
    whole = first < dead
    failed = candidates[reached[:-1] & broken]
    whole[np.searchsorted(starts, failed, side="right") - 1] = False
    return reached[:-1], whole


def _find(candidates: Ints, positions: Ints) -> Ints:
    """The index of each position among the candidates; their number where it is not one."""
    if not len(candidates):
        return np.zeros(len(positions), dtype=np.int64)
    index = np.searchsorted(candidates, positions)
    inside = np.minimum(index, len(candidates) - 1)
    return np.where(candidates[inside] == positions, index, len(candidates))
