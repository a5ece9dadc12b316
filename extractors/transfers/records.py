"""Globus's records as columns, all at once, where each of them has the types that Globus writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
import polars as pl
import xxhash

from iolake.extractors.base import Batch
from iolake.extractors.jsonhits import fits
from iolake.extractors.transfers.logs import FIRST_US, LAST_US, batch_of
from iolake.extractors.transfers.mounts import file_systems
from iolake.schemas.site import Site

INTO: Final = ("STOR", "ESTO", "APPE")
"""Operations that bring a file in."""
OUT: Final = ("RETR", "ERET")
"""Operations that take a file out."""
_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{3}|\.[0-9]{6})?Z$"
_LONGEST_S: Final = 1e9
_TEXTS: Final = ("start", "end", "operation", "path", "node", "user_name", "task_id", "volume", "peer")
_NAMED: Final = ("path", "node", "user_name", "task_id", "volume")
"""Texts that are unknown where they are empty."""
_NUMBERS: Final = ("bytes", "return_code", "streams", "stripes", "block_bytes", "buffer_bytes")
_Whole = str | int | None


class Record(msgspec.Struct, gc=False):
    """What of a record is read; None where it is null or missing."""

    start: str | None = msgspec.field(name="start_date", default=None)
    end: str | None = msgspec.field(name="end_date", default=None)
    operation: str | None = msgspec.field(name="TYPE", default=None)
    path: str | None = msgspec.field(name="FILE", default=None)
    node: str | None = msgspec.field(name="HOST", default=None)
    user_name: str | None = msgspec.field(name="USER", default=None)
    task_id: str | None = msgspec.field(name="TASKID", default=None)
    volume: str | None = msgspec.field(name="VOLUME", default=None)
    peer: str | None = msgspec.field(name="DEST", default=None)
    bytes: _Whole = msgspec.field(name="NBYTES", default=None)
    return_code: _Whole = msgspec.field(name="CODE", default=None)
    streams: _Whole = msgspec.field(name="STREAMS", default=None)
    stripes: _Whole = msgspec.field(name="STRIPES", default=None)
    block_bytes: _Whole = msgspec.field(name="BLOCK", default=None)
    buffer_bytes: _Whole = msgspec.field(name="BUFFER", default=None)
    duration: float | None = None


_KEYS: Final = dict(zip(Record.__struct_fields__, Record.__struct_encode_fields__, strict=True))


class Hit(msgspec.Struct, gc=False):
    """A record as a hit of a search."""

    transfer_id: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="_id")
    source: Record = msgspec.field(name="_source")


def columns(found: Sequence[Hit] | Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return what is read of the records that have an end, an operation and a number of bytes, a row each."""
    hits: Sequence[Hit]
    if fits(found, Hit):
        hits = found
    else:
        documents: Sequence[Any] = found
        hits = [_hit(document) for document in documents]
    records = [hit.source for hit in hits]
    read = [pl.Series(name, list(map(attrgetter(name), records)), dtype=pl.String) for name in _TEXTS]
    read += [_whole(name, list(map(attrgetter(name), records))) for name in _NUMBERS]
    read.append(pl.Series("duration", [record.duration for record in records], dtype=pl.Float64))
    read.append(pl.Series("transfer_id", [hit.transfer_id for hit in hits], dtype=pl.String))
    read += [_times(f"{word}_time", read[_TEXTS.index(word)]) for word in ("start", "end")]
    frame = pl.DataFrame(read)
    return frame.filter(
        pl.all_horizontal(pl.col("end_time", "operation", "bytes").is_not_null()), pl.col("operation") != ""
    )


def _hit(document: dict[str, Any]) -> Hit:
    """Return a record whose fields may be of any type, without those of another type than a record's.

    A record without an id is known by a hash of its fields.
    """
    found = document.get("_source", document)
    record = found if isinstance(found, dict) else {}
    fields = {name: record.get(key) for name, key in _KEYS.items()}
    moments = {name: _text(fields[name]) if isinstance(fields[name], str) else None for name in ("start", "end")}
    texts = {name: _text(fields[name]) for name in _TEXTS if name not in moments}
    numbers = {name: _number(fields[name]) for name in _NUMBERS}
    logged: Any = fields["duration"]
    is_number = isinstance(logged, (int, float)) and not isinstance(logged, bool) and 0 <= logged < _LONGEST_S
    identifier = _text(document.get("_id")) or f"{xxhash.xxh3_64_intdigest(repr(record).encode()):016x}"
    kinds: dict[str, Any] = moments | texts | numbers | {"duration": float(logged) if is_number else None}
    return Hit(identifier, Record(**kinds))


def _times(name: str, text: pl.Series) -> pl.Series:
    """Return microseconds since 1970 (UTC) of texts in ISO 8601; null where one is not a time that a log can have."""
    us = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="us").dt.epoch("us")
    usual = text.str.contains(_TIME).fill_null(True)
    if not usual.all():
        others = [us[i] if usual[i] else _moment(text[i]) for i in range(len(text))]
        us = pl.Series(others, dtype=pl.Int64)
    return us.set((us < FIRST_US) | (us >= LAST_US), None).alias(name)


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _whole(name: str, values: list[Any]) -> pl.Series:
    """Return the numbers from 0 of a column; they may be texts."""
    try:
        found = pl.Series(name, values, dtype=pl.Int64)
        return found.set(found < 0, None)
    except (TypeError, OverflowError):
        known = {value: _number(value) for value in set(values)}
        return pl.Series(name, [known[value] for value in values], dtype=pl.Int64)


def _text(value: Any) -> str | None:
    found = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return found.encode("utf-8", "backslashreplace").decode() or None


def _number(value: Any) -> int | None:
    try:
        number = int(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else -1
    except ValueError:
        return None
    return number if 0 <= number < 1 << 63 else None


def batch(frame: pl.DataFrame, site: Site) -> Batch:
    """Return the rows of `transfers`; of two records with the same id the later one counts."""
    frame = frame.unique("transfer_id", keep="last", maintain_order=True)
    took = (pl.col("end_time") - pl.col("start_time")) / 1e6
    logged = pl.when((pl.col("duration") >= 0) & (pl.col("duration") < _LONGEST_S)).then(pl.col("duration"))
    into, out = pl.col("operation").is_in(INTO), pl.col("operation").is_in(OUT)
    frame = frame.with_columns(
        *(pl.when(pl.col(name) != "").then(pl.col(name)) for name in _NAMED),
        duration_s=pl.coalesce(logged, pl.when(took >= 0).then(took)),
        time_ambiguous=pl.lit(False),
        tool=pl.lit("gridftp"),
        direction=pl.when(into).then(pl.lit("in")).when(out).then(pl.lit("out")),
        succeeded=pl.col("return_code").is_between(200, 299),
        file_system=file_systems(pl.col("path"), site),
        peer=pl.col("peer").str.strip_chars("[]").replace("", None),
    )
    moved = (pl.col("duration_s") > 0) & (pl.col("bytes") > 0)
    frame = frame.with_columns(bytes_per_s=pl.when(moved).then(pl.col("bytes") / pl.col("duration_s")))
    return batch_of(frame)
