"""Parsing `job_stats` lists: the counters of each job on a target.

A server may list tens of thousands of jobs with fifteen operations each, most of them zero. A YAML reader takes
seconds for such a list, so regular expressions read it, which pass over operations at zero. An entry that did not
change since the last list is not parsed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
    r"\n[ \t]*+(\w{1,200}+)[ \t]*+:?[ \t]*+(?:"
    r"\{[ \t]*+samples:[ \t]*+([1-9]\d{0,19}+)(?:,[ \t]*+unit:[ \t]*+\"?([^\s,\"}]{1,40}+)\"?)?+"
    r"(?:,[ \t]*+min:[ \t]*+-?\d++,[ \t]*+max:[ \t]*+-?\d++,[ \t]*+sum:[ \t]*+(\d{1,20}+))?"
    r"|(\d{1,20}+)(?:\.(\d{1,20}+))?(?=\s)(?: secs\.(\w)secs)?)"
)
"""An operation that counted something, or a time. The kernel's numbers have up to twenty digits."""
_FIRST_DATE_US, _LAST_DATE_US = 1_000_000_000_000_000, 4_000_000_000_000_000
"""Times before 2001 (older than Lustre) or after 2096 are no dates: some versions give the time since the boot."""
_SIZES: Final = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **{unit: 1 << 10 * power for power, k in enumerate("kmgt", 1) for unit in (k, f"{k}b", f"{k}ib", f"{k}bytes")},
}
"""Units of sizes, in small letters, to bytes: a KB of Lustre's has 1,024."""
_TIMES: Final = {
    **dict.fromkeys(("us", "usec", "usecs"), 1),
    **dict.fromkeys(("ms", "msec", "msecs"), 1_000),
    **dict.fromkeys(("s", "sec", "secs"), 1_000_000),
}
"""Units of times to microseconds."""
_EVENTS: Final = {"", "reqs", "regs", "locks", "locks/s"}
"""Units whose samples alone count."""
_BYTES: Final = {"read": "read_bytes", "write": "write_bytes", "read_bytes": "read_bytes", "write_bytes": "write_bytes"}
_UNREAD: Final = "in "
"""Begins what is counted of bytes in a unit without a known size."""
_MOST_REMEMBERED: Final = 1 << 18

Counters = dict[tuple[str, str], int]
"""(operation, kind) to what was counted since the start. The kinds are "count" (samples), "sum" (bytes), "time"
(microseconds), and `in <unit>`: samples of bytes in a unit without a known size, such as pages."""


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
    samples_key, total_key, factor = _keys(op, unit)
    counters[samples_key] = counters.get(samples_key, 0) + int(samples)
    if total_key and (total or not factor):
        amount = int(total or 0) * factor if factor else int(samples)
        counters[total_key] = counters.get(total_key, 0) + amount


def unread_units(keys: Iterable[tuple[str, str]], op: str | None = None) -> set[tuple[str, str]]:
    """Those of the counters, or of an operation's, that count bytes in a unit without a known size."""
    return {key for key in keys if key[1].startswith(_UNREAD) and op in {None, key[0]}}


@lru_cache(maxsize=4096)
def _keys(op: str, unit: str) -> tuple[tuple[str, str], tuple[str, str] | None, int]:
    """The keys of an operation's samples, and of its sum where it has one, and what to multiply the sum by.

    The unit separates bytes from times: until Lustre 2.8 jobs have `read` in bytes, which is `read_bytes` later. Bytes
    in another unit have the factor 0.
    """
    word = unit.lower()
    if word in _TIMES:
        return (op, "count"), (op, "time"), _TIMES[word]
    if word in _SIZES:
        op = _BYTES.get(op, op)
        return (op, "count"), (op, "sum"), _SIZES[word]
    if op in _BYTES and (word not in _EVENTS or op == _BYTES[op]):
        op = _BYTES[op]
        return (op, "count"), (op, f"{_UNREAD}{unit or 'no unit'}"), 0
    return (op, "count"), None, 1


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
            samples_key, total_key, factor = _keys(word, unit)
            if samples_key in counters or not factor:
                count(counters, word, samples, unit, total)
                continue
            counters[samples_key] = int(samples)
            if total and total_key:
                counters[total_key] = int(total) * factor
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
