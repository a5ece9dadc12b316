"""sacct's text that went through a CSV writer: values in double quotes (RFC 4180), unlike sacct's own.

Inside quotes a separator and a newline are part of the value, and `""` is one quote. Bytes are translated to a form
that needs no quotes: the separator becomes \\x1f, and a newline inside a value becomes \\x1e until the value is read.
"""

from __future__ import annotations

import io
import re
from typing import IO, Final

import numpy as np

SEPARATOR: Final = b"\x1f"
NEWLINE: Final = "\x1e"
_PROBE_BYTES: Final = 1 << 20
_MOST_LINE_BYTES: Final = 1 << 22
"""How far to read on for the end of a quoted value."""
_DOUBLED: Final = re.compile(rb'[,;\t]"[^"\n]*+""[^"\n]')
"""A quoted value that holds a quote. sacct's own separator is a bar, and submit lines of users may look like this."""
_QUOTE, _LF, _CR = ord('"'), ord("\n"), ord("\r")


def unquoted(file: IO[bytes]) -> IO[bytes]:
    """The file, translated if its beginning shows that a CSV writer quoted it."""
    begin = file.read(_PROBE_BYTES)
    stream: IO[bytes] = io.BufferedReader(_Chained(begin, file), 1 << 20)  # type: ignore[type-var]
    header = begin.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf")
    found = re.match(rb'(?:""|"?[A-Za-z0-9]+"?)?([,;\t|])', header)
    if found is None or b'"' not in begin or not _is_quoted(begin, found[1]):
        return stream
    return _Unquoted(stream, found[1])  # type: ignore[return-value]


def _is_quoted(begin: bytes, separator: bytes) -> bool:
    """Whether the header is quoted, or a quoted value holds what only quotes allow: a separator, newline or quote."""
    if begin.removeprefix(b"\xef\xbb\xbf").startswith(b'"'):
        return True
    fields = begin.partition(b"\n")[0].count(separator)
    cut = begin.rfind(b"\n") + 1 if len(begin) == _PROBE_BYTES else len(begin)
    plain = translate(begin[:cut], separator)
    if plain is None:
        return False
    was = [line.count(separator) for line in begin[:cut].splitlines()[1:]]
    now = [line.count(SEPARATOR) for line in plain.split(b"\n")[1:]]
    fit_now, fitted = (sum(count == fields for count in counts) for counts in (now, was))
    return fit_now > fitted or (fit_now == fitted and separator != b"|" and _DOUBLED.search(begin[:cut]) is not None)


def translate(text: bytes, separator: bytes) -> bytes | None:
    """The text without quotes; None where its quotes don't come in pairs around whole values."""
    data = np.frombuffer(text, np.uint8)
    quotes = data == _QUOTE
    inside = np.bitwise_and(np.cumsum(quotes, dtype=np.uint8), 1).astype(bool)  # after each byte
    if len(inside) and inside[-1]:
        return None
    opens, closes = quotes & inside, quotes & ~inside
    before = np.concatenate(([_LF], data[:-1]))
    after = np.concatenate((data[1:], [_LF]))
    boundary = (ord(separator), _LF)
    escaped = opens & (before == _QUOTE) & np.concatenate(([False], closes[:-1]))
    at_start = np.isin(before, boundary) | escaped
    if text.startswith(b"\xef\xbb\xbf"):
        at_start[3:4] = True
    at_end = np.isin(after, (*boundary, _CR)) | np.concatenate((escaped[1:], [False]))
    if not (at_start[opens].all() and at_end[closes].all()):
        return None
    out = data.copy()
    out[(data == ord(separator)) & ~inside] = SEPARATOR[0]
    out[(data == _LF) & inside] = ord(NEWLINE)
    return bytes(out[~quotes | escaped].tobytes())


class _Chained(io.RawIOBase):
    """Bytes that were read already, then the rest of their file."""

    def __init__(self, begin: bytes, rest: IO[bytes]) -> None:
        self._begin, self._rest = memoryview(begin), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self._begin[: len(buffer)] or self._rest.read(len(buffer))
        self._begin = self._begin[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Unquoted:
    """Reads whole lines of a quoted file, translated; lines whose quotes don't fit stay as they are."""

    def __init__(self, file: IO[bytes], separator: bytes) -> None:
        self._file, self._separator = file, separator
        self._ready = b""

    def readline(self, size: int = -1) -> bytes:
        """The next line, or what is left of one that `read` cut; `size` is not needed, for `_fill` has a bound."""
        if not self._ready:
            self._fill(1)
        line, end, rest = self._ready.partition(b"\n")
        self._ready = rest
        return line + end

    def read(self, size: int) -> bytes:
        """As many bytes as asked for; fewer at the end of the file."""
        while len(self._ready) < size and self._fill(size):
            pass
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def _fill(self, size: int) -> bool:
        text = self._file.read(size) if size > 1 else b""
        text += self._file.readline(_MOST_LINE_BYTES)
        whole = translate(text, self._separator)
        while whole is None and len(text) < size + _MOST_LINE_BYTES and (more := self._file.readline(_MOST_LINE_BYTES)):
            text += more
            whole = translate(text, self._separator) if text.count(b'"') % 2 == 0 else None
        if whole is None:
            lines = text.splitlines(keepends=True)
            whole = b"".join(translate(line, self._separator) or line for line in lines)
        self._ready += whole
        return bool(text)
