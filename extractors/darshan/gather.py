"""Joins the regions of many logs by layout, so that one call decodes all regions of a layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from iolake.extractors.darshan.decoded import Group, Ints, Layout, Region
from iolake.extractors.darshan.growing_buffer import GrowingBuffer


@dataclass(slots=True)
class _Layer:
    """The joined regions of one layout."""

    logs: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    buffer: GrowingBuffer = field(default_factory=GrowingBuffer)


class Gathering:
    """Copies the regions of logs as they are opened, so that the logs themselves can be closed."""

    def __init__(self) -> None:
        self._layers: dict[Layout, _Layer] = defaultdict(_Layer)
        self.size_bytes = 0

    def add(self, log: int, regions: Iterable[Region]) -> None:
        """Append all regions of log number `log`. Each region's `data` must be in memory."""
        for region in regions:
            assert region.data is not None
            layer = self._layers[region.layout]
            layer.logs.append(log)
            layer.lengths.append(len(region.data))
            layer.buffer.append(region.data)
            self.size_bytes += len(region.data)

    def groups(self, places: Ints) -> list[Group]:
        """Return one group for each layout. The group numbers log `log` as `places[log]`."""
        return [
            Group(layout, places[np.array(layer.logs)], np.array(layer.lengths), layer.buffer.data)
            for layout, layer in self._layers.items()
        ]
