"""Local times of a log or report to UTC, by the order in which they were written.

The hour that autumn repeats is read by that order: where the local clock goes back, the later reading begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from iolake.extractors.counters import Flags, Ints
from iolake.extractors.slurm.zone import to_utc


def utc_in_order(
    local_s: Ints, zone: ZoneInfo, step_s: int | None = None, after: int | None = None
) -> tuple[Ints, Flags]:
    """Return (UTC seconds, whether the reading is a guess) of local seconds in the order they were written.

    `step_s` is the distance of a regular report's times: it settles times of the repeated hour that no earlier time
    settles. Where nothing does, the earlier reading is taken. A time that the clock skipped in spring is read by
    the offset before the change. `after` is the UTC time of what was written before the first.
    """
    early, late, _ = to_utc(local_s, zone)
    utc, unsure = early.copy(), early != late
    if after is not None and len(utc) and unsure[0] and after - early[0] > 1800:
        utc[0], unsure[0] = late[0], False
    for i in np.flatnonzero(unsure).tolist():
        if i and utc[i - 1] - early[i] > (0 if step_s else 1800):
            utc[i], unsure[i] = late[i], False
        elif i and (not unsure[i - 1] or utc[i - 1] == late[i - 1]):
            unsure[i] = early[i] - utc[i - 1] > 3600
    for i in reversed(np.flatnonzero(early != late).tolist()):
        if i + 1 == len(utc):
            continue
        if step_s and utc[i] == early[i] and late[i] + step_s == utc[i + 1]:
            utc[i] = late[i]
        if utc[i + 1] != early[i + 1] or (step_s and early[i] + step_s == utc[i + 1]) or utc[i] == late[i]:
            unsure[i] = False
    return utc, unsure


def is_local_time(text: str) -> bool:
    """Return whether an ISO 8601 text is a time that a log can have: from 1980 to 2099."""
    try:
        return 1980 <= datetime.fromisoformat(text).year < 2100
    except ValueError:
        return False


def utc_us(texts: Sequence[str | None]) -> pa.Array:
    """Return microseconds since 1970 of texts in ISO 8601, UTC where they have no zone; null where one is no time.

    Arrow reads the usual form, 2017-12-13T08:26:20.677Z, many times faster than Python.
    """
    try:
        return pa.array(texts, pa.string()).cast(pa.timestamp("us", "UTC")).view(pa.int64())
    except pa.ArrowInvalid:
        known = {text: _moment(text or "") for text in set(texts)}
        return pa.array([known[text] for text in texts], pa.int64())


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def local_seconds(texts: Sequence[str]) -> Ints:
    """Return seconds since 1970 of ISO 8601 texts on a local clock; ValueError where one is not a time."""
    return np.array(texts, dtype="datetime64[s]").astype(np.int64)
