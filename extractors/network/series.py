"""Series of interfaces, as rates or as counters, and the rows that they make."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.counters import listed_amounts, read_amounts
from iolake.schemas.network import NETWORK_INTERFACE

Series = dict[int, dict[str, float]]
"""Seconds since 1970 to {in, out}: bytes a second, or a counter of bytes."""
Interfaces = dict[tuple[str, str], Series]
"""(router, interface) to its series."""
FIRST_S, LAST_S = 315_532_800, 4_102_444_800
_LARGEST: Final = 2.0**63
_COLUMNS: Final = {"in": "net_in_bytes", "out": "net_out_bytes"}


def rate_batch(interfaces: Mapping[tuple[str, str], Series], interval_s: float) -> Batch | None:
    """Return a row for each rate: it holds from its time on for `interval_s`. None where there is no rate."""
    rows: list[dict[str, Any]] = []
    for (router, interface), series in sorted(interfaces.items()):
        for ts, rates in sorted(series.items()):
            amounts = {_COLUMNS[way]: _amount(rate * interval_s) for way, rate in rates.items()}
            rows.append({"router": router, "interface": interface, "ts": ts, "interval_s": interval_s, **amounts})
    return _batch(rows)


def counter_batch(interfaces: Mapping[tuple[str, str], Series]) -> Batch | None:
    """Return a row from each reading to the next one, by the project's counter rules; None where there are no two."""
    rows: list[dict[str, Any]] = []
    ways = list(_COLUMNS)
    for (router, interface), series in sorted(interfaces.items()):
        readings = sorted(series.items())
        values = np.array([[int(found.get(way, 0)) for way in ways] for _, found in readings], np.int64)
        listed = np.array([[way in found for way in ways] for _, found in readings], bool)
        counted, resets = listed_amounts(values, listed)
        times = [ts for ts, _ in readings]
        moved = {
            _COLUMNS[way]: read_amounts(counted[:, i].tolist(), listed[:, i].tolist(), resets.tolist(), times)
            for i, way in enumerate(ways)
        }
        for place, reset in enumerate(resets.tolist()):
            ts, until = times[place : place + 2]
            row = {"router": router, "interface": interface, "ts": ts, "interval_s": float(until - ts), "reset": reset}
            rows.append(row | {column: amounts[place] for column, amounts in moved.items()})
    return _batch(rows)


def step_of(interfaces: Mapping[tuple[str, str], Series]) -> int | None:
    """Return the commonest distance of neighbouring times, in seconds; None where there are no two."""
    steps: Counter[int] = Counter()
    for series in interfaces.values():
        times = sorted(series)
        steps.update(b - a for a, b in pairwise(times))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else None


def is_amount(value: Any) -> bool:
    """Return whether a value is a number that an interface can have moved."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and 0 <= value < _LARGEST


def _amount(value: float) -> int | None:
    return round(value) if value < _LARGEST else None


def _batch(rows: list[dict[str, Any]]) -> Batch | None:
    if not rows:
        return None
    for row in rows:
        row["ts"] *= 1_000_000
    schema = NETWORK_INTERFACE.batch_schema
    return Batch(NETWORK_INTERFACE, pa.Table.from_pylist(rows, schema))
