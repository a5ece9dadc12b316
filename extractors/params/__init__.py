"""What Lustre servers say of themselves at a fixed step: `lctl get_param` dumps, copies of /proc, exporters' text."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

import fsspec

from extractors.base import Batch, Extractor, Input, InputError, Reject, Span, content_hash
from extractors.files import match, mtime, named_time
from extractors.lustre import contested, other_system, several_systems, zone_of
from extractors.params.dumps import PROC_FILE, Dump, Reading, read_dump, read_proc
from extractors.params.rows import job_batch, target_batches
from schemas.lustre import LUSTRE_FS, LUSTRE_JOBSTATS, LUSTRE_MDT, LUSTRE_OST
from schemas.site import Site

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_FS, LUSTRE_JOBSTATS)
_JOB_ID: Final = re.compile(r"^(?P<job_id>\d+)$")
_AHEAD: Final = 64
"""How many of the next day's files are looked at for the readings that end the day's last rows."""


class _File(NamedTuple):
    uri: str
    info: dict[str, Any]


class Params(Extractor):
    """An input is a day's dumps: the pattern and the day (`…/%Y-%m-%d/*.txt#2026-03-01`), or all that it names."""

    source: ClassVar = "params"
    version: ClassVar = 1
    owner: ClassVar = "file_system"
    tables: ClassVar = _TABLES
    contested: ClassVar = contested(_TABLES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The days of which there are dumps. The first dumps of the next day belong to a day's size and time."""
        for name, where, _zone in site.sources("file_system", self.source):
            for rank, text in enumerate(where.files):
                pattern = site.resolve(text)
                for day in sorted({day for _, _, day in match(pattern, span)}, key=str):
                    files = [*_files(pattern, day), *islice(_next_files(pattern, day), 1)]
                    changed = [moment for file in files if (moment := mtime(file.info))]
                    size = sum(file.info.get("size") or 0 for file in files)
                    uri = f"{pattern}#{day.isoformat()}" if day else pattern
                    yield Input(self.source, name, uri, day, size, max(changed, default=None), rank=rank)

    def hash(self, input: Input, site: Site) -> str | None:
        """Hash of all the files' contents and names."""
        pattern = input.uri.rpartition("#")[0] if input.day else input.uri
        digests = []
        for file in [*_files(pattern, input.day), *islice(_next_files(pattern, input.day), 1)]:
            with fsspec.open(file.uri, "rb") as stream:
                digests.append(f"{file.uri}\0{content_hash(stream.read())}")
        return content_hash("\n".join(digests).encode())

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """The day's rows. A row starts at a reading and ends at its target's next one, which may be of the next day."""
        owner = site.file_systems[input.owner]
        zone = zone_of(input, site)
        pattern = input.uri.rpartition("#")[0] if input.day else input.uri
        series: dict[str, list[Reading]] = {}
        systems: set[str] = set()
        for dump in _dumps(input, pattern, zone, _files(pattern, input.day)):
            systems.update(system for system, _ in dump)
            _append(series, dump, owner.backend)
        if owner.backend is None and len(systems) > 1:
            raise several_systems(input.uri, systems)
        if not series and owner.backend and systems:
            raise other_system(input.uri, owner.backend, systems)
        if not series:
            raise InputError(
                input.uri, "holds no parameters of Lustre targets", "check what `lctl get_param` was asked"
            )
        ends = {target: len(readings) for target, readings in series.items()}
        for dump in _dumps(input, pattern, zone, islice(_next_files(pattern, input.day), _AHEAD)):
            for reading in dump.values():
                reading.ends_only = True
            _append({t: r for t, r in series.items() if len(r) == ends[t]}, dump, owner.backend, known_only=True)
        for readings in series.values():
            readings.sort(key=lambda reading: reading.us or 0)
        job_id = owner.sources[self.source].job_id
        jobs = re.compile(job_id) if job_id else _JOB_ID
        continued = input.day is not None and any(_files(pattern, input.day - timedelta(days=1)))
        for batch in (*target_batches(series), job_batch(series, jobs, continued)):
            if batch.table.name not in input.superseded:
                yield batch


def _append(series: dict[str, list[Reading]], dump: Dump, backend: str | None, known_only: bool = False) -> None:
    """Add a dump's readings to those of their targets."""
    for (system, target), reading in dump.items():
        if backend in {None, system} and (target in series or not known_only):
            series.setdefault(target, []).append(reading)


def _dumps(input: Input, pattern: str, zone: ZoneInfo, files: Iterator[_File]) -> Iterator[Dump]:
    """The dumps in files: one a file, or one a /proc tree. Readings without a time have their dump's."""
    trees: dict[str, list[tuple[re.Match[str], str]]] = {}
    taken: dict[str, int] = {}
    for file in files:
        text = _text(input, file)
        if (parameter := PROC_FILE.fullmatch(file.uri)) is not None:
            root = parameter["root"]
            trees.setdefault(root, []).append((parameter, text))
            taken[root] = max(taken.get(root, 0), _taken(file, pattern, zone))
        else:
            yield _timed(read_dump(text), _taken(file, pattern, zone))
    for root, parts in trees.items():
        yield _timed(read_proc(parts), taken[root])


def _timed(dump: Dump, taken: int) -> Dump:
    """The dump with a time for every reading: its own, else the newest that its neighbours tell, else the file's."""
    known = [reading.us for reading in dump.values() if reading.us is not None]
    known += [job.us for reading in dump.values() for job in (reading.jobs or {}).values() if job.us]
    for reading in dump.values():
        if reading.us is None:
            reading.us = max(known, default=taken)
    return dump


def _taken(file: _File, pattern: str, zone: ZoneInfo) -> int:
    """When a file was written, in microseconds: as its name says, else as its file system says."""
    moment = named_time(pattern, file.uri)
    taken = moment.replace(tzinfo=zone) if moment else mtime(file.info) or datetime(1970, 1, 1, tzinfo=UTC)
    return (taken.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _text(input: Input, file: _File) -> str:
    """A file's text; bytes that are no UTF-8, as job names may hold, are written out (\\xff)."""
    with fsspec.open(file.uri, "rb") as stream:
        content: bytes = stream.read()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError) as error:
            raise InputError(input.uri, f"{file.uri} is cut off or damaged: {error}", "copy it again") from None
    return content.decode("utf-8", "backslashreplace")


def _files(pattern: str, day: date | None) -> Iterator[_File]:
    span = Span(day, day + timedelta(days=1)) if day else Span()
    return (_File(uri, info) for uri, info, found in match(pattern, span) if found == day)


def _next_files(pattern: str, day: date | None) -> Iterator[_File]:
    return _files(pattern, day + timedelta(days=1)) if day else iter(())
