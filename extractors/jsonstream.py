"""JSON objects out of a stream: of lists in lists, as scroll pages are saved, and of one object a line.

An object is decoded at once, so memory holds the largest one and not the file. The standard library's decoder does
that some ten times faster than an event parser.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any, Final

from iolake.extractors.base import InputError
from iolake.extractors.packed import not_text

MAX_OBJECT: Final = 1 << 26
"""Characters of the largest object."""
_CHUNK: Final = 1 << 18
_BETWEEN: Final = " \t\r\n,[]"


def objects(file: IO[bytes], uri: str, *, found_none: bool = True) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON text, however deep in lists; InputError where it is cut off, damaged or not JSON.

    The hits of a search's answer, {"hits": {"hits": [...]}}, are yielded in place of the answer. `found_none` is False
    where the text continues one that had objects.
    """
    decoder, utf8 = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8-sig")()
    buffer, at, is_last = "", 0, False
    while True:
        while at < len(buffer) and buffer[at] in _BETWEEN:
            at += 1
        if at < len(buffer):
            found_none = False
            if buffer[at] != "{":
                found_text = "is not text" if buffer[at] == "\0" else f"is not JSON objects: {buffer[at : at + 30]!r}"
                raise InputError(uri, found_text, "check what the pattern names")
            try:
                found, at = decoder.raw_decode(buffer, at)
            except RecursionError:
                raise InputError(uri, "holds lists or objects too deep in each other", "check it") from None
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated string") or error.pos > len(buffer) - 16
                if is_last or not is_cut:
                    raise InputError(uri, f"is cut off or damaged ({error.msg})", "copy it again") from None
            else:
                yield from hits_of(found)
                continue
        elif is_last:
            if found_none:
                raise InputError(uri, "holds no JSON object", "check what the pattern names")
            return
        buffer, at = buffer[at:], 0
        if len(buffer) > MAX_OBJECT:
            raise InputError(uri, f"has an object larger than {MAX_OBJECT >> 20} MiB", "save it in pages")
        chunk = file.read(max(_CHUNK, len(buffer)))  # doubles, so that a large object is not decoded over and over
        is_last = not chunk
        try:
            buffer += utf8.decode(chunk, is_last)
        except UnicodeDecodeError:
            raise InputError(uri, f"is {not_text(chunk) or 'not text'}", "check what the pattern names") from None


def hits_of(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the hits of a search's answer, or the object itself where it is another thing."""
    hits = found.get("hits")
    listed = hits.get("hits") if isinstance(hits, dict) else None
    if isinstance(listed, list) and "_source" not in found:
        yield from (hit for hit in listed if isinstance(hit, dict))
    else:
        yield found
