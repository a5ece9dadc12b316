"""A byte buffer that grows as parts are appended."""

from __future__ import annotations

from typing import Final

import numpy as np

from iolake.extractors.darshan.decoded import Bytes

_GROWTH: Final = 8


class GrowingBuffer:
    """Appends parts end to end. Over-allocates; untouched pages cost no memory.

    numpy allocates large buffers in huge pages, which are faster to obtain than the pages of a bytearray.
    """

    def __init__(self, expected: int = 0) -> None:
        self._buffer = np.empty(expected, np.uint8).data
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def append(self, part: Bytes) -> None:
        """Append the bytes of a part."""
        end = self._used + len(part)
        if end > len(self._buffer):
            buffer = np.empty(_GROWTH * end, np.uint8).data
            buffer[: self._used] = self.data
            self._buffer = buffer
        self._buffer[self._used : end] = part
        self._used = end

    @property
    def data(self) -> memoryview:
        """The bytes appended so far, without a copy."""
        return self._buffer[: self._used]
