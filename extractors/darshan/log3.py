"""Opening a Darshan 3 log: the plain header, the job region, and every module's region, inflated and measured.

A log is an uncompressed header followed by regions that are compressed one by one: the job, the names of the
records, and one for each module that has data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from extractors.base import InputError
from extractors.darshan.decoded import ByteOrder, Content, Head, Layout, Log, Region
from extractors.darshan.inflate import Compression, InflateError, inflate, inflated_pieces
from extractors.darshan.modules import problem_of_length, reads

_MAGIC: Final = 6567223
_COMPRESSION: Final[dict[int, Compression]] = {0: "zlib", 1: "bzip2", 2: "none"}
_JOB_MOST: Final = 64 << 10
"""Darshan caps the job region at 4 KiB; more than this is something else."""
_METADATA: Final = 1024
_LATEST_SECOND: Final = 253402300799
"""The end of year 9999, the last moment that a DATE can hold everywhere."""

_MODULES: Final = """
NULL POSIX MPI-IO H5F H5D PNETCDF_FILE PNETCDF_VAR BG/Q LUSTRE STDIO DXT_POSIX DXT_MPIIO MDHIM APXC APMPI HEATMAP DFS
DAOS
"""
"""The modules by their numbers, from 0, as format 3.41 counts them."""


@dataclass(frozen=True)
class _Format:
    """One version of the container: where the header's fields lie, and what the job region holds.

    `maps` counts from `partial_at`: the mask of partial modules, then (offset, length) of the names and of each
    module; the modules' versions follow at `versions_at`.
    """

    header_bytes: int
    modules: tuple[str, ...]
    mask: tuple[int, str]
    maps_at: int
    slots: int
    versions_at: int
    nanoseconds: bool
    names_end_with_nul: bool


def _format(dropped: frozenset[str], *, names_end_with_nul: bool = True) -> _Format:
    """A version before 3.41: 16 slots, without the modules that came later."""
    modules = tuple(name for name in _MODULES.split() if name not in dropped)
    return _Format(360, modules, (20, "I"), 24, 16, 296, nanoseconds=False, names_end_with_nul=names_end_with_nul)


_BEFORE_H5D: Final = frozenset({"H5D", "PNETCDF_VAR"})
_BEFORE_PNETCDF_VAR: Final = frozenset({"PNETCDF_VAR"})
_FORMATS: Final = {
    "3.00": _format(_BEFORE_H5D, names_end_with_nul=False),
    "3.10": _format(_BEFORE_H5D),
    "3.20": _format(_BEFORE_PNETCDF_VAR),
    "3.21": _format(_BEFORE_PNETCDF_VAR),
    "3.41": _Format(1328, tuple(_MODULES.split()), (24, "Q"), 32, 64, 1072, nanoseconds=True, names_end_with_nul=True),
}


@dataclass(frozen=True, slots=True)
class _Header:
    version: str
    format: _Format
    byte_order: ByteOrder
    compression: Compression
    partial: int
    names: tuple[int, int]
    modules: dict[int, tuple[int, int, int]]
    """Slot: (offset, length, version) of each module with data."""


def open_log(content: Content, uri: str, hold: int) -> Log:
    """Open the log whose file holds `content`. Regions of more than `hold` bytes are left unread (data is None).

    InputError names what is wrong with a log that can't be trusted whole.
    """
    header = _read_header(content, uri)
    present = [header.names[:2]] * bool(header.names[1]) + [(at, size) for at, size, _ in header.modules.values()]
    for at, size in present:
        if at < header.format.header_bytes or at + size > len(content):
            raise InputError(
                uri,
                f"cut off: the header speaks of {size} bytes at {at}, the file has {len(content)}",
                "copy the log again",
            )
    job_end = header.names[0] if header.names[1] else min((at for at, _ in present), default=len(content))
    head = _read_job(content, uri, header, job_end)
    names = None
    if header.names[1]:
        layout = Layout("names", int(header.format.names_end_with_nul), header.byte_order)
        names = Region(layout, _inflate(content, uri, header, "names", *header.names, hold))
    log = Log(head, names, [])
    for slot, (at, size, version) in header.modules.items():
        _add_module(log, content, uri, header, slot, (at, size, version), hold)
    return log


def is_log3(content: Content) -> bool:
    """Whether the file begins as a Darshan 3 log does: a version, then the magic number in either byte order."""
    if len(content) < 16 or bytes(content[:2]) != b"3.":
        return False
    return any(struct.unpack_from(order + "q", content, 8)[0] == _MAGIC for order in "<>")


def region_pieces(content: Content, uri: str, name: str) -> Iterator[bytes]:
    """The inflated bytes of one region, a module's or `names`, of an opened log, in pieces."""
    header = _read_header(content, uri)
    slots = {_name(header, slot): where[:2] for slot, where in header.modules.items()}
    at, size = (slots | {"names": header.names})[name]
    try:
        yield from inflated_pieces(content[at : at + size], header.compression)
    except InflateError as error:
        raise _damaged(uri, name, at, error) from None


def _read_header(content: Content, uri: str) -> _Header:
    if not is_log3(content):
        raise InputError(uri, "is not a Darshan log", "check the pattern in site.toml")
    version = bytes(content[:8]).split(b"\0")[0].decode("ascii", "backslashreplace")
    form = _FORMATS.get(version)
    if form is None:
        known = ", ".join(_FORMATS)
        raise InputError(uri, f"Darshan log format {version} is unknown; known are {known}", "update iolake")
    if len(content) < form.header_bytes:
        raise InputError(uri, f"cut off in its header: {len(content)} bytes", "copy the log again")
    order = "<" if struct.unpack_from("<q", content, 8)[0] == _MAGIC else ">"
    compression = _COMPRESSION.get(content[16])
    if compression is None:
        raise InputError(uri, f"compression type {content[16]} is unknown", "update iolake")
    (partial,) = struct.unpack_from(order + form.mask[1], content, form.mask[0])
    names_at, names_size, *maps = struct.unpack_from(f"{order}{2 + 2 * form.slots}Q", content, form.maps_at)
    versions = struct.unpack_from(f"{order}{form.slots}I", content, form.versions_at)
    modules = {
        slot: (maps[2 * slot], maps[2 * slot + 1], versions[slot]) for slot in range(form.slots) if maps[2 * slot + 1]
    }
    byte_order: ByteOrder = "little" if order == "<" else "big"
    return _Header(version, form, byte_order, compression, partial, (names_at, names_size), modules)


def _read_job(content: Content, uri: str, header: _Header, end: int) -> Head:
    form, order = header.format, "<" if header.byte_order == "little" else ">"
    start = form.header_bytes
    job = _inflate(content, uri, header, "job", start, end - start, _JOB_MOST)
    fields = 7 if form.nanoseconds else 5
    if job is None or len(job) < 8 * fields + _METADATA:
        raise InputError(uri, f"job region at byte {start} has not the length of one", "copy the log again")
    values = struct.unpack_from(f"{order}{fields}q", job)
    if form.nanoseconds:
        uid, start_s, start_ns, end_s, end_ns, nprocs, job_id = values
        run_time_s = (end_s - start_s) + (end_ns - start_ns) / 1e9
    else:
        (uid, start_s, end_s, nprocs, job_id), start_ns, end_ns = values, 0, 0
        run_time_s = float(end_s - start_s + 1)
    if not (0 <= start_s <= _LATEST_SECOND and 0 <= end_s <= _LATEST_SECOND):
        raise InputError(uri, f"start {start_s} or end {end_s} is not a time", "copy the log again")
    metadata_end = 8 * fields + _METADATA
    exe, mounts = _read_exe(job[metadata_end:])
    return Head(
        log_version=header.version,
        byte_order=header.byte_order,
        compression=header.compression,
        job_id=job_id,
        uid=uid,
        nprocs=nprocs,
        start_us=start_s * 1_000_000 + start_ns // 1000,
        end_us=end_s * 1_000_000 + end_ns // 1000,
        run_time_s=run_time_s,
        exe=exe,
        mounts=mounts,
        metadata=_read_metadata(job[8 * fields : metadata_end]),
        modules={_name(header, slot): version for slot, (_, _, version) in header.modules.items()},
        partial_modules=tuple(_name(header, slot) for slot in header.modules if header.partial >> slot & 1),
    )


def _add_module(
    log: Log, content: Content, uri: str, header: _Header, slot: int, where: tuple[int, int, int], hold: int
) -> None:
    """Add a module's region to the log, or to what is left out where its layout is unknown."""
    at, size, version = where
    name = _name(header, slot)
    layout = Layout(name, version, header.byte_order)
    if not reads(layout):
        known = "its version is unknown" if slot < len(header.format.modules) else "the module is unknown"
        log.left_out.append((f"module {slot} ({name}) version {version}, {size} bytes", f"{known}; update iolake"))
        return
    data = _inflate(content, uri, header, name, at, size, hold)
    if data is not None and (problem := problem_of_length(layout, len(data))):
        raise _damaged(uri, name, at, problem)
    log.regions.append(Region(layout, data))


def _inflate(content: Content, uri: str, header: _Header, name: str, at: int, size: int, hold: int) -> bytes | None:
    try:
        return inflate(content[at : at + size], header.compression, hold)
    except InflateError as error:
        raise _damaged(uri, name, at, error) from None


def _damaged(uri: str, name: str, at: int, problem: object) -> InputError:
    return InputError(uri, f"{name} region at byte {at}: {problem}", "copy the log again")


def _name(header: _Header, slot: int) -> str:
    known = header.format.modules
    return known[slot] if slot < len(known) else f"module {slot}"


def _read_metadata(field: bytes) -> dict[str, str]:
    lines = field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").splitlines()
    return {key: value for key, mark, value in (line.partition("=") for line in lines) if mark}


def _read_exe(field: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The command line, and (mount point, type) of each mount; a log without mounts has no newline at all."""
    exe, _, table = field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").partition("\n")
    entries = (line.partition("\t") for line in table.split("\n"))
    return exe, tuple((mount, kind) for kind, mark, mount in entries if mark)
