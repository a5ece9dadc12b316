"""From a region's eight-byte words to Arrow columns. A counter below zero was not recorded, and becomes null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.darshan.decoded import ByteOrder, Bytes, Ints
from iolake.schemas.darshan.counter import Counter, Kind

NOT_RECORDED: Final = -1
"""Darshan's mark for no value; as a rank, it means all ranks together."""
_ARROW: Final = {"i8": pa.int64(), "u8": pa.uint64(), "f8": pa.float64()}
_CACHED_BYTES: Final = 256 << 10
"""The number of records that are turned into columns at once: as many as fit a processor's cache."""
RECORD_ID: Final = Counter("record_id", "u8", None, "", 1, 1)
RANK: Final = Counter("rank", "i8", None, "", 1, 1)


def stored_words(data: Bytes, byte_order: ByteOrder) -> npt.NDArray[Any]:
    """Bytes as 64-bit words, in the byte order of the file."""
    return np.frombuffer(data, "<i8" if byte_order == "little" else ">i8")


def words(data: Bytes, byte_order: ByteOrder) -> Ints:
    """Bytes as native 64-bit words."""
    return stored_words(data, byte_order).astype(np.int64, copy=False)


def record_order(logs: Ints, ids: Ints, ranks: Ints) -> tuple[Ints, Ints]:
    """The order of records by log, record id (unsigned) and rank, and each record's `copy` in that order.

    A record of all ranks (-1) comes first. `copy` is 0 for the first record of a log, id and rank, and counts on for
    further ones: darshan-merge puts the logs of many processes, each with records of rank 0, into one.
    """
    if not len(logs):
        return logs, logs
    bits = np.uint64(int(logs.max()).bit_length())
    keys = (logs.astype(np.uint64) << (np.uint64(64) - bits)) | (ids.view(np.uint64) >> bits) if bits else ids
    order = np.argsort(keys.view(np.uint64))
    ordered = keys[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return order, np.zeros(len(order), dtype=np.int64)
    # One file on several ranks, or ids that share their upper bits. The sort is stable: copies keep the log's order.
    order = np.lexsort((ranks, ids.view(np.uint64), logs))
    here, after = order[:-1], order[1:]
    same = (ranks[here] == ranks[after]) & (ids[here] == ids[after]) & (logs[here] == logs[after])
    place = np.arange(len(order))
    first = np.maximum.accumulate(np.where(np.append(True, ~same), place, 0))
    return order, place - first


def in_columns(records: npt.NDArray[Any], order: Ints) -> Ints:
    """The records, a row each, that `order` lists, as native words, a row a column."""
    by_column = np.empty((records.shape[1], len(order)), dtype=np.int64)
    step = max(_CACHED_BYTES // (8 * records.shape[1]), 1)
    for start in range(0, len(order), step):
        by_column[:, start : start + step] = records.take(order[start : start + step], axis=0).T
    return by_column


def columns(by_column: Ints | Sequence[Ints], named: Sequence[Counter | None]) -> dict[str, pa.Array]:
    """Arrow columns of native words; a column named None is skipped."""
    return {
        counter.name: arrow(values, counter.kind) if counter is RANK else unless_negative(values, counter.kind)
        for counter, values in zip(named, by_column, strict=True)
        if counter is not None
    }


def unless_negative(values: Ints, kind: Kind = "i8") -> pa.Array:
    """Words as an Arrow array of what they hold, null where a number is negative or NaN.

    Counts, sizes and times are never below zero. Darshan writes -1 for what it could not record, adds such marks up
    in records of all ranks, and leaves negative values where a counter overflowed or a clock stepped back.
    """
    values = np.ascontiguousarray(values)
    if kind == "u8":
        return arrow(values, kind)
    absent = ~(values.view(np.float64) >= 0) if kind == "f8" else values < 0
    return arrow(values, kind, absent if absent.any() else None)


def arrow(values: Ints, kind: Kind, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Contiguous words as an Arrow array of what they hold, without a copy; null where `absent`."""
    valid = None if absent is None else pa.py_buffer(np.packbits(~absent, bitorder="little"))
    return pa.Array.from_buffers(_ARROW[kind], len(values), [valid, pa.py_buffer(values)])


def texts(fields: npt.NDArray[np.uint8]) -> pa.Array:
    """Texts from fixed fields that end at a NUL; `fields` has a row a text. Each distinct field is decoded once."""
    distinct, which = np.unique(np.ascontiguousarray(fields).view(f"V{fields.shape[1]}").ravel(), return_inverse=True)
    decoded = [text(field.tobytes()) for field in distinct]
    return pa.array(decoded, pa.string()).take(pa.array(which))


def text(field: bytes) -> str:
    """A field's text up to its NUL; bytes that are not UTF-8 are shown by their hex digits."""
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def lists(values: pa.Array, lengths: Ints) -> pa.Array:
    """Arrow lists over values that are stored end to end."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
