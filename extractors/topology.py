"""Where nodes are: Cray's `xtdb2proc -f -`, Slurm's topology.conf and `scontrol show topology`, and CSV files.

xtdb2proc prints a node a line, as key=value pairs between commas; node 5000 is nid05000, or what the option
`node_name` makes of it: "nid{:05d}".

A CSV has a column `node` (a name, or a list such as nid[00001-00004]) and any of x, y, z, switch, switches (joined by
spaces, from the node up), network_group, location, cabinet, role, status and nid.

A file holds one snapshot, or several that each start with a line `BEGIN <seconds since 1970>`. Slurm's needs no time: a
topology.conf without a date in its name is of the moment when it was last changed.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.cray import NODES, is_meaningful, usual_nodes
from iolake.extractors.daily import zone_of
from iolake.extractors.files import find_files
from iolake.extractors.members import members
from iolake.extractors.slurm.nodelist import NodeListError, expand
from iolake.extractors.slurm.topology import is_slurm, slurm_nodes
from iolake.extractors.snapshots import DATE_IT, UNDATED, snapshots, taken, time_in_name
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.topology import TOPOLOGY

_NID: Final = "nid{:05d}"
_PAIR: Final = re.compile(r"(\w+)=('[^']*'|[^,]*)")
_TEXTS: Final = ("switch", "network_group", "location", "cabinet", "role", "status")
_NUMBERS: Final = ("x", "y", "z")
_KNOWN: Final = frozenset({*_TEXTS, *_NUMBERS, "switches"})
_PLACES: Final = frozenset({"x", "switch", "switches", "network_group", "cabinet", "location"})
"""A CSV file of nodes has one of these columns; `role` or `status` alone would fit other files as well."""
_COMMENT: Final = re.compile(r"\s*(#|$)|([\w.-]+:)?\s*BEGIN\b")
_MOST_HEADER: Final = 10_000


class Topology(Extractor):
    """Snapshots of a cluster's nodes. Of a node that a snapshot has twice the first line counts."""

    source: ClassVar = "topology"
    what: ClassVar = "where nodes are"
    heads: ClassVar = (
        r"^(\w+=[^,=\n]*,)*processor_id=\d",
        r"^[ \t]*(?i:SwitchName|BlockName)=\S",
    )
    version: ClassVar = 4
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar = (TOPOLOGY,)

    @classmethod
    def recognises(cls, head: str) -> bool:
        """Whether it is text of a machine's tool, or CSV of nodes."""
        return super().recognises(head) or _is_table_of_nodes(head)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the nodes of each snapshot; rejects name lines and snapshots that were left out."""
        options = next(w.options for name, w, _ in site.sources(self.owner, self.source) if name == input.owner)
        name, zone = str(options.get("node_name", _NID)), zone_of(input, site, self.owner)
        named = time_in_name(input, site, self.owner)
        texts = [(member, member.content()) for member in members(input.uri)]
        if len(texts) == 1 and (nodes := usual_nodes(texts[0][1], name)) is not None:
            yield Batch(TOPOLOGY, _at(taken(input, zone, named), nodes))
            return
        tables: list[pa.Table] = []
        rejects: list[Reject] = []
        seen: set[Any] = set()
        lines = [line for member, content in texts for line in member.decoded(content).splitlines()]
        for snapshot in snapshots(input, lines, zone, named):
            part = f"the snapshot after line {snapshot.begin_line}"
            faults: list[str] = []
            nodes = _nodes(input.uri, snapshot.lines, name, faults)
            ts = snapshot.ts
            if ts is None and input.mtime is not None and is_slurm(snapshot.lines):
                ts = input.mtime.astimezone(UTC).replace(tzinfo=None)
            if ts is None or ts in seen:
                reason = "has the time of an earlier one" if ts else f"{UNDATED}; {DATE_IT}"
                rejects += [Reject(input, reason, part)] if nodes.num_rows else []
                continue
            seen.add(ts)
            tables.append(_at(ts, nodes))
            if faults:
                more = f" (one of {len(faults)} such lines)" if len(faults) > 1 else ""
                rejects.append(Reject(input, faults[0] + more, part))
        if not any(table.num_rows for table in tables):
            reason = (
                rejects[0].reason
                if rejects
                else "holds neither xtdb2proc's output, nor Slurm's topology, nor a CSV of nodes"
            )
            raise InputError(input.uri, reason, "check what the pattern names")
        yield from rejects
        yield Batch(TOPOLOGY, pa.concat_tables(tables))


def _at(ts: datetime, nodes: pa.Table) -> pa.Table:
    """Return the rows with their time."""
    moment = pa.repeat(pa.scalar(ts, TOPOLOGY["ts"].type), nodes.num_rows)
    return nodes.append_column("ts", moment).select(TOPOLOGY.batch_schema.names).cast(TOPOLOGY.batch_schema)


def _nodes(uri: str, lines: Sequence[str], name: str, faults: list[str]) -> pa.Table:
    """Return a row without `ts` for each node, from any of the forms that the lines may have."""
    meaningful = [line for line in lines if is_meaningful(line)]
    is_cray = any("processor_id=" in line for line in meaningful[:100])
    if is_cray and (usual := usual_nodes("\n".join(meaningful).encode(), name)) is not None:
        return usual
    if is_slurm(meaningful):
        found = slurm_nodes(meaningful, faults)
    else:
        found = _cray(uri, meaningful, name, faults) if is_cray else _table(uri, meaningful, faults)
    nodes: dict[str, dict[str, Any]] = {}
    for node in found:
        nodes.setdefault(node["node"], node)
    return pa.Table.from_pylist(list(nodes.values()), NODES)


def _cray(uri: str, lines: Sequence[str], name: str, faults: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        fields = {key: _unquoted(value) for key, value in _PAIR.findall(line)}
        number = fields.get("processor_id")
        if number is None or not number.isascii() or not number.isdigit() or len(number) > 9:
            faults.append(f"a line has no processor_id: {line.strip()[:60]!r}")
            continue
        try:
            node = name.format(int(number))
        except (ValueError, IndexError, KeyError):
            raise InputError(uri, f"options.node_name {name!r} is not a format", "write it as 'nid{:05d}'") from None
        cabinet = fields.get("cabinet") or _joined("c{cab_position}-{cab_row}", fields)
        below = _joined("c{cage}s{slot}n{cpu}", fields)
        yield {
            "node": node,
            **{axis: _number(fields.get(f"{axis}_coord")) for axis in _NUMBERS},
            "nid": int(number),
            "location": f"{cabinet}{below}" if cabinet and below else None,
            "cabinet": cabinet,
            "role": fields.get("processor_type"),
            "status": fields.get("processor_status"),
        }


def _joined(form: str, fields: dict[str, str | None]) -> str | None:
    """Return the form with the fields that it names; None where one is unknown."""
    names = re.findall(r"{(\w+)}", form)
    return form.format(**fields) if all(fields.get(name) for name in names) else None


def _unquoted(value: str) -> str | None:
    return None if value == "null" else value.strip("'") or None


def _table(uri: str, lines: Sequence[str], faults: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a CSV; none where its header names no node, or nothing about one."""
    try:
        rows = csv.DictReader(lines, skipinitialspace=True)
        names = rows.fieldnames or []
        if "node" not in names or not _KNOWN & set(names):
            return
        for row in rows:
            try:
                nodes = expand(row["node"] or "")
            except NodeListError as error:
                faults.append(f"a line names no nodes: {error}")
                continue
            if not nodes:
                faults.append(f"a line names no nodes: {','.join(str(v) for v in row.values())[:60]!r}")
            for node in nodes:
                yield {"node": node, **_place(row)}
    except csv.Error as error:
        raise InputError(uri, f"is not CSV{quoted(error)}", "check what the pattern names") from None


def _place(row: dict[str, str | None]) -> dict[str, Any]:
    above = (row.get("switches") or "").split()
    return {
        **{name: _number(row.get(name)) for name in _NUMBERS},
        "nid": _count(row.get("nid")),
        **{name: row.get(name) or None for name in _TEXTS},
        "switch": row.get("switch") or (above[0] if above else None),
        "switches": above or ([row["switch"]] if row.get("switch") else None),
    }


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _count(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text) else None


def _is_table_of_nodes(text: str) -> bool:
    """Whether it is CSV with a column `node`, one of a node's place, and a row as wide as its header."""
    lines = text[:_MOST_HEADER].splitlines()
    meaningful = [line for line in lines if not _COMMENT.match(line)][:2]
    try:
        header, *rows = csv.reader(meaningful, skipinitialspace=True)
    except (csv.Error, ValueError):
        return False
    is_wide = not rows or len(rows[0]) == len(header) or len(text) > _MOST_HEADER
    return is_wide and "node" in header and not _PLACES.isdisjoint(header)
