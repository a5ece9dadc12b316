"""Opening a Darshan 3 log: the plain header, the job region, and every module's region, inflated and measured.

A log is an uncompressed header followed by regions that are compressed one by one: the job, the names of the
records, and one for each module that has data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from io import BytesIO
from itertools import compress
from typing import Final, NamedTuple

from iolake.extractors.base import InputError
from iolake.extractors.darshan.decoded import (
    NAMES,
    ByteOrder,
    Bytes,
    Content,
    Head,
    Layout,
    Log,
    Region,
    recorded,
    region_error,
    run_span,
)
from iolake.extractors.darshan.inflate import Compression, InflateError, inflate, inflated_pieces, padding_end
from iolake.extractors.darshan.modules import reads, record_bytes
from iolake.extractors.darshan.second import begins_log, left_out, second_log
from iolake.extractors.packed import compression_of

_MAGIC: Final = 6567223
_BYTE_ORDERS: Final[dict[bytes, ByteOrder]] = {_MAGIC.to_bytes(8, "little"): "little", _MAGIC.to_bytes(8, "big"): "big"}
"""The magic number, by which a log tells its byte order."""
_COMPRESSION: Final[dict[int, Compression]] = {0: "zlib", 1: "bzip2", 2: "none"}
_MAGIC_END: Final = 16
_JOB_MOST: Final = 64 << 10
"""Darshan caps the job region at 4 KiB; a larger one is damaged."""
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
    """One version of the container: what its header and the job region hold.

    `fields` of the header are the compression, the mask of partial modules, (offset, length) of the names and of
    each of `slots` modules, and the modules' versions.
    """

    modules: tuple[str, ...]
    fields: str
    slots: int
    nanoseconds: bool
    names_end_with_nul: bool

    def module(self, slot: int) -> str:
        """The name of the module in that slot; the slot's number where it has no name."""
        return self.modules[slot] if slot < len(self.modules) else f"module {slot}"

    @cached_property
    def header(self) -> Mapping[ByteOrder, struct.Struct]:
        """The header's fields in both byte orders."""
        return {"little": struct.Struct("<" + self.fields), "big": struct.Struct(">" + self.fields)}

    @cached_property
    def header_bytes(self) -> int:
        """Where the job region begins."""
        return self.header["little"].size

    @cached_property
    def job(self) -> Mapping[ByteOrder, struct.Struct]:
        """The job region's numbers in both byte orders."""
        fields = "7q" if self.nanoseconds else "5q"
        return {"little": struct.Struct("<" + fields), "big": struct.Struct(">" + fields)}


def _format(dropped: frozenset[str], *, names_end_with_nul: bool = True) -> _Format:
    """A version before 3.41: 16 slots, without the modules that came later."""
    modules = tuple(name for name in _MODULES.split() if name not in dropped)
    return _Format(modules, "16xB3xI34Q16I", 16, nanoseconds=False, names_end_with_nul=names_end_with_nul)


_BEFORE_H5D: Final = frozenset({"H5D", "PNETCDF_VAR"})
_BEFORE_PNETCDF_VAR: Final = frozenset({"PNETCDF_VAR"})
_FORMATS: Final = {
    "3.00": _format(_BEFORE_H5D, names_end_with_nul=False),
    "3.10": _format(_BEFORE_H5D),
    "3.20": _format(_BEFORE_PNETCDF_VAR),
    "3.21": _format(_BEFORE_PNETCDF_VAR),
    "3.41": _Format(tuple(_MODULES.split()), "16xB7xQ130Q64I", 64, nanoseconds=True, names_end_with_nul=True),
}


class _Known(NamedTuple):
    """The layout of a module's records, and whether it can be read.

    Of fixed records, `before` counts the bytes before the first one and `record` those of each.
    """

    layout: Layout
    readable: bool
    before: int
    record: int


class _Module(NamedTuple):
    """A module with data, and where its region lies."""

    known: _Known
    slot: int
    at: int
    size: int


@cache
def _known(format_version: str, slot: int, version: int, byte_order: ByteOrder) -> _Known:
    layout = Layout(_FORMATS[format_version].module(slot), version, byte_order)
    return _Known(layout, reads(layout), *record_bytes(layout))


class _Header(NamedTuple):
    version: str
    format: _Format
    byte_order: ByteOrder
    compression: Compression
    partial: int
    names: tuple[int, int]
    modules: list[_Module]


def open_log(content: Content, uri: str, hold: int) -> Log:
    """Open the log whose file holds `content`. What would be more than `hold` bytes is left unread (data is None).

    InputError names what is wrong with a log that can't be trusted whole.
    """
    header = _read_header(content, uri)
    names_at, names_size = header.names
    job_end = names_at if names_size else min((module.at for module in header.modules), default=0)
    job_end = job_end or second_log(content) or len(content)
    log = Log(_read_job(content, uri, header, job_end), None, [])
    if names_size:
        data = _inflated(content, uri, header, NAMES, header.names, hold)
        hold -= len(data or b"")
        log.names = Region(Layout(NAMES, int(header.format.names_end_with_nul), header.byte_order), data, names_at)
    for module in header.modules:
        if not module.known.readable:
            log.left_out.append(_left_out(header, module))
            continue
        data = _records(content, uri, header, module, hold)
        hold -= len(data or b"")
        log.regions.append(Region(module.known.layout, data, module.at))
    log.left_out += _behind(content, uri, header, job_end)
    return log


def _behind(content: Content, uri: str, header: _Header, job_end: int) -> list[tuple[str, str]]:
    """(part, reason) for a second log behind this one. InputError where bytes belong to no region.

    Darshan writes its regions without gaps, so bytes between or behind them are those of a region that a damaged
    header no longer names. Zeros and whitespace at the end are padding.
    """
    regions = [
        (*header.names, NAMES),
        *((module.at, module.size, module.known.layout.module) for module in header.modules),
    ]
    end, last = job_end, ("job", header.format.header_bytes)
    for at, size, name in sorted(regions):
        if size and at > end:
            raise _uncovered(uri, last, end, at)
        if at + size > end:
            end, last = at + size, (name, at)
    behind = padding_end(content, end)
    if behind == len(content):
        return []
    if begins_log(content, behind):
        return [left_out(behind, len(content))]
    raise _uncovered(uri, last, end, len(content))


def _uncovered(uri: str, region: tuple[str, int], start: int, end: int) -> InputError:
    """The error for bytes [start, end) behind `region`, (name, where it begins)."""
    problem = f"bytes {start} to {end} behind it belong to no region that the header names, so the header is damaged"
    return region_error(uri, *region, problem)


def _records(content: Content, uri: str, header: _Header, module: _Module, hold: int) -> Bytes | None:
    """A module's region, checked to hold whole records; None where it has more than `hold` bytes."""
    (layout, _, before, record), _, at, size = module
    data = _inflated(content, uri, header, layout.module, (at, size), hold)
    if data is not None and (len(data) < before or (len(data) - before) % record):
        problem = f"{len(data)} bytes are not whole records of {record}" + f" behind {before}" * bool(before)
        raise region_error(uri, layout.module, at, problem)
    return data


def _inflated(
    content: Content, uri: str, header: _Header, name: str, place: tuple[int, int], hold: int
) -> Bytes | None:
    at, size = place
    try:
        return inflate(content[at : at + size], header.compression, hold)
    except InflateError as error:
        raise region_error(uri, name, at, error) from None


def _left_out(header: _Header, module: _Module) -> tuple[str, str]:
    """(part, reason) for a module whose records can't be read."""
    (layout, *_), slot, _, size = module
    known = slot < len(header.format.modules)
    what = f"version {layout.version} of the module" if known else "the module"
    reason = f"this iolake is older than the log and does not know {what}; update iolake, then the log is read again"
    return f"module {slot} ({layout.module}) version {layout.version}, {size} bytes", reason


def region_data(content: Content, uri: str, name: str, hold: int) -> Bytes | None:
    """The inflated bytes of a module's region of an opened log; None where they are more than `hold`."""
    header = _read_header(content, uri)
    (module,) = (module for module in header.modules if module.known.layout.module == name)
    return _records(content, uri, header, module, hold)


def region_pieces(content: Content, uri: str, name: str) -> Iterator[bytes]:
    """The inflated bytes of one region, a module's or `names`, of an opened log, in pieces."""
    header = _read_header(content, uri)
    places = {module.known.layout.module: (module.at, module.size) for module in header.modules}
    at, size = (places | {"names": header.names})[name]
    try:
        yield from inflated_pieces(content[at : at + size], header.compression)
    except InflateError as error:
        raise region_error(uri, name, at, error) from None


def _read_header(content: Content, uri: str) -> _Header:
    """Parse the header, and check that its regions lie within the file."""
    byte_order = _BYTE_ORDERS.get(bytes(content[8:16]))
    if not any(content[:16]) or (uri.endswith("_partial") and byte_order is None):
        raise InputError(
            uri, "the log was never finished: its process ended before Darshan wrote the header", "remove it"
        )
    if kind := compression_of(BytesIO(content[:8])):
        raise InputError(uri, f"is compressed as a whole with {kind}", "decompress the file")
    if bytes(content[:2]) == b"3." and len(content) < _MAGIC_END:
        raise InputError(uri, f"cut off in its header: {len(content)} bytes", "copy the log again")
    if byte_order is None:
        raise InputError(uri, "is not a Darshan log", "check the pattern in site.toml")
    version = bytes(content[:8]).split(b"\0")[0].decode("ascii", "backslashreplace")
    form = _FORMATS.get(version)
    if form is None and not version[:1].isdigit():
        raise InputError(uri, "its header is damaged: it names no version of Darshan's format", "copy the log again")
    if form is None:
        known = ", ".join(_FORMATS)
        raise InputError(uri, f"Darshan log format {version} is unknown; known are {known}", "update iolake")
    if len(content) < form.header_bytes:
        raise InputError(uri, f"cut off in its header: {len(content)} bytes", "copy the log again")
    kind, partial, *maps_and_versions = form.header[byte_order].unpack_from(content)
    compression = _COMPRESSION.get(kind)
    if compression is None:
        raise InputError(uri, f"compression type {kind} is unknown", "update iolake")
    maps, versions = maps_and_versions[: -form.slots], maps_and_versions[-form.slots :]
    names_at, names_size, *maps = maps
    modules = [
        _Module(_known(version, slot, versions[slot], byte_order), slot, maps[2 * slot], maps[2 * slot + 1])
        for slot in compress(range(form.slots), maps[1::2])
    ]
    names = [(NAMES, names_at, names_size)] if names_size else []
    for name, at, size in names + [(module.known.layout.module, module.at, module.size) for module in modules]:
        if at < form.header_bytes or at + size > len(content):
            raise region_error(uri, name, at, f"cut off: {size} bytes in a file of {len(content)}")
    return _Header(version, form, byte_order, compression, partial, (names_at, names_size), modules)


def _read_job(content: Content, uri: str, header: _Header, end: int) -> Head:
    form, start = header.format, header.format.header_bytes
    try:
        job = inflate(content[start:end], header.compression, _JOB_MOST)
    except InflateError as error:
        raise region_error(uri, "job", start, error) from None
    fields = form.job[header.byte_order]
    metadata_end = fields.size + _METADATA
    if job is None:
        raise region_error(uri, "job", start, f"longer than a job record (at most {_JOB_MOST} bytes)")
    if len(job) < metadata_end:
        raise region_error(uri, "job", start, f"shorter than a job record ({len(job)} of {metadata_end} bytes)")
    if form.nanoseconds:
        uid, start_s, start_ns, end_s, end_ns, nprocs, job_id = fields.unpack_from(job)
    else:
        (uid, start_s, end_s, nprocs, job_id), start_ns, end_ns = fields.unpack_from(job), 0, 0
    for name, seconds, nanoseconds in (("start", start_s, start_ns), ("end", end_s, end_ns)):
        if seconds > _LATEST_SECOND or not 0 <= nanoseconds < 10**9:
            reason = f"{name} {seconds} s and {nanoseconds} ns is not a time"
            raise InputError(uri, reason, "copy the log again")
    span = run_span(start_s * 1_000_000 + start_ns // 1000, end_s * 1_000_000 + end_ns // 1000)
    run_time_s = None
    if span.known and form.nanoseconds:
        run_time_s = (end_s - start_s) + (end_ns - start_ns) / 1e9
    elif span.known:
        run_time_s = float(end_s - start_s + 1)
    exe, mounts = _read_exe(bytes(job[metadata_end:]))
    return Head(
        log_version=header.version,
        byte_order=header.byte_order,
        compression=header.compression,
        job_id=recorded(job_id),
        uid=recorded(uid),
        nprocs=recorded(nprocs),
        start_us=span.start_us,
        end_us=span.end_us,
        run_time_s=run_time_s,
        exe=exe,
        mounts=mounts,
        metadata=_read_metadata(bytes(job[fields.size : metadata_end])),
        modules={module.known.layout.module: module.known.layout.version for module in header.modules},
        partial_modules=tuple(form.module(slot) for slot in _bits(header.partial) if slot),
        is_partial=header.partial != 0,
    )


def _bits(mask: int) -> list[int]:
    """The places of the bits that are set."""
    return [place for place in range(mask.bit_length()) if mask >> place & 1]


@lru_cache
def _read_metadata(field: bytes) -> Mapping[str, str]:
    """Key and value of each line; the logs of a library mostly have the same."""
    lines = field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").split("\n")
    return {key: value for key, mark, value in (line.partition("=") for line in lines) if mark}


def _read_exe(field: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The command line, and (mount point, type) of each mount; a log without mounts has no newline at all."""
    exe, _, table = field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").partition("\n")
    return exe, _read_mounts(table)


@lru_cache
def _read_mounts(table: str) -> tuple[tuple[str, str], ...]:
    """(mount point, type) of each line; the logs of a machine mostly have the same."""
    entries = (line.partition("\t") for line in table.split("\n"))
    return tuple((mount, kind) for kind, mark, mount in entries if mark)
