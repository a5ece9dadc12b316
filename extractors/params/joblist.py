"""Parsing `job_stats` lists: the counters of each job on a target.

A server may list tens of thousands of jobs with fifteen operations each, most of them zero. A YAML reader takes
seconds for such a list, so regular expressions read it, which pass over operations at zero. An entry that did not
change since the last list is not parsed again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_TIME: Final = r"(?P<seconds>\d{1,20})(?:\.(?P<fraction>\d{1,20}))?(?=\s)(?: \(?secs\.(?P<scale>\w)secs)?"
TIME_LINE: Final = re.compile(rf"^(?P<moment>snapshot_time|start_time)[ \t]*:?[ \t]*{_TIME}", re.MULTILINE)
"""A time in the head of a list of counters."""
_ENTRY: Final = re.compile(r"\n[ \t]*+- job_id(?=[ \t]*:)")
_NAME: Final = re.compile(r"[ \t]*+:[ \t]*+(?P<job>[^\n]*+(?:\n(?![ \t]*(?:snapshot_time|- job_id)\b)[^\n]*+)*+)")
"""A name may hold newlines."""
_LINE: Final = re.compile(
    r"\n[ \t]*+(\w++)[ \t]*+:?[ \t]*+(?:"
    r"\{ *+samples: *+([1-9]\d{0,19}+), *+unit: *+(\w++)(?:, *+min: *+\d++, *+max: *+\d++, *+sum: *+(\d{1,20}+))?"
    r"|(\d{1,20}+)(?:\.(\d{1,20}+))?(?=\s)(?: secs\.(\w)secs)?)"
)
"""An operation that counted something, or a time. The kernel's numbers have up to twenty digits."""
_FIRST_DATE_US, _LAST_DATE_US = 1_000_000_000_000_000, 4_000_000_000_000_000
"""Times before 2001 (older than Lustre) or after 2096 are no dates: some versions give the time since the boot."""
_SUMS: Final = {"bytes": "sum", "usec": "time", "usecs": "time"}
"""A unit to what its sum counts."""
_BYTES: Final = {"read": "read_bytes", "write": "write_bytes"}
_MOST_REMEMBERED: Final = 1 << 18

Counters = dict[tuple[str, str], int]
"""(operation, "count" | "sum" | "time") to what was counted since the start: times, bytes, microseconds."""


@dataclass(slots=True)
class Job:
    """A job's counters on a target. Do not change one: lists share the entries that did not change.

    `us` is when the counters last changed, None where the list does not say. `start_us` is since when they count, by
    the server's clock: a date (see `date_us`) or the time since its boot.
    """

    us: int | None = None
    start_us: int | None = None
    counters: Counters = field(default_factory=dict)


class JobLists:
    """Reads job lists, and remembers the entries of the last ones by the hash of their text.

    Servers keep an entry for minutes or hours after the job's last activity, and print it unchanged.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[str, Job]] = {}
        self._new: dict[int, tuple[str, Job]] = {}

    def read(self, text: str) -> dict[str, Job] | None:
        """The jobs of a list by the server's name for them; None where the list is cut off.

        Counters at zero are left out. What a cut-off list lacks is unknown, not gone.
        """
        if _is_cut_off(text):
            return None
        jobs: dict[str, Job] = {}
        for entry in _entries(f"\n{text}"):
            name, job = self._entry(entry)
            jobs[name] = _sum(jobs[name], job) if name in jobs else job
        return jobs

    def _entry(self, entry: str) -> tuple[str, Job]:
        key = hash(entry)
        found = self._new.get(key) or self._last.get(key) or _parsed(entry)
        if len(self._new) >= _MOST_REMEMBERED:
            self._last, self._new = self._new, {}
        self._new[key] = found
        return found


def date_us(us: int | None) -> int | None:
    """A server's time if it is a date; None for a time since its boot, or of no day at all."""
    return us if us is not None and _FIRST_DATE_US <= us <= _LAST_DATE_US else None


def microseconds(seconds: str, fraction: str | None, scale: str | None) -> int:
    """A time of the form secs.nsecs or secs.usecs: the fraction is a whole number of these, not always padded."""
    part = int(fraction or 0)
    return int(seconds) * 1_000_000 + (part if scale == "u" else part // 1000)


def count(counters: Counters, op: str, samples: str, unit: str, total: str | None) -> None:
    """Add one counter's line: its samples, and its sum where that is bytes or times.

    A name that a list has twice is two counters of one operation. A line that is cut off has no `total`.
    """
    samples_key, total_key = _keys(op, unit)
    counters[samples_key] = counters.get(samples_key, 0) + int(samples)
    if total and total_key:
        counters[total_key] = counters.get(total_key, 0) + int(total)


@lru_cache(maxsize=4096)
def _keys(op: str, unit: str) -> tuple[tuple[str, str], tuple[str, str] | None]:
    """The keys of an operation's samples, and of its sum where the unit has one.

    The unit separates bytes from times: until Lustre 2.8 jobs have `read` in bytes, which is `read_bytes` later.
    """
    if unit == "bytes":
        op = _BYTES.get(op, op)
    return (op, "count"), (op, _SUMS[unit]) if unit in _SUMS else None


def _is_cut_off(jobs: str) -> bool:
    """Whether a list ends within a line."""
    last = jobs.rpartition("\n")[2]
    return last.startswith((" ", "\t", "-", "j")) and not last.rstrip().endswith("}")


def _entries(text: str) -> list[str]:
    """The entries of a list, each from the colon after `job_id` on."""
    _, *entries = text.split("\n- job_id")
    if len(entries) != text.count("- job_id"):  # indented, or within a name
        _, *entries = _ENTRY.split(text)
    return entries


def _parsed(entry: str) -> tuple[str, Job]:
    name = _NAME.match(entry)
    if name is None:
        return entry.strip(), Job()
    job = Job()
    counters = job.counters
    for word, samples, unit, total, seconds, fraction, scale in _LINE.findall(entry, name.end()):
        if samples:
            samples_key, total_key = _keys(word, unit)
            if samples_key in counters:
                count(counters, word, samples, unit, total)
                continue
            counters[samples_key] = int(samples)
            if total and total_key:
                counters[total_key] = int(total)
        elif word == "snapshot_time":
            if (changed := date_us(microseconds(seconds, fraction, scale))) is not None:
                job.us = max(job.us or 0, changed)
        elif word == "start_time":
            job.start_us = microseconds(seconds, fraction, scale)
    return _unquoted(name["job"]), job


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _sum(one: Job, other: Job) -> Job:
    """Two entries of one job in a list."""
    counters = dict(one.counters)
    for key, value in other.counters.items():
        counters[key] = counters.get(key, 0) + value
    us = max((at for at in (one.us, other.us) if at is not None), default=None)
    return Job(us, one.start_us if other.start_us is None else other.start_us, counters)
