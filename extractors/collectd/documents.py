"""collectd's documents of an Elasticsearch index, and the rows of the tables of nodes that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import polars as pl
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.schemas.nodes import NODE_CPU, NODE_DISK, NODE_MEMORY
from iolake.schemas.table import Table

DEFAULT_INTERVAL_S: Final = 10
"""collectd's own default of `Interval`."""
PLUGINS: Final = ("cpu", "disk", "memory")
_PIECE: Final = 200_000
_FEW: Final = 100
"""Distances between documents that are too few to tell collectd's interval."""
_DISK: Final = {"disk_octets": ("read_bytes", "write_bytes"), "disk_ops": ("read_ops", "write_ops")}
_CPU: Final = {
    "user": "cpu_user_pct", "system": "cpu_sys_pct", "idle": "cpu_idle_pct", "wait": "cpu_iowait_pct",
}  # fmt: skip
_MEMORY: Final = {
    "used": "mem_used_bytes",
    "free": "mem_free_bytes",
    "cached": "mem_cached_bytes",
    "buffered": "mem_buffered_bytes",
    "slab_recl": "mem_slab_bytes",
    "slab_unrecl": "mem_slab_unreclaimable_bytes",
}
_TABLES: Final = {"disk": NODE_DISK, "cpu": NODE_CPU, "memory": NODE_MEMORY}
_LARGEST: Final = 9e15
"""No disk moves as many bytes a second, and no node has as much memory."""
_FIRST_US, _LAST_US = 946_684_800_000_000, 4_102_444_800_000_000


class Documents:
    """Collects documents as columns, which take a fraction of the memory of JSON."""

    def __init__(self) -> None:
        self._lists: dict[str, list[tuple[Any, ...]]] = {plugin: [] for plugin in PLUGINS}
        self._frames: dict[str, list[pl.DataFrame]] = {plugin: [] for plugin in PLUGINS}
        self.others: Counter[str] = Counter()
        """The number of values that no table takes, by plugin and type."""

    def add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Add documents, as hits or alone."""
        lists, others = self._lists, self.others
        for document in documents:
            source = document.get("_source", document)
            try:
                plugin, kind = source["plugin"], source.get("collectd_type") or source.get("type")
                node, at = source.get("hostname") or source.get("host"), source["@timestamp"]
                instance = source.get("plugin_instance")
                if plugin == "disk" and kind in _DISK:
                    lists[plugin].append((node, instance, at, kind, source["read"], source["write"]))
                elif plugin == "cpu" and kind == "percent" and source["type_instance"] in _CPU:
                    lists[plugin].append((node, instance, at, source["type_instance"], source["value"], None))
                elif plugin == "memory" and kind == "memory" and source["type_instance"] in _MEMORY:
                    lists[plugin].append((node, "", at, source["type_instance"], source["value"], None))
                else:
                    others[f"{plugin} {kind} {source.get('type_instance') or ''}".strip()[:80]] += 1
                    continue
            except (KeyError, TypeError, AttributeError):
                others["no document of collectd"] += 1
                continue
            if len(lists[plugin]) >= _PIECE:
                self._settle(plugin)

    def batches(self, interval_s: int) -> Iterator[Batch]:
        """Yield the rows of each table that the documents fill; a rate times the interval is an amount."""
        for plugin, table in _TABLES.items():
            self._settle(plugin)
            if frames := self._frames[plugin]:
                yield _batch(table, pl.concat(frames), interval_s)

    def apart(self) -> int | None:
        """Return the usual seconds between two documents of a component; None where they vary."""
        for plugin in PLUGINS:
            self._settle(plugin)
        found = [frame for frames in self._frames.values() for frame in frames]
        if not found:
            return None
        frame = pl.concat(found).select("node", "instance", "kind", "us").unique().sort("us")
        step = (pl.col("us").diff().over("node", "instance", "kind") / 1e6).round().cast(pl.Int64).alias("step_s")
        steps = frame.select(step).drop_nulls().filter(pl.col("step_s") > 0)["step_s"].value_counts(sort=True)
        if steps["count"].sum() < _FEW or steps["count"][0] <= steps["count"].sum() / 2:
            return None
        return int(steps["step_s"][0])

    def _settle(self, plugin: str) -> None:
        """Turn the collected documents into columns; count values that are no time, name or number."""
        rows, self._lists[plugin] = self._lists[plugin], []
        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        names, instances = ([v if isinstance(v, str) else None for v in column] for column in columns[:2])
        frame = pl.DataFrame(
            {
                "node": pl.Series(names, dtype=pl.String),
                "instance": pl.Series(instances, dtype=pl.String),
                "at": pl.Series([v if isinstance(v, str) else None for v in columns[2]], dtype=pl.String),
                "kind": pl.Series(columns[3], dtype=pl.String),
                "one": _numbers(columns[4]),
                "two": _numbers(columns[5]),
            }
        )
        us = pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False, time_unit="us").dt.epoch("us")
        frame = frame.with_columns(us=us).drop("at")
        known = pl.col("us").is_between(_FIRST_US, _LAST_US) & (pl.col("node") != "") & pl.col("instance").is_not_null()
        has_value = pl.any_horizontal(pl.col("one", "two").is_not_null())
        good = frame.filter((known & has_value).fill_null(False))
        if good.height < frame.height:
            self.others[f"{plugin} without a time, name or number"] += frame.height - good.height
        self._frames[plugin].append(good)


def _numbers(values: tuple[Any, ...]) -> pl.Series:
    """The values that are numbers from 0 to what a node can have; null for all others."""
    plain = [float(v) if isinstance(v, (int, float)) and -1 < v < _LARGEST else None for v in values]
    return pl.Series(plain, dtype=pl.Float64).replace(float("nan"), None)


def _batch(table: Table, frame: pl.DataFrame, interval_s: int) -> Batch:
    """Return the rows of a table: the documents of a component and moment side by side."""
    one, two = pl.col("one"), pl.col("two")
    columns: dict[str, pl.Expr] = {}
    if table is NODE_DISK:
        for kind, names in _DISK.items():
            for name, value in zip(names, (one, two), strict=True):
                amount = pl.when(pl.col("kind") == kind).then(value * interval_s)
                columns[name] = amount.round().cast(pl.Int64) if name.endswith("bytes") else amount
    else:
        for kind, name in (_CPU if table is NODE_CPU else _MEMORY).items():
            value = pl.when(pl.col("kind") == kind).then(one)
            columns[name] = value if table is NODE_CPU else value.round().cast(pl.Int64)
    keys = ["node", "instance", "us"]
    rows = frame.select(*keys, **columns).group_by(keys).agg(pl.col(*columns).drop_nulls().last()).sort(keys)
    rows = rows.with_columns(ts=pl.col("us") - interval_s * 1_000_000, interval_s=pl.lit(float(interval_s)))
    if table is NODE_CPU:
        rows = rows.with_columns(cpu_pct=100 - pl.col("cpu_idle_pct"))
    rows = rows.rename({"instance": {"node_disk": "device", "node_cpu": "core"}.get(table.name, "instance")})
    arrays = [_column(rows[field.name], field) for field in table.batch_schema]
    return Batch(table, pa.Table.from_arrays(arrays, schema=table.batch_schema))


def _column(values: pl.Series, field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        return values.to_arrow().cast(pa.int64()).view(field.type)
    return values.to_arrow().cast(field.type)
