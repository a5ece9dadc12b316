"""The output of Storage Scale's commands with -Y: fields between colons, named by a header of each section.

    mmdf:nsd:HEADER:version:reserved:reserved:nsdName:storagePool:diskSize:...
    mmdf:nsd:0:1:::nsd7:system:771751936:...

Values are percent-encoded. Sizes are KiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

_KIB: Final = 1024
_LARGEST_KIB: Final = 2**53 - 1
_UNITS: Final = {letter: 1024**power for power, letter in enumerate("KMGTPE")}
"""KiB in the units of `mmdf --block-size`."""
_UNIT_LINE: Final = re.compile(r"name\s+in\s+(?:(?P<count>\d+)\s*)?(?P<unit>[KMGTPE])i?B\s+group")
_OTHER_UNIT: Final = re.compile(r"name\s+in\s+(?P<unit>\S.*?)\s+group")
_SIZE: Final = r"\d+(?:\.\d+)?[KMGTPE]?"
_DISK: Final = re.compile(
    rf"(?P<nsd>\S+)\s+(?P<size>{_SIZE})\s+(?P<group>-?\d\S*)\s+(?P<metadata>yes|no)\s+(?P<data>yes|no)"
    rf"\s+(?P<free>{_SIZE})\s*\(\s*\d+%\)\s+(?P<fragments>{_SIZE})\s*\(\s*\d+%\).*",
    re.IGNORECASE,
)
_POOL: Final = re.compile(r"Disks in storage pool:\s*(\S+)")
_TOTAL: Final = re.compile(
    rf"\((?P<what>pool total|data|metadata|total)\)\s+(?P<size>{_SIZE})\s+(?P<free>{_SIZE})\s*\(\s*\d+%\)"
    rf"\s+(?P<fragments>{_SIZE})\s*\(\s*\d+%\).*"
)
_SPACE_LINE: Final = re.compile(r"\(\s*\d+\s*%\).*\(\s*\d+\s*%\)")
_INODES: Final = re.compile(r"(?:Number of (?P<kind>used|free|allocated)|(?P<max>Maximum number of)) inodes:\s+(\d+)")


class Record(NamedTuple):
    """A line of a section: the fields that its header names, still as text; '' where the line has none."""

    command: str
    section: str
    fields: dict[str, str]


def records(lines: Sequence[str], commands: Sequence[str], faults: list[str]) -> Iterator[Record]:
    """Yield the records of the commands; a line with fewer fields than its header is a fault."""
    headers: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        parts = line.strip().split(":")
        if len(parts) < 4 or parts[0] not in commands:
            continue
        key = parts[0], parts[1]
        if parts[2] == "HEADER":
            headers[key] = parts
        elif key not in headers:
            faults.append(f"a line stands before its header: {line.strip()[:60]!r}")
        elif len(parts) < len([name for name in headers[key] if name]):
            faults.append(f"a line has fewer fields than its header: {line.strip()[:60]!r}")
        else:
            pairs = zip(headers[key], parts, strict=False)
            yield Record(*key, {name: unquote(value) for name, value in pairs if name and name != "reserved"})


def mmdf_text(lines: Sequence[str], faults: list[str]) -> Iterator[Record]:
    """Yield the records that `mmdf -Y` would give, of mmdf's output for people; its header has the unit of sizes."""
    pool, unit = "", 1
    for line in lines:
        text = line.strip()
        if header := _UNIT_LINE.match(text):
            unit = int(header["count"] or 1) * _UNITS[header["unit"]]
        elif other := _OTHER_UNIT.match(text):
            faults.append(f"its sizes are in {other['unit']}; run mmdf without --block-size")
            return
        elif named := _POOL.match(text):
            pool = named[1]
        elif disk := _DISK.fullmatch(text):
            yield Record(
                "mmdf",
                "nsd",
                {
                    "nsdName": disk["nsd"], "storagePool": pool, "diskSize": _in_kib(disk["size"], unit),
                    "failureGroup": disk["group"], "metadata": disk["metadata"], "data": disk["data"],
                    "freeBlocks": _in_kib(disk["free"], unit), "freeFragments": _in_kib(disk["fragments"], unit),
                },
            )  # fmt: skip
        elif total := _TOTAL.fullmatch(text):
            section, name = {
                "pool total": ("poolTotal", "poolSize"),
                "data": ("data", "totalData"),
                "metadata": ("metadata", "totalMetadata"),
                "total": ("fsTotal", "fsSize"),
            }[total["what"]]
            amounts = zip((name, "freeBlocks", "freeFragments"), total.group("size", "free", "fragments"), strict=True)
            sizes = {key: _in_kib(amount, unit) for key, amount in amounts}
            yield Record("mmdf", section, {**sizes, "poolName": pool} if section == "poolTotal" else sizes)
        elif inodes := _INODES.match(text):
            kind = f"{inodes['kind']}Inodes" if inodes["kind"] else "maxInodes"
            yield Record("mmdf", "inode", {kind: inodes[3]})
        elif _SPACE_LINE.search(text):
            faults.append(f"a line of sizes has an unknown form: {text[:60]!r}")


def _in_kib(text: str, unit: int) -> str:
    """A size as a whole number of KiB: its own letter counts, else the header's unit."""
    if text[-1].upper() in _UNITS:
        return str(round(float(text[:-1]) * _UNITS[text[-1].upper()]))
    return str(round(float(text) * unit)) if "." in text else str(int(text) * unit)


def kib(text: str | None) -> int | None:
    """Return the bytes of a number of KiB; None where it is no number."""
    value = whole(text)
    return value * _KIB if value is not None and value <= _LARGEST_KIB else None


def whole(text: str | None) -> int | None:
    """Return a whole number; None for anything else, below zero, or more than a column holds."""
    if text is None or not re.fullmatch(r"\d{1,18}", text):
        return None
    return int(text)


def yes(text: str | None) -> bool | None:
    """Return True for yes and False for no, in upper or lower case, and None for anything else."""
    return {"yes": True, "no": False}.get((text or "").lower())
