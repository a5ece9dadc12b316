"""pytokio's JSON copy of an mmperfmon report: {end of the interval: {host: {counter: value or {device: value}}}}.

pytokio turned sizes into bytes and added `_bytes` to their counters' names. Times are seconds since 1970.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from iolake.extractors.base import InputError, quoted
from iolake.extractors.jsontext import parsed
from iolake.extractors.scale.report import Chunk, Entry, Report
from iolake.extractors.scale.sensors import SENSORS, sensor_of

_BYTES: Final = "_bytes"
_NOT_ONE: Final = "is JSON, but not pytokio's copy of mmperfmon reports"


def cached_report(uri: str, text: str) -> Report:
    """Return the report that a JSON copy holds; InputError where it is something else."""
    try:
        found = parsed(text)
        stamps = sorted({int(stamp) for stamp in found})
        cells = [
            (int(stamp), _entry(host, counter, device), _value(value), counter.endswith(_BYTES))
            for stamp, hosts in found.items()
            for host, counters in hosts.items()
            for counter, values in counters.items()
            for device, value in (values.items() if isinstance(values, dict) else [("", values)])
        ]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(uri, f"{_NOT_ONE}{quoted(error)}", "check what the pattern names") from None
    if not cells:
        return Report()
    if not 0 <= stamps[0] <= stamps[-1] < 1 << 33:
        raise InputError(uri, f"{_NOT_ONE}: its times are not seconds since 1970", "check what the pattern names")
    entries = list(dict.fromkeys(entry for _, entry, _, _ in cells))
    row_of = {stamp: i for i, stamp in enumerate(stamps)}
    column_of = {entry: i for i, entry in enumerate(entries)}
    values = np.full((len(stamps), len(entries)), math.nan)
    in_bytes = np.zeros(values.shape, bool)
    for stamp, entry, value, sized in cells:
        at = row_of[stamp], column_of[entry]
        values[at], in_bytes[at] = value, sized
    chunk = Chunk(entries, list(range(len(stamps))), [str(stamp) for stamp in stamps], values, in_bytes)
    chunk.utc = np.array(stamps, np.int64)
    return Report(chunks=[chunk])


def _entry(host: str, counter: str, device: str) -> Entry:
    plain = counter.removesuffix(_BYTES)
    sensor = sensor_of(plain) or ""
    known = plain if sensor and plain in SENSORS[sensor].columns else counter
    return Entry(host, sensor_of(known) or "", device, known)


def _value(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
