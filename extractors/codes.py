"""Numbers in place of things that come many times, so that each different thing is looked at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import count
from typing import TypeVar

import numpy as np

from iolake.extractors.counters import Ints

_Thing = TypeVar("_Thing", bound=Hashable)


class Codes(defaultdict[_Thing, int]):
    """Thing to its number, from 0 in the order in which they came."""

    def __init__(self) -> None:
        super().__init__(count().__next__)

    def of(self, things: Iterable[_Thing]) -> Ints:
        """Return the number of each thing; equal things have the same one."""
        return np.fromiter(map(self.__getitem__, things), np.int64)
