"""The Prometheus text of the common GPFS exporters, archived at a fixed step.

Read are gpfs_exporter's metrics (`gpfs_perf_*`, `gpfs_fs_*`) and those of the exporters that name mmpmon's counters
`gpfs_bytes_read` and `gpfs_requests_open`. A sample without a time has its file's: the time in its name, else its
last change. The node is a label, else the option `node`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.members import members
from iolake.extractors.params.recordings import Recording
from iolake.extractors.scale.counters import LARGEST, Found, NodeCounters
from iolake.schemas.scale import SCALE_CAPACITY, SCALE_CLIENT, SCALE_POOL
from iolake.schemas.site import Site
from iolake.schemas.table import Table

_METRIC: Final = re.compile(
    r"^(?P<name>[a-zA-Z_:][\w:]*)[ \t]*(?:\{(?P<labels>(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*)\})?[ \t]+(?P<value>[^\s#]+)"
    r"(?:[ \t]+(?P<at>-?\d+(?:\.\d+)?))?[ \t]*(?:#.*)?$"
)
_LABEL: Final = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_MOST_SECONDS: Final = 10**11
"""A time below it is in seconds: as milliseconds it would lie before March 1973."""
_Sample = tuple[str, dict[str, str], float, int | None]
"""(name, labels, value, microseconds since 1970 or None)."""
_NODES: Final = ("nodename", "node", "instance", "host", "hostname")
_COUNTERS: Final = {
    "gpfs_perf_read_bytes_total": "read_bytes",
    "gpfs_perf_write_bytes_total": "write_bytes",
    "gpfs_bytes_read": "read_bytes",
    "gpfs_bytes_write": "write_bytes",
    "gpfs_bytes_written": "write_bytes",
    "gpfs_requests_open": "opens",
    "gpfs_requests_close": "closes",
    "gpfs_requests_read": "read_ops",
    "gpfs_requests_write": "write_ops",
    "gpfs_requests_readdir": "readdirs",
    "gpfs_inode_updates": "inode_updates",
}
_OPERATIONS: Final = {
    "opens": "opens", "closes": "closes", "reads": "read_ops", "writes": "write_ops", "read_dir": "readdirs",
    "inode_updates": "inode_updates",
}  # fmt: skip
_CAPACITY: Final = {
    "gpfs_fs_size_bytes": "total_bytes",
    "gpfs_fs_free_bytes": "free_bytes",
    "gpfs_fs_metadata_size_bytes": "metadata_total_bytes",
    "gpfs_fs_metadata_free_bytes": "metadata_free_bytes",
    "gpfs_fs_used_inodes": "used_inodes",
    "gpfs_fs_free_inodes": "free_inodes",
    "gpfs_fs_allocated_inodes": "allocated_inodes",
    "gpfs_fs_inodes": "total_inodes",
}
_POOL: Final = {
    "gpfs_fs_pool_total_bytes": "total_bytes",
    "gpfs_fs_pool_free_bytes": "free_bytes",
    "gpfs_pool_total_bytes": "total_bytes",
    "gpfs_pool_free_bytes": "free_bytes",
    "gpfs_pool_data_size_bytes": "total_bytes",
    "gpfs_pool_data_free_bytes": "free_bytes",
    "gpfs_pool_meta_size_bytes": "metadata_total_bytes",
    "gpfs_pool_meta_free_bytes": "metadata_free_bytes",
}
_DEVICE: Final = re.compile(r'^gpfs_\w+\{(?:[^\n}]*,)?fs="([^"\n]+)"', re.MULTILINE)


class GpfsExporter(NodeCounters):
    """Scrapes of an exporter, one a file; or many a file where each sample has its time."""

    source: ClassVar = "gpfs_exporter"
    what: ClassVar = "Prometheus text of a GPFS exporter"
    heads: ClassVar = (r"^gpfs_\w+(\{| )",)
    version: ClassVar = 3
    tables: ClassVar = (SCALE_CLIENT, SCALE_CAPACITY, SCALE_POOL)
    nothing: ClassVar = "no metrics of a GPFS exporter"

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose counters it has."""
        return [(name, None) for name in dict.fromkeys(_DEVICE.findall(head))]

    def take(self, recording: Recording, found: Found, site: Site, owner: str) -> None:
        """Add the samples of a file."""
        option = site.file_systems[owner].sources[self.source].options.get("node")
        for file in recording.files:
            for member in members(file.uri):
                part = f"{file.uri}: {member.name}" if member.name else file.uri
                scrape = _Scrape(found, part, recording.us, option if isinstance(option, str) else None)
                for sample in _samples(member.lines(), part, found):
                    scrape.take(sample)
                scrape.end()

    def others(self, found: Found) -> Iterator[Batch]:
        """Yield the space of the file system and of its pools, a row a scrape."""
        rows: dict[str, list[dict[str, Any]]] = {SCALE_CAPACITY.name: [], SCALE_POOL.name: []}
        for (pool, us), sizes in sorted(found.space.items()):
            ts = datetime.fromtimestamp(us // 1_000_000, UTC).replace(tzinfo=None, microsecond=us % 1_000_000)
            row: dict[str, Any] = {"ts": ts, **sizes}
            if "total_bytes" in sizes and "free_bytes" in sizes and sizes["free_bytes"] <= sizes["total_bytes"]:
                row["used_bytes"] = sizes["total_bytes"] - sizes["free_bytes"]
            rows[SCALE_POOL.name if pool else SCALE_CAPACITY.name].append({**row, "pool": pool} if pool else row)
        for table in (SCALE_CAPACITY, SCALE_POOL):
            if rows[table.name]:
                yield _batch(table, rows[table.name])


class _Scrape:
    """The samples of one text on their way into what was found.

    gpfs_exporter names the node in gpfs_perf_info alone, which counts for the samples after it, and for those before
    the first one.
    """

    def __init__(self, found: Found, part: str, us: int | None, node: str | None) -> None:
        self._found, self._part, self._us, self._otherwise = found, part, us, node
        self._nodes: dict[str, str | None] = {}
        self._waiting: list[_Sample] = []

    def take(self, sample: _Sample) -> None:
        """Add a sample, or keep it until its node is known."""
        name, labels, _, _ = sample
        if name == "gpfs_perf_info":
            self._nodes[_system(labels)] = _node(labels)
        elif _is_counter(name) and _node(labels) is None and _system(labels) not in self._nodes:
            self._waiting.append(sample)
        else:
            self._add(sample)

    def end(self) -> None:
        """Add the samples that waited for the text's end."""
        for sample in self._waiting:
            self._add(sample)

    def _add(self, sample: _Sample) -> None:
        name, labels, value, at = sample
        us = self._us if at is None else at
        if us is None:
            self._found.fault(self._part, "does not say when it was scraped; put the time into its name")
            return
        node = _node(labels) or self._nodes.get(_system(labels)) or self._otherwise
        if (reason := _add(name, labels, value, us, node, self._found)) is not None:
            self._found.fault(self._part, reason)


def _is_counter(name: str) -> bool:
    return name in _COUNTERS or name == "gpfs_perf_operations_total"


def _system(labels: dict[str, str]) -> str:
    return labels.get("fs") or labels.get("filesystem") or ""


def _batch(table: Table, rows: list[dict[str, Any]]) -> Batch:
    return Batch(table, pa.Table.from_pylist(rows, table.batch_schema))


def _samples(lines: Iterable[str], part: str, found: Found) -> Iterator[_Sample]:
    """Yield (name, labels, value, microseconds since 1970 or None) of the GPFS samples of a text."""
    for line in lines:
        if not line.lstrip().startswith("gpfs_"):
            continue
        sample = _METRIC.match(line.strip())
        try:
            value = float(sample["value"]) if sample else math.nan
        except ValueError:
            value = math.nan
        if sample is None or not math.isfinite(value):
            found.fault(part, f"a line is not a sample of a number: {line[:60]!r}")
            continue
        labels = {name: _ESCAPED.sub(_unescaped, text) for name, text in _LABEL.findall(sample["labels"] or "")}
        yield sample["name"], labels, value, _us(sample["at"]) if sample["at"] else None


def _us(text: str) -> int:
    """The microseconds of a sample's time: Prometheus' text has milliseconds, OpenMetrics seconds."""
    at = float(text)
    return round(at * 1_000_000) if abs(at) < _MOST_SECONDS else round(at * 1000)


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def _node(labels: dict[str, str]) -> str | None:
    """Return the node that a sample's labels name; of an instance, without its port."""
    found = next((labels[name] for name in _NODES if labels.get(name)), None)
    return re.sub(r":\d+$", "", found) if found else None


def _add(name: str, labels: dict[str, str], value: float, us: int, node: str | None, found: Found) -> str | None:
    """Add a sample that a table takes; return what is wrong with it instead."""
    column = _COUNTERS.get(name)
    if name == "gpfs_perf_operations_total":
        column = _OPERATIONS.get(labels.get("operation", ""))
    space = _POOL.get(name) or _CAPACITY.get(name)
    if column is None and space is None:
        return None
    if not 0 <= value <= LARGEST or not 0 < us < 1 << 53:
        return f"{name} has a value or time out of all bounds"
    system = _system(labels)
    if not system:
        return f"{name} has no label fs"
    if column is not None:
        if node is None:
            return "counters name no node; set options.node in site.toml"
        found.add(system, node, us, {column: int(value)})
    elif space is not None and found.is_ours(system):
        pool = labels.get("pool") or labels.get("pool_name") or "" if name in _POOL else ""
        if name in _POOL and not pool:
            return f"{name} has no label pool"
        found.space.setdefault((pool, us), {})[space] = int(value)
    return None
