"""Reading the text of a Prometheus exporter for Lustre: lustre_exporter, lustrefs-exporter and their kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from iolake.extractors.params.joblist import Job, date_us
from iolake.extractors.params.reading import MOST_KIB, TARGET, U64, Dump, Reading

_METRIC: Final = re.compile(r"lustre_(?P<name>\w++)\{(?P<labels>.*)\}\s+(?P<value>\S+)(?:\s+(?P<at>\d+(?:\.\d+)?))?\s*")
_METRIC_LINE: Final = re.compile(r"^lustre_\w++\{.*\}\s+\S", re.MULTILINE)
_TARGET: Final = re.compile(TARGET)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*+)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_FIRST_MS: Final = 100_000_000_000
"""Smaller times, before 1973 in milliseconds, are seconds."""
_LAST_MS: Final = 1 << 48
_METRICS: Final = {
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
"""A metric, without its prefix, to its operation or space and what it counts; '' takes the label `operation`.

The metric for the time of operations that count bytes holds their bytes: exporters sum up any unit under it.
"""
_START_TIME: Final = re.compile(r"(?:\w+_)?start_time(?:_seconds)?(?:_total)?")
_BYTES: Final = ("read_bytes", "write_bytes")


def is_metrics(text: str) -> bool:
    """Whether a text, or its first block, is an exporter's."""
    return _METRIC_LINE.search(text) is not None


def read_scrapes(blocks: Iterable[str]) -> Iterator[Dump]:
    """The scrapes in a text: they differ in their time, or begin where a series comes again.

    A list with a value that is no count (NaN) is unknown.
    """
    dumps: dict[tuple[str | None, int], Dump] = {}
    unknown: list[tuple[Reading, str]] = []
    seen: set[tuple[str, ...]] = set()
    number = 0
    for line in _lines(blocks):
        if (metric := _METRIC.fullmatch(line)) is None:
            continue
        name = metric["name"].removeprefix("job_")
        starts = _START_TIME.fullmatch(name)
        if name not in _METRICS and starts is None:
            continue
        labels = {key: _ESCAPED.sub(_unescape, value) for key, value in _LABEL.findall(metric["labels"])}
        if (target := _TARGET.fullmatch(labels.get("target", ""))) is None:
            continue
        if metric.group("name", "labels", "at") in seen:
            number, seen = number + 1, set()
        seen.add(metric.group("name", "labels", "at"))
        dump = dumps.setdefault((metric["at"], number), {})
        reading = dump.setdefault((target["fs"], target["target"]), Reading())
        reading.us = _date_us(metric["at"]) if metric["at"] else None
        job_id = labels.get("jobid", "") if metric["name"].startswith("job_") or "jobid" in labels else None
        if starts:
            _set_start(reading, job_id, metric["value"])
        elif (part := _set_value(reading, job_id, name, labels.get("operation", ""), metric["value"])) is not None:
            unknown.append((reading, part))
    for reading, part in unknown:
        setattr(reading, part, None)
    yield from dumps.values()


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
    yield rest


def _set_start(reading: Reading, job_id: str | None, text: str) -> None:
    """Note since when the server counts; an invalid date is ignored."""
    if (start_us := _date_us(text)) is None:
        return
    if job_id is None:
        reading.start_us = start_us
    else:
        _job(reading, job_id).start_us = start_us


def _set_value(reading: Reading, job_id: str | None, name: str, operation: str, text: str) -> str | None:
    """Add a metric to its list. Returns the list's name where the value is no count."""
    op, kind = _METRICS[name]
    op = op or operation
    value = _whole(text)
    if kind == "space":
        if value is not None and value <= MOST_KIB:
            reading.space[op] = value
        return None
    if job_id is not None:
        counters = _job(reading, job_id).counters
    else:
        counters = reading.counters = {} if reading.counters is None else reading.counters
    if value is None:
        return "counters" if job_id is None else "jobs"
    # Some give reads both as samples and as an operation: one counter, not two.
    counters[op, "sum" if kind == "time" and op in _BYTES else kind] = value
    return None


def _job(reading: Reading, job_id: str) -> Job:
    reading.jobs = {} if reading.jobs is None else reading.jobs
    return reading.jobs.setdefault(job_id, Job())


def _whole(text: str) -> int | None:
    """A metric's exact value; None for a value that no counter can have."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return int(value) if value.is_finite() and 0 <= value <= U64 else None


def _date_us(text: str) -> int | None:
    """A date in microseconds; None for another text. Prometheus' own text has milliseconds, OpenMetrics seconds."""
    try:
        at = Decimal(text)
    except InvalidOperation:
        return None
    if not at.is_finite() or not 0 <= at < _LAST_MS:
        return None
    return date_us(int(at * (1000 if at >= _FIRST_MS else 1_000_000)))


def _unescape(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]
