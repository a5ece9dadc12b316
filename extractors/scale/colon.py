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
_DISK: Final = re.compile(
    r"(?P<nsd>\S+)\s+(?P<size>\d+)\s+(?P<group>-?\d\S*)\s+(?P<metadata>yes|no)\s+(?P<data>yes|no)"
    r"\s+(?P<free>\d+)\s*\(\s*\d+%\)\s+(?P<fragments>\d+)\s*\(\s*\d+%\).*",
    re.IGNORECASE,
)
_POOL: Final = re.compile(r"Disks in storage pool:\s*(\S+)")
_TOTAL: Final = re.compile(
    r"\((?P<what>pool total|data|metadata|total)\)\s+(?P<size>\d+)\s+(?P<free>\d+)\s*\(\s*\d+%\)"
    r"\s+(?P<fragments>\d+)\s*\(\s*\d+%\).*"
)
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


def mmdf_text(lines: Sequence[str]) -> Iterator[Record]:
    """Yield the same records as `mmdf -Y` would give, of mmdf's output for people."""
    pool = ""
    for line in lines:
        text = line.strip()
        if named := _POOL.match(text):
            pool = named[1]
        elif disk := _DISK.fullmatch(text):
            yield Record(
                "mmdf",
                "nsd",
                {
                    "nsdName": disk["nsd"], "storagePool": pool, "diskSize": disk["size"],
                    "failureGroup": disk["group"], "metadata": disk["metadata"], "data": disk["data"],
                    "freeBlocks": disk["free"], "freeFragments": disk["fragments"],
                },
            )  # fmt: skip
        elif total := _TOTAL.fullmatch(text):
            section, name = {
                "pool total": ("poolTotal", "poolSize"),
                "data": ("data", "totalData"),
                "metadata": ("metadata", "totalMetadata"),
                "total": ("fsTotal", "fsSize"),
            }[total["what"]]
            sizes = {name: total["size"], "freeBlocks": total["free"], "freeFragments": total["fragments"]}
            yield Record("mmdf", section, {**sizes, "poolName": pool} if section == "poolTotal" else sizes)
        elif inodes := _INODES.match(text):
            kind = f"{inodes['kind']}Inodes" if inodes["kind"] else "maxInodes"
            yield Record("mmdf", "inode", {kind: inodes[3]})


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
