"""Finding files by a site's patterns: strftime for the day, glob for the rest, on any file system of fsspec."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from iolake.extractors.base import Input, Span, as_text
from iolake.schemas.locations import file_system_of
from iolake.schemas.site import DIGITS, OwnerKind, Site

_DIRECTIVE = re.compile(rf"%(-?)([{''.join(DIGITS)}])")
_MAGIC = re.compile(r"[*?\[]")


def find_files(site: Site, owner: OwnerKind, source: str, span: Span) -> Iterator[Input]:
    """Every file that the site's patterns for `source` name in `span`, in the order of its patterns.

    A pattern with a date gives each file its day; without one, day is None and every span holds it. Where
    several patterns name a file for the same day, `rank` tells them apart.
    """
    for name, where, _zone in site.sources(owner, source):
        for rank, pattern in enumerate(where.files):
            for uri, info, day in match(site.pattern(pattern), span):
                readable = as_text(uri)
                wrong = None if readable == uri else "its name is not UTF-8; rename the file"
                yield Input(source, name, readable, day, info.get("size"), mtime(info), rank=rank, unreadable=wrong)


def match(pattern: str, span: Span) -> Iterator[tuple[str, dict[str, Any], date | None]]:
    """(uri, fsspec's details, day) of each file that `pattern` names in `span`, sorted by name."""
    fs, path = file_system_of(pattern)
    local = isinstance(fs, LocalFileSystem)
    reader = re.compile(_regex(path))
    for expanded in _expand(path, span):
        if _MAGIC.search(expanded) is None:
            found = _exact(fs, expanded)
        else:
            found = dict(walk(expanded)) if local else fs.glob(expanded, detail=True)
        for name, info in sorted(found.items()):
            parts = reader.fullmatch(name)
            if info["type"] != "file" or parts is None:
                continue
            day = _day(parts.groupdict())
            if day in span:
                yield name if local else fs.unstrip_protocol(name), info, day


def walk(pattern: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, details) of each file of this machine that an absolute glob names, in no order.

    It finds the same files as fsspec, but faster. It follows symbolic links that a part of the pattern names, except
    below **, where links could form a loop. It skips folders that can't be read and files that are removed meanwhile.
    """
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if _MAGIC.search(part))
    steps = [None if part == "**" else re.compile(_regex(part)) for part in parts[first:]]
    yield from _walk("/".join(parts[:first]) + "/", steps, _opened({0}, steps))


def _walk(folder: str, steps: list[re.Pattern[str] | None], here: list[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The files below `folder` that match the pattern; its entries may match any of the steps `here`."""
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
    except OSError:
        return
    for entry in entries:
        link = entry.is_symlink()
        after = {
            at + (step is not None)
            for at in here
            if (not link if (step := steps[at]) is None else step.fullmatch(entry.name))
        }
        if not after:
            continue
        try:
            if entry.is_dir():
                yield from _walk(entry.path, steps, _opened(after, steps))
            elif entry.is_file() and (len(steps) in after or (steps[-1] is None and len(steps) - 1 in here)):
                info = entry.stat()
                yield entry.path, {"type": "file", "size": info.st_size, "mtime": info.st_mtime}
        except OSError:  # removed meanwhile, or a link to itself
            continue


def _opened(at: set[int], steps: list[re.Pattern[str] | None]) -> list[int]:
    """Add the steps after each **, which also matches no folder at all, and return the steps in order."""
    for place, step in enumerate(steps):
        if step is None and place in at:
            at.add(place + 1)
    return sorted(place for place in at if place < len(steps))


def named_time(pattern: str, uri: str) -> datetime | None:
    """The local time in a file's name, by the pattern; None where the pattern has no day or no hour."""
    _fs, path = fsspec.url_to_fs(pattern)
    found = re.fullmatch(_regex(path), fsspec.url_to_fs(uri)[1])
    parts = found.groupdict() if found else {}
    day = _day(parts)
    if day is None or "H" not in parts:
        return None
    hour, minute, second = (int(parts.get(part, 0)) for part in "HMS")
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second)
    except ValueError:  # digits that are no time of a day
        return None


def _exact(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    try:
        return {path: fs.info(path)}
    except FileNotFoundError:
        return {}


def _expand(path: str, span: Span) -> Iterator[str]:
    """The globs to ask for: one a day where the span is closed, else one with digits for the date."""
    if _DIRECTIVE.search(path) is None:
        yield path
    elif span.since is not None and span.until is not None:
        for offset in range((span.until - span.since).days):
            day = span.since + timedelta(days=offset)
            yield _DIRECTIVE.sub(partial(_format, day), path)
    else:
        yield _DIRECTIVE.sub(lambda m: "*" if m[1] else "[0-9]" * DIGITS[m[2]], path)


def _format(day: date, directive: re.Match[str]) -> str:
    """A directive for one day; those of the time of day match any."""
    flag, letter = directive.groups()
    if letter in "HMS":
        return "*" if flag else "[0-9][0-9]"
    text = day.strftime(f"%{letter}")
    return (text.lstrip("0") or "0") if flag else text


def _regex(path: str) -> str:
    """The pattern as a regular expression with a group for each first use of a directive."""
    seen: set[str] = set()
    parts, end = [], 0
    for directive in re.finditer(rf"{_DIRECTIVE.pattern}|\*\*/?|\*|\?|\[[^\]]+\]", path):
        parts.append(re.escape(path[end : directive.start()]))
        end = directive.end()
        text, letter = directive[0], directive[2]
        if letter:
            digits = rf"\d{{1,{DIGITS[letter]}}}" if directive[1] else rf"\d{{{DIGITS[letter]}}}"
            parts.append(digits if letter in seen else f"(?P<{letter}>{digits})")
            seen.add(letter)
        elif text.startswith("**"):
            parts.append(".*")
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(text) or _class(text[1:-1]))
    return "".join(parts) + re.escape(path[end:])


def _class(characters: str) -> str:
    """The content of a glob's brackets, as a regular expression."""
    inside = characters.removeprefix("!").replace("[", r"\[")
    return f"[^{inside}]" if characters.startswith("!") else f"[{inside}]"


def _day(parts: dict[str, str]) -> date | None:
    """The day in a name; None where the name has no whole date, or an impossible one."""
    try:
        year = int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"])
        if "j" in parts:
            day = date(year, 1, 1) + timedelta(days=int(parts["j"]) - 1)
            return day if day.year == year else None
        return date(year, int(parts["m"]), int(parts["d"]))
    except (KeyError, ValueError):
        return None


def mtime(info: dict[str, Any]) -> datetime | None:
    """The time of the file's last change, under any name that fsspec's file systems use."""
    value = info.get("mtime", info.get("LastModified", info.get("last_modified")))
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    return value if isinstance(value, datetime) else None
