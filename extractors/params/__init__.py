"""Parameters that Lustre servers report at a fixed step: `lctl get_param` dumps, copies of /proc, exporters' text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import match, mtime
from iolake.extractors.lustre import contested, other_system, several_systems, zone_of
from iolake.extractors.params.joblist import JobLists
from iolake.extractors.params.jobs import JobRows
from iolake.extractors.params.pieces import Days, Moment, Piece, in_order, read_piece
from iolake.extractors.params.reading import Reading
from iolake.extractors.params.rows import target_batches
from iolake.extractors.params.state import State, read_state
from iolake.schemas.lustre import LUSTRE_FS, LUSTRE_JOBSTATS, LUSTRE_MDT, LUSTRE_OST
from iolake.schemas.lustre_state import STATE_TABLES
from iolake.schemas.site import Site

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_FS, LUSTRE_JOBSTATS)
_NOTHING: Final = "no parameters of Lustre targets"
_CHECK: Final = "check the arguments of `lctl get_param`"
_OUT_OF_ORDER: Final = "lists jobs as of a time before the file that was read ahead of it; put times into the names"
_JOB_ID: Final = re.compile(r"^(?P<job_id>\d+)$")


class Params(Extractor):
    """An input is a day's dumps: the pattern and the day (`…/%Y-%m-%d/*.txt#2026-03-01`), or all that it names."""

    source: ClassVar = "params"
    version: ClassVar = 5
    owner: ClassVar = "file_system"
    tables: ClassVar = (*_TABLES, *STATE_TABLES)
    contested: ClassVar = contested(_TABLES)
    batch_inputs: ClassVar = 8

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The days that have dumps.

        A server's first dump of the next day ends the day's last rows, and no name says which dumps these are. So the
        size and time of a day include all of the next day's dumps.
        """
        for name, where, zone in site.sources("file_system", self.source):
            for rank, text in enumerate(where.files):
                pattern = site.pattern(text)
                days = Days(pattern, zone)
                for day in sorted({day for _, _, day in match(pattern, span)}, key=str):
                    files = [*days.files(day), *days.files_after(day)]
                    changed = [moment for file in files if (moment := mtime(file.info))]
                    size = sum(file.info.get("size") or 0 for file in files)
                    uri = f"{pattern}#{day.isoformat()}" if day else pattern
                    yield Input(self.source, name, uri, day, size, max(changed, default=None), rank=rank)

    def hash(self, input: Input, site: Site) -> None:
        """None: only the rows show which of the next day's dumps matter."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """The day's rows. A row starts at a reading and ends at its target's next one.

        The next one may be of a later day: the nearest that has dumps, within a month.
        """
        days = Days(input.uri.rpartition("#")[0] if input.day else input.uri, zone_of(input, site))
        owner = site.file_systems[input.owner]
        job_id = owner.sources[self.source].job_id
        pattern = re.compile(job_id) if job_id else _JOB_ID
        state = State(owner.backend)
        yield from read_state(state, days.pieces(input.day))
        earlier = _Earlier(days.pieces_before(input.day), owner.backend)
        try:
            try:
                results = _Day(input, owner.backend, JobRows(pattern, earlier), useful=set(state.pieces)).read(days)
                yield from (result for result in results if not _is_superseded(result, input))
            except _OutOfOrder:  # before the first rows
                day = _Day(input, owner.backend, JobRows(pattern, earlier), useful=set(state.pieces), in_memory=True)
                yield from (result for result in day.read(days) if not _is_superseded(result, input))
        except _NoReadings:
            if not state.taken:
                raise
        if state.unread:
            yield Reject(input, _no_table(state.unread), "parameters without a table")


def _no_table(unread: Counter[str]) -> str:
    """One line for all parameters that no table takes, so that a site's odd one is named once an input."""
    kinds = ", ".join(name for name, _ in unread.most_common(3))
    return (
        f"{unread.total()} parameters of {len(unread)} kinds have no table, such as {kinds}; leave them out of the dump"
    )


class _NoReadings(InputError):
    """The input has no counters, space or jobs of the owner's targets; it may have its other parameters."""


class _OutOfOrder(Exception):
    """A list of jobs is older than one that was read ahead of it."""


def _is_superseded(result: Batch | Reject, input: Input) -> bool:
    return isinstance(result, Batch) and result.table.name in input.superseded


@dataclass
class _Day:
    """The readings of a day's targets, without their jobs, and the rows of jobs.

    With `in_memory` all readings are held and sorted: a file may have a server's whole day before another server's.
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
        """Read the day's pieces, then the ends of its rows; yield its rows. _OutOfOrder before the first of them."""
        pieces, any_rows = days.pieces(self.input.day), False
        moments: Iterable[Moment] = in_order(days, pieces, JobLists(), self.damaged)
        for moment in sorted(moments, key=lambda moment: moment.us) if self.in_memory else moments:
            self._take(moment)
            if self.disordered and not any_rows:
                raise _OutOfOrder
            for batch in self.jobs.batches():
                any_rows = True
                yield batch
        system = self._system()
        for target, us, part, reading in _ends(self._last(), days.pieces_after(self.input.day), system):
            if part == "jobs" and reading.jobs is not None:
                self.jobs.add(target, us, reading.jobs)
            else:
                self.series[target].setdefault(us, replace(reading, jobs=None, ends_only=True))
        yield from self._rejects(pieces)
        yield from target_batches(
            {target: [reading for _, reading in sorted(found.items())] for target, found in self.series.items()}
        )
        yield from self.jobs.batches(last=True)

    def _take(self, moment: Moment) -> None:
        piece, system, target, us, reading = moment
        self.useful.add(piece)
        self.systems.add(system)
        if self.backend not in {None, system}:
            return
        jobs, reading.jobs = reading.jobs, None
        if jobs is not None and not self.jobs.add(target, us, jobs):
            self.disordered.add(piece)
        self.series.setdefault(target, {}).setdefault(us, reading).merge(reading)

    def _system(self) -> str:
        """The file system that the rows are of; InputError where there are no readings, or those of several."""
        if self.backend is None and len(self.systems) > 1:
            raise several_systems(self.input.uri, self.systems)
        if not self.series and self.backend and self.systems:
            other = other_system(self.input.uri, self.backend, self.systems)
            raise _NoReadings(other.uri, other.reason, other.remedy)
        if not self.series:
            raise self.damaged[0] if self.damaged else _NoReadings(self.input.uri, f"holds {_NOTHING}", _CHECK)
        return self.backend or next(iter(self.systems))

    def _last(self) -> dict[tuple[str, str], int]:
        """(target, list) to the moment of the day's last such list."""
        counted = {
            (target, "counters"): us
            for target, readings in self.series.items()
            for us, reading in sorted(readings.items())
            if reading.counters is not None
        }
        listed = {(target, "jobs"): us for target in self.series if (us := self.jobs.last(target)) is not None}
        return counted | listed

    def _rejects(self, pieces: Sequence[Piece]) -> Iterator[Reject]:
        for error in self.damaged:
            yield Reject(self.input, f"{error.reason}; {error.remedy}", error.uri)
        for name in sorted(self.disordered):
            yield Reject(self.input, _OUT_OF_ORDER, name)
        roots = tuple(piece.name for piece in pieces if piece.is_tree)
        useful = self.useful | {error.uri for error in self.damaged}
        if silent := [p.name for p in pieces if p.name not in useful and not p.name.startswith(roots)]:
            yield Reject(
                self.input, f"holds {_NOTHING}, one of {len(silent)} such files of the day; {_CHECK}", silent[0]
            )


class _Earlier:
    """The targets whose jobs an earlier day's pieces list; pieces are read, the last one first, until one has it."""

    def __init__(self, pieces: Sequence[Piece], backend: str | None) -> None:
        self._pieces, self._backend = list(pieces), backend
        self._found: set[str] = set()

    def __contains__(self, target: object) -> bool:
        while target not in self._found and self._pieces:
            for moment in _readable(self._pieces.pop()):
                if moment.reading.jobs is not None and self._backend in {None, moment.system}:
                    self._found.add(moment.target)
        return target in self._found


def _ends(
    last: Mapping[tuple[str, str], int], later: Iterable[Piece], system: str
) -> Iterator[tuple[str, int, str, Reading]]:
    """(target, moment, list, reading) of the first later reading of each list, which ends the day's rows of it.

    A target's counters and jobs may be in different files, and servers are read at different moments: pieces are read
    until each list has its end and every piece is newer than the ends. Where the first reading is no newer than the
    day's last one (jobs that have been idle since), nothing happened in between.
    """
    ends: dict[tuple[str, str], tuple[int, Reading]] = {}
    for piece in later:
        if ends.keys() == last.keys() and (piece.us or 0) > max((us for us, _ in ends.values()), default=0):
            break
        for _, of, target, us, reading in _readable(piece):
            for key in ((target, part) for part in reading.lists() if of == system):
                if key in last and (key not in ends or us < ends[key][0]):
                    ends[key] = us, reading
    for (target, part), (us, reading) in sorted(ends.items(), key=lambda end: end[0]):
        if us > last[target, part]:
            yield target, us, part, reading


def _readable(piece: Piece) -> Iterator[Moment]:
    """The readings of another day's piece; a damaged piece is rejected with its own day."""
    try:
        yield from read_piece(piece)
    except InputError:
        return
