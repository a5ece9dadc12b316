"""Globus transfers that an Elasticsearch index holds, saved as JSON: pages of hits, or one record a line.

A record has the fields of the GridFTP log, and `start_date` and `end_date` in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import pyarrow as pa
import xxhash

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.jsonstream import objects
from iolake.extractors.members import members
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.transfers import TRANSFERS

_PIECE: Final = 50_000
_TEXTS: Final = {
    "TYPE": "operation", "FILE": "path", "HOST": "node", "USER": "user_name", "TASKID": "task_id", "VOLUME": "volume",
}  # fmt: skip
_NUMBERS: Final = {
    "NBYTES": "bytes", "CODE": "return_code", "STREAMS": "streams", "STRIPES": "stripes", "BLOCK": "block_bytes",
    "BUFFER": "buffer_bytes",
}  # fmt: skip
_DIRECTIONS: Final = {"STOR": "in", "ESTO": "in", "APPE": "in", "RETR": "out", "ERET": "out"}


class Globus(Extractor):
    """Saved hits of a Globus index: files that pytokio's cache_nersc_globuslogs writes, or a search's own answer."""

    source: ClassVar = "globus"
    version: ClassVar = 1
    owner: ClassVar[OwnerKind] = "endpoint"
    tables: ClassVar = (TRANSFERS,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the transfers; a reject counts the other records."""
        rows: dict[str, dict[str, Any]] = {}
        left_out, found = 0, 0
        for member in members(input.uri):
            for document in objects(member.file, input.uri):
                row = _row(document, site)
                if row is None:
                    left_out += 1
                    continue
                rows[row["transfer_id"]] = row
                if len(rows) >= _PIECE:
                    found += len(rows)
                    yield _batch(rows)
                    rows = {}
        if rows:
            found += len(rows)
            yield _batch(rows)
        if not found:
            raise InputError(input.uri, "holds no transfer of Globus", "check what was asked of Elasticsearch")
        if left_out:
            yield Reject(input, f"{left_out} records are not transfers of Globus", "records")


def _batch(rows: dict[str, dict[str, Any]]) -> Batch:
    return Batch(TRANSFERS, pa.Table.from_pylist(list(rows.values()), TRANSFERS.batch_schema))


def _row(document: dict[str, Any], site: Site) -> dict[str, Any] | None:
    """Return the row of a record; None where it lacks an end, an operation or a number of bytes."""
    record = document.get("_source", document)
    if not isinstance(record, dict):
        return None
    start, end = (_moment(record.get(f"{word}_date")) for word in ("start", "end"))
    row: dict[str, Any] = {column: _text(record.get(name)) for name, column in _TEXTS.items()}
    row |= {column: _number(record.get(name)) for name, column in _NUMBERS.items()}
    if end is None or row["operation"] is None or row["bytes"] is None:
        return None
    took = (end - start).total_seconds() if start is not None and start <= end else None
    logged = record.get("duration")
    if isinstance(logged, (int, float)) and not isinstance(logged, bool) and 0 <= logged < 1e9:
        took = float(logged)
    identifier = _text(document.get("_id")) or f"{xxhash.xxh3_64_intdigest(repr(record).encode()):016x}"
    path, code = row["path"], row["return_code"]
    return row | {
        "transfer_id": identifier,
        "end_time": end,
        "start_time": start,
        "time_ambiguous": False,
        "duration_s": took,
        "tool": "gridftp",
        "direction": _DIRECTIONS.get(row["operation"]),
        "succeeded": None if code is None else 200 <= code < 300,
        "bytes_per_s": row["bytes"] / took if took and row["bytes"] else None,
        "file_system": site.file_system_of(path) if path else None,
        "peer": (_text(record.get("DEST")) or "").strip("[]") or None,
    }


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(tzinfo=None) if 1980 <= moment.year < 2100 else None


def _text(value: Any) -> str | None:
    found = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return found.encode("utf-8", "backslashreplace").decode() or None


def _number(value: Any) -> int | None:
    try:
        number = int(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else -1
    except ValueError:
        return None
    return number if 0 <= number < 1 << 63 else None
