"""Gathering the regions of many logs, so that those of a layout lie end to end before they are decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from extractors.darshan.decoded import Bytes, Group, Ints, Layout, Region


class _Layer:
    """The regions of one layout. Room for them is made in doublings, as nobody knows how many will come."""

    def __init__(self) -> None:
        self.logs: list[int] = []
        self.lengths: list[int] = []
        self._room = memoryview(b"")
        self._used = 0

    def add(self, log: int, region: Bytes) -> None:
        end = self._used + len(region)
        if end > len(self._room):
            room = np.empty(2 * end, np.uint8).data
            room[: self._used] = self.data
            self._room = room
        self._room[self._used : end] = region
        self._used = end
        self.logs.append(log)
        self.lengths.append(len(region))

    @property
    def data(self) -> memoryview:
        return self._room[: self._used]


class Gathering:
    """Takes the regions of logs as they are opened, so that nothing else has to keep them."""

    def __init__(self) -> None:
        self._layers: dict[Layout, _Layer] = defaultdict(_Layer)
        self.size_bytes = 0

    def add(self, log: int, regions: Iterable[Region]) -> None:
        """Take all regions of log number `log`; none of them is too large to be held."""
        for region in regions:
            assert region.data is not None
            self._layers[region.layout].add(log, region.data)
            self.size_bytes += len(region.data)

    def groups(self, places: Ints) -> list[Group]:
        """What was gathered, by layout; log number `log` is now told by its place `places[log]`."""
        return [
            Group(layout, places[np.array(layer.logs)], np.array(layer.lengths), layer.data)
            for layout, layer in self._layers.items()
        ]
