"""Output of many hosts in one text, as pdsh and clush collect it: `host: line`, in any order of hosts.

A host's lines keep their order, so taken together they are what the command printed there. What pdsh says itself
(`pdsh@admin: oss1: ssh exited with exit code 1`) has no host of this form and is left out. Blocks with a heading for
each host (`clush -b`, `dshbak`) need no change: readers pass over the headings.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.members import MAX_LINE, MAX_MEMBER

_LINE: Final = re.compile(r"(?P<host>[A-Za-z0-9][\w.-]*+):(?:[ \t](?P<line>.*))?")
_LUSTRE: Final = re.compile(
    r"^[A-Za-z0-9][\w.-]*+:[ \t](?:.*?(?:OST|MDT)[0-9a-fA-F]{4}|(?:net|statistics):$)", re.MULTILINE
)
"""A line in which a target's name, or the head of `lnetctl` output, stands behind a host's name."""
_TARGET: Final = re.compile(r"(?:\S+-)?(?:OST|MDT)[0-9a-fA-F]{4}(?:_UUID)?")


def by_host(lines: list[str]) -> list[str]:
    """The lines of each host together, without its name; the same list where lines have no hosts before them."""
    return list(chain.from_iterable(_grouped(lines).values())) if _has_hosts("\n".join(lines)) else lines


def texts_by_host(uri: str, blocks: Iterator[str]) -> Iterator[tuple[str, Iterator[str]]]:
    """(host, blocks of its text); ('', the text itself) where its lines do not begin with hosts' names.

    InputError where the text of all hosts is larger than MAX_MEMBER: it is held in memory to be sorted.
    """
    head = next(blocks, "")
    if not _has_hosts(head.rpartition("\n")[0] or head):
        yield "", chain([head], blocks)
        return
    texts: dict[str, list[str]] = defaultdict(list)
    size, rest = 0, ""
    for block in chain([head], blocks, ["\n"]):
        size += len(block)
        *lines, rest = (rest + block).split("\n")
        if size > MAX_MEMBER or len(rest) > MAX_LINE:
            raise InputError(uri, f"holds more than {MAX_MEMBER >> 20} MiB of many hosts", "write a file a host")
        for host, own in _grouped(lines).items():
            texts[host].append("".join(f"{line}\n" for line in own))
    for host, own_blocks in texts.items():
        yield host, iter(own_blocks)


def _has_hosts(text: str) -> bool:
    """Whether every line begins with a host's name, but for those that pdsh adds, and Lustre's output stands behind."""
    if _LUSTRE.search(text) is None:
        return False
    named = [_LINE.fullmatch(line) for line in text.splitlines() if line.strip() and "@" not in line.partition(" ")[0]]
    return bool(named) and all(line and not _TARGET.fullmatch(line["host"]) for line in named)


def _grouped(lines: Iterable[str]) -> dict[str, list[str]]:
    """Host to its lines, without its name."""
    hosts: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if found := _LINE.fullmatch(line.rstrip("\r")):
            hosts[found["host"]].append(found["line"] or "")
    return hosts
