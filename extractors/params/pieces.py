"""The files of a day's dumps, those of the days around it, and the readings of targets in them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import fsspec

from iolake.extractors.base import InputError, Span
from iolake.extractors.files import match, mtime, named_time
from iolake.extractors.params.dumps import PROC_FILE, Reading, read_dumps, read_proc

_GAP_DAYS: Final = 31
"""How far the nearest day with dumps may be from a day, so that a gap between them is one interval."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class File(NamedTuple):
    """A file that a pattern names, with fsspec's details of it and the day that its name speaks of."""

    uri: str
    info: dict[str, Any]
    day: date | None


class Piece(NamedTuple):
    """What is read at once: a file of dumps, or the files of one /proc tree; `us` is when it was written, if known."""

    name: str
    us: int | None
    files: list[File]

    @property
    def is_tree(self) -> bool:
        """Whether it is a /proc tree, named by its root."""
        return self.name.endswith("/")


@dataclass(frozen=True)
class Days:
    """The dumps that a pattern names, by their day; None is that of a pattern without one."""

    pattern: str
    zone: ZoneInfo

    def files(self, day: date | None) -> list[File]:
        """A day's files."""
        span = Span(day, day + timedelta(days=1)) if day else Span()
        return [File(*found) for found in match(self.pattern, span) if found[2] == day]

    def files_after(self, day: date | None) -> list[File]:
        """Those of the nearest later day that has any."""
        return self._nearest(day, 1)

    def pieces(self, day: date | None) -> list[Piece]:
        """A day's pieces in the order of their times."""
        return self._pieces(self.files(day))

    def pieces_after(self, day: date | None) -> list[Piece]:
        """Those of the nearest later day that has any, in the order of their times."""
        return self._pieces(self._nearest(day, 1))

    def pieces_before(self, day: date | None) -> list[Piece]:
        """Those of the nearest earlier day that has any, in the order of their times."""
        return self._pieces(self._nearest(day, -1))

    def _nearest(self, day: date | None, step: int) -> list[File]:
        days = [day + timedelta(days=step * n) for n in range(1, _GAP_DAYS + 1)] if day else []
        return next((files for near in days if (files := self.files(near))), [])

    def _pieces(self, files: list[File]) -> list[Piece]:
        pieces: dict[str, Piece] = {}
        for file in files:
            tree = PROC_FILE.fullmatch(file.uri)
            name = tree["root"] if tree else file.uri
            us, others = self._written(file), pieces[name] if name in pieces else Piece(name, None, [])
            latest = max((at for at in (us, others.us) if at is not None), default=None)
            pieces[name] = Piece(name, latest, [*others.files, file])
        return sorted(pieces.values(), key=lambda piece: (piece.us or 0, piece.name))

    def _written(self, file: File) -> int | None:
        """As the name says; else as the file system says, where that is on the file's day; else that day's start."""
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


def read_piece(piece: Piece) -> Iterator[tuple[str, str, int, Reading]]:
    """(file system, target, moment, reading) of the dumps in a piece; InputError where it is damaged or tells no time.

    A reading that tells no time has its dump's: the newest that its neighbours tell, else the piece's.
    """
    trees = [(parameter, file) for file in piece.files if (parameter := PROC_FILE.fullmatch(file.uri))]
    dumps = [read_proc((p, _text(f)) for p, f in trees)] if trees else read_dumps(_text(piece.files[0]))
    for dump in dumps:
        known = [reading.us for reading in dump.values() if reading.us is not None]
        known += [job.us for reading in dump.values() for job in (reading.jobs or {}).values() if job.us is not None]
        us = max(known, default=piece.us)
        for (system, target), reading in dump.items():
            reading.us = us if reading.us is None else reading.us
            if reading.us is None:
                raise InputError(piece.name, "does not say when it was taken", "put the time into its name (%H%M%S)")
            yield system, target, reading.us, reading


def _text(file: File) -> str:
    """A file's text; bytes that are no UTF-8, as job names may hold, are written out (\\xff)."""
    with fsspec.open(file.uri, "rb") as stream:
        content: bytes = stream.read()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(file.uri, f"is cut off or damaged: {error}", "copy it again") from None
    return content.decode("utf-8", "backslashreplace")
