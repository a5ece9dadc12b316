"""mmdf, mmlsdisk and mmlsfs, archived as snapshots: space, disks and settings of a file system.

A file holds one snapshot, or several that each start with a line `BEGIN <seconds since 1970>`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.daily import zone_of
from iolake.extractors.files import find_files
from iolake.extractors.lustre import other_system, several_systems
from iolake.extractors.members import members
from iolake.extractors.scale.colon import Record, kib, mmdf_text, records, whole, yes
from iolake.extractors.snapshots import DATE_IT, UNDATED, snapshots, time_in_name
from iolake.schemas.scale import SCALE_CAPACITY, SCALE_DISK, SCALE_POOL, SCALE_SETTING
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.table import Table

_DEVICE: Final = re.compile(r"^mmlsfs::0:[^:\n]*:[^:\n]*:[^:\n]*:([^:\n]+):", re.MULTILINE)
Rows = dict[str, list[dict[str, Any]]]
"""Rows by table, without `ts`."""


class _Command(Extractor):
    """A command's output, with -Y or, for mmdf, without. Of rows with the same key the first counts."""

    owner: ClassVar[OwnerKind] = "file_system"
    version: ClassVar = 2

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, "file_system", self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the rows of all snapshots of a file; a snapshot without any, or with faults, is named."""
        backend = site.file_systems[input.owner].backend
        lines = [line for member in members(input.uri) for line in member.text().splitlines()]
        found: Rows = {table.name: [] for table in self.tables}
        seen: set[datetime] = set()
        systems: set[str] = set()
        misfits: list[Reject] = []
        named = time_in_name(input, site, self.owner)
        for snapshot in snapshots(input, lines, zone_of(input, site, self.owner), named):
            part = f"the snapshot after line {snapshot.begin_line}"
            faults: list[str] = []
            rows = self.rows(snapshot.lines, faults, systems, backend)
            if snapshot.ts is None:
                faults += [f"{UNDATED}; {DATE_IT}"] if any(rows.values()) else []
            elif snapshot.ts in seen:
                faults.append("has the time of an earlier one")
            elif not any(rows.values()):
                faults += [] if faults else [f"has no row of {self.source}"]
            else:
                seen.add(snapshot.ts)
                for name, some in rows.items():
                    found[name] += [{"ts": snapshot.ts, **row} for row in some]
            misfits += [Reject(input, reason, part) for reason in faults[:1]]
        if backend is None and len(systems) > 1:
            raise several_systems(input.uri, systems)
        if backend and systems and backend not in systems:
            raise other_system(input.uri, backend, systems)
        if not any(found.values()):
            reason = next((m.reason for m in misfits if not m.reason.startswith("has no row")), None)
            raise InputError(
                input.uri, reason or f"has no row of `{self.source}`", "" if reason else "check what the pattern names"
            )
        yield from misfits
        for table in self.tables:
            if rows_of := _first(table, found[table.name]):
                yield Batch(table, pa.Table.from_pylist(rows_of, table.batch_schema))

    @abstractmethod
    def rows(self, lines: Sequence[str], faults: list[str], systems: set[str], backend: str | None) -> Rows:
        """Return a snapshot's rows without `ts`; add what is wrong, and names of file systems, to the lists."""


class Mmdf(_Command):
    """`mmdf` and `mmdf -Y`: space of disks, pools and the file system, and its inodes."""

    source: ClassVar = "mmdf"
    version: ClassVar = 3
    what: ClassVar = "mmdf"
    heads: ClassVar = (r"^mmdf:\w+:(HEADER|0):|^disk +disk size +failure holds",)
    tables: ClassVar = (SCALE_CAPACITY, SCALE_POOL, SCALE_DISK)

    def rows(self, lines: Sequence[str], faults: list[str], systems: set[str], backend: str | None) -> Rows:
        """Return the rows of `scale_capacity`, `scale_pool` and `scale_disk`."""
        is_coded = any(line.lstrip().startswith("mmdf:") for line in lines)
        rows: Rows = {table.name: [] for table in self.tables}
        whole_system: dict[str, Any] = {}
        for record in records(lines, ("mmdf",), faults) if is_coded else mmdf_text(lines, faults):
            fields = record.fields
            if record.section == "nsd" and fields.get("nsdName"):
                rows[SCALE_DISK.name].append({**_disk(fields), **_space(fields, "diskSize")})
            elif record.section == "poolTotal" and fields.get("poolName"):
                rows[SCALE_POOL.name].append({"pool": fields["poolName"], **_space(fields, "poolSize")})
            else:
                whole_system |= _totals(record)
        if whole_system:
            rows[SCALE_CAPACITY.name].append(whole_system)
        return rows


class Mmlsdisk(_Command):
    """`mmlsdisk -Y`: the state of each disk."""

    source: ClassVar = "mmlsdisk"
    what: ClassVar = "mmlsdisk"
    heads: ClassVar = (r"^mmlsdisk::(HEADER|0):",)
    tables: ClassVar = (SCALE_DISK,)

    def rows(self, lines: Sequence[str], faults: list[str], systems: set[str], backend: str | None) -> Rows:
        """Return the rows of `scale_disk`."""
        found = [r.fields for r in records(lines, ("mmlsdisk",), faults) if r.fields.get("nsdName")]
        return {
            SCALE_DISK.name: [
                {
                    **_disk(fields),
                    "total_bytes": kib(fields.get("diskSizeKB")),
                    "status": fields.get("status") or None,
                    "availability": fields.get("availability") or None,
                    "disk_id": whole(fields.get("diskID")),
                    "disk_uid": fields.get("diskUID") or None,
                    "driver_type": fields.get("driverType") or None,
                    "sector_bytes": whole(fields.get("sectorSize")),
                    "remarks": fields.get("remarks") or None,
                }
                for fields in found
            ]
        }


class Mmlsfs(_Command):
    """`mmlsfs -Y`: the attributes of the file system that its servers call `backend`."""

    source: ClassVar = "mmlsfs"
    what: ClassVar = "mmlsfs"
    heads: ClassVar = (r"^mmlsfs::(HEADER|0):",)
    tables: ClassVar = (SCALE_SETTING,)

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose attributes it lists."""
        return [(name, None) for name in dict.fromkeys(_DEVICE.findall(head))]

    def rows(self, lines: Sequence[str], faults: list[str], systems: set[str], backend: str | None) -> Rows:
        """Return the rows of `scale_setting`."""
        rows: list[dict[str, Any]] = []
        places: dict[str, int] = {}
        for record in records(lines, ("mmlsfs",), faults):
            system, attribute = record.fields.get("deviceName", ""), record.fields.get("fieldName")
            systems.add(system)
            if backend not in {None, system} or not attribute:
                continue
            place = places.get(attribute, 0)
            places[attribute] = place + 1
            texts = {"value": record.fields.get("data"), "remarks": record.fields.get("remarks") or None}
            rows.append({"attribute": attribute, "place": place, **texts})
        return {SCALE_SETTING.name: rows}


_CAPACITY: Final = {
    "fsTotal": {"fsSize": "total_bytes", "freeBlocks": "free_bytes", "freeFragments": "fragment_bytes"},
    "data": {"totalData": "data_total_bytes", "freeBlocks": "data_free_bytes"},
    "metadata": {"totalMetadata": "metadata_total_bytes", "freeBlocks": "metadata_free_bytes"},
}
_INODES: Final = {
    "usedInodes": "used_inodes", "freeInodes": "free_inodes", "allocatedInodes": "allocated_inodes",
    "maxInodes": "total_inodes",
}  # fmt: skip


def _totals(record: Record) -> dict[str, int]:
    """Return the columns of `scale_capacity` that a record fills."""
    fields = record.fields
    if record.section == "inode":
        found = {column: whole(fields.get(name)) for name, column in _INODES.items()}
    else:
        found = {column: kib(fields.get(name)) for name, column in _CAPACITY.get(record.section, {}).items()}
    known = {column: value for column, value in found.items() if value is not None}
    if "total_bytes" in known and known.get("free_bytes", 1 << 63) <= known["total_bytes"]:
        known["used_bytes"] = known["total_bytes"] - known["free_bytes"]
    return known


def _space(fields: dict[str, str], size: str) -> dict[str, int | None]:
    total, free = kib(fields.get(size)), kib(fields.get("freeBlocks"))
    used = total - free if total is not None and free is not None and free <= total else None
    return {
        "total_bytes": total,
        "used_bytes": used,
        "free_bytes": free,
        "fragment_bytes": kib(fields.get("freeFragments")),
    }


def _disk(fields: dict[str, str]) -> dict[str, Any]:
    return {
        "nsd": fields["nsdName"],
        "pool": fields.get("storagePool") or None,
        "holds_data": yes(fields.get("data")),
        "holds_metadata": yes(fields.get("metadata")),
        "failure_group": fields.get("failureGroup") or None,
    }


def _first(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a key: the first of those that have the same."""
    names = [key.name for key in table.keys if key.name != table.owner.name]
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        kept.setdefault(tuple(row[name] for name in names), row)
    return list(kept.values())
