"""Reading the table that `lfs df` prints, by the names in its header: columns can be chosen with `--output`.

The headings and fields are those of lfs-df(1) of Lustre 2.16; older versions have the same headings in a fixed order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

_TARGET: Final = r"(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})"
TARGET_LINE: Final = re.compile(rf"(?:(?P<fs>\S+)-)?{_TARGET}(?:_UUID)?(?=[\s:]|$)")
"""A line that begins with a target's name."""
# What is searched for in a line begins at a word, or has a fixed text before it: long lines take no quadratic time.
_UUID: Final = re.compile(rf"(?<!\S)(?P<fs>\S+)-{_TARGET}_UUID")
_INACTIVE: Final = re.compile(rf"(?:(?P<fs>\S+)-)?{_TARGET}(?:_UUID)?(?:\s*:.*|\s+[^\s\d].*)")
_MOUNT: Final = re.compile(r"(?P<mount>\S(?:.*\S)?)\[(?P<kind>OST|MDT):(?P<index>\d+)\]")
_MOUNTED: Final = re.compile(r"\S\[(?:OST|MDT):\d+\]")
_MOUNTED_ON: Final = "Mounted-on"
_BLOCKS: Final = "1K-blocks"
_HUMAN: Final = "bytes"
_COLUMNS: Final = {
    _BLOCKS: "total_bytes",
    _HUMAN: "total_bytes",
    "Used": "used_bytes",
    "Free": "free_bytes",
    "Available": "available_bytes",
    "Avail": "available_bytes",
    "Inodes": "total_inodes",
    "IUsed": "used_inodes",
    "IFree": "free_inodes",
    "IAvail": "free_inodes",
}
"""Headings of numbers to columns; `free_` columns only give what is used."""
_HEADINGS: Final = {"UUID", _MOUNTED_ON, "Use%", "IUse%", *_COLUMNS}
_NO_NUMBER: Final = {"-", "N/A"}
_NO_AMOUNT: Final = re.compile("-[0-9]{1,20}|[0-9]{17,20}")
"""A count below zero, as a number of 64 bits with or without its sign: a target that did not answer, or is overfull."""
_BLOCK_SIZE: Final = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[KMGT]?)-blocks")
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_KIB: Final = 1024


class Row(NamedTuple):
    """A target in a client's output: its file system, if it is named, and the columns that the output has."""

    system: str | None
    values: dict[str, Any]


class _Unread(NamedTuple):
    """A line that names a target and is no row."""

    line: str
    has_header: bool


def read_table(lines: Sequence[str]) -> Iterator[Row]:
    """The rows of the tables in a snapshot. A target that does not answer has a row without numbers."""
    yield from (row for row in _read(lines) if isinstance(row, Row))


def unread_lines(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(line, whether there is a header above it) of the lines that name a target and are no rows."""
    yield from (line for line in _read(lines) if isinstance(line, _Unread))


def _read(lines: Sequence[str]) -> Iterator[Row | _Unread]:
    header: list[str] = []
    system: str | None = None
    nameless: list[dict[str, Any]] = []  # inactive targets before the first row that names the file system
    for line in map(str.rstrip, lines):
        if found := _header(line):
            header, system, nameless = found, None, []
        elif row := _row(line, header):
            system = row.system
            yield from (Row(system, inactive) for inactive in nameless)
            nameless = []
            yield row
        elif inactive := _INACTIVE.fullmatch(line):
            values = {"target": inactive["target"], "role": inactive["kind"].lower()}
            if named := inactive["fs"] or system:
                yield Row(named, values)
            else:
                nameless.append(values)
        elif TARGET_LINE.match(line) or _UUID.search(line) or _MOUNTED.search(line):
            yield _Unread(line, bool(header))


def _header(line: str) -> list[str]:
    """The headings of a header line, in order; empty for another line."""
    words = line.replace("Mounted on", _MOUNTED_ON).split()
    is_header = bool(words) and (words[0] == "UUID" or all(w in _HEADINGS or _BLOCK_SIZE.fullmatch(w) for w in words))
    return words if is_header else []


def _row(line: str, header: Sequence[str]) -> Row | None:
    """The row in a line below a header; None where the line does not have the header's columns."""
    if not header or (cells := _cells(line, header)) is None:
        return None
    named = _UUID.fullmatch(cells.get("UUID", ""))
    mount = _MOUNT.fullmatch(cells.get(_MOUNTED_ON, ""))
    if named is None and (mount is None or "UUID" in header):
        return None
    numbers = _numbers(cells)
    if numbers is None:
        return None
    kind = named["kind"] if named else mount["kind"] if mount else ""
    target = named["target"] if named else f"{kind}{int(mount['index']):04x}" if mount else ""
    values: dict[str, Any] = {"target": target, "role": kind.lower(), **numbers}
    if mount:
        values["mount_point"] = mount["mount"]
    return Row(named["fs"] if named else None, values)


def _cells(line: str, header: Sequence[str]) -> dict[str, str] | None:
    """Heading to cell; None where cells are missing. A target's status after the last column is left out."""
    if _MOUNTED_ON not in header:
        words = line.split()
        return dict(zip(header, words, strict=False)) if len(words) >= len(header) else None
    place = header.index(_MOUNTED_ON)
    words = line.split(None, place)
    if len(words) <= place:
        return None
    mount = re.match(r".*?\[(?:OST|MDT):\d+\]", words[place])
    if mount is None:
        return None
    after = words[place][mount.end() :].split()
    return {
        **dict(zip(header, words[:place], strict=False)),
        _MOUNTED_ON: mount[0],
        **dict(zip(header[place + 1 :], after, strict=False)),
    }


def _numbers(cells: dict[str, str]) -> dict[str, int] | None:
    """The columns of numbers, without those below zero; None where one is rounded for people (`lfs df -h`)."""
    numbers: dict[str, int] = {}
    block = next((size for heading in cells if (size := _BLOCK_SIZE.fullmatch(heading))), None)
    scale = int(block["count"]) * _UNITS[block["unit"]] if block else _KIB
    cells = cells | ({_BLOCKS: cells[block[0]]} if block else {})
    for heading, column in _COLUMNS.items():
        text = cells.get(heading, "-")
        if text in _NO_NUMBER or _NO_AMOUNT.fullmatch(text):
            continue
        if re.fullmatch("[0-9]{1,16}", text) is None:
            return None
        numbers[column] = int(text) * (scale if column.endswith("bytes") else 1)
    if _HUMAN in cells and any(value for column, value in numbers.items() if column.endswith("bytes")):
        return None
    for unit in ("bytes", "inodes"):
        free, total = numbers.pop(f"free_{unit}", None), numbers.get(f"total_{unit}")
        if free is not None and total is not None and total >= free:
            numbers.setdefault(f"used_{unit}", total - free)
    return numbers
