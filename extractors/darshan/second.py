"""Finds a second log behind the first one of a file, as `cat` of several logs makes them."""

from __future__ import annotations

import bz2
import re
import zlib
from collections.abc import Iterator
from typing import Final

from iolake.extractors.darshan.decoded import Content

_MAGIC: Final = 6567223
_GZIP, _BZIP2 = rb"\x1f\x8b\x08", rb"BZh[1-9]1AY&SY"
_LOG_3: Final = rb"3\.\d\d\0{4}(?:%s|%s)" % tuple(re.escape(_MAGIC.to_bytes(8, order)) for order in ("little", "big"))
_BEGINS: Final = re.compile(rb"|".join((_GZIP, _BZIP2, _LOG_3)))
_LEGACY: Final = re.compile(rb"[12]\.\d{1,2}\0")
_HEAD: Final = 4096
_BLOCK: Final = 1 << 20


def begins_log(content: Content, at: int) -> bool:
    """Whether a log of any release begins at a byte of the file. Darshan 1 and 2 compress their logs whole.

    A log of these has one compressed stream a rank. Only the first stream begins with the version.
    """
    head = bytes(content[at : at + _HEAD])
    if _BEGINS.match(head) is None:
        return False
    if head.startswith(b"3"):
        return True
    try:
        inflated = _unpacked(content, at, head)
    except (zlib.error, OSError):
        return False
    return _LEGACY.match(inflated) is not None


def second_log(content: Content) -> int | None:
    """The byte of the file at which a second log begins; None where there is only one."""
    return next((at for at in _starts(content) if begins_log(content, at)), None)


def left_out(start: int, end: int) -> tuple[str, str]:
    """(part, reason) for what a file holds behind its first log."""
    reason = f"a second log begins at byte {start} of the file; write each log to a file of its own"
    return f"bytes {start} to {end}", reason


def _starts(content: Content) -> Iterator[int]:
    """The bytes behind the first at which a log may begin."""
    return (found.start() for found in _BEGINS.finditer(content) if found.start())


def _unpacked(content: Content, at: int, head: bytes) -> bytes:
    """The first bytes of a stream; a bzip2 block is inflated whole, and has at most 900 kB."""
    if head.startswith(b"B"):
        return bz2.BZ2Decompressor().decompress(bytes(content[at : at + _BLOCK]), 16)
    return zlib.decompressobj(31).decompress(head, 16)
