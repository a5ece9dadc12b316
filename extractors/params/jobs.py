"""From the job lists of targets, in the order of their moments, to rows of `lustre_jobstats`.

Only the last list of each target is in memory, as counters, and some thousand rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.lustre import BYTE_COUNTERS, counts_map, integers, rows, times
from iolake.extractors.params.joblist import Counters, Job, date_us, unread_units
from iolake.extractors.params.reading import U64
from iolake.schemas.lustre import LUSTRE_JOBSTATS
from iolake.schemas.site import JOB_ID_GROUPS

_MOST: Final = 2**63 - 1
_BATCH_ROWS: Final = 1 << 16


@dataclass(slots=True)
class _Row:
    """What a job did on a target in [start, end); `end` is None where the length is unknown."""

    target: str
    text: str
    start: int
    end: int | None
    fresh: bool
    counters: Counters

    def grow(self, end: int | None, fresh: bool, amounts: Counters) -> None:
        """Add what the job did from the same start on."""
        self.end = None if end is None or self.end is None else max(end, self.end)
        self.fresh |= fresh
        for key, value in amounts.items():
            self.counters[key] = self.counters.get(key, 0) + value


@dataclass(slots=True)
class _Entry:
    """A job in a target's lists: its counters, when a list last had it, and its last row, which may still grow."""

    job: Job
    seen: int
    row: _Row | None = None


class _Step(NamedTuple):
    """What a job did since it was `old`, which a list at `seen` had; None where its counters began anew."""

    old: Job | None
    job: Job
    seen: int | None
    amounts: Counters


@dataclass
class _Target:
    """A target's entries; `now` is the moment of its last list, `looked` that of the list before."""

    looked: int | None = None
    now: int | None = None
    is_first: bool = True
    entries: dict[str, _Entry] = field(default_factory=dict)


class JobRows:
    """Rows of what jobs did on targets between the moments of their last activity.

    `continued` holds the targets whose jobs an earlier day lists too: that day ends with their first lists here, so
    these only begin rows.
    """

    def __init__(self, pattern: re.Pattern[str], continued: Container[str]) -> None:
        self._pattern, self._continued = pattern, continued
        self._targets: dict[str, _Target] = {}
        self._identities: dict[str, dict[str, Any]] = {}
        self._done: list[_Row] = []
        self.unread: set[tuple[str, str]] = set()
        """Counters of bytes in the rows so far whose unit has no known size."""

    def last(self, target: str) -> int | None:
        """The moment of a target's last list."""
        return self._targets[target].now if target in self._targets else None

    def add(self, target: str, now: int, jobs: Mapping[str, Job]) -> bool:
        """Take in the list of a moment; False, and nothing is taken in, where it is older than the last one.

        Several lists of one moment are parts of one list.
        """
        state = self._targets.get(target)
        if state is None:
            state = self._targets[target] = _Target(now=now)
        elif state.now is not None and now < state.now:
            return False
        elif now != state.now:
            self._forget(state)
            state.looked, state.now, state.is_first = state.now, now, False
        begins_only = state.is_first and target in self._continued
        for text, job in jobs.items():
            self._count(state, target, text, job, begins_only)
        return True

    def batches(self, last: bool = False) -> Iterator[Batch]:
        """The rows that are complete, once they fill a batch; with `last` all rows."""
        if last:
            for state in self._targets.values():
                self._done += [entry.row for entry in state.entries.values() if entry.row is not None]
                state.entries.clear()
        if last or len(self._done) >= _BATCH_ROWS:
            done, self._done = self._done, []
            yield Batch(LUSTRE_JOBSTATS, self._table(done))

    def _forget(self, state: _Target) -> None:
        """Drop the entries that the last list did not have and that cannot go on.

        Without a start time an entry that comes back is a new one. With one it may go on: a server leaves entries out
        of a list while it deletes others.
        """
        for text, entry in list(state.entries.items()):
            if entry.seen != state.now and entry.job.start_us is None:
                if entry.row is not None:
                    self._done.append(entry.row)
                del state.entries[text]

    def _count(self, state: _Target, target: str, text: str, listed: Job, begins_only: bool) -> None:
        """Take in one entry of a list: its row begins, goes on, or stays as it is."""
        entry = state.entries.get(text)
        if entry is None:
            new = _Step(None, listed, state.looked, listed.counters)
            entry = state.entries[text] = _Entry(listed, 0)
        elif entry.job is listed:  # a list that repeats the entry
            entry.seen = state.now or 0
            return
        else:
            new = _step(entry, state, _completed(entry.job, listed))
        if new.amounts and not begins_only:
            self._add(entry, target, text, new, state.now or 0)
        entry.job, entry.seen = new.job, state.now or 0

    def _add(self, entry: _Entry, target: str, text: str, step: _Step, now: int) -> None:
        """Add what a job did to its last row, where that begins at the same time, else to a new one."""
        start, end = _interval(step.old, step.job, step.seen, now)
        row, is_new = entry.row, step.old is None
        if is_new and start is not None and row is not None:
            start = min(max(start, row.end or row.start), now)
        at = end if start is None else start
        if row is not None and row.start == at:
            row.grow(None if start is None else end, is_new, step.amounts)
            return
        if row is not None:
            self._done.append(row)
        entry.row = _Row(target, text, at, None if start is None else end, is_new, dict(step.amounts))

    def _table(self, found: list[_Row]) -> pa.Table:
        amounts = _Amounts([row.counters for row in found])
        self.unread |= amounts.unread
        columns = {
            "target": pa.array([row.target for row in found], pa.string()),
            "jobstats_id": pa.array([row.text for row in found], pa.string()),
            "ts": times(np.array([row.start for row in found], np.int64)),
            "interval_s": pa.array(
                [None if row.end is None else (row.end - row.start) / 1e6 for row in found], pa.float64()
            ),
            "role": pa.array([row.target[:3].lower() for row in found], pa.string()),
            "fresh": pa.array([row.fresh for row in found], pa.bool_()),
            **{column: amounts.column(key) for key, column in BYTE_COUNTERS.items()},
            "ops": amounts.others("count"),
            "op_time_us": amounts.others("time"),
        }
        identities = [self._identity(row.text) for row in found]
        for name in JOB_ID_GROUPS:
            columns[name] = pa.array([identity[name] for identity in identities], LUSTRE_JOBSTATS[name].type)
        return rows(LUSTRE_JOBSTATS, columns, len(found))

    def _identity(self, text: str) -> dict[str, Any]:
        if text not in self._identities:
            self._identities[text] = identify(text, self._pattern)
        return self._identities[text]


class _Amounts:
    """The counters of many rows, by counter: the rows that have it, and its values there."""

    def __init__(self, rows: list[Counters]) -> None:
        codes: defaultdict[tuple[str, str], int] = defaultdict(lambda: len(codes))
        code = np.array([codes[key] for counters in rows for key in counters], np.int64)
        values = np.array([min(value, U64) for counters in rows for value in counters.values()], np.uint64)
        row = np.repeat(np.arange(len(rows)), [len(counters) for counters in rows])
        by_code = np.argsort(code, kind="stable")
        ends = np.searchsorted(code[by_code], np.arange(len(codes)), "right")
        parts = np.split(by_code, ends[:-1]) if len(codes) else []
        self._count = len(rows)
        self._found = {key: (row[part], values[part]) for key, part in zip(codes, parts, strict=True)}
        self.unread = unread_units(self._found)

    def column(self, key: tuple[str, str]) -> pa.Array:
        """A counter's column: 0 where a row does not have it, null where the value does not fit or has no unit."""
        values, fits = self._dense(key)
        for unread in unread_units(self._found, key[0]) if key[1] == "sum" else ():
            fits[self._found[unread][0]] = False
        return integers(values, fits)

    def others(self, kind: str) -> pa.Array:
        """A MAP of the counters of a kind that have no column; values that do not fit are left out."""
        keys = [key for key in self._found if key[1] == kind and key not in BYTE_COUNTERS]
        entries = {key[0]: np.where(fits, values, 0) for key in keys for values, fits in [self._dense(key)]}
        return counts_map(entries, np.ones(self._count, bool))

    def _dense(self, key: tuple[str, str]) -> tuple[Ints, Flags]:
        dense, fits = np.zeros(self._count, np.int64), np.ones(self._count, bool)
        if key in self._found:
            row, values = self._found[key]
            dense[row], fits[row] = values.astype(np.int64), values <= _MOST
        return dense, fits


def identify(text: str, pattern: re.Pattern[str]) -> dict[str, Any]:
    """The groups that the pattern finds in the server's text for a job; null for what it does not find."""
    found = pattern.search(text)
    groups: Mapping[str, str | None] = found.groupdict() if found else {}
    numbers = {name: _number(groups.get(name) or "") for name in ("job_id", "uid")}
    return {**{name: groups.get(name) for name in JOB_ID_GROUPS}, **numbers}


def _step(entry: _Entry, state: _Target, job: Job) -> _Step:
    """What a job did since a target last listed it, or since its counters began anew."""
    amounts = None
    is_adjacent = entry.seen in {state.looked, state.now}
    if entry.job.start_us == job.start_us and (is_adjacent or job.start_us is not None):
        amounts = _difference(entry.job.counters, job.counters)
    if amounts is None:
        return _Step(None, job, state.looked, job.counters)
    return _Step(entry.job, job, entry.seen if entry.seen != state.now else state.looked, amounts)


def _completed(old: Job, job: Job) -> Job:
    """A job with what its entry had before and, cut short, lacks now."""
    if old.start_us is None or job.start_us not in {None, old.start_us}:
        return job
    if job.start_us is not None and job.counters.keys() >= old.counters.keys():
        return job
    return Job(job.us or old.us, old.start_us, old.counters | job.counters)


def _interval(old: Job | None, job: Job, looked: int | None, now: int) -> tuple[int | None, int]:
    """When a job did what it did since it was `old`, between the lists of `looked` and `now`.

    Up to the list before, it did nothing more, however long it was idle. A job's own time may be in whole seconds, or
    from a moment before the list's: then the lists' moments decide.
    """
    start = max(old.us or 0, looked or 0) if old else date_us(job.start_us) or looked
    end = job.us or now
    if start is None or start < end:
        return start, end
    return min(start, now), now


def _number(text: str) -> int | None:
    return _fitting(int(text)) if re.fullmatch("[0-9]{1,19}", text) else None


def _fitting(value: int) -> int | None:
    """The value where its column holds it, else null."""
    return value if value <= _MOST else None


def _difference(old: Counters, new: Counters) -> Counters | None:
    """What was counted between two entries; None where a counter fell, so that they are not of one start."""
    found: Counters = {}
    before = old.get
    for key, value in new.items():
        was = before(key, 0)
        if value > was:
            found[key] = value - was
        elif value < was:
            return None
    if not old.keys() <= new.keys() and any(old[key] > 0 for key in old.keys() - new.keys()):
        return None
    return found
