"""Reads one day of dumps: the readings of its targets, and the later ones that end its last rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.extractors.lustre import other_system, several_systems
from iolake.extractors.params.joblist import JobLists
from iolake.extractors.params.jobs import JobRows
from iolake.extractors.params.reading import Reading
from iolake.extractors.params.recordings import Days, Moment, Recording, in_order, read_recording
from iolake.extractors.params.rows import target_batches

_NOTHING: Final = "no parameters of Lustre targets"
_CHECK: Final = "check the arguments of `lctl get_param` (-n leaves names out, -N values)"
_OUT_OF_ORDER: Final = "lists jobs as of a time before the file that was read ahead of it; put times into the names"


class NoReadings(InputError):
    """The input has no counters, space or jobs of the owner's targets; it may have its other parameters."""


class OutOfOrder(Exception):
    """A list of jobs is older than one that was read ahead of it."""


@dataclass
class Day:
    """Reads a day: collects the readings of each target in `series`, and makes rows of jobs as it goes.

    With `in_memory`, it sorts all readings first: a file may have one server's whole day before another server's.
    """

    input: Input
    backend: str | None
    jobs: JobRows
    in_memory: bool = False
    series: dict[str, dict[int, Reading]] = field(default_factory=dict)
    systems: set[str] = field(default_factory=set)
    useful: set[str] = field(default_factory=set)
    damaged: list[InputError] = field(default_factory=list)
    disordered: set[str] = field(default_factory=set)

    def read(self, days: Days) -> Iterator[Batch | Reject]:
        """Yield the day's rows and rejects. Raises OutOfOrder before the first row, NoReadings and InputError."""
        recordings = days.recordings(self.input.day)
        yield from self._read_recordings(days, recordings)
        self._end_rows(days.recordings_after(self.input.day), self._system())
        yield from self._rejects(recordings)
        series = {target: [reading for _, reading in sorted(found.items())] for target, found in self.series.items()}
        yield from target_batches(series, self.jobs.unread)
        yield from self.jobs.batches(last=True)
        if self.jobs.unread:
            units = ", ".join(f"{op} {unit}" for op, unit in sorted(self.jobs.unread))
            yield Reject(self.input, f"counts {units}, whose size is not known; these bytes are null", "units")

    def _read_recordings(self, days: Days, recordings: Sequence[Recording]) -> Iterator[Batch]:
        """Read the day's own dumps; yield rows of jobs as they fill batches."""
        any_rows = False
        moments: Iterable[Moment] = in_order(days, recordings, JobLists(), self.damaged)
        for moment in sorted(moments, key=lambda moment: moment.us) if self.in_memory else moments:
            self._take(moment)
            if self.disordered and not any_rows:
                raise OutOfOrder
            for batch in self.jobs.batches():
                any_rows = True
                yield batch

    def _end_rows(self, later: Iterable[Recording], system: str) -> None:
        """Add the later readings that end the day's last rows."""
        for target, us, part, reading in _ends(self._last(), later, system):
            if part == "jobs" and reading.jobs is not None:
                self.jobs.add(target, us, reading.jobs)
            else:
                self.series[target].setdefault(us, replace(reading, jobs=None, ends_only=True))

    def _take(self, moment: Moment) -> None:
        recording, system, target, us, reading = moment
        self.useful.add(recording)
        self.systems.add(system)
        if self.backend not in {None, system}:
            return
        jobs, reading.jobs = reading.jobs, None
        if jobs is not None and not self.jobs.add(target, us, jobs):
            self.disordered.add(recording)
        self.series.setdefault(target, {}).setdefault(us, reading).merge(reading)

    def _system(self) -> str:
        """The file system whose rows they are. Raises NoReadings, and InputError where readings are of several."""
        if self.backend is None and len(self.systems) > 1:
            raise several_systems(self.input.uri, self.systems)
        if not self.series and self.backend and self.systems:
            other = other_system(self.input.uri, self.backend, self.systems)
            raise NoReadings(other.uri, other.reason, other.remedy)
        if not self.series:
            raise self.damaged[0] if self.damaged else NoReadings(self.input.uri, f"holds {_NOTHING}", _CHECK)
        return self.backend or next(iter(self.systems))

    def _last(self) -> dict[tuple[str, str], int]:
        """The moment of the day's last reading, by (target, list); a list is "counters" or "jobs"."""
        counted = {
            (target, "counters"): us
            for target, readings in self.series.items()
            for us, reading in sorted(readings.items())
            if reading.counters is not None
        }
        listed = {(target, "jobs"): us for target in self.series if (us := self.jobs.last(target)) is not None}
        return counted | listed

    def _rejects(self, recordings: Sequence[Recording]) -> Iterator[Reject]:
        for error in self.damaged:
            yield Reject(self.input, f"{error.reason}; {error.remedy}", error.uri)
        for name in sorted(self.disordered):
            yield Reject(self.input, _OUT_OF_ORDER, name)
        roots = tuple(recording.name for recording in recordings if recording.is_tree)
        useful = self.useful | {error.uri for error in self.damaged}
        if silent := [p.name for p in recordings if p.name not in useful and not p.name.startswith(roots)]:
            yield Reject(
                self.input, f"holds {_NOTHING}, one of {len(silent)} such files of the day; {_CHECK}", silent[0]
            )


class EarlierJobs:
    """The targets whose jobs the nearest earlier day lists. Reads its recordings backwards until one has the target."""

    def __init__(self, recordings: Sequence[Recording], backend: str | None) -> None:
        self._recordings, self._backend = list(recordings), backend
        self._found: set[str] = set()

    def __contains__(self, target: object) -> bool:
        while target not in self._found and self._recordings:
            for moment in _readable(self._recordings.pop()):
                if moment.reading.jobs is not None and self._backend in {None, moment.system}:
                    self._found.add(moment.target)
        return target in self._found


def _ends(
    last: Mapping[tuple[str, str], int], later: Iterable[Recording], system: str
) -> Iterator[tuple[str, int, str, Reading]]:
    """Yield (target, moment, list, reading) of the first later reading of each list: it ends the day's rows.

    A target's counters and jobs may be in different files, and servers are read at different moments. So this reads
    recordings until each list has its end and the next recording is newer than all ends. It skips readings that are
    not newer than the day's last one: those jobs have been idle since.
    """
    ends: dict[tuple[str, str], tuple[int, Reading]] = {}
    for recording in later:
        if ends.keys() == last.keys() and (recording.us or 0) > max((us for us, _ in ends.values()), default=0):
            break
        for _, of, target, us, reading in _readable(recording):
            for key in ((target, part) for part in reading.lists() if of == system):
                if key in last and (key not in ends or us < ends[key][0]):
                    ends[key] = us, reading
    for (target, part), (us, reading) in sorted(ends.items(), key=lambda end: end[0]):
        if us > last[target, part]:
            yield target, us, part, reading


def _readable(recording: Recording) -> Iterator[Moment]:
    """Yield the readings of another day's recording; a damaged recording is rejected with its own day."""
    try:
        yield from read_recording(recording)
    except InputError:
        return
