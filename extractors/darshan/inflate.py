"""Inflation of regions, bounded, and sure to have seen every one of the streams that lie back to back."""

from __future__ import annotations

import bz2
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, cast

from zlib_ng import zlib_ng

from iolake.extractors.darshan.decoded import Bytes, Content
from iolake.extractors.darshan.room import Room

Compression = Literal["zlib", "bzip2", "gzip", "none"]

_ONE_SHOT = 64 << 10
"""A compressed region up to this size is inflated at once: deflate gains at most 1032 times, so this is bounded."""
_ZLIB_ERROR = cast("type[Exception]", zlib_ng.error)
_PIECE = 4 << 20
_FEED = 32 << 10
_ZLIB, _GZIP = 15, 31
"""zlib's window sizes, which also name the wrapping."""
_USUAL_GAIN = 16
_LEAST_GAIN = 2
"""A region is seldom compressed by less: one that would then be too large to hold is not tried."""
_FREE = 64 << 20
_MOST_GAIN = 400
"""Beyond `_FREE` bytes, no honest region gains more: each record holds a hash or a time that repeats nowhere."""


class InflateError(Exception):
    """A region that does not inflate, or that would inflate to more than any log holds."""


def inflate(compressed: Content, compression: Compression, hold: int) -> Bytes | None:
    """The region's bytes; None where they are more than `hold`, or likely to be. InflateError where it is damaged
    or a bomb.
    """
    if _LEAST_GAIN * len(compressed) > hold:
        return None
    if compression == "zlib" and len(compressed) <= _ONE_SHOT and (whole := _one_stream(compressed)) is not None:
        return whole if len(whole) <= hold else None
    room = Room(min(_USUAL_GAIN * len(compressed), hold))
    for piece in inflated_pieces(compressed, compression):
        if len(room) + len(piece) > hold:
            return None
        room.add(piece)
    return room.data


def inflated_pieces(compressed: Content, compression: Compression) -> Iterator[bytes]:
    """The region's bytes in pieces of at most 4 MiB, every stream after the other."""
    if compression == "none":
        for start in range(0, len(compressed), _PIECE):
            yield bytes(compressed[start : start + _PIECE])
        return
    size, most = 0, max(_FREE, _MOST_GAIN * len(compressed))
    for piece in _streams(compressed, compression):
        size += len(piece)
        if size > most:
            raise InflateError(f"inflates to more than {most} bytes from {len(compressed)}: no log does")
        yield piece


def _one_stream(compressed: Content) -> bytes | None:
    """The bytes of a region that is one zlib stream; None where that is not certain.

    A stream ends with its Adler-32. Where the region's first occurrence of these four bytes is its very end, the
    stream ends there too, and nothing follows it.
    """
    data = bytes(compressed)
    try:
        whole: bytes = zlib_ng.decompress(data, 15, _USUAL_GAIN * len(data) + 64)
    except _ZLIB_ERROR as error:
        raise InflateError(f"does not inflate: {error}") from None
    end = zlib_ng.adler32(whole).to_bytes(4, "big")
    return whole if data.find(end) == len(data) - 4 else None


class _ZlibInflater:
    """zlib's inflater with the manners of bzip2's: it keeps the input that it has not yet used."""

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
    """Stream after stream, in pieces; the input is fed in small parts, as an inflater copies what it leaves over.

    Behind the last stream of a gzip file there may be zeros, which tapes and block devices add: gzip skips them too.
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
        if at_start and compression == "gzip" and not waiting[0] and _only_zeros(compressed, position - len(waiting)):
            break
        try:
            piece = inflater.decompress(waiting, _PIECE)
        except (_ZLIB_ERROR, OSError) as error:
            raise InflateError(f"does not inflate near byte {position}: {error}") from None
        waiting, at_start = b"", False
        if piece:
            yield piece
    if not at_start:
        raise InflateError("ends in the middle of a compressed stream")


def _only_zeros(content: Content, start: int) -> bool:
    """Whether all bytes from `start` on are zero."""
    return not any(bytes(content[at : at + _FEED]).strip(b"\0") for at in range(start, len(content), _FEED))
