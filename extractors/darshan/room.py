"""Room for bytes that come in parts, of which nobody knows how many there will be."""

from __future__ import annotations

from typing import Final

import numpy as np

from iolake.extractors.darshan.decoded import Bytes

_GROWTH: Final = 8


class Room:
    """Takes parts end to end. What is not filled takes no memory, so there is much of it.

    Unlike a bytearray, it lies in large pages where it is large, which are quicker to come by.
    """

    def __init__(self, expected: int = 0) -> None:
        self._room = np.empty(expected, np.uint8).data
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, part: Bytes) -> None:
        """Take a part."""
        end = self._used + len(part)
        if end > len(self._room):
            room = np.empty(_GROWTH * end, np.uint8).data
            room[: self._used] = self.data
            self._room = room
        self._room[self._used : end] = part
        self._used = end

    @property
    def data(self) -> memoryview:
        """All that was taken."""
        return self._room[: self._used]
