"""Inflates regions within bounds, including regions of several compressed streams back to back."""

from __future__ import annotations

import bz2
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, cast

from zlib_ng import zlib_ng

from iolake.extractors.base import quoted
from iolake.extractors.darshan.decoded import Bytes, Content
from iolake.extractors.darshan.growing_buffer import GrowingBuffer

Compression = Literal["zlib", "bzip2", "gzip", "none"]

_ONE_SHOT = 64 << 10
"""Compressed regions up to this size are inflated in one call. Deflate expands at most 1032 times: 66 MB."""
_ZLIB_ERROR = cast("type[Exception]", zlib_ng.error)
_PIECE = 4 << 20
_FEED = 32 << 10
_ZLIB, _GZIP = 15, 31
"""zlib's window sizes (wbits), which also select the wrapper."""
_USUAL_GAIN = 16
_LEAST_GAIN = 2
"""Regions rarely compress by less. A region that would exceed `hold` even so is not tried."""
_FREE = 64 << 20
_MOST_GAIN = 400
"""Above `_FREE` bytes no valid region expands more: each record holds a hash or time that does not repeat."""


class InflateError(Exception):
    """A region is damaged, or expands beyond the limit."""


def inflate(compressed: Content, compression: Compression, hold: int) -> Bytes | None:
    """Return the region's bytes, or None where they exceed `hold` bytes or probably would.

    Raises InflateError where the region is damaged or expands beyond the limit.
    """
    if _LEAST_GAIN * len(compressed) > hold:
        return None
    if compression == "zlib" and len(compressed) <= _ONE_SHOT and (whole := _one_stream(compressed)) is not None:
        return whole if len(whole) <= hold else None
    buffer = GrowingBuffer(min(_USUAL_GAIN * len(compressed), hold))
    for piece in inflated_pieces(compressed, compression):
        if len(buffer) + len(piece) > hold:
            return None
        buffer.append(piece)
    return buffer.data


def inflated_pieces(compressed: Content, compression: Compression) -> Iterator[bytes]:
    """Yield the bytes of all streams of the region in order, in pieces of at most 4 MiB."""
    if compression == "none":
        for start in range(0, len(compressed), _PIECE):
            yield bytes(compressed[start : start + _PIECE])
        return
    size, most = 0, max(_FREE, _MOST_GAIN * len(compressed))
    for piece in _streams(compressed, compression):
        size += len(piece)
        if size > most:
            raise InflateError(f"inflates to more than {most} bytes from {len(compressed)}, more than any valid log")
        yield piece


def _one_stream(compressed: Content) -> bytes | None:
    """Return the bytes of a region that is a single zlib stream; None for several streams, and where in doubt.

    A stream ends with its Adler-32. Where the region's first occurrence of these four bytes is its very end, the
    stream ends there too, and nothing follows it.
    """
    data = bytes(compressed)
    try:
        whole: bytes = zlib_ng.decompress(data, 15, _USUAL_GAIN * len(data) + 64)
    except _ZLIB_ERROR as error:
        raise InflateError(f"does not inflate: its compressed bytes are damaged{quoted(error)}") from None
    end = zlib_ng.adler32(whole).to_bytes(4, "big")
    return whole if data.find(end) == len(data) - 4 else None


class _ZlibInflater:
    """Gives zlib's inflater the interface of bz2.BZ2Decompressor, which keeps its unused input."""

    def __init__(self, window: int) -> None:
        self._inflater = zlib_ng.decompressobj(window)
        self._full = False

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inflater.unused_data)

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inflater.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        piece: bytes = self._inflater.decompress(self._inflater.unconsumed_tail or data, most)
        self._full = len(piece) == most
        return piece


def _streams(compressed: Content, compression: Compression) -> Iterator[bytes]:
    """Yield the pieces of each stream in order. Feeds the input in small parts, because an inflater copies its rest.

    Zeros may follow the last stream of a gzip file (padding of tapes and block devices); gzip skips them too.
    """
    new: Callable[[], _ZlibInflater | bz2.BZ2Decompressor] = bz2.BZ2Decompressor
    if compression != "bzip2":
        new = partial(_ZlibInflater, _GZIP if compression == "gzip" else _ZLIB)
    inflater, waiting, at_start = new(), b"", True
    position = 0
    while True:
        if inflater.eof:
            waiting, inflater, at_start = inflater.unused_data, new(), True
        if not waiting and inflater.needs_input:
            waiting = bytes(compressed[position : position + _FEED])
            position += len(waiting)
            if not waiting:
                break
        begin = position - len(waiting)
        if at_start and compression in ("gzip", "bzip2") and padding_end(compressed, begin) == len(compressed):
            break
        try:
            piece = inflater.decompress(waiting, _PIECE)
        except (_ZLIB_ERROR, OSError) as error:
            raise InflateError(
                f"does not inflate: its compressed bytes are damaged near byte {position}{quoted(error)}"
            ) from None
        waiting, at_start = b"", False
        if piece:
            yield piece
    if not at_start:
        raise InflateError("ends in the middle of a compressed stream")


def padding_end(content: Content, start: int) -> int:
    """Return the first byte from `start` on that is no zero, as tapes and block devices pad files, or whitespace."""
    for at in range(start, len(content), _FEED):
        piece = bytes(content[at : at + _FEED])
        if left := piece.lstrip(b"\0 \t\r\n"):
            return at + len(piece) - len(left)
    return len(content)
