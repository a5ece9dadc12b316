"""The text of `mmperfmon query`: a legend, then rows of fixed step with a column for each entry of the legend.

    Legend:
     1: ngfsv468.nersc.gov|CPU|cpu_user
     2: ngfsv468.nersc.gov|Network|lo|net_r

    Row           Timestamp cpu_user   net_r
      1 2019-01-11-10:00:00      0.2  1.7 kB

A report that is too wide repeats its header, and its rows go on below it. A file may hold several reports.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from iolake.extractors.clock import is_local_time

_LEGEND: Final = re.compile(r"\s*(\d+)\s*:\s+(\S.*?)\s*$")
_ROW: Final = re.compile(r"\s*(\d+)\s+(\d{4}-\d\d-\d\d)[-T ](\d\d:\d\d:\d\d)\s+(\S.*)$")
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d[-T]\d\d:\d\d:\d\d")
_UNITS: Final = {
    "B": 1,
    **{f"{letter}{tail}": 1024**power for power, letter in enumerate("KMGTPE", 1) for tail in ("B", "iB")},
    "kB": 1024,
}
"""mmperfmon's units of bytes; a kB there is 1024 bytes."""
_SHARE: Final = "%"


class Entry(NamedTuple):
    """An entry of the legend: host, sensor (CPU, GPFSNSDDisk), device or '', and counter."""

    host: str
    sensor: str
    device: str
    counter: str


@dataclass
class Chunk:
    """Rows of a report below one header: `values` is (rows, columns); NaN is what the report calls null.

    `stamps` are the local times at which the rows end; `utc` holds the seconds since 1970 where the report has those.
    `in_bytes` marks the values that had a unit of bytes; they are in bytes.
    """

    entries: list[Entry]
    row_ids: list[int]
    stamps: list[str]
    values: npt.NDArray[np.float64]
    in_bytes: npt.NDArray[np.bool_]
    utc: npt.NDArray[np.int64] | None = None


class _Part(NamedTuple):
    """What a report has below one header: the header's columns, what is wrong with them, and the text of the rows."""

    entries: list[Entry]
    faults: list[str]
    body: str


@dataclass
class Report:
    """One legend and the chunks below it. `faults` says what could not be read."""

    legend: dict[int, str] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_reports(text: str) -> Iterator[Report]:
    """Yield the reports of a text. A line that does not fit is a fault of its report; the others are read."""
    text = re.sub(r"^[ \t]+(?=Row[ \t]|Legend)", "", text, flags=re.MULTILINE) if "\nRow" not in text else text
    for section in ("\n" + text).split("\nLegend"):
        legend, *chunks = section.split("\nRow")
        report = Report()
        for line in legend.splitlines():
            if (entry := _LEGEND.match(line)) and "|" in entry[2]:
                report.legend[int(entry[1])] = entry[2]
            elif _ROW.match(line):
                report.faults.append("has rows without a header above them")
        taken = 0
        parts: list[_Part] = []
        for chunk in chunks:
            header, _, body = chunk.partition("\n")
            name, *names = header.split() or [""]
            if name == "Timestamp" and names:
                parts.append(_Part(*_entries(report.legend, names, taken), body))
                taken += len(names)
        if (whole := _usual_chunk(parts)) is not None:
            report.chunks.append(whole)
            report.faults += chain.from_iterable(part.faults for part in parts)
        else:
            for part in parts:
                report.faults += part.faults
                report.chunks.append(_usual_chunk([part]) or _chunk(report, part.entries, part.body))
        if report.chunks or report.faults:
            yield report


def _entries(legend: dict[int, str], names: list[str], taken: int) -> tuple[list[Entry], list[str]]:
    """Return the legend's entries of a header's columns, which follow those of the earlier headers, and faults."""
    entries, faults = [], []
    for place, name in enumerate(names, taken + 1):
        parts = legend.get(place, "").split("|")
        if len(parts) < 3 or parts[-1] != name:
            faults.append(f"column {place} ({name}) is not entry {place} of the legend")
            entries.append(Entry("", "", "", name))
        else:
            entries.append(Entry(parts[0], parts[1], "|".join(parts[2:-1]), name))
    return entries, faults


def _usual_chunk(parts: Sequence[_Part]) -> Chunk | None:
    """Return the parts of a wide report side by side; None where one differs in its rows, or a line is no row.

    All rows of a part are like its first. A column's tokens are its numbers, or its numbers and their units.
    """
    rows: tuple[list[str], list[str]] | None = None
    numbers, units = list[str](), list[str]()
    sized: list[bool] = []
    for entries, _, body in parts:
        shape, tokens = body.lstrip().partition("\n")[0].split(), body.split()
        width = len(shape)
        places = [place for place, token in enumerate(shape) if place > 1 and token not in _UNITS]
        own = tokens[:: width or 1], tokens[1 :: width or 1]
        has_unit = [place + 1 < width and place + 1 not in places for place in places]
        if len(places) != len(entries) or width != 2 + len(places) + sum(has_unit):
            return None
        if len(tokens) != width * len(own[0]) or (rows and own != rows):
            return None
        rows = own
        sized += has_unit
        for place, is_size in zip(places, has_unit, strict=True):
            numbers += tokens[place::width]
            units += tokens[place + 1 :: width] if is_size else []
    if rows is None:
        return None
    count, in_bytes = len(rows[0]), np.array(sized)
    try:
        row_ids = [*map(int, rows[0])]
        values = np.fromiter(map(float, numbers), np.float64, len(numbers)).reshape(-1, count)
        values[in_bytes] *= np.fromiter(map(_UNITS.__getitem__, units), np.float64, len(units)).reshape(-1, count)
    except (ValueError, KeyError):
        return None
    stamps = _iso(tuple(rows[1]))
    if stamps is None or row_ids != [*range(row_ids[0], row_ids[0] + count)] or np.isnan(values).any():
        return None
    entries = [*chain.from_iterable(part.entries for part in parts)]
    return Chunk(entries, row_ids, stamps, values.T, np.tile(in_bytes, (count, 1)))


@lru_cache(maxsize=64)
def _iso(stamps: tuple[str, ...]) -> list[str] | None:
    """Return the times of rows as ISO 8601; None where one is not mmperfmon's. A wide report repeats them."""
    if not all(map(_STAMP.fullmatch, stamps)):
        return None
    found = [f"{stamp[:10]}T{stamp[11:]}" for stamp in stamps]
    return found if all(map(is_local_time, found)) else None


def _chunk(report: Report, entries: list[Entry], body: str) -> Chunk:
    """Return the chunk of a body read line by line; what does not fit is a fault."""
    row_ids: list[int] = []
    stamps: list[str] = []
    cells: list[list[tuple[float, bool]]] = []
    odd: list[str] = []
    for line in body.splitlines():
        row = _ROW.match(line)
        if row is None:
            if line.strip():
                report.faults.append(f"a line is not a row: {line.strip()[:60]!r}")
            continue
        stamp, tokens = f"{row[2]}T{row[3]}", row[4].split()
        if not is_local_time(stamp):
            report.faults.append(f"row {row[1]} has no time: {stamp}")
            continue
        if len(tokens) != len(entries):
            tokens = _joined(tokens)
        if len(tokens) != len(entries):
            report.faults.append(f"row {row[1]} has {len(tokens)} values below {len(entries)} columns")
            continue
        numbers = [_number(token) for token in tokens]
        odd += [t for t, (value, _) in zip(tokens, numbers, strict=True) if math.isnan(value) and t != "null"]
        row_ids.append(int(row[1]))
        stamps.append(stamp)
        cells.append(numbers)
    if odd:
        report.faults.append(f"{len(odd)} values are not numbers, such as {odd[0]!r}")
    shape = len(cells), len(entries)
    values = np.array([[value for value, _ in row] for row in cells], np.float64).reshape(shape)
    in_bytes = np.array([[sized for _, sized in row] for row in cells], bool).reshape(shape)
    return Chunk(entries, row_ids, stamps, values, in_bytes)


def _joined(tokens: list[str]) -> list[str]:
    """The tokens with each unit joined to its number by a space."""
    joined: list[str] = []
    for token in tokens:
        if joined and (token in _UNITS or token == _SHARE) and " " not in joined[-1]:
            joined[-1] += f" {token}"
        else:
            joined.append(token)
    return joined


def _number(token: str) -> tuple[float, bool]:
    """(value, whether it is a size) of a token. A size is in bytes; NaN means null or not a number."""
    text, _, unit = token.partition(" ")
    try:
        value = float(text)
    except ValueError:
        sized = re.fullmatch(r"([\d.]+)([A-Za-z]+|%)", text)  # joined, as in 1.7kB
        if sized is None:
            return math.nan, False
        text, unit = sized.groups()
        try:
            value = float(text)
        except ValueError:
            return math.nan, False
    if unit in _UNITS:
        return value * _UNITS[unit], True
    return (value, False) if unit in {"", _SHARE} else (math.nan, False)
