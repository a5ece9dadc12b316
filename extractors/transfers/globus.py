"""Globus transfers that an Elasticsearch index holds, saved as JSON: pages of hits, or one record a line.

A record has the fields of the GridFTP log, and `start_date` and `end_date` in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.heads import JSON, has
from iolake.extractors.jsonhits import decoded
from iolake.extractors.members import members
from iolake.extractors.transfers.records import Hit, Records
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.transfers import TRANSFERS

_PIECE: Final = 50_000
_REMEDY: Final = "check that its records have NBYTES, TYPE and an end_date in ISO 8601"


class Globus(Extractor):
    """Saved hits of a Globus index: files that pytokio's cache_nersc_globuslogs writes, or a search's own answer."""

    source: ClassVar = "globus"
    what: ClassVar = "Globus's records"
    heads: ClassVar = (rf"{JSON}{has('NBYTES')}",)
    version: ClassVar = 3
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (TRANSFERS,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the transfers; a reject counts the other records."""
        records, read, found = Records(), 0, 0
        for member in members(input.uri):
            for some in decoded(member.file, input.uri, Hit):
                records.add(some)
                read += len(some)
                if records.count >= _PIECE:
                    batch, count = records.batch(site)
                    records, found = Records(), found + count
                    yield batch
        batch, count = records.batch(site)
        found += count
        if count:
            yield batch
        if not found:
            raise InputError(input.uri, "holds no transfer of Globus", _REMEDY)
        if found < read:
            yield Reject(input, f"{read - found} records are not transfers of Globus", "records")
