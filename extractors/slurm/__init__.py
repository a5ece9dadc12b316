"""Slurm accounting: archived sacct text and JSON of any version, and the live sacct command."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from gzip import BadGzipFile
from lzma import LZMAError
from typing import IO, TYPE_CHECKING, ClassVar

import fsspec

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.lookback import bounds, find_days
from iolake.schemas.site import OwnerKind, Site, SiteError
from iolake.schemas.slurm import SLURM_JOBS, SLURM_RUNNING, SLURM_STEPS
from iolake.schemas.table import Table

if TYPE_CHECKING:
    from iolake.extractors.slurm.lines import Rows


class Slurm(Extractor):
    """Jobs and steps of a cluster, from `files` (text or JSON, also compressed) or a `command`."""

    source = "slurm"
    version = 4
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

        where, zone = next(
            (where, zone) for name, where, zone in site.sources(self.owner, self.source) if name == input.owner
        )
        others = {name.lower() for name in site.clusters if name != input.owner}
        if input.uri.startswith(live.SCHEME) and input.day is not None:
            yield from read_tables(live.ask(input, where, zone), input, zone, others, bounds(input.day, zone))
        else:
            yield from read_tables(_rows(input.uri), input, zone, others, again=lambda: _rows(input.uri))

    def hash(self, input: Input, site: Site) -> str | None:
        """Of a file's content; a command's answer has none before it is read."""
        from iolake.extractors.slurm.live import SCHEME

        return None if input.uri.startswith(SCHEME) else super().hash(input, site)


def _rows(uri: str) -> Iterator[Rows]:
    from iolake.extractors.slurm import json, lines

    try:
        with fsspec.open(uri, "rb", compression="infer") as file:
            read = json.read_json if _is_json(file) else lines.read_rows
            yield from read(file, uri)
    except (EOFError, BadGzipFile, LZMAError, zlib.error) as error:
        raise InputError(uri, f"is cut off or damaged: {error}", "copy it again") from None


def _is_json(file: IO[bytes]) -> bool:
    start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return start.startswith((b"{", b"["))
