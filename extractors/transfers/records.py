"""Globus's records as columns, many at once, where each of them has the types that Globus writes."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from iolake.extractors.base import Batch
from iolake.extractors.clock import utc_us
from iolake.extractors.codes import Codes
from iolake.extractors.counters import Ints
from iolake.extractors.jsonhits import fits
from iolake.extractors.lustre import rows
from iolake.extractors.transfers.logs import FIRST_US, LAST_US
from iolake.extractors.transfers.mounts import file_systems
from iolake.schemas.site import Site
from iolake.schemas.transfers import TRANSFERS

INTO: Final = ("STOR", "ESTO", "APPE")
"""Operations that bring a file in."""
OUT: Final = ("RETR", "ERET")
"""Operations that take a file out."""
_LONGEST_S: Final = 1e9
_TEXTS: Final = ("operation", "node", "user_name", "task_id", "volume", "peer")
_NUMBERS: Final = ("return_code", "streams", "stripes", "block_bytes", "buffer_bytes")
_SHARED: Final = attrgetter(*_TEXTS, *_NUMBERS)
"""What many records have alike: it is looked at once."""
_OWN: Final = ("path", "start", "end", "bytes", "duration")
_Whole = str | int | None


class Record(msgspec.Struct, gc=False):
    """What of a record is read; None or NaN where it is null or missing.

    Fields in the order of a text are found fastest.
    """

    block_bytes: _Whole = msgspec.field(name="BLOCK", default=None)
    buffer_bytes: _Whole = msgspec.field(name="BUFFER", default=None)
    return_code: _Whole = msgspec.field(name="CODE", default=None)
    peer: str | None = msgspec.field(name="DEST", default=None)
    path: str | None = msgspec.field(name="FILE", default=None)
    node: str | None = msgspec.field(name="HOST", default=None)
    bytes: _Whole = msgspec.field(name="NBYTES", default=None)
    streams: _Whole = msgspec.field(name="STREAMS", default=None)
    stripes: _Whole = msgspec.field(name="STRIPES", default=None)
    task_id: str | None = msgspec.field(name="TASKID", default=None)
    operation: str | None = msgspec.field(name="TYPE", default=None)
    user_name: str | None = msgspec.field(name="USER", default=None)
    volume: str | None = msgspec.field(name="VOLUME", default=None)
    duration: float | None = nan
    end: str | None = msgspec.field(name="end_date", default=None)
    start: str | None = msgspec.field(name="start_date", default=None)


_KEYS: Final = dict(zip(Record.__struct_fields__, Record.__struct_encode_fields__, strict=True))


class Hit(msgspec.Struct, gc=False):
    """A record as a hit of a search."""

    transfer_id: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="_id")
    source: Record = msgspec.field(name="_source")


class Records:
    """Collects records as columns; `count` is their number."""

    def __init__(self) -> None:
        self.count = 0
        self._shared: Codes[tuple[Any, ...]] = Codes()
        self._codes: list[Ints] = []
        self._ids: list[str] = []
        self._own: dict[str, list[Any]] = {name: [] for name in _OWN}

    def add(self, found: Sequence[msgspec.Struct] | Sequence[dict[str, Any]]) -> None:
        """Add hits, or records as dictionaries."""
        items: Sequence[Any] = found
        hits: Sequence[Hit] = items if fits(found, Hit) else [_hit(item) for item in items]
        records = [hit.source for hit in hits]
        self.count += len(hits)
        self._codes.append(self._shared.of(map(_SHARED, records)))
        self._ids += [hit.transfer_id for hit in hits]
        for name, values in self._own.items():
            values.extend(map(attrgetter(name), records))

    def batch(self, site: Site) -> tuple[Batch, int]:
        """Return the rows of the records that have an end, an operation and a number of bytes, and how many do.

        Of two records with the same id the later one counts.
        """
        shared = _columns(list(self._shared))
        code = pa.array(np.concatenate(self._codes) if self._codes else np.empty(0, np.int64))
        own = {name: _times(self._own[name]) for name in ("start", "end")} | {"bytes": _whole(self._own["bytes"])}
        own["path"] = pa.array([path or None for path in self._own["path"]], pa.string())
        own["duration"] = pa.array(np.array(self._own["duration"], np.float64))
        own["transfer_id"] = pa.array(self._ids, pa.string())
        good = pc.and_(own["end"].is_valid(), own["bytes"].is_valid())
        place = pc.indices_nonzero(pc.and_(good, shared["operation"].is_valid().take(code)))
        known = len(place)
        if len(set(self._ids)) < self.count:
            latest = {self._ids[i]: i for i in place.to_pylist()}
            place = pa.array(sorted(latest.values()), pa.uint64())
        if len(place) < self.count:
            code, own = code.take(place), {name: values.take(place) for name, values in own.items()}
        return _batch(own | {name: values.take(code) for name, values in shared.items()}, site), known


def _columns(shared: Sequence[tuple[Any, ...]]) -> dict[str, pa.Array]:
    """Return the columns that records with the same texts and numbers have alike."""
    fields = dict(zip((*_TEXTS, *_NUMBERS), zip(*shared, strict=True), strict=False))
    texts = {name: [text or None for text in fields.get(name, ())] for name in _TEXTS}
    texts["peer"] = [peer and (peer.strip("[]") or None) for peer in texts["peer"]]
    directions = dict.fromkeys(INTO, "in") | dict.fromkeys(OUT, "out")
    texts["direction"] = [directions.get(operation or "") for operation in texts["operation"]]
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    numbers = {name: [_number(value) for value in fields.get(name, ())] for name in _NUMBERS}
    columns |= {name: pa.array(values, pa.int64()) for name, values in numbers.items()}
    succeeded = [None if code is None else 200 <= code <= 299 for code in numbers["return_code"]]
    return columns | {"succeeded": pa.array(succeeded, pa.bool_())}


def _batch(columns: dict[str, pa.Array], site: Site) -> Batch:
    """Return the rows of `transfers`. `start` and `end` are microseconds, `duration` is the records' own in s."""
    start, end, moved = (
        np.asarray(columns[name].cast(pa.float64(), safe=False).fill_null(nan)) for name in ("start", "end", "bytes")
    )
    logged, took = np.asarray(columns.pop("duration")), (end - start) / 1e6
    duration_s = np.where((logged >= 0) & (logged < _LONGEST_S), logged, np.where(took >= 0, took, nan))
    rate = moved / np.where((duration_s > 0) & (moved > 0), duration_s, nan)
    count = len(end)
    path = pl.DataFrame({"path": pl.Series(columns["path"], dtype=pl.String)})
    columns |= {
        "start_time": columns.pop("start").view(pa.timestamp("us")),
        "end_time": columns.pop("end").view(pa.timestamp("us")),
        "time_ambiguous": pa.repeat(False, count),
        "tool": pa.repeat("gridftp", count),
        "duration_s": pa.array(duration_s, from_pandas=True),
        "bytes_per_s": pa.array(rate, from_pandas=True),
        "file_system": path.with_columns(its=file_systems(pl.col("path"), site))["its"].to_arrow(),
    }
    return Batch(TRANSFERS, rows(TRANSFERS, columns, count).cast(TRANSFERS.batch_schema))


def _hit(document: dict[str, Any]) -> Hit:
    """Return a record whose fields may be of any type, without those of another type than a record's.

    A record without an id is known by a hash of its fields.
    """
    found = document.get("_source", document)
    record = found if isinstance(found, dict) else {}
    fields = {name: record.get(key) for name, key in _KEYS.items()}
    moments = {name: _text(fields[name]) if isinstance(fields[name], str) else None for name in ("start", "end")}
    texts = {name: _text(fields[name]) for name in ("path", *_TEXTS)}
    numbers = {name: _number(fields[name]) for name in ("bytes", *_NUMBERS)}
    logged: Any = fields["duration"]
    is_number = isinstance(logged, (int, float)) and not isinstance(logged, bool) and 0 <= logged < _LONGEST_S
    identifier = _text(document.get("_id")) or f"{xxhash.xxh3_64_intdigest(repr(record).encode()):016x}"
    kinds: dict[str, Any] = moments | texts | numbers | {"duration": float(logged) if is_number else None}
    return Hit(identifier, Record(**kinds))


def _times(texts: list[str | None]) -> pa.Array:
    """Return microseconds since 1970 (UTC) of texts in ISO 8601; null where one is not a time that a log can have."""
    us = utc_us(texts)
    possible = pc.and_(pc.greater_equal(us, FIRST_US), pc.less(us, LAST_US))
    return pc.if_else(possible, us, pa.scalar(None, pa.int64()))


def _whole(values: list[Any]) -> pa.Array:
    """Return the numbers from 0 of a column; they may be texts."""
    try:
        found = pa.array(values, pa.int64())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        known = {value: _number(value) for value in set(values)}
        return pa.array([known[value] for value in values], pa.int64())
    return pc.if_else(pc.less(found, 0), pa.scalar(None, pa.int64()), found)


def _text(value: Any) -> str | None:
    found = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return found.encode("utf-8", "backslashreplace").decode() or None


def _number(value: Any) -> int | None:
    try:
        number = int(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else -1
    except ValueError:
        return None
    return number if 0 <= number < 1 << 63 else None
