"""Numbers by id, for many ids at once."""

from __future__ import annotations

import numpy as np

from iolake.extractors.counters import Ints


class Lookup:
    """Maps ids to numbers, and any other id to -1: by a table where the ids are dense, else by a search."""

    def __init__(self, ids: Ints, values: Ints) -> None:
        """`ids` rise."""
        self._ids, self._values = ids, values
        self._first = int(ids[0]) if len(ids) else 0
        self._span = int(ids[-1]) - self._first + 1 if len(ids) else 0
        self._table: Ints | None = None
        if self._span <= 4 * len(ids) + 1000:
            self._table = np.full(self._span + 1, -1, np.int64)
            self._table[ids - self._first] = values

    def __call__(self, ids: Ints) -> Ints:
        """The number of each id."""
        if self._table is not None:
            place = ids - self._first
            place[(place < 0) | (place > self._span)] = self._span
            return self._table[place]
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[place] == ids, self._values[place], -1)
