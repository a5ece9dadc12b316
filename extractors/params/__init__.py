"""What Lustre servers say of themselves at a fixed step: `lctl get_param` dumps, copies of /proc, exporters' text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import match, mtime
from iolake.extractors.lustre import contested, other_system, several_systems, zone_of
from iolake.extractors.params.dumps import Reading
from iolake.extractors.params.jobs import job_batch
from iolake.extractors.params.pieces import Days, Piece, read_piece
from iolake.extractors.params.rows import target_batches
from iolake.schemas.lustre import LUSTRE_FS, LUSTRE_JOBSTATS, LUSTRE_MDT, LUSTRE_OST
from iolake.schemas.site import Site

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_FS, LUSTRE_JOBSTATS)
_NOTHING: Final = "no parameters of Lustre targets"
_ASKED: Final = "check what `lctl get_param` was asked"
_JOB_ID: Final = re.compile(r"^(?P<job_id>\d+)$")


class Params(Extractor):
    """An input is a day's dumps: the pattern and the day (`…/%Y-%m-%d/*.txt#2026-03-01`), or all that it names."""

    source: ClassVar = "params"
    version: ClassVar = 3
    owner: ClassVar = "file_system"
    tables: ClassVar = _TABLES
    contested: ClassVar = contested(_TABLES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The days of which there are dumps.

        A server's first dump of the next day ends the day's last rows, and no name tells which dumps these are: so all
        of the next day's belong to a day's size and time.
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
        """Only the rows tell which of the next day's dumps matter."""

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """The day's rows. A row starts at a reading and ends at its target's next one.

        The next one may be of the nearest later day that has dumps, however many are missing in between.
        """
        owner = site.file_systems[input.owner]
        days = Days(input.uri.rpartition("#")[0] if input.day else input.uri, zone_of(input, site))
        series: dict[str, dict[int, Reading]] = {}
        systems: set[str] = set()
        damaged: list[InputError] = []
        telling: set[str] = set()
        pieces = days.pieces(input.day)
        for piece in pieces:
            try:
                for system, target, us, reading in read_piece(piece):
                    telling.add(piece.name)
                    systems.add(system)
                    if owner.backend in {None, system}:
                        series.setdefault(target, {}).setdefault(us, reading).merge(reading)
            except InputError as error:
                damaged.append(error)
                telling.add(piece.name)
                yield Reject(input, f"{error.reason}; {error.remedy}", piece.name)
        if owner.backend is None and len(systems) > 1:
            raise several_systems(input.uri, systems)
        if not series and owner.backend and systems:
            raise other_system(input.uri, owner.backend, systems)
        if not series:
            raise damaged[0] if damaged else InputError(input.uri, f"holds {_NOTHING}", _ASKED)
        roots = tuple(piece.name for piece in pieces if piece.is_tree)
        if silent := [p.name for p in pieces if p.name not in telling and not p.name.startswith(roots)]:
            yield Reject(input, f"holds {_NOTHING}, one of {len(silent)} such files of the day; {_ASKED}", silent[0])
        system = owner.backend or systems.pop()
        continued = _listed(series, days.pieces_before(input.day), system)
        for target, us, reading in _ends(series, days.pieces_after(input.day), system):
            reading.ends_only = True
            series[target].setdefault(us, reading)
        ordered = {target: [reading for _, reading in sorted(readings.items())] for target, readings in series.items()}
        job_id = owner.sources[self.source].job_id
        jobs = re.compile(job_id) if job_id else _JOB_ID
        for batch in (*target_batches(ordered), job_batch(ordered, jobs, continued)):
            if batch.table.name not in input.superseded:
                yield batch


def _ends(
    series: Mapping[str, Mapping[int, Reading]], later: Iterable[Piece], system: str
) -> Iterator[tuple[str, int, Reading]]:
    """(target, moment, reading) of what ends the series: the later pieces' first reading of each list that it has.

    A target's counters and jobs may be told apart, and servers are asked at moments of their own: pieces are read until
    each list has its end and none is left that was written before the ends. Where the first reading tells of no later
    moment than the series (of jobs that have been idle since), nothing happened in between.
    """
    last = {
        (target, part): us
        for target, readings in series.items()
        for us, reading in sorted(readings.items())
        for part in reading.lists()
    }
    ends: dict[tuple[str, str], tuple[int, Reading]] = {}
    for piece in later:
        if ends.keys() == last.keys() and (piece.us or 0) > max((us for us, _ in ends.values()), default=0):
            break
        for target, us, reading in _whole(piece, system):
            for key in ((target, part) for part in reading.lists()):
                if key in last and (key not in ends or us < ends[key][0]):
                    ends[key] = us, reading
    for key, (us, reading) in ends.items():
        if us > last[key]:
            yield key[0], us, reading


def _listed(series: Mapping[str, Mapping[int, Reading]], earlier: Sequence[Piece], system: str) -> set[str]:
    """Targets of the series whose jobs earlier pieces list too; the last pieces are likely to tell of all."""
    wanted = {target for target, readings in series.items() if any(r.jobs is not None for r in readings.values())}
    found: set[str] = set()
    for piece in reversed(earlier):
        if wanted <= found:
            break
        found |= {target for target, _, reading in _whole(piece, system) if reading.jobs is not None}
    return found


def _whole(piece: Piece, system: str) -> Iterator[tuple[str, int, Reading]]:
    """(target, moment, reading) of a file system in another day's piece; a damaged one is rejected with its own day."""
    try:
        for of, target, us, reading in read_piece(piece):
            if of == system:
                yield target, us, reading
    except InputError:
        return
