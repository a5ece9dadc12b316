"""Gathering the regions of many logs, so that those of a layout lie end to end before they are decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from iolake.extractors.darshan.decoded import Group, Ints, Layout, Region
from iolake.extractors.darshan.room import Room


@dataclass(slots=True)
class _Layer:
    """The regions of one layout."""

    logs: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    room: Room = field(default_factory=Room)


class Gathering:
    """Takes the regions of logs as they are opened, so that nothing else has to keep them."""

    def __init__(self) -> None:
        self._layers: dict[Layout, _Layer] = defaultdict(_Layer)
        self.size_bytes = 0

    def add(self, log: int, regions: Iterable[Region]) -> None:
        """Take all regions of log number `log`; none of them is too large to be held."""
        for region in regions:
            assert region.data is not None
            layer = self._layers[region.layout]
            layer.logs.append(log)
            layer.lengths.append(len(region.data))
            layer.room.add(region.data)
            self.size_bytes += len(region.data)

    def groups(self, places: Ints) -> list[Group]:
        """What was gathered, by layout; log number `log` is now told by its place `places[log]`."""
        return [
            Group(layout, places[np.array(layer.logs)], np.array(layer.lengths), layer.room.data)
            for layout, layer in self._layers.items()
        ]
