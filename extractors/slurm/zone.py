"""Local times to UTC by a zone's own transitions, both readings of the hour that autumn repeats."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int64]
"""Seconds since 1970-01-01, of a local clock or of UTC."""

_DAY = 86_400


def to_utc(local: Seconds, zone: ZoneInfo) -> tuple[Seconds, Seconds, NDArray[np.bool_]]:
    """(earlier reading, later reading, whether the clock ever showed it) of local times.

    The readings differ only in an hour that the clock showed twice.
    """
    if not len(local):
        return local, local, np.ones(0, np.bool_)
    instants, before, after = _transitions(zone, int(local.min()) // _DAY - 2, int(local.max()) // _DAY + 2)
    offsets = np.append(before, after[-1])
    # The clock leaves the old offset at instant + before, and starts the new one at instant + after.
    left = np.searchsorted(instants + before, local, side="right")
    entered = np.searchsorted(instants + after, local, side="right")
    return local - offsets[left], local - offsets[entered], left <= entered


@lru_cache(maxsize=64)
def _transitions(zone: ZoneInfo, first_day: int, last_day: int) -> tuple[Seconds, Seconds, Seconds]:
    """(instants, offsets before, offsets after) of the zone's changes between two days, and one far before them."""
    instants, before, after = [first_day * _DAY - 400 * _DAY], [], []
    start = _offset(zone, first_day * _DAY)
    before.append(start)
    after.append(start)
    for day in range(first_day, last_day):
        low, high = day * _DAY, (day + 1) * _DAY
        old, new = _offset(zone, low), _offset(zone, high)
        if old == new:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
        instants.append(high)
        before.append(old)
        after.append(new)
    return np.array(instants), np.array(before), np.array(after)


def _offset(zone: ZoneInfo, utc: int) -> int:
    offset = datetime.fromtimestamp(utc, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
