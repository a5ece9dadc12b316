"""TTS and H5LMT files: a file system's day in HDF5, as pytokio and pylmt archived it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import ClassVar, Final

import fsspec
import h5py

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.files import find_files
from iolake.extractors.hdf5 import h5lmt, tts
from iolake.extractors.hdf5.guard import refuse_other_files
from iolake.extractors.hdf5.panels import Panel, whole_file_system
from iolake.extractors.lustre import contested
from iolake.schemas.lustre import LUSTRE_DF, LUSTRE_FS, LUSTRE_MDT, LUSTRE_OST, LUSTRE_SERVER, SUMMED
from iolake.schemas.site import Site

_TABLES: Final = (LUSTRE_OST, LUSTRE_MDT, LUSTRE_SERVER, LUSTRE_FS, LUSTRE_DF)

_DAMAGED: Final = (OSError, RuntimeError, ValueError, KeyError, TypeError)
"""What h5py raises where a file's own structure is damaged."""


class Hdf5(Extractor):
    """One file a day; its content shows which of the two formats it is."""

    source: ClassVar = "hdf5"
    what: ClassVar = "time series of Lustre (TTS, H5LMT)"
    version: ClassVar = 5
    owner: ClassVar = "file_system"
    tables: ClassVar = _TABLES
    contested: ClassVar = contested(_TABLES)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The files that the site's patterns name."""
        yield from find_files(site, "file_system", self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """The file's rows, hour by hour; parts that can't be used are named.

        BlockingIOError while the file's writer has it open: HDF5 locks it.
        """
        backend = site.file_systems[input.owner].backend
        with fsspec.open(input.uri, "rb") as stream:
            try:
                file = h5py.File(input.uri if os.path.isfile(input.uri) else stream)
            except BlockingIOError:
                raise BlockingIOError(errno.EAGAIN, "its writer has it open; the next run tries again") from None
            except OSError as error:
                raise InputError(
                    input.uri, f"is not an HDF5 file, or is cut off{quoted(error)}", "restore it"
                ) from None
            with file:
                try:
                    refuse_other_files(file, input.uri)
                    reader = (h5lmt if h5lmt.STEPS in file else tts).Reader(file, input.uri, backend)
                    panels = list(reader.panels())
                except _DAMAGED as error:
                    raise InputError(input.uri, f"has a damaged dataset{quoted(error)}", "restore it") from None
                if not panels:
                    raise InputError(input.uri, _nothing_usable(reader.problems), "archive it again")
                yield from _batches(panels, input)
        for part, reason in reader.problems:
            yield Reject(input, reason, part)


def _nothing_usable(problems: list[tuple[str, str]]) -> str:
    example = "".join(f": {part} {reason}" for part, reason in problems[:1])
    return f"has no part that can be used{example}"


def _batches(panels: list[Panel], input: Input) -> Iterator[Batch | Reject]:
    for panel in panels:
        yield from panel.batches(SUMMED, emit=panel.table.name not in input.superseded)
        for column, count in (+panel.bad).items():
            reason = f"{count} stored values are negative or not numbers; they are null"
            yield Reject(input, reason, f"{panel.table.name}.{column}")
    osts = next((p for p in panels if p.table is LUSTRE_OST), None)
    mdts = next((p for p in panels if p.table is LUSTRE_MDT), None)
    whole = whole_file_system(osts, mdts)
    if whole and LUSTRE_FS.name not in input.superseded:
        yield whole
