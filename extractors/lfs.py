"""Snapshots that a client takes: `lfs df` (space of each target) and `lctl dl -t` (which server serves it).

A file holds one snapshot, or several that each start with a line `BEGIN <seconds since 1970>`. A file without
that line is as old as its last change, where that falls on the day that its name speaks of, else that day's start.
"""

from __future__ import annotations

import gzip
import re
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

import fsspec
import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.extractors.lustre import other_system, several_systems
from iolake.extractors.snapshots import DATE_IT, UNDATED, snapshots
from iolake.schemas.lustre import LUSTRE_DF, LUSTRE_TARGET
from iolake.schemas.site import Site
from iolake.schemas.table import Table

_KIB = 1024


class _ClientSnapshots(Extractor):
    """What the two commands have in common. Of a target that is listed twice (mounted twice) the first line counts."""

    owner: ClassVar = "file_system"
    version: ClassVar = 2
    table: ClassVar[Table]
    command: ClassVar[str]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """The files that the site's patterns name."""
        yield from find_files(site, "file_system", self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """All snapshots of the file as one batch; a snapshot without rows of the file system is named."""
        backend = site.file_systems[input.owner].backend
        (zone,) = (zone for name, _, zone in site.sources("file_system", self.source) if name == input.owner)
        rows: list[dict[str, Any]] = []
        left_out: list[Reject] = []
        systems: set[str] = set()
        seen: set[datetime] = set()
        misfits: list[str] = []
        for snapshot in snapshots(input, _text(input.uri).splitlines(), zone):
            part = f"the snapshot after line {snapshot.begin_line}"
            found = list(self.parse(snapshot.lines))
            systems.update(fs for fs, _ in found)
            targets = _by_target(row for fs, row in found if backend in {None, fs})
            if snapshot.ts is None:
                if targets:
                    left_out.append(Reject(input, UNDATED, part))
                    misfits.append(f"{UNDATED}; {DATE_IT}")
                continue
            if snapshot.ts in seen:
                left_out.append(Reject(input, "has the time of an earlier one", part))
                continue
            seen.add(snapshot.ts)
            if reason := self.misfits(snapshot.lines, backend):
                left_out.append(Reject(input, reason, part))
                misfits.append(reason)
            elif not targets:
                left_out.append(Reject(input, "has no row of the file system", part))
            rows += [{"ts": snapshot.ts, **row} for row in targets]
        if backend is None and len(systems) > 1:
            raise several_systems(input.uri, systems)
        if not rows:
            if misfits:
                raise InputError(input.uri, misfits[0])
            if systems and backend:
                raise other_system(input.uri, backend, systems)
            raise InputError(input.uri, f"has no row of {self.command}", "check that the pattern names its output")
        yield from left_out
        yield Batch(self.table, pa.Table.from_pylist(rows, self.table.batch_schema))

    @abstractmethod
    def parse(self, lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file system, row without `ts`) of each target in the command's output."""

    def misfits(self, lines: Sequence[str], backend: str | None) -> str | None:
        """What is wrong with lines of the file system that name a target, but not as the command's rows do."""
        return None


class LfsDf(_ClientSnapshots):
    """`lfs df`, and `lfs df -i` where a snapshot has that too. Sizes are KiB there, bytes here."""

    source = "df"
    version: ClassVar = 3
    tables: ClassVar = (LUSTRE_DF,)
    table = LUSTRE_DF
    command = "`lfs df`"
    _ROW = re.compile(
        r"(?P<fs>\S+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})_UUID\s+"
        r"(?P<total>\d+)\s+(?P<used>\d+)\s+(?P<available>\d+)\s+\S+\s+(?P<mount>.*?)\[(?:OST|MDT):\d+\].*"
    )
    _INACTIVE = re.compile(
        r"(?:(?P<fs>\S+)-)?(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})(?:_UUID)?(?:\s*:.*|\s+[^\s\d].*)"
    )
    _TARGET = re.compile(r"(?:(?P<fs>\S+)-)?(?:OST|MDT)[0-9a-fA-F]{4}(?:_UUID)?(?:\s.*)?")

    def parse(self, lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A target that does not answer has a row without sizes, in the file system of the rows around it."""
        inodes, system = False, None
        nameless: list[dict[str, Any]] = []
        for line in lines:
            if line.startswith("UUID"):
                inodes, system, nameless = "Inodes" in line.split(), None, []
            elif row := self._ROW.fullmatch(line.rstrip()):
                system = row["fs"]
                yield from ((system, inactive) for inactive in nameless)
                nameless = []
                yield system, _sizes(row, inodes)
            elif row := self._INACTIVE.fullmatch(line.rstrip()):
                inactive = {"target": row["target"], "role": row["kind"].lower()}
                if named := row["fs"] or system:
                    yield named, inactive
                else:
                    nameless.append(inactive)

    def misfits(self, lines: Sequence[str], backend: str | None) -> str | None:
        """That there are other sizes than whole KiB, such as `lfs df -h` prints."""
        odd = [line for line in map(str.rstrip, lines) if self._is_odd(line, backend)]
        if not odd:
            return None
        example = " ".join(odd[0].split())
        return f"has targets without sizes in KiB, {len(odd)} like {example!r}; archive `lfs df` without -h"

    def _is_odd(self, line: str, backend: str | None) -> bool:
        target = self._TARGET.fullmatch(line)
        if target is None or (backend and target["fs"] not in {None, backend}):
            return False
        return not (self._ROW.fullmatch(line) or self._INACTIVE.fullmatch(line))


class LctlTargets(_ClientSnapshots):
    """`lctl dl -t`: a client's connections to targets; one that has never been made has no server yet."""

    source = "targets"
    tables: ClassVar = (LUSTRE_TARGET,)
    table = LUSTRE_TARGET
    command = "`lctl dl -t`"
    _ROW = re.compile(
        r"\s*\d+\s+(?P<state>\S+)\s+(?:osc|mdc|osp)\s+(?P<fs>\S+)-(?P<target>(?P<kind>OST|MDT)[0-9a-fA-F]{4})-\S+"
        r"\s+\S+\s+\d+(?:\s+(?:(?P<address>[^\s@]+)@(?P<network>\S+))?.*)?"
    )

    def parse(self, lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A row for each connection to a target; the command's other devices are no targets."""
        for line in lines:
            if row := self._ROW.fullmatch(line):
                served = {"server_address": row["address"], "network": row["network"]} if row["address"] else {}
                told = {"target": row["target"], "role": row["kind"].lower(), "state": row["state"].lower()}
                yield row["fs"], told | served

    def misfits(self, lines: Sequence[str], backend: str | None) -> str | None:
        """That no connection says where it leads, as `lctl dl` alone prints them."""
        told = {"server_address" in row for fs, row in self.parse(lines) if backend in {None, fs}}
        return "has no server's address; archive `lctl dl -t`" if told == {False} else None


def _sizes(row: re.Match[str], inodes: bool) -> dict[str, Any]:
    total, used, available = int(row["total"]), int(row["used"]), int(row["available"])
    sizes = (
        {"total_inodes": total, "used_inodes": used}
        if inodes
        else {"total_bytes": total * _KIB, "used_bytes": used * _KIB, "available_bytes": available * _KIB}
    )
    return {"target": row["target"], "role": row["kind"].lower(), "mount_point": row["mount"], **sizes}


def _by_target(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a target, from all that name it: of two that disagree the first counts."""
    targets: dict[str, dict[str, Any]] = {}
    for row in rows:
        targets[row["target"]] = {**row, **targets.get(row["target"], {})}
    return list(targets.values())


def _text(uri: str) -> str:
    with fsspec.open(uri, "rb") as file:
        content: bytes = file.read()
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(uri, f"is cut off or damaged: {error}", "copy it again") from None
    except UnicodeDecodeError:
        raise InputError(uri, "is not text", "check that the pattern names the command's output") from None
