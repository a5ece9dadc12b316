"""Reading what a Lustre server says of itself: `lctl get_param` dumps, files under /proc, an exporter's text.

Whatever the form, it becomes readings of a target: its cumulative counters and space at a moment, and the counters
of each job that its job_stats list. Read by lines: a server may list tens of thousands of jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_TARGET = r"(?P<fs>[^=\s]+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})"
_WANTED = r"(?P<what>stats|md_stats|job_stats|kbytes(?:total|free|avail)|files(?:total|free))"
_PARAMETER = re.compile(rf"^(?:osd-[\w-]+|obdfilter|mdt)\.{_TARGET}\.{_WANTED}=", re.MULTILINE)
_ANY_PARAMETER = re.compile(r"^[A-Za-z][^\s=]*\.[^\s=]*=", re.MULTILINE)
PROC_FILE = re.compile(rf"(?P<root>.*/)(?:osd-[\w-]+|obdfilter|mdt)/{_TARGET}/{_WANTED}")
"""A file under /proc/fs/lustre, or a copy of it."""
_STAT = re.compile(r"^(\w+)\s+(\d+) samples(?: \[(\w+)\](?: \d+ \d+ (\d+))?)?", re.MULTILINE)
_MOMENT = re.compile(r"^(snapshot_time|start_time):?\s+(\d+)(?:\.(\d+))?(?: secs\.(\w)secs)?", re.MULTILINE)
_JOB = re.compile(
    r"^- job_id:[ \t]*(?P<job>.*)$"
    r"|^[ \t]+(?P<moment>snapshot_time|start_time):[ \t]*(?P<seconds>\d+)"
    r"(?:\.(?P<fraction>\d+))?(?: secs\.(?P<scale>\w)secs)?"
    r"|^[ \t]+(?P<op>\w+):[ \t]*\{ *samples: *(?P<samples>[1-9]\d*), *unit: *(?P<unit>\w+)"
    r"(?:, *min: *\d+, *max: *\d+, *sum: *(?P<sum>\d+))?",
    re.MULTILINE,
)
_METRIC = re.compile(r"^lustre_(?P<name>\w+)\{(?P<labels>.*)\}\s+(?P<value>\S+)(?:\s+(?P<ms>\d+))?\s*$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Counters = dict[tuple[str, str], int]
"""(operation, "count" | "sum" | "time") to what was counted since the start: times, bytes, microseconds."""


@dataclass
class Job:
    """A job's counters on a target; `us` is when they last changed, `start_us` since when they count."""

    us: int
    start_us: int | None = None
    counters: Counters = field(default_factory=dict)


@dataclass
class Reading:
    """A target at the moment `us`; None where the dump does not say when. `counters` is None where it has none.

    With `ends_only` it ends the row of the reading before it, and begins none.
    """

    us: int | None = None
    start_us: int | None = None
    counters: Counters | None = None
    space: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] | None = None
    ends_only: bool = False


Dump = dict[tuple[str, str], Reading]
"""(file system, target) to what one dump says of it."""


def read_dump(text: str) -> Dump:
    """A dump of parameters, or an exporter's text."""
    return _exporter(text) if _METRIC.search(text) else _parameters(_values(text))


def read_proc(files: Iterable[tuple[re.Match[str], str]]) -> Dump:
    """Files of one /proc tree, each with the match of its name."""
    return _parameters(files)


def _values(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each wanted parameter and its text, to the next parameter of any kind."""
    for parameter in _PARAMETER.finditer(text):
        following = _ANY_PARAMETER.search(text, parameter.end())
        yield parameter, text[parameter.end() : following.start() if following else len(text)]


def _parameters(values: Iterable[tuple[re.Match[str], str]]) -> Dump:
    dump: Dump = {}
    for name, text in values:
        reading = dump.setdefault((name["fs"], name["target"]), Reading())
        if name["what"] in {"stats", "md_stats"}:
            _read_stats(reading, text)
        elif name["what"] == "job_stats":
            reading.jobs = {**(reading.jobs or {}), **_jobs(text)}
        elif text.strip().isdigit():
            reading.space[name["what"]] = int(text)
    return dump


def _read_stats(reading: Reading, text: str) -> None:
    counters = {} if reading.counters is None else reading.counters
    for name, seconds, fraction, scale in _MOMENT.findall(text):
        moment = _microseconds(seconds, fraction, scale)
        if name == "snapshot_time":
            reading.us = moment
        else:
            reading.start_us = moment
    for op, samples, unit, total in _STAT.findall(text):
        _count(counters, op, int(samples), unit, int(total or 0))
    reading.counters = counters


def _jobs(text: str) -> dict[str, Job]:
    """The jobs of a job_stats list; of counters that are zero nothing is kept."""
    jobs: dict[str, Job] = {}
    job = Job(0)
    for line in _JOB.finditer(text):
        if (name := line["job"]) is not None:
            job = jobs.setdefault(_unquoted(name), Job(0))
        elif line["moment"]:
            moment = _microseconds(line["seconds"], line["fraction"], line["scale"])
            if line["moment"] == "snapshot_time":
                job.us = max(job.us, moment)
            else:
                job.start_us = moment
        else:
            _count(job.counters, line["op"], int(line["samples"]), line["unit"], int(line["sum"] or 0))
    return jobs


def _count(counters: Counters, op: str, samples: int, unit: str, total: int) -> None:
    """Add one counter's line; a name that a list has twice is two counters of one operation."""
    _add(counters, op, "count", samples)
    if unit == "bytes":
        _add(counters, op, "sum", total)
    elif unit in {"usec", "usecs"}:
        _add(counters, op, "time", total)


def _add(counters: Counters, op: str, kind: str, value: int) -> None:
    counters[op, kind] = counters.get((op, kind), 0) + value


def _microseconds(seconds: str, fraction: str | None, scale: str | None) -> int:
    """A time of the form secs.nsecs or secs.usecs: the fraction is a whole number of these, not always padded."""
    part = int(fraction or 0)
    return int(seconds) * 1_000_000 + (part if scale == "u" else part // 1000)


def _unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _exporter(text: str) -> Dump:
    """The Lustre metrics of a Prometheus exporter."""
    dump: Dump = {}
    for metric in _METRIC.finditer(text):
        labels = {key: re.sub(r"\\(.)", r"\1", value) for key, value in _LABEL.findall(metric["labels"])}
        target = re.fullmatch(_TARGET, labels.get("target", ""))
        counter = _METRICS.get(metric["name"].removeprefix("job_"))
        if target is None or counter is None:
            continue
        reading = dump.setdefault((target["fs"], target["target"]), Reading())
        if metric["ms"]:
            reading.us = int(metric["ms"]) * 1000
        op, kind = counter[0] or labels.get("operation", ""), counter[1]
        if metric["name"].startswith("job_"):
            reading.jobs = {} if reading.jobs is None else reading.jobs
            counters = reading.jobs.setdefault(labels.get("jobid", ""), Job(0)).counters
        else:
            counters = reading.counters = {} if reading.counters is None else reading.counters
        _add(counters, op, kind, int(float(metric["value"])))
    return dump


_METRICS = {
    "read_bytes_total": ("read_bytes", "sum"),
    "write_bytes_total": ("write_bytes", "sum"),
    "read_samples_total": ("read_bytes", "count"),
    "write_samples_total": ("write_bytes", "count"),
    "stats_total": ("", "count"),
}
