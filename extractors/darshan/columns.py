"""From a region's eight-byte words to Arrow columns, with what Darshan marks as not recorded made null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.darshan.decoded import ByteOrder, Bytes, Ints
from iolake.schemas.darshan.counter import Counter, Kind

NOT_RECORDED: Final = -1
"""What Darshan puts where a value could not be had; as a rank, it means all ranks together."""

_BITS: Final[dict[Kind, int | None]] = {
    "i8": NOT_RECORDED,
    "u8": None,
    "f8": int(np.float64(NOT_RECORDED).view(np.int64)),
}
_ARROW: Final = {"i8": pa.int64(), "u8": pa.uint64(), "f8": pa.float64()}
_CACHED_BYTES: Final = 256 << 10
"""Records that are turned into columns at once; so many stay in a processor's cache."""
RECORD_ID: Final = Counter("record_id", "u8", None, "", 1, 1)
RANK: Final = Counter("rank", "i8", None, "", 1, 1)


def stored_words(data: Bytes, byte_order: ByteOrder) -> npt.NDArray[Any]:
    """Bytes as 64-bit words, in the byte order of the file."""
    return np.frombuffer(data, "<i8" if byte_order == "little" else ">i8")


def words(data: Bytes, byte_order: ByteOrder) -> Ints:
    """Bytes as native 64-bit words."""
    return stored_words(data, byte_order).astype(np.int64, copy=False)


def record_order(logs: Ints, ids: Ints, ranks: Ints) -> tuple[Ints, dict[int, str]]:
    """(order of records by log, record id (unsigned) and rank; what is wrong with logs that have one of these twice).

    A record of all ranks comes first. A process has one record of a file in a module, so that two are damage.
    """
    if not len(logs):
        return logs, {}
    bits = np.uint64(int(logs.max()).bit_length())
    keys = (logs.astype(np.uint64) << (np.uint64(64) - bits)) | (ids.view(np.uint64) >> bits) if bits else ids
    order = np.argsort(keys.view(np.uint64))
    ordered = keys[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return order, {}
    # one file on several ranks, or ids alike in their upper bits
    order = np.lexsort((ranks, ids.view(np.uint64), logs))
    here, after = order[:-1], order[1:]
    twice = here[(ranks[here] == ranks[after]) & (ids[here] == ids[after]) & (logs[here] == logs[after])]
    found = zip(logs[twice].tolist(), ids.view(np.uint64)[twice].tolist(), ranks[twice].tolist(), strict=True)
    return order, {log: f"it has record {id_} of rank {rank} twice" for log, id_, rank in found}


def in_columns(records: npt.NDArray[Any], order: Ints) -> Ints:
    """The records, a row each, that `order` lists, as native words, a row a column."""
    by_column = np.empty((records.shape[1], len(order)), dtype=np.int64)
    step = max(_CACHED_BYTES // (8 * records.shape[1]), 1)
    for start in range(0, len(order), step):
        by_column[:, start : start + step] = records.take(order[start : start + step], axis=0).T
    return by_column


def columns(by_column: Ints | Sequence[Ints], named: Sequence[Counter | None]) -> dict[str, pa.Array]:
    """Arrow columns of native words; None names one of no use."""
    return {
        counter.name: unless_marked(values, counter.kind)
        for counter, values in zip(named, by_column, strict=True)
        if counter is not None
    }


def unless_marked(values: Ints, kind: Kind = "i8") -> pa.Array:
    """Words as an Arrow array of what they hold, null where Darshan marks them as not recorded."""
    values, mark = np.ascontiguousarray(values), _BITS[kind]
    if mark is None:
        return arrow(values, kind)
    absent = values == mark
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
    """Lists of values that lie end to end."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
