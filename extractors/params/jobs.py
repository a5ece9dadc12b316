"""From readings of a file system's targets over time to rows of `lustre_jobstats`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.lustre import rows, times
from iolake.extractors.params.dumps import Counters, Job, Reading, date_us
from iolake.extractors.params.rows import AMOUNTS, Series
from iolake.schemas.lustre import LUSTRE_JOBSTATS
from iolake.schemas.site import JOB_ID_GROUPS

_MOST: Final = 2**63 - 1


def job_batch(series: Series, pattern: re.Pattern[str], continued: Collection[str]) -> Batch:
    """`lustre_jobstats`: what each job did on each target between the moments of its last activity.

    `continued` are targets whose jobs an earlier day lists too: that day ends with their first lists, so that these
    only begin rows.
    """
    merged: dict[tuple[str, str, int], dict[str, Any]] = {}
    identities: dict[str, dict[str, Any]] = {}
    for target, readings in series.items():
        known: dict[str, tuple[Job, int]] = {}
        looked: int | None = None
        for number, (now, jobs) in enumerate(_lists(readings)):
            for text, listed in jobs.items():
                old, seen = known.get(text, (None, looked))
                job = _whole(old, listed)
                if old is not None and not _continues(old, job, seen == looked):
                    old, seen = None, looked
                known[text] = job, now
                amounts = _difference(old.counters if old else {}, job.counters)
                if amounts and not (target in continued and number == 0):
                    start, end = _interval(old, job, seen, now)
                    row = merged.setdefault(
                        (target, text, end if start is None else start), {"end": end, "fresh": False, "counters": {}}
                    )
                    row["end"] = None if start is None or row["end"] is None else max(end, row["end"])
                    row["fresh"] |= old is None
                    for key, value in amounts.items():
                        row["counters"][key] = row["counters"].get(key, 0) + value
                if text not in identities:
                    identities[text] = identify(text, pattern)
            looked = now
    return Batch(LUSTRE_JOBSTATS, _job_rows(merged, identities))


def _lists(readings: Sequence[Reading]) -> Iterator[tuple[int, Mapping[str, Job]]]:
    """(moment, jobs) of the readings that list jobs, the last of them the one that ends the rows."""
    for reading in readings:
        if reading.jobs is not None:
            yield reading.us or 0, reading.jobs
            if reading.ends_only:
                return


def _whole(old: Job | None, job: Job) -> Job:
    """A job with what its entry told before and, cut short, does not tell any more."""
    if old is None or old.start_us is None or job.start_us not in {None, old.start_us}:
        return job
    return Job(job.us or old.us, old.start_us, old.counters | job.counters)


def _continues(old: Job, job: Job, adjacent: bool) -> bool:
    """Whether a job's entry is the `old` one still. Where the looks are not `adjacent`, only its start tells that.

    A server leaves entries out of a list where it forgets others meanwhile.
    """
    fell = any(job.counters.get(key, 0) < value for key, value in old.counters.items())
    return not fell and old.start_us == job.start_us and (adjacent or job.start_us is not None)


def _interval(old: Job | None, job: Job, looked: int | None, now: int) -> tuple[int | None, int]:
    """When a job did what it did since it was `old`, between the looks at the list of `looked` and `now`.

    Until the look before it had done nothing more, however long it had been idle. A job's own time may be in whole
    seconds, or of a list that was taken a moment before the reading: then the looks tell.
    """
    start = max(old.us or 0, looked or 0) if old else date_us(job.start_us) or looked
    end = job.us or now
    if start is None or start < end:
        return start, end
    return min(start, now), now


def _job_rows(
    merged: Mapping[tuple[str, str, int], Mapping[str, Any]], identities: Mapping[str, Mapping[str, Any]]
) -> pa.Table:
    found = [(key, row, row["counters"]) for key, row in merged.items()]
    columns = {
        "target": pa.array([target for (target, _, _), _, _ in found], pa.string()),
        "jobstats_id": pa.array([text for (_, text, _), _, _ in found], pa.string()),
        "ts": times(np.array([us for (_, _, us), _, _ in found], np.int64)),
        "interval_s": pa.array(
            [None if row["end"] is None else (row["end"] - us) / 1e6 for (_, _, us), row, _ in found], pa.float64()
        ),
        "role": pa.array([target[:3].lower() for (target, _, _), _, _ in found], pa.string()),
        "fresh": pa.array([row["fresh"] for _, row, _ in found], pa.bool_()),
        **{
            column: pa.array([_fitting(c.get(key, 0)) for _, _, c in found], pa.int64())
            for key, column in AMOUNTS.items()
        },
    }
    for name in JOB_ID_GROUPS:
        kind = LUSTRE_JOBSTATS[name].type
        columns[name] = pa.array([identities[text][name] for (_, text, _), _, _ in found], kind)
    for column, kind in (("ops", "count"), ("op_time_us", "time")):
        entries = [
            [
                (op, value)
                for (op, k), value in sorted(c.items())
                if k == kind and (op, k) not in AMOUNTS and value <= _MOST
            ]
            for _, _, c in found
        ]
        columns[column] = pa.array(entries, LUSTRE_JOBSTATS[column].type)
    return rows(LUSTRE_JOBSTATS, columns, len(found))


def identify(text: str, pattern: re.Pattern[str]) -> dict[str, Any]:
    """job_id, executable, uid and host that the pattern finds in the server's text; null for what it does not."""
    found = pattern.search(text)
    groups: Mapping[str, str | None] = found.groupdict() if found else {}
    numbers = {name: _number(groups.get(name) or "") for name in ("job_id", "uid")}
    return {**numbers, **{name: groups.get(name) for name in ("cluster", "executable", "host")}}


def _number(text: str) -> int | None:
    return _fitting(int(text)) if re.fullmatch("[0-9]{1,19}", text) else None


def _fitting(value: int) -> int | None:
    """The value where its column holds it, else null."""
    return value if value <= _MOST else None


def _difference(old: Counters, new: Counters) -> Counters:
    return {key: value - old.get(key, 0) for key, value in new.items() if value > old.get(key, 0)}
