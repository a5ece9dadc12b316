"""The fields of an input, declared once: each with the column of the ledger that holds it.

`FoundInput` has what `find` knows. An extractor's `Input` adds what reading needs, and `InputRecord` the result.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import INPUT_ID, TEXT, TIMESTAMP, Column

Status = Literal["loaded", "unchanged", "rejected", "superseded"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
"""The results that an input can have: a load's counts of them add up to the inputs found (P5)."""

_COUNT: Final = pa.int64()
_STATUS_DOC: Final = (
    "loaded: its rows are in the lake; unchanged: its content is there under another uri; "
    "rejected: see rejects; superseded: a better source fills its tables"
)
_HASH_DOC: Final = "BLAKE2b-128 of its content; XXH3-128 of its rows where it has no other"
_TRIES_DOC: Final = "runs in which reading it took more than the machine had, or killed its process; else 0"

# Columns of an input that other tables of the ledger have too.
SOURCE: Final = Column("source", TEXT, "the source's name in site.toml", identifies=Identity.NOTHING)
OWNER: Final = Column("owner", TEXT, "the cluster or file system whose source it is", identifies=Identity.SITE)
URI: Final = Column("uri", TEXT, "where the input lies", identifies=Identity.PATH)
DAY: Final = Column("day", pa.date32(), "the day that the input's name speaks of, in the source's zone")
ROWS: Final = Column("rows", _COUNT, "rows in all tables")


@dataclass(frozen=True, slots=True)
class FoundInput:
    """An input that `find` found."""

    source: Annotated[str, SOURCE]
    owner: Annotated[str, OWNER]
    uri: Annotated[str, URI]
    day: Annotated[date | None, DAY] = None
    size_bytes: Annotated[
        int | None, Column("size_bytes", _COUNT, "size when it was read; null for what has none", unit="B")
    ] = None
    mtime: Annotated[
        datetime | None,
        Column("mtime", TIMESTAMP, "time of its last change when it was read; null to have it read again"),
    ] = None
    superseded: Annotated[
        frozenset[str],
        Column(
            "superseded",
            pa.list_(TEXT),
            "its tables that a better source fills instead",
            identifies=Identity.NOTHING,
        ),
    ] = frozenset()
    tries: Annotated[int, Column("tries", _COUNT, _TRIES_DOC)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord(FoundInput):
    """An input as the ledger knows it: a row of `inputs` without its load. Times are UTC without a zone."""

    input_id: Annotated[str, INPUT_ID]
    content_hash: Annotated[str | None, Column("content_hash", TEXT, _HASH_DOC, identifies=Identity.CODE)] = None
    status: Annotated[Status, Column("status", TEXT, _STATUS_DOC, identifies=Identity.NOTHING)]
    rows: Annotated[int, ROWS] = 0
    first_ts: Annotated[
        datetime | None,
        Column("first_ts", TIMESTAMP, "UTC; the first event time of its rows; null where rows have no time"),
    ] = None
    last_ts: Annotated[datetime | None, Column("last_ts", TIMESTAMP, "UTC; when the last of them ended")] = None
    reason: Annotated[
        str | None, Column("reason", TEXT, "why, where the status is not loaded", identifies=Identity.TEXT)
    ] = None


@dataclass(frozen=True, slots=True)
class RejectRecord:
    """An input, or a part of one, that was not used: a row of `rejects` without its load."""

    input_id: Annotated[str, INPUT_ID]
    day: Annotated[date | None, DAY]
    uri: Annotated[str, URI]
    part: Annotated[
        str, Column("part", TEXT, "the part left out; empty where the whole input was", identifies=Identity.TEXT)
    ]
    reason: Annotated[str, Column("reason", TEXT, "what is wrong with it", identifies=Identity.TEXT)]


def columns_of(record: type[FoundInput | RejectRecord]) -> list[Column]:
    """The columns that the fields of a record declare, in the fields' order."""
    return [hint.__metadata__[0] for hint in get_type_hints(record, include_extras=True).values()]


def values(record: FoundInput | RejectRecord) -> dict[str, Any]:
    """A record's values by the names of its columns. It copies none: `asdict` does, and takes longer than a log."""
    return {
        field.name: sorted(value) if isinstance(value := getattr(record, field.name), frozenset) else value
        for field in fields(record)
    }
