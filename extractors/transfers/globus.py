"""Globus transfers that an Elasticsearch index holds, saved as JSON: pages of hits, or one record a line.

A record has the fields of the GridFTP log, and `start_date` and `end_date` in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

import polars as pl

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.jsonhits import decoded
from iolake.extractors.members import members
from iolake.extractors.transfers.records import Hit, batch, columns
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.transfers import TRANSFERS

_PIECE: Final = 50_000
_REMEDY: Final = "check that its records have NBYTES, TYPE and an end_date in ISO 8601"


class Globus(Extractor):
    """Saved hits of a Globus index: files that pytokio's cache_nersc_globuslogs writes, or a search's own answer."""

    source: ClassVar = "globus"
    version: ClassVar = 2
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (TRANSFERS,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the transfers; a reject counts the other records."""
        read: list[pl.DataFrame] = []
        left_out, found = 0, 0
        for member in members(input.uri):
            for some in decoded(member.file, input.uri, Hit):
                frame = columns(some)
                left_out += len(some) - frame.height
                found += frame.height
                read.append(frame)
                if sum(frame.height for frame in read) >= _PIECE:
                    yield batch(pl.concat(read), site)
                    read = []
        if any(frame.height for frame in read):
            yield batch(pl.concat(read), site)
        if not found:
            raise InputError(input.uri, "holds no transfer of Globus", _REMEDY)
        if left_out:
            yield Reject(input, f"{left_out} records are not transfers of Globus", "records")
