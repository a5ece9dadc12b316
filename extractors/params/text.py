"""Splitting the output of `lctl get_param` into parameters, block by block.

A parameter is `name=value` on one line, or `name=` and lines up to the next name. `lctl get_param -H` (Lustre 2.16)
prints the name before every line of a list; such lines are joined again. No more than one parameter is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from iolake.extractors.members import MAX_LINE, MAX_MEMBER

NAME: Final = r"(?:[A-Za-z][^\s=.]*+\.[^\s=]*+|health_check|version|memused(?:_max)?|lnet_memused)"
"""A parameter's name: parts joined by dots, or one of the few names of a single part."""
_START: Final = re.compile(rf"\n(?P<name>{NAME})=")
_LIST: Final = re.compile(r"stats|\.recovery_status|\.changelog_users|\.glb-(?:usr|grp|prj)|\.uuid|\.acct_\w+|\.import")
"""In names of parameters whose value has several lines."""


class TooLong(Exception):
    """A text has lines or values longer than any server prints."""


def parameters(blocks: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, value) in order. A value ends with a newline unless the text ends in it; TooLong."""
    yield from _without_headers(_parameters(blocks))


def _parameters(blocks: Iterable[str]) -> Iterator[tuple[str, str]]:
    name, parts, size, rest = "", list[str](), 0, "\n"
    for block in blocks:
        text = rest + block
        end = text.rfind("\n")
        begin = 0
        for start in _START.finditer(text, 0, end):
            if name:
                yield name, "".join((*parts, text[begin : start.start()], "\n"))
            name, parts, size, begin = start["name"], [], 0, start.end()
        rest = text[end:]
        if name:
            parts.append(text[begin:end])
            size += end - begin
        if len(rest) > MAX_LINE:
            raise TooLong(f"has a line longer than {MAX_LINE >> 20} MiB")
        if size > MAX_MEMBER:
            raise TooLong(f"has a parameter larger than {MAX_MEMBER >> 20} MiB: {name}")
    start_of_last = _START.match(rest)
    if start_of_last:
        if name:
            yield name, "".join((*parts, "\n"))
        name, parts, rest = start_of_last["name"], [], rest[start_of_last.end() :]
    if name:
        yield name, "".join((*parts, rest))


def _without_headers(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Join the lines of a list that each carry the name of the parameter.

    A line that begins as the list's first line does begins the list of the next dump.
    """
    name, lines, first = "", list[str](), ""
    for found_name, value in found:
        one_line = value.find("\n") in {-1, len(value) - 1}
        word = value.partition("\n")[0].split(None, 1)[:1] if one_line else None
        if lines and found_name == name and word is not None and word != [first]:
            lines.append(value)
            first = first or "".join(word)
            continue
        if lines:
            yield name, "".join(lines)
            lines = []
        if one_line and _LIST.search(found_name):
            name, lines, first = found_name, [value], "".join(word or ())
        else:
            yield found_name, value
    if lines:
        yield name, "".join(lines)
