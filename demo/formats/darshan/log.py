"""A Darshan 3 log as values, and its bytes: an uncompressed header, then regions compressed one by one."""

from __future__ import annotations

import bz2
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from iolake.demo.formats.darshan.records import AnyRecord, ByteOrder, Columns, pack

Compression = Literal["zlib", "bzip2", "none"]

_MAGIC = 6567223
_METADATA_BYTES = 1024
_JOB_TEXT_BYTES = 4096
_COMPRESSIONS: tuple[Compression, ...] = ("zlib", "bzip2", "none")
_MODULES = (
    "NULL",
    "POSIX",
    "MPI-IO",
    "H5F",
    "H5D",
    "PNETCDF_FILE",
    "PNETCDF_VAR",
    "BG/Q",
    "LUSTRE",
    "STDIO",
    "DXT_POSIX",
    "DXT_MPIIO",
    "MDHIM",
    "APXC",
    "APMPI",
    "HEATMAP",
    "DFS",
    "DAOS",
)
_NEWEST = {
    "POSIX": 4,
    "MPI-IO": 3,
    "H5F": 3,
    "H5D": 2,
    "PNETCDF_FILE": 3,
    "BG/Q": 2,
    "LUSTRE": 2,
    "STDIO": 2,
    "DXT_MPIIO": 2,
}


@dataclass(frozen=True)
class Format:
    """One version of the log format: how many modules its header has room for, and which ids are which."""

    room: int
    modules: tuple[str, ...]
    nanoseconds: bool = False
    name_lengths: bool = False


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in _MODULES if name not in names)


FORMATS = {
    "3.00": Format(16, _without("H5D", "PNETCDF_VAR"), name_lengths=True),
    "3.10": Format(16, _without("H5D", "PNETCDF_VAR")),
    "3.20": Format(16, _without("PNETCDF_VAR")[:16]),
    "3.21": Format(16, _without("PNETCDF_VAR")[:16]),
    "3.41": Format(64, _MODULES, nanoseconds=True),
}


@dataclass(frozen=True)
class Log:
    """The content of a log. Times are seconds and nanoseconds since 1970; before format 3.41 there are no nanoseconds.

    `mounts` are (mount point, type) pairs. `versions` names module versions other than release 3.5.0's own.
    `partial` names modules that ran out of memory. `streams` is in how many compressed streams a region is
    written, as each rank writes its own. `raw` adds modules that have no name here: id to (version, content).
    """

    job_id: int
    uid: int
    start_s: int
    end_s: int
    nprocs: int
    exe: str
    start_ns: int = 0
    end_ns: int = 0
    mounts: Sequence[tuple[str, str]] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: {"lib_ver": "3.5.0"})
    names: Mapping[int, str] = field(default_factory=dict)
    modules: Mapping[str, Sequence[AnyRecord] | Columns] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    partial: Sequence[str] = ()
    raw: Mapping[int, tuple[int, bytes]] = field(default_factory=dict)
    version: str = "3.41"
    byte_order: ByteOrder = "<"
    compression: Compression = "zlib"
    streams: int = 1


def encode(log: Log) -> bytes:
    """The log's bytes; ValueError where the format can't hold what the log says."""
    form = FORMATS[log.version]
    job = _compress(log, [_job(log, form)])
    names = _compress(log, _names(log, form))
    regions: dict[int, tuple[int, bytes]] = {}
    for module, records in log.modules.items():
        version = log.versions.get(module, _NEWEST.get(module, 1))
        content = _compress(log, pack(module, version, log.byte_order, records))
        regions[_module_id(form, module)] = version, content
    for module_id, (version, raw) in log.raw.items():
        regions[module_id] = version, _compress(log, [raw])

    offset = _header_bytes(form) + len(job)
    maps = [(offset, len(names)) if names else (0, 0)] + [(0, 0)] * form.room
    offset += len(names)
    for module_id, (_, content) in sorted(regions.items()):
        if content:
            maps[module_id + 1] = offset, len(content)
            offset += len(content)
    versions = [regions.get(module_id, (0, b""))[0] for module_id in range(form.room)]
    contents = [content for _, (_, content) in sorted(regions.items())]
    return b"".join([_header(log, form, maps, versions), job, names, *contents])


def _module_id(form: Format, module: str) -> int:
    try:
        return form.modules.index(module)
    except ValueError:
        raise ValueError(f"this format has no module {module}") from None


def _header_bytes(form: Format) -> int:
    return 32 + 16 * form.room + 4 * form.room + (16 if form.nanoseconds else 8)


def _header(log: Log, form: Format, maps: Sequence[tuple[int, int]], versions: Sequence[int]) -> bytes:
    partial = sum(1 << _module_id(form, module) for module in log.partial)
    head = struct.pack(f"{log.byte_order}8sqB", log.version.encode(), _MAGIC, _COMPRESSIONS.index(log.compression))
    # the mask is as wide as there are modules, so it starts where its alignment puts it
    mask = f"{log.byte_order}7xQ" if form.room == 64 else f"{log.byte_order}3xI"
    flat = [number for place in maps for number in place]
    return b"".join(
        (
            head,
            struct.pack(mask, partial),
            struct.pack(f"{log.byte_order}{len(flat)}Q", *flat),
            struct.pack(f"{log.byte_order}{form.room}I", *versions),
        )
    )


def _job(log: Log, form: Format) -> bytes:
    start = (log.start_s, log.start_ns) if form.nanoseconds else (log.start_s,)
    end = (log.end_s, log.end_ns) if form.nanoseconds else (log.end_s,)
    numbers = (log.uid, *start, *end, log.nprocs, log.job_id)
    metadata = "".join(f"{key}={value}\n" for key, value in log.metadata.items()).encode()
    if len(metadata) >= _METADATA_BYTES:
        raise ValueError(f"{len(metadata)} bytes of metadata; there is room for {_METADATA_BYTES - 1}")
    text = (log.exe + "".join(f"\n{kind}\t{mount}" for mount, kind in log.mounts)).encode()
    job = struct.pack(f"{log.byte_order}{len(numbers)}q{_METADATA_BYTES}s", *numbers, metadata) + text + b"\0"
    if len(job) > _JOB_TEXT_BYTES:
        raise ValueError(f"{len(job)} bytes of job, command line and mounts; there is room for {_JOB_TEXT_BYTES}")
    return job


def _names(log: Log, form: Format) -> list[bytes]:
    parts = []
    for number, name in log.names.items():
        path = name.encode()
        if form.name_lengths:
            parts.append(struct.pack(f"{log.byte_order}QI", number, len(path)) + path)
        else:
            parts.append(struct.pack(f"{log.byte_order}Q", number) + path + b"\0")
    return parts


def _compress(log: Log, parts: Sequence[bytes]) -> bytes:
    """A region: its records in `log.streams` streams, fewer where there are fewer records."""
    streams = max(1, min(log.streams, len(parts)))
    cuts = [len(parts) * at // streams for at in range(streams + 1)]
    contents = [b"".join(parts[start:end]) for start, end in pairwise(cuts)]
    if not any(contents):
        return b""
    match log.compression:
        case "zlib":
            return b"".join(map(zlib.compress, contents))
        case "bzip2":
            return b"".join(map(bz2.compress, contents))
        case "none":
            return b"".join(contents)
