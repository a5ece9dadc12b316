"""Splitting the output of `lctl get_param` into parameters, block by block.

A parameter is `name=value` on one line, or `name=` and lines up to the next name. `lctl get_param -H` (Lustre 2.16)
prints the name before every line of a list; such lines are joined again. No more than one parameter is in memory.

The same text may hold what `lnetctl` prints: sections such as `net:` and `statistics:`, which begin at the left edge.
Such a section counts as a parameter with the name `lnetctl net`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from iolake.extractors.members import MAX_LINE, MAX_MEMBER

_SINGLE: Final = (
    r"health_check|version|memused(?:_max)?|lnet_memused(?:_max)?|jobid_(?:var|name|this_session)|timeout|ldlm_timeout"
    r"|bulk_timeout|at_(?:min|max|extra|early_margin|history)|max_dirty_mb|ping(?:er|_interval)|evict_multiplier"
    r"|dump_on_(?:timeout|eviction)|debug_peer_on_timeout|lbug_on_\w+|panic_on_lbug|alloc_fail_rate|fail_(?:loc|val|err)"
    r"|(?:subsystem_)?debug|debug_(?:mb|path)|printk|daemon_file|catastrophe|console_\w+|watchdog_ratelimit|cpu_partition_\w+"
    r"|(?:lnet_)?upcall|stats|nis|peers|routes|routers|buffers|devices"
)
NAME: Final = rf"(?:[A-Za-z][^\s=.]*+\.[^\s=]*+|{_SINGLE})"
"""A parameter's name: parts joined by dots, or one of the few names of a single part."""
LNETCTL: Final = "lnetctl "
_SECTION: Final = r"net|statistics|peer|route|routing|global|udsp"
_START: Final = re.compile(rf"\n(?:(?P<name>{NAME})=|(?P<section>{_SECTION}):[ \t\r]*$)", re.MULTILINE)
_LISTED: Final = re.compile(r"[^\s:][^:\n]*:\s")
"""How a line of a list of names and values begins."""
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
            name, parts, size, begin = _name(start), [], 0, start.end()
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
        name, parts, rest = _name(start_of_last), [], rest[start_of_last.end() :]
    if name:
        yield name, "".join((*parts, rest))


def _name(start: re.Match[str]) -> str:
    return start["name"] or LNETCTL + start["section"]


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
        if one_line and (_LIST.search(found_name) or _LISTED.match(value)):
            name, lines, first = found_name, [value], "".join(word or ())
        else:
            yield found_name, value
    if lines:
        yield name, "".join(lines)
