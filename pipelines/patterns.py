"""Patterns from paths: the dates of a name as strftime, what else varies as glob."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
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
_NUMBER: Final = re.compile(r"(?<![%\d])\d+")
"""A number that is no date."""
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


def generalised(
    root: Path, paths: Sequence[Path], others: Set[Path], by_ending: bool = False, within: Sequence[Path] = ()
) -> Counter[str]:
    """Patterns that name all `paths` and none of `others`, each with how many of the paths it names.

    With `by_ending`, `*` and their ending alone name a folder's files. The names of the folders `within` which the
    paths lie are kept, so that a pattern never reaches a folder beside them.
    """
    folders: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    kept: dict[tuple[str, ...], int] = {}
    padded = False
    tops = [(folder, len(_relative(folder, root).parts)) for folder in within]
    for path in paths:
        found = shape(_relative(path, root))
        padded = padded or "%m" in found.folders
        folders[found.folders][found.name] += 1
        kept[found.folders] = max((deep for top, deep in tops if path.is_relative_to(top)), default=0)
    merged: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for its, names in folders.items():
        # Of one tree, "10" and "03": where any is padded, all are.
        key = _padded(its) if padded else its
        merged[key] += names
        kept[key] = kept[its]
    strange: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for path in others:
        found = shape(_relative(path, root))
        strange[_padded(found.folders)].add(found.name)
    made: Counter[str] = Counter()
    deep: dict[str, int] = {}
    for its, names in merged.items():
        for name, count in _names(names, strange.get(_padded(its), set()), by_ending).items():
            pattern = "/".join((*its, name))
            made[pattern] += count
            deep[pattern] = kept[its]
    return _without_numbers(made, deep, ["/".join((*its, name)) for its, names in strange.items() for name in names])


def _without_numbers(patterns: Counter[str], kept: Mapping[str, int], strange: Sequence[str]) -> Counter[str]:
    """The patterns, those that differ in numbers of their folders alone as one: a folder for each node is usual.

    `kept` says how many of a pattern's first folders are kept as they are.
    """
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for pattern in patterns:
        *folders, name = pattern.split("/")
        top = folders[: kept[pattern]]
        alike["/".join(top), _NUMBER.sub("*", "/".join(folders[len(top) :])), name].append(pattern)
    found: Counter[str] = Counter()
    for (top_name, _, name), its in alike.items():
        start = len(top_name) + 1 if top_name else 0
        below = [pattern[start : len(pattern) - len(name)] for pattern in its]
        general = top_name + "/" * bool(top_name) + _varied(below) + name
        is_one = len(its) >= _LEAST_FOLDERS and not _matches_any(general, strange)
        for pattern in its:
            found[general if is_one else pattern] += patterns[pattern]
    return found


def _varied(texts: Sequence[str]) -> str:
    """Texts that differ in their numbers alone as one, with * for each number that differs."""
    between = _NUMBER.split(texts[0])
    columns = zip(*(_NUMBER.findall(text) for text in texts), strict=True)
    numbers = [column[0] if len(set(column)) == 1 else "*" for column in columns]
    return "".join(text + number for text, number in zip(between, [*numbers, ""], strict=True))


def _names(names: Counter[str], neighbours: Set[str], by_ending: bool) -> Counter[str]:
    """The names of a folder's files: as they are where few, else with * for what varies.

    `neighbours` are other files of the folder, which no name with a * may match.
    """
    if len(names) <= _MOST_NAMES and not by_ending:
        return names
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[_NUMBER.sub("*", name)].append(name)
    varied = {name: _varied(its) for its in alike.values() for name in its}
    forms = (lambda name: _LAST.sub(r"*\1", name),) if by_ending else ()
    for general in (*forms, _ending, varied.__getitem__):
        wider: Counter[str] = Counter()
        for name, count in names.items():
            wider[general(name)] += count
        if len(wider) <= _MOST_NAMES * 2 and not any(_matches_any(pattern, neighbours) for pattern in wider):
            return wider
    return names


def _ending(name: str) -> str:
    """`*` and a name's endings, with the date that it holds, if any."""
    date = next((form for _, form in _DATES if form in name), None)
    ending = _ENDING.search(name)
    return ("*" if date is None else f"*{date}*") + (ending[0] if ending else "")


def _matches_any(pattern: str, shapes: Iterable[str]) -> bool:
    """Whether a pattern names one of the paths, which are written as their shapes, with month and day padded."""
    padded = pattern.replace("%-", "%")
    fits = re.compile("".join("[^/]*" if c == "*" else re.escape(c) for c in _parts(padded)))
    return any(map(fits.fullmatch, shapes))


def _parts(pattern: str) -> list[str]:
    """The characters of a pattern, with an escaped one such as [*] as a whole."""
    return re.findall(r"\[[*?\[]\]|.", pattern)


def _padded(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.replace("%-", "%") for part in folders)


def _relative(path: Path, root: Path) -> Path:
    return Path(os.path.relpath(path, root))


def _dated(part: str) -> str:
    for pattern, form in _DATES:
        part = pattern.sub(form, part, count=1)
    return part


def _escaped(part: str) -> str:
    """Escape a name: its glob characters match themselves; ? replaces a percent sign, which opens a directive."""
    return re.sub(r"([*?\[])", r"[\1]", part).replace("%", "?")
