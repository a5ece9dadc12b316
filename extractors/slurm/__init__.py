"""Slurm accounting: archived sacct text and JSON of any version, and the live sacct command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

import fsspec

from iolake.extractors.base import Batch, Extractor, Input, InputError, Outcome, Reject, Span, rejection
from iolake.extractors.files import find_files
from iolake.extractors.lookback import bounds, find_days
from iolake.extractors.packed import compression_of, damage_named, not_text
from iolake.schemas.site import OwnerKind, Site, SiteError, Source
from iolake.schemas.slurm import SLURM_JOBS, SLURM_RUNNING, SLURM_STEPS
from iolake.schemas.table import Table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iolake.extractors.slurm.lines import Rows

_SMALL_BYTES: Final = 1 << 20
"""Files up to this size are read together."""
_TOGETHER_BYTES: Final = 16 << 20
_PROBE_BYTES: Final = 1 << 10
_MOST_EXPANDED: Final = 256 << 20
_MOST_TIMES: Final = 300
"""A compressed file that holds more bytes and more times its own size than these is refused: sacct's text doesn't."""


class Slurm(Extractor):
    """Jobs and steps of a cluster, from `files` (text or JSON, also compressed) or a `command`."""

    source = "slurm"
    version = 6
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar[list[Table]] = [SLURM_JOBS, SLURM_STEPS, SLURM_RUNNING]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Files by the site's patterns, and a day after the other of each command."""
        from iolake.extractors.slurm.live import SCHEME

        yield from find_files(site, self.owner, self.source, span)
        for name, where, zone in site.sources(self.owner, self.source):
            if where.uri is not None:
                raise SiteError("site.toml", [f'clusters.{name}.slurm: needs files = "..." or command = "sacct"'])
            if where.command is not None:
                yield from find_days(self.source, name, f"{SCHEME}{name}/", where, zone, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """slurm_jobs, slurm_steps and slurm_running; rejects name lines, fields and values that were left out."""
        from iolake.extractors.slurm import live
        from iolake.extractors.slurm.tables import read_tables

        where, zone = self._source(input, site)
        others = _others(input, site)
        if input.uri.startswith(live.SCHEME) and input.day is not None:
            yield from read_tables(live.ask(input, where, zone), input, zone, others, bounds(input.day, zone))
        else:
            yield from read_tables(_rows(input.uri), input, zone, others, again=lambda: _rows(input.uri))

    def read_many(self, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
        """Small plain files together, each other input on its own."""
        small = [input for input in inputs if _is_small(input)]
        together: list[Input] = []
        for input in small if len(small) > 1 else ():
            if together and (
                input.owner != together[0].owner or sum(i.size_bytes or 0 for i in together) > _TOGETHER_BYTES
            ):
                yield from self._read_together(together, site)
                together = []
            together.append(input)
        if together:
            yield from self._read_together(together, site)
        yield from super().read_many([i for i in inputs if len(small) < 2 or not _is_small(i)], site)

    def _read_together(self, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
        from iolake.extractors.slurm.tables import read_together

        files: list[tuple[Input, list[Rows]]] = []
        hashes: dict[str, str | None] = {}
        for input in inputs:
            try:
                digest = hashes[input.input_id] = self.hash(input, site)
                if digest is not None and digest == input.known_hash:
                    yield Outcome(input, "unchanged", digest)
                else:
                    files.append((input, list(_rows(input.uri))))
            except (InputError, OSError) as error:
                yield rejection(input, error)
                yield Outcome(input, "rejected")
        refused: set[str] = set()
        _, zone = self._source(inputs[0], site)
        for result in read_together(files, zone, _others(inputs[0], site)):
            if isinstance(result, tuple):
                yield rejection(*result)
                yield Outcome(result[0], "rejected")
                refused.add(result[0].input_id)
            else:
                yield result
        for input, _ in files:
            if input.input_id not in refused:
                yield Outcome(input, "loaded", hashes[input.input_id])

    def _source(self, input: Input, site: Site) -> tuple[Source, ZoneInfo]:
        return next((where, zone) for name, where, zone in site.sources(self.owner, self.source) if name == input.owner)

    def hash(self, input: Input, site: Site) -> str | None:
        """Of a file's content; a command's answer has none before it is read."""
        from iolake.extractors.slurm.live import SCHEME

        return None if input.uri.startswith(SCHEME) else super().hash(input, site)


def _others(input: Input, site: Site) -> set[str]:
    """The site's other clusters, lower-case."""
    return {name.lower() for name in site.clusters if name != input.owner}


def _is_small(input: Input) -> bool:
    """Whether the input is a file without compression that takes little memory; a command's day is no file."""
    from iolake.extractors.slurm.live import SCHEME

    if input.uri.startswith(SCHEME) or fsspec.utils.infer_compression(input.uri) is not None:
        return False
    return input.mtime is not None and input.size_bytes is not None and input.size_bytes <= _SMALL_BYTES


def _rows(uri: str) -> Iterator[Rows]:
    from iolake.extractors.slurm import json, lines

    with fsspec.open(uri, "rb") as packed:
        compression = compression_of(packed) or fsspec.utils.infer_compression(uri)
    with damage_named(uri), fsspec.open(uri, "rb") as packed, fsspec.open(uri, "rb", compression=compression) as file:
        begin = file.read(_PROBE_BYTES)
        file.seek(0)
        if (kind := not_text(begin)) is not None:
            raise InputError(uri, f"is {kind}", "check what the pattern names")
        expanded: Any = file if compression is None else _Bounded(file, packed, uri)
        read = json.read_json if _is_json(begin) else lines.read_rows
        yield from read(expanded, uri)


class _Bounded:
    """Reads a compressed file; InputError where it expands far more than accounting text does."""

    def __init__(self, file: IO[bytes], packed: IO[bytes], uri: str) -> None:
        self._file, self._uri = file, uri
        self._most = max(_MOST_EXPANDED, _MOST_TIMES * packed.seek(0, 2))
        self._read = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        return self._counted(self._file.read(size))

    def readline(self, size: int = -1) -> bytes:
        """The next line."""
        return self._counted(self._file.readline(size))

    def _counted(self, piece: bytes) -> bytes:
        self._read += len(piece)
        if self._read > self._most:
            raise InputError(self._uri, f"expands to more than {self._most >> 20} MiB", "check what was compressed")
        return piece


def _is_json(begin: bytes) -> bool:
    return begin.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))
