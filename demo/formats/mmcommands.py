"""What `mmdf`, `mmlsdisk` and `mmlsfs` print with -Y: fields between colons, named by a header of each section.

Values are percent-encoded, sizes in KiB. A file holds snapshots, each after a line "BEGIN <epoch seconds>".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_SPACE = ("freeBlocks", "freeBlocksPct", "freeFragments", "freeFragmentsPct")
_DISK = ("nsdName", "storagePool", "diskSize", "failureGroup", "metadata", "data", *_SPACE, "diskAvailableForAlloc")
QUORUM = 3
"""Disks that hold a descriptor of the file system: the first ones."""


@dataclass(frozen=True)
class Disk:
    """An NSD; sizes in KiB."""

    nsd: str
    pool: str
    failure_group: int
    metadata: bool
    total: int
    free: int
    fragments: int


def begin(at: int) -> str:
    """The line before a snapshot."""
    return f"BEGIN {at}\n"


def mmdf(disks: Sequence[Disk], inodes: tuple[int, int, int]) -> str:
    """Space of disks, pools and the file system; `inodes` are used, allocated, and the most there may be."""
    holders = {"data": [d for d in disks if not d.metadata], "metadata": [d for d in disks if d.metadata]}
    pools = {pool: [disk for disk in disks if disk.pool == pool] for pool in dict.fromkeys(d.pool for d in disks)}
    used, allocated, most = inodes
    lines = [
        _head("mmdf", "nsd", *_DISK),
        _head("mmdf", "poolTotal", "poolName", "poolSize", *_SPACE, "maxDiskSize"),
        _head("mmdf", "data", "totalData", *_SPACE),
        _head("mmdf", "metadata", "totalMetadata", *_SPACE),
        _head("mmdf", "fsTotal", "fsSize", *_SPACE),
        _head("mmdf", "inode", "usedInodes", "freeInodes", "allocatedInodes", "maxInodes"),
        *(_line("mmdf", "nsd", d.nsd, d.pool, d.total, d.failure_group, *_holds(d), *_free([d]), "") for d in disks),
        *(_line("mmdf", "poolTotal", name, *_total(its), 2**40) for name, its in pools.items()),
        *(_line("mmdf", kind, *_total(its)) for kind, its in holders.items()),
        _line("mmdf", "fsTotal", *_total(disks)),
        _line("mmdf", "inode", used, allocated - used, allocated, most),
    ]
    return "\n".join(lines) + "\n"


def mmlsdisk(disks: Sequence[Disk]) -> str:
    """The state of each disk."""
    head = _head(
        *("mmlsdisk", "", "nsdName", "driverType", "sectorSize", "failureGroup", "metadata", "data", "status"),
        *("availability", "diskID", "storagePool", "remarks", "numQuorumDisks", "readQuorumValue", "writeQuorumValue"),
        *("diskSizeKB", "diskUID", "thinDiskType"),
    )
    lines = []
    for number, d in enumerate(disks, 1):
        data_and_metadata = (holds.lower() for holds in _holds(d))
        values: list[str | int] = [d.nsd, "nsd", 4096, d.failure_group, *data_and_metadata, "ready", "up", number]
        values += [d.pool, "desc" if number <= QUORUM else "", QUORUM, 2, 2, d.total, uid(number), ""]
        lines.append(_line("mmlsdisk", "", *values))
    return "\n".join([head, *lines]) + "\n"


def uid(number: int) -> str:
    """The unique identifier of the NSD of that number."""
    return f"0A6503{number:02X}65A1B2C3"


def mmlsfs(file_system: str, settings: Iterable[tuple[str, str, str]]) -> str:
    """The attributes of a file system: (name, value, remark)."""
    lines = [_line("mmlsfs", "", file_system, *setting) for setting in settings]
    return "\n".join([_head("mmlsfs", "", "deviceName", "fieldName", "data", "remarks"), *lines]) + "\n"


def _head(command: str, section: str, *names: str) -> str:
    return f"{command}:{section}:HEADER:version:reserved:reserved:{':'.join(names)}:"


def _line(command: str, section: str, *values: str | int) -> str:
    return f"{command}:{section}:0:1:::{':'.join(quote(str(value), safe=' ') for value in values)}:"


def _total(disks: Sequence[Disk]) -> tuple[int, int, int, int, int]:
    return sum(disk.total for disk in disks), *_free(disks)


def _free(disks: Sequence[Disk]) -> tuple[int, int, int, int]:
    """Free full blocks and fragments, each with its share in percent."""
    total, free, fragments = (sum(getattr(disk, name) for disk in disks) for name in ("total", "free", "fragments"))
    return free, 100 * free // max(1, total), fragments, 100 * fragments // max(1, total)


def _holds(disk: Disk) -> tuple[str, str]:
    """Whether it holds metadata, and data."""
    return ("Yes", "No") if disk.metadata else ("No", "Yes")
