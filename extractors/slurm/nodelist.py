"""Slurm's compact node lists, written out and compacted, without scontrol.

A list is names joined by commas; each name may hold brackets of numbers and ranges, in any number and place:
`nid0[5032-5159,6000]`, `rack[0-1]node[01-04]`. Numbers keep the width of a range's lower end, so `[08-11]` is
08, 09, 10, 11. Several brackets in one name multiply, the last one varying fastest, as scontrol orders them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import Final, TypeAlias

MAX_NODES: Final = 250_000
"""No machine has more; a list that claims more is damaged, and must not fill the memory."""
_MOST_BYTES: Final = 1 << 26
"""Bytes of all names of a list together."""

_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")
_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)

Ranges: TypeAlias = list[tuple[int, int, int]]
"""(first, last, width) of the ranges in one bracket."""


class NodeListError(ValueError):
    """A malformed or too long node list."""


def expand(text: str, most: int = MAX_NODES) -> list[str]:
    """Expand a compact list to its names, in order, with repeats.

    Raises NodeListError for a malformed list, and, before it makes any name, for a list of more than `most` nodes.
    """
    names: list[str] = []
    for part in _split(text):
        pieces = re.split(r"\[([^\[\]]*)\]", part)
        if any("[" in literal or "]" in literal for literal in pieces[::2]):
            raise NodeListError(f"unbalanced brackets in {part[:80]!r}")
        brackets = [_ranges(bracket) for bracket in pieces[1::2]]
        size = prod(sum(last - first + 1 for first, last, _ in ranges) for ranges in brackets)
        if len(names) + size > most or size * len(part) > _MOST_BYTES:
            raise NodeListError(f"{part[:80]!r} names more than {most} nodes")
        choices = [_numbers(brackets[i // 2]) if i % 2 else [piece] for i, piece in enumerate(pieces)]
        names.extend(map("".join, product(*choices)))
    return names


def compress(names: Iterable[str]) -> str:
    """The compact list of `names`, in order of name; runs of the last number in a name share a bracket."""
    groups: dict[tuple[str, str], list[str]] = {}
    packed: list[str] = []
    for name in sorted(set(names)):
        if found := _LAST_NUMBER.fullmatch(name):
            groups.setdefault((found[1], found[3]), []).append(found[2])
        else:
            packed.append(name)
    packed += (f"{head}{_bracket(numbers)}{tail}" for (head, tail), numbers in groups.items())
    return ",".join(sorted(packed))


def _split(text: str) -> Iterator[str]:
    """The parts between the commas that are outside of brackets."""
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            yield _named(text[start:at], text)
            start = at + 1
    yield _named(text[start:], text)


def _named(part: str, text: str) -> str:
    if not part:
        raise NodeListError(f"an empty name in {text[:80]!r}")
    return part


def _ranges(bracket: str) -> Ranges:
    ranges = []
    for part in bracket.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise NodeListError(f"{part[:80]!r} is not a number or range in [{bracket[:80]}]")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first >= MAX_NODES:
            raise NodeListError(f"{part!r} is not a range that ascends to at most {MAX_NODES} nodes")
        ranges.append((first, last, len(found[1])))
    return ranges


def _numbers(ranges: Ranges) -> list[str]:
    return [f"{n:0{width}d}" for first, last, width in ranges for n in range(first, last + 1)]


def _bracket(numbers: list[str]) -> str:
    """Numbers as one bracket of ranges; a lone number stands without. A range keeps its lower end's width."""
    runs: list[list[str]] = []
    for number in sorted(numbers, key=lambda n: (int(n), len(n))):
        if runs and number == f"{int(runs[-1][-1]) + 1:0{len(runs[-1][0])}d}":
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = ["-".join(dict.fromkeys((run[0], run[-1]))) for run in runs]
    return texts[0] if len(numbers) == 1 else f"[{','.join(texts)}]"
