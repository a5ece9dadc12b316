"""A writer of the logs of Darshan 1 and 2, from the facts known of these formats.

from iolake.demo.formats.darshan_legacy import LegacyLog, LegacyRecord, encode

log = LegacyLog(
    version="2.06", job_id=4711, uid=1001, start_s=1426266325, end_s=1426266400, nprocs=4, exe="./a.out -v",
    mounts=[(-648807988769344735, "ext4", "/")], metadata={"lib_ver": "2.3.1"},
    records=[LegacyRecord(record_id("/data/a"), -1, "/data/a", {"CP_POSIX_OPENS": 4, "CP_F_POSIX_READ_TIME": 0.5})],
)
Path("ann_a.out_id4711_3-13-47125-1_1.darshan.gz").write_bytes(encode(log))
"""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from iolake.demo.formats.darshan.counters import expand
from iolake.demo.formats.darshan.records import ByteOrder

_MAGIC = 6567223
_SIZES = "{0_100,100_1K,1K_10K,10K_100K,100K_1M,1M_4M,4M_10M,10M_100M,100M_1G,1G_PLUS}"
_COUNTERS = expand(
    f"""
    CP_{{INDEP,COLL}}_OPENS CP_{{INDEP,COLL,SPLIT,NB}}_{{READS,WRITES}} CP_SYNCS
    CP_POSIX_{{READS,WRITES,OPENS,SEEKS,STATS,MMAPS,FREADS,FWRITES,FOPENS,FSEEKS,FSYNCS,FDSYNCS}}
    CP_{{INDEP,COLL}}_NC_OPENS CP_HDF5_OPENS
    CP_COMBINER_{{NAMED,DUP,CONTIGUOUS,VECTOR,HVECTOR_INTEGER,HVECTOR,INDEXED,HINDEXED_INTEGER,HINDEXED}}
    CP_COMBINER_{{INDEXED_BLOCK,STRUCT_INTEGER,STRUCT,SUBARRAY,DARRAY,F90_REAL,F90_COMPLEX,F90_INTEGER,RESIZED}}
    CP_{{HINTS,VIEWS,MODE,BYTES_READ,BYTES_WRITTEN,MAX_BYTE_READ,MAX_BYTE_WRITTEN}}
    CP_{{CONSEC,SEQ}}_{{READS,WRITES}} CP_RW_SWITCHES CP_{{MEM,FILE}}_{{NOT_ALIGNED,ALIGNMENT}}
    CP_MAX_{{READ,WRITE}}_TIME_SIZE CP_SIZE_{{READ,WRITE}}_{_SIZES} CP_SIZE_{{READ,WRITE}}_AGG_{_SIZES}
    CP_EXTENT_{{READ,WRITE}}_{_SIZES} CP_STRIDE{{1,2,3,4}}_STRIDE CP_STRIDE{{1,2,3,4}}_COUNT
    CP_ACCESS{{1,2,3,4}}_ACCESS CP_ACCESS{{1,2,3,4}}_COUNT CP_DEVICE CP_SIZE_AT_OPEN
    CP_{{FASTEST,SLOWEST}}_{{RANK,RANK_BYTES}}"""
)
_FCOUNTERS = expand(
    """
    CP_F_OPEN_TIMESTAMP CP_F_{READ,WRITE}_START_TIMESTAMP CP_F_CLOSE_TIMESTAMP CP_F_{READ,WRITE}_END_TIMESTAMP
    CP_F_POSIX_{READ,WRITE,META}_TIME CP_F_MPI_{META,READ,WRITE}_TIME CP_F_MAX_{READ,WRITE}_TIME
    CP_F_{FASTEST,SLOWEST}_RANK_TIME CP_F_VARIANCE_RANK_{TIME,BYTES}"""
)
_CAME_WITH_1_22 = set(expand("CP_{INDEP,COLL}_NC_OPENS CP_HDF5_OPENS CP_MAX_{READ,WRITE}_TIME_SIZE"))
_CAME_WITH_1_22 |= set(expand("CP_F_MAX_{READ,WRITE}_TIME"))
_CAME_WITH_1_23 = {"CP_DEVICE", "CP_SIZE_AT_OPEN"}
_CAME_WITH_2_00 = set(expand("CP_{FASTEST,SLOWEST}_{RANK,RANK_BYTES} CP_F_{FASTEST,SLOWEST}_RANK_TIME"))
_CAME_WITH_2_00 |= set(expand("CP_F_VARIANCE_RANK_{TIME,BYTES}"))


@dataclass(frozen=True)
class _Layout:
    """One version's header: bytes of metadata, where records begin, whether a job id is kept, and what is absent."""

    metadata: int
    first_record: int
    has_job_id: bool
    absent: frozenset[str]


_LAYOUTS = {
    "1.21": _Layout(0, 1024, False, frozenset(_CAME_WITH_1_22 | _CAME_WITH_1_23 | _CAME_WITH_2_00)),
    "1.22": _Layout(0, 1024, False, frozenset(_CAME_WITH_1_23 | _CAME_WITH_2_00)),
    "1.23": _Layout(0, 1024, False, frozenset(_CAME_WITH_2_00)),
    "1.24": _Layout(0, 1024, False, frozenset(_CAME_WITH_2_00)),
    "2.00-pre1": _Layout(0, 1024, False, frozenset(_CAME_WITH_2_00)),
    "2.00": _Layout(0, 1024, True, frozenset()),
    "2.01": _Layout(64, 1024, True, frozenset()),
    "2.02": _Layout(64, 1024, True, frozenset()),
    "2.03": _Layout(64, 1024, True, frozenset()),
    "2.04": _Layout(64, 4096, True, frozenset()),
    "2.04-long": _Layout(1024, 4096, True, frozenset()),
    "2.05": _Layout(1024, 4096, True, frozenset()),
    "2.06": _Layout(1024, 4096, True, frozenset()),
}
VERSIONS = tuple(_LAYOUTS)
"""Every version, and the two that share a number: 2.00 of the pre-release, 2.04 as its own reader took it."""


@dataclass(frozen=True)
class LegacyRecord:
    """One file on one rank, or on all of them (-1): counters by their CP_ names, zero where not named."""

    hash: int
    rank: int
    path: str | bytes
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LegacyLog:
    """The content of one log. `mounts` are (id, type, mount point). 1.x logs are big-endian, without a job id.

    `streams` is in how many compressed streams the log is written; the first one has the header.
    """

    version: str
    uid: int
    start_s: int
    end_s: int
    nprocs: int
    exe: str
    job_id: int = 0
    mounts: Sequence[tuple[int, str, str]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    records: Sequence[LegacyRecord] = ()
    byte_order: ByteOrder = ">"
    compression: Literal["gzip", "bzip2", "none"] = "gzip"
    streams: int = 1


def counters(version: str) -> tuple[list[str], list[str]]:
    """The CP_ names of the integers and the floats that a version's records hold, in their order."""
    absent = _LAYOUTS[version].absent
    return [name for name in _COUNTERS if name not in absent], [name for name in _FCOUNTERS if name not in absent]


def encode(log: LegacyLog) -> bytes:
    """The log's bytes; ValueError where the version has no room for what the log says."""
    records = [_record(log, record) for record in log.records]
    streams = max(1, log.streams)
    cuts = [len(records) * at // streams for at in range(streams + 1)]
    parts = [b"".join(records[cuts[at] : cuts[at + 1]]) for at in range(streams)]
    parts[0] = _header(log) + parts[0]
    match log.compression:
        case "gzip":
            return b"".join(gzip.compress(part, mtime=0) for part in parts if part)
        case "bzip2":
            return b"".join(bz2.compress(part) for part in parts if part)
        case "none":
            return b"".join(parts)


def _header(log: LegacyLog) -> bytes:
    layout, order, number = _LAYOUTS[log.version], log.byte_order, log.version[:4].encode()
    if log.version.startswith("1."):
        if order != ">":
            raise ValueError(f"{log.version} is known from big-endian machines alone")
        job = struct.pack(">10s2xIiii", number, log.uid, log.start_s, log.end_s, log.nprocs)
    else:
        job = struct.pack(f"{order}8s5q", number, _MAGIC, log.uid, log.start_s, log.end_s, log.nprocs)
        job += struct.pack(f"{order}q", log.job_id) if layout.has_job_id else b""
    metadata = "".join(f"{key}={value}\n" for key, value in log.metadata.items()).encode()
    text = (log.exe + "".join(f"\n{number}\t{kind}\t{point}" for number, kind, point in log.mounts)).encode()
    job += _padded(metadata, layout.metadata, "metadata")
    return job + _padded(text, layout.first_record - len(job), "command line and mounts")


def _padded(content: bytes, room: int, what: str) -> bytes:
    if len(content) > room:
        raise ValueError(f"{len(content)} bytes of {what}; there is room for {room}")
    return content.ljust(room, b"\0")


def _record(log: LegacyLog, record: LegacyRecord) -> bytes:
    integers, floats = counters(log.version)
    if unknown := set(record.values) - {*integers, *floats}:
        raise ValueError(f"{log.version} has no {', '.join(sorted(unknown))}")
    order, path = log.byte_order, record.path.encode() if isinstance(record.path, str) else record.path
    body = struct.pack(f"{order}{len(integers)}q", *(int(record.values.get(name, 0)) for name in integers))
    body += struct.pack(f"{order}{len(floats)}d", *(float(record.values.get(name, 0)) for name in floats))
    if log.version.startswith("1."):
        return struct.pack(">Qi4x", record.hash, record.rank) + body + struct.pack("12s4x", path[-11:])
    return struct.pack(f"{order}Qq16s", record.hash, record.rank, path[-15:]) + body
