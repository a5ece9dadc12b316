"""Hits of a search and other JSON objects, decoded many at once into the fields that a source reads.

msgspec decodes a piece of a text into structs many times faster than Python reads one object after the other. A piece
that does not fit a struct is decoded into dictionaries instead, so that the source can say what is wrong with it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import chain, islice
from typing import IO, Any, Final, TypeGuard, TypeVar

import msgspec

from iolake.extractors.jsonstream import MAX_OBJECT, hits_of, objects

_PIECE: Final = 1 << 17
"""Bytes that are decoded at once: few enough that text and structs stay in the processor's cache."""
_FEW: Final = 10_000
_TAIL: Final = 1 << 12
"""Bytes at the end of a piece in which most pieces have the end of an object."""
_DEEPEST: Final = 4
"""Lists in lists that are decoded at once; no tool writes more."""
_BEGIN: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\s\[]*")
_BETWEEN: Final = re.compile(rb"\}\s*,\s*(?=\{)")
_SPACE: Final = b" \t\r\n,"
_Form = TypeVar("_Form", bound=msgspec.Struct)


def decoded(file: IO[bytes], uri: str, *forms: type[_Form]) -> Iterator[list[_Form] | list[dict[str, Any]]]:
    """Yield the objects of a JSON text in lists: as the first form that all of a list fit, else as dictionaries.

    A search's answer must fit no form. The text is one that `objects` reads, and it raises the same errors. Memory
    holds a few MiB of it.
    """
    piece = file.read(_PIECE)
    begin = _BEGIN.match(piece)
    depth = begin[0].count(b"[") if begin else 0
    piece = piece[begin.end() if begin else 0 :]
    found_none, rest, more = True, b"", b""
    while depth <= _DEEPEST:
        more = file.read(max(_PIECE, len(rest) + len(piece)))
        cut = _cut(piece, depth) if more else len(piece)
        if cut or not more:
            ends = b"]" * depth if more else b""
            found = _objects(b"".join((b"[" * depth, rest, memoryview(piece)[:cut], ends)), depth, forms)
            if not found:
                break
            yield found
            found_none = False
            rest, piece = piece[cut:].lstrip(_SPACE), more
            if not more:
                return
        elif len(rest) + len(piece) > MAX_OBJECT:
            break
        else:
            rest, piece = rest + piece, more
        more = b""
    unread: Any = _After(rest + piece + more, file)
    singly = objects(unread, uri, found_none=found_none)
    while few := list(islice(singly, _FEW)):
        yield few


def fits(found: Sequence[_Form] | Sequence[dict[str, Any]], form: type[_Form]) -> TypeGuard[Sequence[_Form]]:
    """Return whether a list of `decoded` holds structs."""
    return bool(found) and isinstance(found[0], form)


class _After(io.RawIOBase):
    """A file after some bytes that were read from it already."""

    def __init__(self, begun: bytes, file: IO[bytes]) -> None:
        self._begun, self._file = begun, file

    def read(self, size: int = -1) -> bytes:
        if not self._begun:
            return self._file.read(size)
        found, self._begun = self._begun, b""
        return found


def _cut(buffer: bytes, depth: int) -> int:
    """Return where the last object of a buffer ends that another one follows; 0 where there is no such place.

    The place may lie inside an object. What is before it is no JSON then, which `_objects` notices.
    """
    if depth == 0:
        return buffer.rfind(b"\n{") + 1
    for tail in (_TAIL, len(buffer)):
        places = [found.start() for found in _BETWEEN.finditer(buffer, max(0, len(buffer) - tail))]
        if places:
            return places[-1] + 1
    return 0


def _objects(text: bytes, depth: int, forms: Sequence[type[_Form]]) -> list[_Form] | list[dict[str, Any]] | None:
    """Return the objects of a text of `depth` lists in each other; None where it is not JSON."""
    try:
        if not text.isascii():
            text.decode()  # msgspec skips texts without a look at their bytes
    except UnicodeDecodeError:
        return None
    for form in forms:
        with suppress(msgspec.DecodeError, RecursionError):
            return _typed(text, depth, form)
    return _plain(text, depth)


def _typed(text: bytes, depth: int, form: type[_Form]) -> list[_Form]:
    """Return the objects as structs; DecodeError where one does not fit."""
    decoder = _decoder(form, depth)
    return decoder.decode_lines(text) if not depth else _flat(decoder.decode(text), depth)


def _plain(text: bytes, depth: int) -> list[dict[str, Any]] | None:
    """Return the objects as dictionaries, hits in place of a search's answer; None where they are not objects."""
    try:
        found = _flat(json.loads(text), depth) if depth else [json.loads(line) for line in text.splitlines() if line]
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(item, dict) for item in found):
        return None
    return [hit for item in found for hit in hits_of(item)]


def _flat(lists: Any, depth: int) -> list[Any]:
    """Return what the lists hold, by their depth."""
    for _ in range(depth - 1):
        lists = list(chain.from_iterable(lists))
    return list(lists)


@cache
def _decoder(form: type[msgspec.Struct], depth: int) -> msgspec.json.Decoder[Any]:
    kind: Any = form
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
