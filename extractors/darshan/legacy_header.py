"""Reads the header of a Darshan 1 or 2 log, which begins the inflated file.

The version says where everything lies. It does not always say what the values mean: `darshan-convert` writes an
old log anew in a newer layout and notes the old version as `prev_ver`, which then decides.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.darshan.decoded import ByteOrder
from iolake.extractors.darshan.legacy_layout import (
    FORMATS,
    LONG_METADATA,
    PRE_RELEASE,
    PRE_RELEASE_WITHOUT_JOB_ID,
    Format,
    record_type,
)

_MAGIC: Final = 6567223
_VERSION: Final = re.compile(rb"[12]\.\d{1,2}")
_LATEST_SECOND: Final = 253402300799
"""The end of year 9999, the last moment that a DATE can hold everywhere."""
_MOST_1X_PROCESSES: Final = 1 << 22
_MOST_1X_SECONDS: Final = 366 * 86400


@dataclass(frozen=True)
class Header:
    """What a log says before its first record. Times are Unix seconds, as the machine's clock had them.

    `version` is that of the layout and `meaning` that of the values, both without their point. `mounts` are
    (id, type, mount point) as listed; of two with one id, the later one counts. `format` is where things lie.
    """

    version: int
    meaning: int
    byte_order: ByteOrder
    format: Format
    uid: int
    start_s: int
    end_s: int
    nprocs: int
    job_id: int | None
    metadata: dict[str, str]
    exe: str
    mounts: tuple[tuple[int, str, str], ...]


def starts_as_legacy(begin: bytes) -> bool:
    """Whether a log begins with the version of a Darshan 1 or 2 log; `begin` is 10 bytes or more of it."""
    return _VERSION.match(begin) is not None


def read_header(data: bytes, uri: str = "") -> Header:
    """Read the header of an inflated log. Raises InputError for another file and for an unknown version."""
    text = data[:10].split(b"\0")[0].decode("ascii", "backslashreplace")
    if not _VERSION.fullmatch(data[:10].split(b"\0")[0]):
        if data[:2] == b"3.":
            raise InputError(uri, "a Darshan 3 log that was compressed as a whole", "decompress the file")
        raise InputError(uri, "is not a Darshan log", "check the pattern in site.toml")
    version = int(text[0]) * 100 + int(text[2:])
    if text == "1.4":
        raise InputError(uri, "Darshan log format 1.4 is older than the documented formats", "leave it out")
    if version not in FORMATS or text != version_text(version):
        known = ", ".join(version_text(number) for number in FORMATS if number != PRE_RELEASE)
        raise InputError(uri, f"Darshan log format {text} is unknown; known are {known}", "update iolake")
    return _read_1x(data, version, uri) if version < PRE_RELEASE else _read_2x(data, version, uri)


def _read_1x(data: bytes, version: int, uri: str) -> Header:
    """Read a 1.x header. It has no magic number; implausible values reveal a structure not of big-endian PowerPC."""
    form = FORMATS[version]
    _require(data, form, uri)
    uid, start, end, nprocs = struct.unpack_from(">Iiii", data, 12)
    plausible = uid < 1 << 31 and 0 < nprocs <= _MOST_1X_PROCESSES and 0 <= start <= end <= start + _MOST_1X_SECONDS
    if not plausible:
        reason = f"format {version_text(version)}, but not from 32-bit PowerPC, the only known writer of this format"
        raise InputError(uri, f"{reason}: {nprocs} processes, from {start} to {end}", "leave it out")
    exe, mounts = _read_exe(data[form.exe_at : form.first_record])
    return Header(version, version, "big", form, uid, start, end, nprocs, None, {}, exe, mounts)


def _read_2x(data: bytes, version: int, uri: str) -> Header:
    orders: dict[str, ByteOrder] = {"<": "little", ">": "big"}
    order = next((o for o in orders if len(data) >= 16 and struct.unpack_from(o + "q", data, 8)[0] == _MAGIC), None)
    if order is None:
        raise InputError(uri, "lacks the magic number of its Darshan log format", "copy the log again")
    if version == 200 and _is_pre_release(data):
        version = PRE_RELEASE
    form = FORMATS[version]
    if version == 204 and not _is_short(data):
        form = LONG_METADATA
    if version == PRE_RELEASE and not _has_job_id(data):
        form = PRE_RELEASE_WITHOUT_JOB_ID
    _require(data, form, uri)
    uid, start, end, nprocs = struct.unpack_from(order + "4q", data, 16)
    if max(start, end) > _LATEST_SECOND:
        raise InputError(uri, f"start {start} or end {end} is not a time", "copy the log again")
    metadata = _read_metadata(data[form.job_bytes : form.exe_at])
    exe, mounts = _read_exe(data[form.exe_at : form.first_record])
    meaning = _meaning(metadata.get("prev_ver", ""), version)
    job_id = struct.unpack_from(order + "q", data, 48)[0] if form is not PRE_RELEASE_WITHOUT_JOB_ID else 0
    if meaning <= PRE_RELEASE:  # also of a log that was converted: it had none to begin with
        job_id = job_id or None
    return Header(version, meaning, orders[order], form, uid, start, end, nprocs, job_id, metadata, exe, mounts)


def _is_pre_release(data: bytes) -> bool:
    records = len(data) - FORMATS[200].first_record
    return records % record_type(PRE_RELEASE, "big").itemsize == 0 != records % record_type(200, "big").itemsize


def _has_job_id(data: bytes) -> bool:
    """Whether a log of 2.0.0's development has its job id at byte 48, with the command line behind it.

    The first pre-release has its command line at byte 48. A job id leaves a NUL among its eight bytes, and text behind
    them; a command line so short that it ends there has nothing behind it.
    """
    field = data[48:56]
    begins_as_text = field.split(b"\0")[0].isascii() and field[:1].isascii() and field[:1] not in (b"", b"\0")
    return b"\0" in field and (data[56:57] != b"\0" or not begins_as_text)


def _is_short(data: bytes) -> bool:
    """Whether a 2.04 log has the 64 bytes of metadata that its writers wrote: their end, then a command line."""
    return b"\0" in data[56:120] and data[120:121] not in (b"", b"\0")


def _require(data: bytes, form: Format, uri: str) -> None:
    if len(data) < form.first_record:
        raise InputError(uri, f"cut off in its header: {len(data)} bytes", "copy the log again")


def version_text(version: int) -> str:
    return "2.00" if version == PRE_RELEASE else f"{version // 100}.{version % 100:02}"


def _meaning(prev_ver: str, version: int) -> int:
    """The version that decides what values mean: the one that a converted log had, where that is known."""
    number = int(prev_ver.replace(".", "")) if re.fullmatch(r"[12]\.\d\d", prev_ver) else version
    return number if number in FORMATS else version


def _read_metadata(field: bytes) -> dict[str, str]:
    lines = field.split(b"\0")[0].decode("utf-8", "backslashreplace").split("\n")
    return {key: value for key, mark, value in (line.partition("=") for line in lines) if mark}


def _read_exe(field: bytes) -> tuple[str, tuple[tuple[int, str, str], ...]]:
    """The command line, and (id, type, mount point) of each mount that is listed whole."""
    exe, *lines = field.split(b"\0")[0].decode("utf-8", "backslashreplace").split("\n")
    entries = (line.split("\t", 2) for line in lines)
    return exe, tuple((_signed(e[0]), e[1], e[2]) for e in entries if len(e) == 3 and re.fullmatch(r"-?\d{1,20}", e[0]))


def _signed(number: str) -> int:
    """A mount's id as the records hold it, in 64 bits."""
    return (int(number) + (1 << 63)) % (1 << 64) - (1 << 63)
