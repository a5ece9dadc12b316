"""Following chains of records from each to the next, without walking them one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.darshan.decoded import Ints


def follow(jump: Ints, starts: Ints) -> npt.NDArray[np.bool_]:
    """Which of n things are reached from `starts`, when `jump[i]` is what comes after thing i.

    n stands for nothing: the end of a chain, or where it breaks. The chains are followed by doubling: after round
    k, everything within 2**k steps of its start is marked.
    """
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
    """The index of each `sought` among `positions`, which ascend; their number where it is not one of them."""
    if not len(positions):
        return np.zeros(len(sought), dtype=np.int64)
    index = np.searchsorted(positions, sought)
    inside = np.minimum(index, len(positions) - 1)
    return np.where(positions[inside] == sought, index, len(positions))
