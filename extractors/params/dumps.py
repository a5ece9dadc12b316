"""Reading what a Lustre server says of itself: `lctl get_param` dumps, files under /proc, an exporter's text.

Whatever the form, it becomes readings of a target: its cumulative counters and space at a moment, and the counters
of each job that its job_stats list. Read by lines: a server may list tens of thousands of jobs. A text may hold several
dumps, one appended to the other: what comes again is of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

_TARGET = r"(?P<fs>[^=\s]+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})"
_WANTED = r"(?P<what>stats|md_stats|job_stats|kbytes(?:total|free|avail)|files(?:total|free))"
_OF = r"(?P<of>osd-[\w-]+|obdfilter|mdt)"
_COUNTED = {("obdfilter", "stats"), ("mdt", "md_stats")}
"""The lists of a target's own counters; what the disk file system below it (osd-*) counts is another thing."""
_PARAMETER = re.compile(rf"^{_OF}\.{_TARGET}\.{_WANTED}=", re.MULTILINE)
_ANY_PARAMETER = re.compile(r"^[A-Za-z][^\s=]*\.[^\s=]*=", re.MULTILINE)
PROC_FILE = re.compile(rf"(?P<root>.*/){_OF}/{_TARGET}/{_WANTED}")
"""A file under /proc/fs/lustre, or a copy of it."""
_STAT = re.compile(r"^(\w+)\s+(\d+) samples(?: \[(\w+)\](?: \d+ \d+ (\d+))?)?", re.MULTILINE)
_TIME = r"[ \t]*:?[ \t]*(?P<seconds>\d+)(?:\.(?P<fraction>\d+))?(?=\s)(?: secs\.(?P<scale>\w)secs)?"
_MOMENT = re.compile(rf"^(?P<moment>snapshot_time|start_time){_TIME}", re.MULTILINE)
_JOB = re.compile(
    r"^[ \t]*- job_id[ \t]*:[ \t]*(?P<job>.*(?:\n(?![ \t]*(?:snapshot_time|- job_id)\b).*)*)$"
    rf"|^[ \t]*(?P<moment>snapshot_time|start_time){_TIME}"
    r"|^[ \t]+(?P<op>\w+)[ \t]*:[ \t]*\{ *samples: *(?P<samples>[1-9]\d*), *unit: *(?P<unit>\w+)"
    r"(?:, *min: *\d+, *max: *\d+, *sum: *(?P<sum>\d+))?",
    re.MULTILINE,
)
_FIRST_DATE_US, _LAST_DATE_US = 1_000_000_000_000_000, 4_000_000_000_000_000
"""Smaller times (before 2001, older than Lustre) are no dates: some versions tell the time since the server's boot.

Nor are larger ones (after 2096).
"""
_FIRST_MS = 100_000_000_000
"""Smaller times of metrics, before 1973 in milliseconds, are seconds."""
U64 = 2**64 - 1
"""What the kernel counts up to."""
_MOST_KIB = 2**53 - 1
"""More do not fit a number of bytes."""
_METRIC = re.compile(
    r"^lustre_(?P<name>\w+)\{(?P<labels>.*)\}\s+(?P<value>\S+)(?:\s+(?P<at>\d+(?:\.\d+)?))?\s*$", re.MULTILINE
)
_ESCAPED = re.compile(r"\\(.)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Counters = dict[tuple[str, str], int]
"""(operation, "count" | "sum" | "time") to what was counted since the start: times, bytes, microseconds."""


@dataclass
class Job:
    """A job's counters on a target; `us` is when they last changed, None where the list does not say.

    `start_us` is since when they count, on the server's own clock: see `date_us`.
    """

    us: int | None = None
    start_us: int | None = None
    counters: Counters = field(default_factory=dict)


@dataclass
class Reading:
    """A target at the moment `us`; None where the dump does not say when. `counters` is None where it has none.

    With `ends_only` it ends the rows of the reading before it, and begins none.
    """

    us: int | None = None
    start_us: int | None = None
    counters: Counters | None = None
    space: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] | None = None
    ends_only: bool = False

    def lists(self) -> Iterator[str]:
        """Which of its two lists it has: counters, jobs."""
        if self.counters is not None:
            yield "counters"
        if self.jobs is not None:
            yield "jobs"

    def merge(self, other: Reading) -> None:
        """Add what another reading of the same moment says; a copy may be cut short, so each tells what it has.

        Where they differ the other one, which was read later, is believed.
        """
        self.start_us = other.start_us or self.start_us
        self.space |= other.space
        if other.counters is not None:
            self.counters = (self.counters or {}) | other.counters
        if other.jobs is not None:
            self.jobs = (self.jobs or {}) | other.jobs


Dump = dict[tuple[str, str], Reading]
"""(file system, target) to what one dump says of it."""


def read_dumps(text: str) -> Iterator[Dump]:
    """The dumps of parameters, or an exporter's scrapes, that a text holds."""
    if "\nlustre_" in f"\n{text}" and _METRIC.search(text):
        yield from _scrapes(text)
        return
    listed: dict[str, tuple[re.Match[str], str]] = {}
    for name, value in _values(text):
        if name[0] in listed:
            yield _parameters(listed.values())
            listed = {}
        listed[name[0]] = name, value
    yield _parameters(listed.values())


def read_proc(files: Iterable[tuple[re.Match[str], str]]) -> Dump:
    """Files of one /proc tree, each with the match of its name."""
    return _parameters(files)


def date_us(us: int | None) -> int | None:
    """A server's time if it is a date; None for one since its boot, or of no day at all."""
    return us if us is not None and _FIRST_DATE_US <= us <= _LAST_DATE_US else None


def _values(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each wanted parameter and its text, to the next parameter of any kind."""
    wanted: re.Match[str] | None = None
    for parameter in _ANY_PARAMETER.finditer(text):
        if wanted:
            yield wanted, text[wanted.end() : parameter.start()]
        wanted = _PARAMETER.match(text, parameter.start())
    if wanted:
        yield wanted, text[wanted.end() :]


def _parameters(values: Iterable[tuple[re.Match[str], str]]) -> Dump:
    dump: Dump = {}
    for name, text in values:
        reading = dump.setdefault((name["fs"], name["target"]), Reading())
        if (name["of"], name["what"]) in _COUNTED:
            _read_stats(reading, text)
        elif name["what"] == "job_stats":
            reading.jobs = None if _cut_off(text) else _jobs(text)
        elif (value := text.strip().partition("\n")[0].rstrip()).isdecimal() and int(value) <= _MOST_KIB:
            reading.space[name["what"]] = int(value)
    return dump


def _read_stats(reading: Reading, text: str) -> None:
    reading.counters = {}
    for time in _MOMENT.finditer(text):
        if time["moment"] == "snapshot_time":
            reading.us = date_us(_microseconds(time))
        else:
            reading.start_us = _microseconds(time)
    for op, samples, unit, total in _STAT.findall(text):
        _count(reading.counters, op, int(samples), unit, total)


def _cut_off(jobs: str) -> bool:
    """Whether a job_stats list ends amid a line: jobs are missing, which is not that they are gone."""
    last = jobs.rpartition("\n")[2]
    return last.startswith((" ", "\t", "-", "j")) and not last.rstrip().endswith("}")


def _jobs(text: str) -> dict[str, Job]:
    """The jobs of a job_stats list; of counters that are zero nothing is kept."""
    jobs: dict[str, Job] = {}
    job = Job()
    for line in _JOB.finditer(text):
        if (name := line["job"]) is not None:
            job = jobs.setdefault(_unquoted(name), Job())
        elif line["moment"] == "snapshot_time":
            if (changed := date_us(_microseconds(line))) is not None:
                job.us = max(job.us or 0, changed)
        elif line["moment"]:
            job.start_us = _microseconds(line)
        else:
            _count(job.counters, line["op"], int(line["samples"]), line["unit"], line["sum"])
    return jobs


def _count(counters: Counters, op: str, samples: int, unit: str, total: str | None) -> None:
    """Add one counter's line; a name that a list has twice is two counters of one operation.

    The unit tells bytes from times: until 2.8 jobs have `read` in bytes, what is `read_bytes` later. A line that is cut
    off before its `total` does not tell it.
    """
    if unit == "bytes":
        op = _BYTES.get(op, op)
    if unit in _SUMS and total:
        _add(counters, op, _SUMS[unit], int(total))
    _add(counters, op, "count", samples)


_BYTES = {"read": "read_bytes", "write": "write_bytes"}
_SUMS = {"bytes": "sum", "usec": "time", "usecs": "time"}
"""A unit to what its sum is a counter of."""


def _add(counters: Counters, op: str, kind: str, value: int) -> None:
    counters[op, kind] = counters.get((op, kind), 0) + value


def _microseconds(time: re.Match[str]) -> int:
    """A time of the form secs.nsecs or secs.usecs: the fraction is a whole number of these, not always padded."""
    part = int(time["fraction"] or 0)
    return int(time["seconds"]) * 1_000_000 + (part if time["scale"] == "u" else part // 1000)


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _scrapes(text: str) -> Iterator[Dump]:
    """The Lustre metrics of an exporter: scrapes differ in their time, or begin where a series comes again.

    A list with a value that is no count (NaN) is not known.
    """
    dumps: dict[tuple[str | None, int], Dump] = {}
    unknown: list[tuple[Reading, str]] = []
    seen: set[tuple[str, ...]] = set()
    number = 0
    for metric in _METRIC.finditer(text):
        name = metric["name"].removeprefix("job_")
        labels = {key: _ESCAPED.sub(_unescape, value) for key, value in _LABEL.findall(metric["labels"])}
        target = re.fullmatch(_TARGET, labels.get("target", ""))
        if target is None or name not in _METRICS:
            continue
        if metric.group("name", "labels", "at") in seen:
            number, seen = number + 1, set()
        seen.add(metric.group("name", "labels", "at"))
        dump = dumps.setdefault((metric["at"], number), {})
        reading = dump.setdefault((target["fs"], target["target"]), Reading())
        reading.us = date_us(_metric_us(metric["at"])) if metric["at"] else None
        op, kind = _METRICS[name]
        op = op or labels.get("operation", "")
        value = _whole(metric["value"])
        if kind == "space":
            if value is not None and value <= _MOST_KIB:
                reading.space[op] = value
            continue
        if metric["name"].startswith("job_"):
            reading.jobs = {} if reading.jobs is None else reading.jobs
            counters = reading.jobs.setdefault(labels.get("jobid", ""), Job()).counters
        else:
            counters = reading.counters = {} if reading.counters is None else reading.counters
        if value is None:
            unknown.append((reading, "jobs" if metric["name"].startswith("job_") else "counters"))
        else:  # some tell reads both as samples and as an operation: one counter, not two
            counters[op, "sum" if kind == "time" and op in _BYTES.values() else kind] = value
    for reading, part in unknown:
        setattr(reading, part, None)
    yield from dumps.values()


def _whole(text: str) -> int | None:
    """A metric's value as it is written, digit for digit; None for what no counter can show."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return int(value) if value.is_finite() and 0 <= value <= U64 else None


def _metric_us(text: str) -> int:
    """A metric's time: Prometheus' own text has it in milliseconds, OpenMetrics in seconds."""
    at = Decimal(text)
    return int(at * (1000 if at >= _FIRST_MS else 1_000_000))


def _unescape(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]


_METRICS = {
    "read_bytes_total": ("read_bytes", "sum"),
    "write_bytes_total": ("write_bytes", "sum"),
    "read_samples_total": ("read_bytes", "count"),
    "write_samples_total": ("write_bytes", "count"),
    "stats_total": ("", "count"),
    "stats_time_total": ("", "time"),
    "capacity_kilobytes": ("kbytestotal", "space"),
    "free_kilobytes": ("kbytesfree", "space"),
    "available_kilobytes": ("kbytesavail", "space"),
    "inodes_maximum": ("filestotal", "space"),
    "inodes_free": ("filesfree", "space"),
}
"""A metric, without its prefix, to the operation or space that it tells; an operation may be in a label.

What is called the time of operations that count bytes is their bytes: it is the sum of any unit.
"""
