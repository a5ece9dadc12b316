"""The records of a Darshan 3 module's region, as values and as bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from iolake.demo.formats.darshan.counters import FIXED, HEADERS, Fields

ByteOrder = Literal["<", ">"]
Value = int | float | bytes
Array = np.ndarray[Any, np.dtype[Any]]

AUTOPERF_MAGIC = 0x4155544F50455246
_U64 = (1 << 64) - 1
_DEAD_POINTER = 0x5555DEADBEEF
_SEGMENT = [("offset", "i8"), ("length", "i8"), ("start", "f8"), ("end", "f8")]
_THREADED = {("DXT_POSIX", 2), ("DXT_MPIIO", 3)}


@dataclass(frozen=True)
class Record:
    """One record of a module with fixed records. Values that are not named are zero.

    `values` are counters by Darshan's names, and the record's other fields by theirs: file_rec_id (H5D,
    PNETCDF_VAR), pool_uuid, cont_uuid (DFS, DAOS; 16 bytes), oid_hi, oid_lo (DAOS), node_name (APMPI), group,
    chassis, blade, node (APXC). The first record of APMPI and APXC is the header, with header fields.
    `servers` is MDHIM's histogram, whose length becomes MDHIM_SERVERS. Rank -1 means all ranks.
    """

    id: int
    rank: int = -1
    values: Mapping[str, Value] = field(default_factory=dict)
    servers: Sequence[int] = ()


@dataclass(frozen=True)
class Columns:
    """Many records of a module with fixed records, as numpy columns of one length: the fast form of `Record`."""

    id: Array
    rank: Array
    values: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """One component of a file's Lustre layout. `stripe_count` defaults to the number of `osts`."""

    osts: Sequence[int]
    stripe_size: int = 1048576
    stripe_count: int | None = None
    pattern: int = 0
    flags: int = 0
    ext_start: int = 0
    ext_end: int = -1
    mirror_id: int = 0
    pool: str = ""


@dataclass(frozen=True)
class Lustre:
    """A file's Lustre layout. The file system's numbers of OSTs and MDTs and the offset are in version 1 alone."""

    id: int
    rank: int = -1
    components: Sequence[Component] = ()
    fs_osts: int = -1
    fs_mdts: int = -1
    stripe_offset: int = -1


@dataclass(frozen=True)
class Traced:
    """One file's traced segments on one rank (DXT): (offset, length, start, end), with a thread id last in the
    versions that record it. Segments are tuples, or a structured numpy array with those fields in order.
    """

    id: int
    rank: int
    hostname: str
    writes: Sequence[tuple[float, ...]] | Array = ()
    reads: Sequence[tuple[float, ...]] | Array = ()
    shared: int = 0


@dataclass(frozen=True)
class Heatmap:
    """Bytes that a rank wrote and read in each bin of time."""

    id: int
    rank: int
    bin_width_s: float
    writes: Sequence[int] | Array
    reads: Sequence[int] | Array


AnyRecord = Record | Lustre | Traced | Heatmap


def pack(module: str, version: int, order: ByteOrder, records: Sequence[AnyRecord] | Columns) -> list[bytes]:
    """The records' bytes, one item a record; of `Columns`, one item in all."""
    if isinstance(records, Columns):
        return [_pack_columns(module, version, order, records)]
    return [_pack_one(module, version, order, record, at) for at, record in enumerate(records)]


def _pack_one(module: str, version: int, order: ByteOrder, record: AnyRecord, at: int) -> bytes:
    match record:
        case Record():
            if at == 0 and module in HEADERS:
                return _fixed(f"{module} header", HEADERS[module], order).pack(record, {"magic": AUTOPERF_MAGIC})
            layout = _fixed(f"{module} {version}", _fields(module, version), order)
            if module != "MDHIM":
                return layout.pack(record, {})
            servers = struct.pack(f"{order}{len(record.servers)}q", *record.servers)
            return layout.pack(record, {"MDHIM_SERVERS": len(record.servers)}) + servers
        case Lustre():
            return _lustre(version, order, record)
        case Traced():
            return _traced(module, version, order, record)
        case Heatmap():
            return _heatmap(order, record)


def _fields(module: str, version: int) -> Fields:
    try:
        return FIXED[module, version]
    except KeyError:
        raise ValueError(f"no fixed record is known for {module} version {version}") from None


class _Fixed:
    """Packs records of one layout: a struct format, and each name's place among its arguments."""

    def __init__(self, name: str, fields: Fields, order: ByteOrder) -> None:
        codes = [("id", "Q"), ("rank", "Q"), *fields.fields]
        named = [(name, code) for name, code in codes if name]
        self.name = name
        self.struct = struct.Struct(order + "".join(code for _, code in codes))
        self.empty: list[Value] = [b"" if code.endswith("s") else 0.0 if code == "d" else 0 for _, code in named]
        self.places = {name: (at, code) for at, (name, code) in enumerate(named)}
        offsets = np.cumsum([0] + [struct.calcsize("=" + code) for _, code in codes]).tolist()
        kept = [(name, code, offset) for (name, code), offset in zip(codes, offsets, strict=False) if name]
        kinds = {"Q": "u8", "I": "u4", "d": "f8"}
        self.dtype = np.dtype(
            {
                "names": [name for name, _, _ in kept],
                "formats": [f"S{code[:-1]}" if code.endswith("s") else order + kinds[code] for _, code, _ in kept],
                "offsets": [offset for _, _, offset in kept],
                "itemsize": self.struct.size,
            }
        )

    def place(self, name: str) -> tuple[int, str]:
        """The place of a value; ValueError names one that the record lacks."""
        try:
            return self.places[name]
        except KeyError:
            raise ValueError(f"{self.name} has no {name}") from None

    def pack(self, record: Record, more: Mapping[str, Value]) -> bytes:
        """One record's bytes; `more` are values that the record need not tell."""
        values = self.empty.copy()
        for name, value in (("id", record.id), ("rank", record.rank), *more.items(), *record.values.items()):
            at, code = self.place(name)
            values[at] = value if isinstance(value, bytes) else float(value) if code == "d" else int(value) & _U64
        return self.struct.pack(*values)


@lru_cache
def _fixed(name: str, fields: Fields, order: ByteOrder) -> _Fixed:
    return _Fixed(name, fields, order)


def _pack_columns(module: str, version: int, order: ByteOrder, columns: Columns) -> bytes:
    layout = _fixed(f"{module} {version}", _fields(module, version), order)
    rows = np.zeros(len(columns.id), layout.dtype)
    for name, column in (("id", columns.id), ("rank", columns.rank), *columns.values.items()):
        layout.place(name)
        rows[name] = column.view("u8") if column.dtype == np.int64 and rows.dtype[name].kind == "u" else column
    return rows.tobytes()


def _lustre(version: int, order: ByteOrder, record: Lustre) -> bytes:
    osts = [ost for component in record.components for ost in component.osts]
    if version == 1:
        (only,) = record.components
        head = [record.fs_osts, record.fs_mdts, record.stripe_offset, only.stripe_size, len(osts)]
        return struct.pack(f"{order}Qq5q{len(osts)}q", record.id, record.rank, *head, *osts)
    parts = [struct.pack(f"{order}Qq2q", record.id, record.rank, len(record.components), len(osts))]
    for one in record.components:
        count = len(one.osts) if one.stripe_count is None else one.stripe_count
        extent = (one.flags, one.ext_start, one.ext_end, one.mirror_id)
        parts.append(struct.pack(f"{order}7q16s", one.stripe_size, count, one.pattern, *extent, one.pool.encode()))
    return b"".join(parts) + struct.pack(f"{order}{len(osts)}q", *osts)


def _traced(module: str, version: int, order: ByteOrder, record: Traced) -> bytes:
    fields = [*_SEGMENT, ("thread_id", "u8")] if (module, version) in _THREADED else _SEGMENT
    dtype = np.dtype([(name, order + kind) for name, kind in fields])
    segments = b"".join(
        (part.astype(dtype) if isinstance(part, np.ndarray) else np.array(list(part), dtype)).tobytes()
        for part in (record.writes, record.reads)
    )
    counts = (len(record.writes), len(record.reads))
    head = struct.pack(f"{order}Qqq64sqq", record.id, record.rank, record.shared, record.hostname.encode(), *counts)
    return head + segments


def _heatmap(order: ByteOrder, record: Heatmap) -> bytes:
    if len(record.writes) != len(record.reads):
        raise ValueError("a heatmap has as many read bins as write bins")
    head = (record.id, record.rank, record.bin_width_s, len(record.writes), _DEAD_POINTER, _DEAD_POINTER)
    return struct.pack(f"{order}QqdqQQ", *head) + b"".join(_bins(order, (record.writes, record.reads)))


def _bins(order: ByteOrder, parts: Sequence[Sequence[int] | Array]) -> Iterator[bytes]:
    for part in parts:
        yield np.asarray(part, dtype=order + "i8").tobytes()
