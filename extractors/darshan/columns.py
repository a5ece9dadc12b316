"""From a region's eight-byte words to Arrow columns, with what Darshan marks as not recorded made null."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from extractors.darshan.decoded import ByteOrder, Group, Ints
from schemas.darshan.counter import Counter, Kind

NOT_RECORDED: Final = -1
"""What Darshan puts where a value could not be had; as a rank, it means all ranks together."""

_BITS: Final[dict[Kind, int | None]] = {
    "i8": NOT_RECORDED,
    "u8": None,
    "f8": int(np.float64(NOT_RECORDED).view(np.int64)),
}
_ARROW: Final = {"i8": pa.int64(), "u8": pa.uint64(), "f8": pa.float64()}
RECORD_ID: Final = Counter("record_id", "u8", None, "", 1, 1)
RANK: Final = Counter("rank", "i8", None, "", 1, 1)


def words(group: Group) -> Ints:
    """The joined regions of the group as native 64-bit words; each region's length is a multiple of eight."""
    return native(b"".join(group.data), group.layout.byte_order)


def native(data: bytes, byte_order: ByteOrder) -> Ints:
    """Bytes as native 64-bit words."""
    return np.frombuffer(data, "<i8" if byte_order == "little" else ">i8").astype(np.int64, copy=False)


def sizes(group: Group) -> Ints:
    """How many words each of the group's regions has."""
    return np.fromiter((len(data) for data in group.data), np.int64, len(group.data)) // 8


def record_order(logs: Ints, ids: Ints, ranks: Ints) -> Ints:
    """The order of records by log, record id (unsigned) and rank; a record of all ranks comes first."""
    if not len(logs):
        return logs
    bits = np.uint64(int(logs[-1]).bit_length())
    keys = (logs.astype(np.uint64) << (np.uint64(64) - bits)) | (ids.view(np.uint64) >> bits) if bits else ids
    order = np.argsort(keys.view(np.uint64))
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():  # one file on several ranks, or ids alike in their upper bits
        return np.lexsort((ranks, ids.view(np.uint64), logs))
    return order


def columns(records: Ints, named: Sequence[Counter | None]) -> dict[str, pa.Array]:
    """Columns of fixed records: `records` has a row a record and a word a column; None names a word of no use."""
    wanted = [place for place, counter in enumerate(named) if counter is not None]
    counters = [counter for counter in named if counter is not None]
    by_column = np.ascontiguousarray(records.T if len(wanted) == len(named) else records[:, wanted].T)
    marks = np.array([_BITS[c.kind] or 0 for c in counters], dtype=np.int64)
    marked = np.array([_BITS[c.kind] is not None for c in counters])
    absent = (by_column == marks[:, None]) & marked[:, None]
    some = absent.any(axis=1)
    return {
        counter.name: arrow(values, counter.kind, nulls if has_nulls else None)
        for counter, values, nulls, has_nulls in zip(counters, by_column, absent, some, strict=True)
    }


def arrow(values: Ints, kind: Kind, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Contiguous words as an Arrow array of what they hold, without a copy; null where `absent`."""
    valid = None if absent is None else pa.py_buffer(np.packbits(~absent, bitorder="little"))
    return pa.Array.from_buffers(_ARROW[kind], len(values), [valid, pa.py_buffer(values)])


def unless_marked(values: Ints) -> pa.Array:
    """Integers, null where Darshan marks them as not recorded."""
    values = np.ascontiguousarray(values)
    absent = values == NOT_RECORDED
    return arrow(values, "i8", absent if absent.any() else None)


def texts(fields: npt.NDArray[np.uint8]) -> pa.Array:
    """Texts from fixed fields that end at a NUL; `fields` has a row a text. Each distinct field is decoded once."""
    distinct, which = np.unique(np.ascontiguousarray(fields).view(f"V{fields.shape[1]}").ravel(), return_inverse=True)
    decoded = [text(field.tobytes()) for field in distinct]
    return pa.array(decoded, pa.string()).take(pa.array(which))


def text(field: bytes) -> str:
    """A field's text up to its NUL; bytes that are not UTF-8 are shown by their hex digits."""
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def lists(values: Ints, lengths: Iterable[int] | Ints) -> pa.Array:
    """Lists of integers that lie end to end in `values`."""
    offsets = np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
