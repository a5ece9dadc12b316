"""Slurm accounting: archived sacct text and JSON of any version, and the live sacct command."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import fsspec

from iolake.extractors.base import Batch, Extractor, Input, InputError, Outcome, Reject, Span, content_hash, rejection
from iolake.extractors.files import find_files
from iolake.extractors.heads import JSON, has
from iolake.extractors.lookback import bounds, find_days
from iolake.extractors.packed import compression_of, damage_named, expanded, not_text
from iolake.schemas.site import OwnerKind, Site, SiteError, Source
from iolake.schemas.slurm import SLURM_JOBS, SLURM_RUNNING, SLURM_STEPS
from iolake.schemas.table import Table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from iolake.extractors.slurm.lines import Rows

_SMALL_BYTES: Final = 1 << 20
"""Files up to this size, packed and expanded, are read together: each call of the reader takes 0.1 s for any rows."""
_TOGETHER_BYTES: Final = 16 << 20
_PROBE_BYTES: Final = 1 << 10
_MOST_EXPANDED: Final = 256 << 20
_MOST_TIMES: Final = 300
"""A compressed file that holds more bytes and more times its own size than these is refused: sacct's text doesn't."""


class Slurm(Extractor):
    """Jobs and steps of a cluster, from `files` (text or JSON, also compressed) or a `command`."""

    source = "slurm"
    what: ClassVar = "sacct's output"
    heads: ClassVar = (
        r"^\"?(\w+[|,\x1f]\"?)*JobID(Raw)?\"?[|,\x1f]",
        r"\A\s*+\{\s*\"(meta|jobs)\"(?s:.)*\"(?i:slurm)\"",
        rf"{JSON}{has('job_id', 'association', 'allocation_nodes|kill_request_user')}",
        rf"\A\s*+\{{\s*\"\d[^\"]*\"\s*:\s*\{{{has('(?i:jobid(?:raw)?)', '(?i:end)', '(?i:start|submit)')}",
    )
    version = 8
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
        """Small files together, packed or not, each other input on its own."""
        alone: list[Input] = []
        together: list[_Small] = []
        for input in inputs:
            small = _small(input)
            if small is None:
                alone.append(input)
                continue
            is_full = sum(len(other.content) for other in together) + len(small.content) > _TOGETHER_BYTES
            if together and (is_full or input.owner != together[0].input.owner):
                yield from self._read_together(together, site)
                together = []
            together.append(small)
        if len(together) > 1:
            yield from self._read_together(together, site)
        else:
            alone += [small.input for small in together]
        yield from super().read_many(alone, site)

    def _read_together(self, smalls: Sequence[_Small], site: Site) -> Iterator[Batch | Reject | Outcome]:
        from iolake.extractors.slurm.tables import read_together

        files: list[tuple[Input, list[Rows]]] = []
        hashes = {small.input.input_id: small.content_hash for small in smalls}
        for input, content, digest in smalls:
            try:
                if digest == input.known_hash:
                    yield Outcome(input, "unchanged", digest)
                else:
                    files.append((input, list(_parsed(io.BytesIO(content), content[:_PROBE_BYTES], input.uri))))
            except InputError as error:
                yield rejection(input, error)
                yield Outcome(input, "rejected")
        refused: set[str] = set()
        first = smalls[0].input
        _, zone = self._source(first, site)
        for result in read_together(files, zone, _others(first, site)):
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


class _Small(NamedTuple):
    """A small file: its content, expanded, and the hash of the file as it is."""

    input: Input
    content: bytes
    content_hash: str


def _small(input: Input) -> _Small | None:
    """Read a small file; None for a large one, one that can't be read, and a command's day, which is no file."""
    from iolake.extractors.slurm.live import SCHEME

    if input.uri.startswith(SCHEME) or input.mtime is None:
        return None
    if input.size_bytes is None or input.size_bytes > _SMALL_BYTES:
        return None
    try:
        with fsspec.open(input.uri, "rb") as file:
            packed = file.read(_SMALL_BYTES + 1)
        content = packed
        if compression := compression_of(io.BytesIO(packed)) or fsspec.utils.infer_compression(input.uri):
            with damage_named(input.uri), expanded(io.BytesIO(packed), compression, input.uri) as file:
                content = file.read(_SMALL_BYTES + 1)
    except (InputError, OSError, KeyError):
        return None
    is_whole = len(packed) <= _SMALL_BYTES and len(content) <= _SMALL_BYTES
    return _Small(input, content, content_hash(packed)) if is_whole else None


def _rows(uri: str) -> Iterator[Rows]:
    with fsspec.open(uri, "rb") as packed:
        compression = compression_of(packed) or fsspec.utils.infer_compression(uri)
        size = packed.seek(0, io.SEEK_END)
    with damage_named(uri), fsspec.open(uri, "rb") as packed, expanded(packed, compression, uri) as file:
        begin = file.read(_PROBE_BYTES)
        file.seek(0)
        bounded: Any = file if compression is None else _Bounded(file, size, uri)
        yield from _parsed(bounded, begin, uri)


def _parsed(file: IO[bytes], begin: bytes, uri: str) -> Iterator[Rows]:
    """The rows of a file that begins with these bytes, text or JSON."""
    from iolake.extractors.slurm import json, lines

    if (kind := not_text(begin)) is not None:
        raise InputError(uri, f"is {kind}", "check what the pattern names")
    read = json.read_json if _is_json(begin) else lines.read_rows
    yield from read(file, uri)


class _Bounded:
    """Reads a compressed file; InputError where it expands far more than accounting text does."""

    def __init__(self, file: IO[bytes], packed_bytes: int, uri: str) -> None:
        self._file, self._uri = file, uri
        self._most = max(_MOST_EXPANDED, _MOST_TIMES * packed_bytes)
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
