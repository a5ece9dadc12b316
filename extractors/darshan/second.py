"""Finds a second log behind the first one of a file, as `cat` of several logs makes them."""

from __future__ import annotations

import bz2
import re
import zlib
from typing import Final

from iolake.extractors.darshan.decoded import Content

_MAGIC: Final = 6567223
_GZIP, _BZIP2 = rb"\x1f\x8b\x08", rb"BZh[1-9]1AY&SY"
_LOG_3: Final = rb"3\.\d\d\0{4}(?:%s|%s)" % tuple(re.escape(_MAGIC.to_bytes(8, order)) for order in ("little", "big"))
_BEGINS: Final = re.compile(rb"|".join((_GZIP, _BZIP2, _LOG_3)))
_LOG: Final = re.compile(rb"[12]\.\d{1,2}\0|" + _LOG_3)
_HEAD: Final = 4096
_FIRST: Final = 16
_BLOCK: Final = 1 << 20
_MOST_FAILURES: Final = 10_000
"""Where so many streams seem to begin and do not, no more are looked at: they cost a second for each 100,000."""


def begins_log(content: Content, at: int) -> bool:
    """Whether a log of any release begins at a byte of the file. Darshan 1 and 2 compress their logs whole.

    A log of these has one compressed stream a rank. Only the first stream begins with the version.
    """
    return _LOG.match(_inflated(content, at) or b"") is not None


def second_log(content: Content) -> int | None:
    """The byte of the file at which a second log begins; None where there is only one."""
    failures = 0
    for at in (found.start() for found in _BEGINS.finditer(content) if found.start()):
        begin = _inflated(content, at)
        if begin is not None and _LOG.match(begin):
            return at
        failures += begin is None
        if failures > _MOST_FAILURES:
            break
    return None


def left_out(start: int, end: int) -> tuple[str, str]:
    """(part, reason) for what a file holds behind its first log."""
    reason = f"a second log begins at byte {start} of the file; write each log to a file of its own"
    return f"bytes {start} to {end}", reason


def _inflated(content: Content, at: int) -> bytes | None:
    """The first bytes of what may begin at a byte, inflated where it is compressed whole; None where it is nothing."""
    head = bytes(content[at : at + _HEAD])
    if _BEGINS.match(head) is None:
        return None
    try:
        if head.startswith(b"BZ"):
            return _bunzipped(content, at)
        return zlib.decompressobj(31).decompress(head, _FIRST) if head.startswith(b"\x1f") else head
    except (zlib.error, OSError):
        return None


def _bunzipped(content: Content, at: int) -> bytes:
    """The first bytes of a bzip2 stream, which come once its first block is read: it has at most 900 kB."""
    stream = bz2.BZ2Decompressor()
    for start in range(at, at + _BLOCK, _HEAD):
        found = stream.decompress(bytes(content[start : start + _HEAD]), _FIRST)
        if found or stream.eof:
            return found
    return b""
