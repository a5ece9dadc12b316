"""Output of many hosts in one text.

pdsh and clush begin each line with its host, `host: line`, in any order of hosts. `clush -b` and dshbak write a block
for each host under a heading, its name between two lines of dashes; hosts with the same output share a block. A
host's lines keep their order, so taken together they are what the command printed there. What pdsh says itself
(`pdsh@admin: oss1: ssh exited with exit code 1`) is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.members import MAX_LINE, MAX_MEMBER

_HOST: Final = r"(?=[\w.-]*[A-Za-z])[A-Za-z0-9][\w.-]*+"
_LINE: Final = re.compile(rf"(?P<host>{_HOST}):(?:[ \t](?P<line>.*))?")
"""A line behind its host's name."""
_LUSTRE: Final = re.compile(rf"^{_HOST}:[ \t](?:.*?(?:OST|MDT)[0-9a-fA-F]{{4}}|(?:net|statistics):$)", re.MULTILINE)
"""A line in which a target's name, or the head of `lnetctl` output, stands behind a host's name."""
_WORDS: Final = ("OST", "MDT", "net:", "statistics:")
"""A text without any of them has no line that _LUSTRE finds; to look for them is faster."""
_TARGET: Final = re.compile(r"(?:\S+-)?(?:OST|MDT)[0-9a-fA-F]{4}(?:_UUID)?")
_DASHES: Final = re.compile(r"-{4,}\s*")
_HOSTS: Final = re.compile(r"(?P<hosts>(?=.*[A-Za-z])[A-Za-z0-9][\w.,\[\]-]*+)(?: \(\d+\))?\s*")
_HEADING: Final = re.compile(rf"\s*{_DASHES.pattern}\n{_HOSTS.pattern}\n{_DASHES.pattern}\n")

Grouped = dict[str, list[str]]
"""Host to its lines, without its name."""


def by_host(uri: str, lines: list[str]) -> list[str]:
    """The lines of each host together, without its name; the same list where lines have no hosts before them."""
    if not _shows_lustre("\n".join(line for line in lines if ":" in line)) or not _has_hosts(uri, "\n".join(lines)):
        return lines
    return list(chain.from_iterable(by_prefix(uri, lines).values()))


def by_prefix(uri: str, lines: Iterable[str]) -> Grouped:
    """Group lines by the host that each begins with. InputError where one begins with none."""
    hosts: Grouped = defaultdict(list)
    for line in lines:
        if found := _LINE.fullmatch(line.rstrip("\r")):
            hosts[found["host"]].append(found["line"] or "")
        elif _is_output(line):
            raise _odd_line(uri, line)
    return hosts


def texts_by_host(uri: str, blocks: Iterator[str]) -> Iterator[tuple[str, Iterator[str]]]:
    """(host, blocks of its text); ('', the text itself) where it names no hosts.

    InputError where the text of all hosts is larger than MAX_MEMBER, since it is held in memory to be sorted, and where
    some lines begin with a host and others do not.
    """
    head = next(blocks, "")
    group = _grouping(uri, head.rpartition("\n")[0] or head)
    if group is None:
        yield "", chain([head], blocks)
        return
    texts: Grouped = defaultdict(list)
    size, rest = 0, ""
    for block in chain([head], blocks):
        size += len(block)
        *lines, rest = (rest + block).split("\n")
        if size > MAX_MEMBER:
            raise InputError(uri, f"holds more than {MAX_MEMBER >> 20} MiB of many hosts", "write a file a host")
        if len(rest) > MAX_LINE:
            raise InputError(uri, f"has a line longer than {MAX_LINE} characters", "check what it holds")
        _add(texts, group(lines))
    _add(texts, group([rest] if rest else []))
    for host, own_blocks in texts.items():
        yield host, iter(own_blocks)


def _add(texts: Grouped, found: Grouped) -> None:
    """Add each host's lines to its text, joined: a text takes less memory than its lines."""
    for host, own in found.items():
        texts[host].append("".join(f"{line}\n" for line in own))


def _grouping(uri: str, text: str) -> Callable[[Iterable[str]], Grouped] | None:
    """How a text that begins like this is grouped; None where it names no hosts."""
    if _HEADING.match(f"{text}\n"):
        return _Blocks()
    return (lambda lines: by_prefix(uri, lines)) if _has_hosts(uri, text) else None


class _Blocks:
    """Groups lines by the heading above them. It is called with the lines of a text part by part."""

    def __init__(self) -> None:
        self._host = ""
        self._heading: list[str] = []
        """The lines that may be the first two of a heading."""

    def __call__(self, lines: Iterable[str]) -> Grouped:
        hosts: Grouped = defaultdict(list)
        for line in lines:
            dashes = _DASHES.fullmatch(line) is not None
            if dashes and len(self._heading) == 2:
                found = _HOSTS.fullmatch(self._heading.pop())
                self._host = found["hosts"] if found else self._host
                self._heading.clear()
            elif (dashes and not self._heading) or (len(self._heading) == 1 and _HOSTS.fullmatch(line)):
                self._heading.append(line)
            else:
                hosts[self._host] += [*self._heading, line]
                self._heading.clear()
        return hosts


def _has_hosts(uri: str, text: str) -> bool:
    """Whether every line begins with a host's name, but for what pdsh adds, and Lustre's output stands behind it.

    InputError where most lines do, and some do not.
    """
    if not _shows_lustre(text):
        return False
    lines = [line for line in text.splitlines() if _is_output(line)]
    odd = [line for line in lines if (found := _LINE.fullmatch(line)) is None or _TARGET.fullmatch(found["host"])]
    if odd and 2 * len(odd) < len(lines):
        raise _odd_line(uri, odd[0])
    return bool(lines) and not odd


def _shows_lustre(text: str) -> bool:
    """Whether Lustre's output stands behind a host's name in a line."""
    return any(word in text for word in _WORDS) and _LUSTRE.search(text) is not None


def _is_output(line: str) -> bool:
    """Whether a line is a command's: not empty, and not one of pdsh's own."""
    return bool(line.strip()) and "@" not in line.partition(" ")[0]


def _odd_line(uri: str, line: str) -> InputError:
    reason = f"begins most lines with a host's name, but not {line[:60]!r}"
    return InputError(uri, reason, "collect it again, or take out what no host printed")
