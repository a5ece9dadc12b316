"""Snapshots that a client takes: `lfs df` (space of each target) and `lctl dl -t` (which server serves it).

A file holds one snapshot, or several that each start with a line `BEGIN <seconds since 1970>`. A file without such
a line is dated by the time in its name; without one by its last change, if on its day, else by the day's start.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.lfs_df import TARGET_LINE, Row, read_table, unread_lines
from iolake.extractors.lustre import named_systems, other_system, several_systems, zone_of
from iolake.extractors.members import members
from iolake.extractors.snapshots import DATE_IT, UNDATED, Snapshot, snapshots, time_in_name
from iolake.schemas.lustre import LUSTRE_DF, LUSTRE_TARGET
from iolake.schemas.site import Site
from iolake.schemas.table import Table

_BATCH_ROWS: Final = 1 << 16
_MOST_REJECTS: Final = 100


class _ClientSnapshots(Extractor):
    """The common part of both commands. Where a snapshot lists a target twice, its first line counts."""

    owner: ClassVar = "file_system"
    table: ClassVar[Table]
    command: ClassVar[str]

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose targets it names."""
        return named_systems(head)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, "file_system", self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the rows of all snapshots in the file, and a reject for a snapshot without rows of the file system."""
        owner = site.file_systems[input.owner]
        found = _Found(input, owner.backend, owner.mounts)
        named = time_in_name(input, site, self.owner)
        for member in members(input.uri):
            for snapshot in snapshots(input, member.lines(), zone_of(input, site), named):
                self._classify(snapshot, found)
                if len(found.rows) >= _BATCH_ROWS:
                    yield self._batch(found)
        yield from self._report(found)

    def _classify(self, snapshot: Snapshot, found: _Found) -> None:
        """Add a snapshot's rows to those found, or the reason why it is left out."""
        rows = list(self.parse(snapshot.lines))
        found.systems.update(row.system for row in rows if row.system is not None)
        targets = _by_target(row for row in rows if found.is_own(row, rows))
        part = f"the snapshot after line {snapshot.begin_line}"
        if snapshot.ts is None:
            if targets:
                found.leave_out(part, UNDATED, f"{UNDATED}; {DATE_IT}")
            return
        if snapshot.ts in found.times:
            found.leave_out(part, "has the time of an earlier one")
            return
        found.times.add(snapshot.ts)
        if reason := self.misfit(snapshot.lines, found.backend):
            found.leave_out(part, reason, reason)
        elif not targets:
            found.leave_out(part, "has no row of the file system")
        found.rows += [{"ts": snapshot.ts, **row} for row in targets]

    def _report(self, found: _Found) -> Iterator[Batch | Reject]:
        """Yield the last rows and the rejects; InputError where the file has no rows, or several file systems'."""
        uri, backend, systems = found.input.uri, found.backend, found.systems
        if backend is None and len(systems) > 1:
            raise several_systems(uri, systems)
        if not found.rows and not found.batches:
            if found.faults:
                raise InputError(uri, found.faults[0])
            if systems and backend:
                raise other_system(uri, backend, systems)
            raise InputError(uri, f"has no row of {self.command}", "check that the pattern names its output")
        for part, reason in found.left_out:
            yield Reject(found.input, reason, part)
        if found.more_left_out:
            yield Reject(found.input, f"{found.more_left_out} further snapshots are left out", "snapshots")
        if found.rows:
            yield self._batch(found)

    def _batch(self, found: _Found) -> Batch:
        rows, found.rows = found.rows, []
        found.batches += 1
        return Batch(self.table, pa.Table.from_pylist(rows, self.table.batch_schema))

    @abstractmethod
    def parse(self, lines: Sequence[str]) -> Iterator[Row]:
        """The row of each target in the command's output."""

    @abstractmethod
    def misfit(self, lines: Sequence[str], backend: str | None) -> str | None:
        """The reason to reject lines that name a target of the file system but have no row; None without such lines."""


@dataclass
class _Found:
    """The snapshots of an input so far."""

    input: Input
    backend: str | None
    mounts: Sequence[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    batches: int = 0
    systems: set[str] = field(default_factory=set)
    times: set[datetime] = field(default_factory=set)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    more_left_out: int = 0
    faults: list[str] = field(default_factory=list)

    def is_own(self, row: Row, rows: Sequence[Row]) -> bool:
        """Whether a row is the file system's. A row that does not name its file system may name the mount point."""
        if row.system is not None:
            return self.backend in {None, row.system}
        mount = row.values.get("mount_point")
        return mount in self.mounts or len({other.values.get("mount_point") for other in rows}) == 1

    def leave_out(self, part: str, reason: str, fault: str | None = None) -> None:
        """Note a snapshot that is left out; `fault` is the reason for the input if nothing else is found."""
        if fault and not self.faults:
            self.faults.append(fault)
        if len(self.left_out) < _MOST_REJECTS:
            self.left_out.append((part, reason))
        else:
            self.more_left_out += 1


class LfsDf(_ClientSnapshots):
    """`lfs df`, with `lfs df -i` in a snapshot if it has that too. Sizes are KiB there, bytes here."""

    source: ClassVar = "df"
    what: ClassVar = "lfs df"
    heads: ClassVar = (r"^UUID +1K-blocks +Used",)
    version: ClassVar = 7
    tables: ClassVar = (LUSTRE_DF,)
    table: ClassVar = LUSTRE_DF
    command: ClassVar = "`lfs df`"

    def parse(self, lines: Sequence[str]) -> Iterator[Row]:
        """A target that does not answer has a row without sizes, in the file system of the rows around it."""
        yield from read_table(lines)

    def misfit(self, lines: Sequence[str], backend: str | None) -> str | None:
        """Lines lack a header, or have sizes other than whole KiB, such as those of `lfs df -h`."""
        unread = [
            (line, has_header)
            for line, has_header in unread_lines(lines)
            if (named := TARGET_LINE.match(line)) is None or not backend or named["fs"] in {None, backend}
        ]
        if not unread:
            return None
        line, has_header = unread[0]
        example = " ".join(line.split())
        if not has_header:
            return f"has {len(unread)} lines without column headers, like {example!r}; archive `lfs df` without -N"
        return f"has targets without sizes in KiB, {len(unread)} like {example!r}; archive `lfs df` without -h"


class _Device(NamedTuple):
    """A device of `lctl dl`, with the server's address where the command prints it."""

    kind: str
    state: str
    name: str
    nid: str | None


class LctlTargets(_ClientSnapshots):
    """`lctl dl -t`, also as YAML: a client's connections to targets. A connection that was never made has no server."""

    source: ClassVar = "targets"
    what: ClassVar = "lctl dl -t"
    heads: ClassVar = (r"^ *\d+ UP \w+ \S+",)
    version: ClassVar = 6
    tables: ClassVar = (LUSTRE_TARGET,)
    table: ClassVar = LUSTRE_TARGET
    command: ClassVar = "`lctl dl -t`"
    _DEVICE = re.compile(r"\s*\d+\s+(?P<state>\S+)\s+(?P<kind>\w+)\s+(?P<name>\S+)\s+\S+\s+\d+(?:\s+(?P<nid>\S+).*)?")
    _CONNECTION = re.compile(r"(?P<fs>\S+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})-\S+")
    _ENTRY = re.compile(
        r"""(?P<item>^[ \t]*-\s|\{)|(?<!\w)(?P<key>\w+)['"]?[ \t]*:[ \t]*['"]?(?P<value>[^'",{}\s]+)""", re.MULTILINE
    )
    _NID = re.compile(r"(?P<address>[^\s@]+)@(?P<network>[^\s@]+)")

    def parse(self, lines: Sequence[str]) -> Iterator[Row]:
        """A row for each connection to a target; the command's other devices are no targets."""
        for device in self._devices(lines):
            named = self._CONNECTION.fullmatch(device.name)
            if device.kind not in {"osc", "mdc", "osp"} or named is None:
                continue
            served = self._NID.fullmatch(device.nid or "")
            yield Row(
                named["fs"],
                {
                    "target": named["target"],
                    "role": named["kind"].lower(),
                    "state": device.state.lower(),
                    **({"server_address": served["address"], "network": served["network"]} if served else {}),
                },
            )

    def _devices(self, lines: Sequence[str]) -> Iterator[_Device]:
        """The devices of a snapshot, from lines, or from YAML or JSON (`lctl dl -y`, Lustre 2.16)."""
        rows = [row for line in lines if (row := self._DEVICE.fullmatch(line))]
        yield from (_Device(row["kind"], row["state"], row["name"], row["nid"]) for row in rows)
        item: dict[str, str] = {}
        for entry in self._ENTRY.finditer("" if rows else "\n".join(lines)):
            if entry["item"]:
                yield self._device(item)
                item = {}
            else:
                item[entry["key"]] = entry["value"]
        yield self._device(item)

    def _device(self, item: dict[str, str]) -> _Device:
        nids = (value for key, value in item.items() if key not in {"name", "uuid"} and self._NID.fullmatch(value))
        return _Device(item.get("type", ""), item.get("status", ""), item.get("name", ""), next(nids, None))

    def misfit(self, lines: Sequence[str], backend: str | None) -> str | None:
        """No connection has an address, as in the output of `lctl dl` without -t."""
        has_address = {"server_address" in row.values for row in self.parse(lines) if backend in {None, row.system}}
        return "has no server's address; archive `lctl dl -t`" if has_address == {False} else None


def _by_target(rows: Iterator[Row]) -> list[dict[str, Any]]:
    """One row a target, from all its rows: where two rows disagree, the first one counts."""
    targets: dict[str, dict[str, Any]] = {}
    for row in rows:
        target = row.values["target"]
        targets[target] = {**row.values, **targets.get(target, {})}
    return list(targets.values())
