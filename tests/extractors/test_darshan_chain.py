"""Following all chains at once gives the ends that following them step by step gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.darshan.chain import follow


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """(the successor of each element, the starts of chains); the successor is mostly the next element."""
    count = draw(st.integers(0, 60))
    leap = st.integers(0, count)
    jump = [draw(leap) if draw(st.integers(0, 3)) == 0 else place + 1 for place in range(count)]
    return jump, draw(st.lists(st.integers(0, count - 1), max_size=4)) if count else []


@given(chains())
def test_what_is_reached_is_what_a_walk_comes_by(chain: tuple[list[int], list[int]]) -> None:
    jump, starts = chain
    walked: set[int] = set()
    for start in starts:
        place = start
        while place < len(jump) and place not in walked:
            walked.add(place)
            place = jump[place]
    reached = follow(np.array(jump, dtype=np.int64), np.array(starts, dtype=np.int64))
    assert np.flatnonzero(reached).tolist() == sorted(walked)
