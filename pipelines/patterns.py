"""Patterns from paths: the dates of a name as strftime, what else varies as glob."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MOST_NAMES: Final = 4
"""Files of one folder that are named one by one."""
_LEAST_FOLDERS: Final = 3
"""So many folders whose names differ in numbers are named by one pattern."""
_DATES: Final = ((re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)"), "%Y-%m-%d"), (
    re.compile(r"(?<!\d)(?:19|20)\d\d[01]\d[0-3]\d(?!\d)"), "%Y%m%d"))  # fmt: skip
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_ENDING: Final = re.compile(r"(\.[A-Za-z][\w-]*)*$")
_LAST: Final = re.compile(r"^.*?(\.[A-Za-z]\w*(\.gz|\.bz2)?)$")
_SMALL: Final = re.compile(r"\d\d?")


@dataclass(frozen=True)
class Shape:
    """A path with its dates as strftime: its folders, its file's name, and whether month and day are padded."""

    folders: tuple[str, ...]
    name: str


def shape(path: Path) -> Shape:
    """The shape of a relative path."""
    *folders, name = path.parts
    parts = [_escaped(part) for part in folders]
    for at in range(len(parts) - 2):
        if _YEAR.fullmatch(parts[at]) and _SMALL.fullmatch(parts[at + 1]) and _SMALL.fullmatch(parts[at + 2]):
            padded = "0" in (parts[at + 1][0], parts[at + 2][0])
            parts[at : at + 3] = ["%Y", "%m", "%d"] if padded else ["%Y", "%-m", "%-d"]
            break
    return Shape(tuple(_dated(part) for part in parts), _dated(_escaped(name)))


def generalised(root: Path, paths: Sequence[Path], others: Set[Path], by_ending: bool = False) -> Counter[str]:
    """Patterns that name all `paths` and none of `others`, each with how many of the paths it names.

    With `by_ending` a folder's files are named by `*` and their ending alone.
    """
    folders: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    padded = False
    for path in paths:
        found = shape(Path(os.path.relpath(path, root)))
        padded = padded or "%m" in found.folders
        folders[found.folders][_LAST.sub(r"*\1", found.name) if by_ending else found.name] += 1
    merged: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for its, names in folders.items():
        # Of one tree, "10" and "03": where any is padded, all are.
        key = tuple({"%-m": "%m", "%-d": "%d"}.get(part, part) for part in its) if padded else its
        merged[key] += names
    strange = [Path(os.path.relpath(path, root)) for path in others]
    made: Counter[str] = Counter()
    for its, names in merged.items():
        for name, count in _names(its, names, strange).items():
            made["/".join((*its, name))] += count
    return _without_numbers(made, [path.as_posix() for path in strange])


def _without_numbers(patterns: Counter[str], strange: Sequence[str]) -> Counter[str]:
    """The patterns, those that differ in numbers of their folders alone as one: a folder for each node is usual."""
    alike: dict[str, list[str]] = defaultdict(list)
    for pattern in patterns:
        folder, slash, name = pattern.rpartition("/")
        alike[_numbers(folder) + slash + name].append(pattern)
    found: Counter[str] = Counter()
    for general, its in alike.items():
        is_one = len(its) >= _LEAST_FOLDERS and not any(_matches(general, path) for path in strange)
        for pattern in its:
            found[general if is_one else pattern] += patterns[pattern]
    return found


def _names(folders: tuple[str, ...], names: Counter[str], strange: Sequence[Path]) -> Counter[str]:
    """The names of a folder's files: as they are where few, else with * for what varies."""
    if len(names) <= _MOST_NAMES:
        return names
    neighbours = [found.name for path in strange if (found := shape(path)).folders == folders]
    for general in (_ending, _numbers):
        wider: Counter[str] = Counter()
        for name, count in names.items():
            wider[general(name)] += count
        if len(wider) <= _MOST_NAMES * 2 and not any(_matches(p, n) for p in wider for n in neighbours):
            return wider
    return names


def _ending(name: str) -> str:
    """`*` and a name's endings, with the date that it holds, if any."""
    date = next((form for _, form in _DATES if form in name), None)
    ending = _ENDING.search(name)
    return ("*" if date is None else f"*{date}*") + (ending[0] if ending else "")


def _numbers(name: str) -> str:
    """A name with * for each number that is no date."""
    return re.sub(r"(?<![%\d])\d+", "*", name)


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch("".join(".*" if c == "*" else re.escape(c) for c in pattern), name) is not None


def _dated(part: str) -> str:
    for pattern, form in _DATES:
        part = pattern.sub(form, part, count=1)
    return part


def _escaped(part: str) -> str:
    """Escape a name: its glob characters match themselves; ? replaces a percent sign, which opens a directive."""
    return re.sub(r"([*?\[])", r"[\1]", part).replace("%", "?")
