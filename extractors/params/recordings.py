"""The files of a day's dumps, those of the days around it, and the readings of targets in them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import heappop, heappush
from itertools import chain, count
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from iolake.extractors.base import InputError, Span
from iolake.extractors.files import match, mtime, named_time
from iolake.extractors.hosts import texts_by_host
from iolake.extractors.members import is_packed, members
from iolake.extractors.params.dumps import PROC_FILE, Dump, Reading, read_dumps, read_proc
from iolake.extractors.params.joblist import JobLists
from iolake.extractors.params.text import TooLong

_GAP_DAYS: Final = 31
"""How far the nearest day with dumps may be from a day, so that a gap between them is one interval."""
_MOMENT: Final = re.compile(r"snapshot_time[ \t:]+(\d{10})\b")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class File(NamedTuple):
    """A file that a pattern names, with fsspec's details and the day in its name."""

    uri: str
    info: dict[str, Any]
    day: date | None


class Recording(NamedTuple):
    """What one tool wrote: a file of dumps, or the files of one copied /proc tree. `us` is when, if known."""

    name: str
    us: int | None
    files: list[File]

    @property
    def is_tree(self) -> bool:
        """Whether it is a /proc tree, named by its root."""
        return self.name.endswith("/")


class Moment(NamedTuple):
    """A reading of a target, when it was taken, and the recording that it is from."""

    recording: str
    system: str
    target: str
    us: int
    reading: Reading


@dataclass(frozen=True)
class Days:
    """The dumps that a pattern names, by their day; None is that of a pattern without one."""

    pattern: str
    zone: ZoneInfo

    @property
    def has_times(self) -> bool:
        """Whether the names of the files have a time of the day."""
        return re.search(r"%-?H", self.pattern) is not None

    def files(self, day: date | None) -> list[File]:
        """A day's files."""
        span = Span(day, day + timedelta(days=1)) if day else Span()
        return [File(*found) for found in match(self.pattern, span) if found[2] == day]

    def files_after(self, day: date | None) -> list[File]:
        """The files of the nearest later day that has any."""
        return self._nearest(day, 1)

    def recordings(self, day: date | None) -> list[Recording]:
        """A day's recordings in the order of their times."""
        return self._recordings(self.files(day))

    def recordings_after(self, day: date | None) -> list[Recording]:
        """The recordings of the nearest later day that has any, in the order of their times."""
        return self._recordings(self._nearest(day, 1))

    def recordings_before(self, day: date | None) -> list[Recording]:
        """The recordings of the nearest earlier day that has any, in the order of their times."""
        return self._recordings(self._nearest(day, -1))

    def _nearest(self, day: date | None, step: int) -> list[File]:
        days = [day + timedelta(days=step * n) for n in range(1, _GAP_DAYS + 1)] if day else []
        return next((files for near in days if (files := self.files(near))), [])

    def _recordings(self, files: list[File]) -> list[Recording]:
        recordings: dict[str, Recording] = {}
        for file in files:
            tree = PROC_FILE.fullmatch(file.uri)
            name = tree["root"] if tree else file.uri
            us, others = self._written(file), recordings[name] if name in recordings else Recording(name, None, [])
            latest = max((at for at in (us, others.us) if at is not None), default=None)
            recordings[name] = Recording(name, latest, [*others.files, file])
        return sorted(recordings.values(), key=lambda recording: (recording.us or 0, recording.name))

    def _written(self, file: File) -> int | None:
        """The time in the file's name; else its last change, if that is on its day; else the start of its day."""
        named, changed = named_time(self.pattern, file.uri), mtime(file.info)
        if named is not None:
            moment = named.replace(tzinfo=self.zone)
        elif changed is not None and file.day in {None, changed.astimezone(self.zone).date()}:
            moment = changed
        elif file.day is not None:
            moment = datetime.combine(file.day, datetime.min.time(), self.zone)
        else:
            return None
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def read_recording(recording: Recording) -> Iterator[Moment]:
    """The readings in a recording, dump by dump; InputError where it is damaged or has no time."""
    for _us, readings in _dated(recording, JobLists()):
        yield from readings


def in_order(
    days: Days, recordings: Sequence[Recording], lists: JobLists, damaged: list[InputError]
) -> Iterator[Moment]:
    """The readings of all recordings in the order of their moments; only those of about one moment are in memory.

    A recording is opened when its first dump is due: at the time in its name, else at the first time in its text.
    Damaged recordings are added to `damaged`, and the rest is read.
    """
    opened: list[tuple[int, int, list[Moment], Iterator[tuple[int, list[Moment]]]]] = []
    ready: list[tuple[int, int, Moment]] = []
    taken = count()

    def advance(number: int, dumps: Iterator[tuple[int, list[Moment]]]) -> None:
        try:
            for us, readings in dumps:
                heappush(opened, (us, number, readings, dumps))
                return
        except InputError as error:
            damaged.append(error)

    are_placed = days.has_times or len(recordings) == 1
    starts = [recording.us or 0 if are_placed else _first_moment(recording) for recording in recordings]
    waiting = deque(sorted(zip(starts, range(len(recordings)), strict=True)))
    while waiting or opened:
        while waiting and (not opened or waiting[0][0] <= opened[0][0]):
            _, number = waiting.popleft()
            advance(number, _dated(recordings[number], lists))
        if opened:
            us, number, readings, dumps = heappop(opened)
            while ready and ready[0][0] < us:
                yield heappop(ready)[2]
            for moment in readings:
                heappush(ready, (moment.us, next(taken), moment))
            advance(number, dumps)
    while ready:
        yield heappop(ready)[2]


def _dated(recording: Recording, lists: JobLists) -> Iterator[tuple[int, list[Moment]]]:
    """(first moment, readings) of each dump in a recording; InputError where it is damaged or has no time.

    A reading without a time has its dump's: the latest of its neighbours, else the recording's.
    """
    for dump in _dumps(recording, lists):
        has_times = all(reading.us is not None for reading in dump.values())
        us = None if has_times else max(_times(dump), default=recording.us)
        moments = []
        for (system, target), reading in dump.items():
            reading.us = us if reading.us is None else reading.us
            if reading.us is None:
                raise InputError(
                    recording.name, "does not say when it was taken", "put the time into its name (%H%M%S)"
                )
            moments.append(Moment(recording.name, system, target, reading.us, reading))
        if moments:
            yield min(moment.us for moment in moments), moments


def _times(dump: Dump) -> Iterator[int]:
    """The times that a dump's lists and jobs have."""
    for reading in dump.values():
        yield from (us for us in (reading.us, *(job.us for job in (reading.jobs or {}).values())) if us is not None)


def _first_moment(recording: Recording) -> int:
    """When a recording's first reading was taken, by its first block; the recording's own time if that has none."""
    try:
        if recording.is_tree:
            return next((us for us, _ in _dated(recording, JobLists())), 0)
        for _host, blocks in texts(recording.files[0], checked=True):
            first = next(blocks, "")
            dump = next(read_dumps([first]), {})
            known = [reading.us for reading in dump.values() if reading.us is not None]
            if not known:
                known = [
                    max(_times(dump), default=0) or max(map(_us, _MOMENT.findall(first)), default=recording.us or 0)
                ]
            return min(known)
    except (InputError, TooLong):
        pass  # the error is reported when the recording is read
    return recording.us or 0


def _us(seconds: str) -> int:
    return int(seconds) * 1_000_000


def _dumps(recording: Recording, lists: JobLists) -> Iterator[Dump]:
    trees = [(parameter, file) for file in recording.files if (parameter := PROC_FILE.fullmatch(file.uri))]
    if trees:
        found = ((name, "".join(chain.from_iterable(text for _, text in texts(file)))) for name, file in trees)
        yield read_proc(found, lists)
        return
    (file,) = recording.files
    for _host, text in texts(file):
        try:
            yield from read_dumps(text, lists)
        except TooLong as error:
            raise InputError(file.uri, str(error), "check what it holds") from None


def texts(file: File, checked: bool = False) -> Iterator[tuple[str, Iterator[str]]]:
    """(host, blocks) of a file's text, or of each file of an archive; the host is '' where no line names one."""
    if not checked and is_packed(file.uri):
        for member in members(file.uri):
            for _block in member.blocks():
                pass
    for member in members(file.uri):
        yield from texts_by_host(file.uri, member.blocks())
