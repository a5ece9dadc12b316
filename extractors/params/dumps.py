"""Reading what a Lustre server reports: `lctl get_param` output, files under /proc, an exporter's text.

Each form becomes readings of targets: cumulative counters and space at a moment, and the counters of each job in
job_stats. A text may hold several dumps, one appended to the other: a parameter that comes again begins the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from textwrap import dedent

from iolake.extractors.params.joblist import TIME_LINE, Job, JobLists, count, date_us, microseconds
from iolake.extractors.params.metrics import is_metrics, read_scrapes
from iolake.extractors.params.reading import MOST_KIB, TARGET, Dump, Reading
from iolake.extractors.params.text import parameters

__all__ = ["Dump", "Job", "Reading", "read_dumps", "read_proc"]

_WHAT = r"(?P<what>stats|md_stats|job_stats|kbytes(?:total|free|avail)|files(?:total|free))"
_DEVICE = r"(?P<of>osd-[\w-]+|obdfilter|mdt)"
PARAMETER = re.compile(rf"{_DEVICE}\.{TARGET}\.{_WHAT}")
PROC_FILE = re.compile(rf"(?P<root>.*/){_DEVICE}/{TARGET}/{_WHAT}")
"""A file under /proc/fs/lustre, or a copy of it."""
_COUNTED = {("obdfilter", "stats"), ("mdt", "md_stats")}
"""The lists of a target's own counters; the disk file system below it (osd-*) counts something else."""
_WHOLE = re.compile(r"\s*+([0-9]{1,20})[ \t\r]*+(?:\n|$)")
_STAT = re.compile(
    r"^(\w{1,200}+)\s+(\d{1,20}) samples(?: \[([^\]\s]{1,40})\](?: -?\d+ -?\d+ (\d{1,25}+))?)?", re.MULTILINE
)


def read_dumps(text: str | Iterable[str], lists: JobLists | None = None) -> Iterator[Dump]:
    """The dumps of parameters, or an exporter's scrapes, in a text or in the blocks of one; TooLong."""
    blocks = iter([text] if isinstance(text, str) else text)
    head = next(blocks, "")
    whole = chain([head], blocks)
    yield from read_scrapes(whole) if is_metrics(head) else _read_parameters(whole, lists or JobLists())


def read_proc(files: Iterable[tuple[re.Match[str], str]], lists: JobLists | None = None) -> Dump:
    """The files of one /proc tree, each with the match of its name."""
    lists = lists or JobLists()
    dump: Dump = {}
    for name, text in files:
        _read(dump, name, text, lists)
    return dump


def _read_parameters(blocks: Iterable[str], lists: JobLists) -> Iterator[Dump]:
    dump: Dump = {}
    seen: set[str] = set()
    for name, value in parameters(blocks):
        if (parameter := PARAMETER.fullmatch(name)) is None:
            continue
        if name in seen:
            yield dump
            dump, seen = {}, set()
        seen.add(name)
        _read(dump, parameter, value, lists)
    yield dump


def _read(dump: Dump, name: re.Match[str], text: str, lists: JobLists) -> None:
    """Add one parameter to the reading of its target."""
    reading = dump.setdefault((name["fs"], name["target"]), Reading())
    if (name["of"], name["what"]) in _COUNTED:
        _read_stats(reading, text)
    elif name["what"] == "job_stats":
        reading.jobs = lists.read(text)
    elif (
        (value := text.strip().partition("\n")[0].rstrip()).isdecimal() and len(value) <= 20 and int(value) <= MOST_KIB
    ):
        reading.space[name["what"]] = int(value)


def _read_stats(reading: Reading, text: str) -> None:
    reading.counters = {}
    text = dedent(text) if text.lstrip("\n")[:1].isspace() else text
    for time in TIME_LINE.finditer(text):
        us = microseconds(time["seconds"], time["fraction"], time["scale"])
        if time["moment"] == "snapshot_time":
            reading.us = date_us(us)
        else:
            reading.start_us = us
    for op, samples, unit, total in _STAT.findall(text):
        count(reading.counters, op, samples, unit, total)
