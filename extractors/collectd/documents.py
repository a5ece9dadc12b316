"""collectd's documents of an Elasticsearch index, and the rows of the tables of nodes that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl
import pyarrow as pa

from iolake.extractors.base import Batch
from iolake.extractors.collectd.columns import LARGEST, Hit, columns
from iolake.schemas.nodes import NODE_CPU, NODE_DISK, NODE_MEMORY
from iolake.schemas.table import Table

DEFAULT_INTERVAL_S: Final = 10
"""collectd's own default of `Interval`."""
PLUGINS: Final = ("cpu", "disk", "memory")
_PIECE: Final = 200_000
"""Documents that are divided at once."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
_NAMES: Final = ("node", "instance", "kind")
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
_FIRST_US, _LAST_US = 946_684_800_000_000, 4_102_444_800_000_000


class Documents:
    """Collects documents as columns, which take a fraction of the memory of JSON."""

    def __init__(self) -> None:
        self._read: list[pl.DataFrame] = []
        self._frames: dict[str, list[pl.DataFrame]] = {plugin: [] for plugin in PLUGINS}
        self.others: Counter[str] = Counter()
        """The number of documents that no table takes, by plugin, type and instance."""

    def add(self, documents: Sequence[Hit] | Sequence[dict[str, Any]]) -> None:
        """Add documents, as hits or alone."""
        if documents:
            self._read.append(columns(documents))
        if sum(frame.height for frame in self._read) >= _PIECE:
            self._settle()

    def _settle(self) -> None:
        """Divide the documents read so far among the tables; count those that no table takes."""
        if not self._read:
            return
        frame, self._read = pl.concat(self._read), []
        frame = frame.with_columns(
            node=_first("hostname", "host"),
            kind=_first("collectd_type", "type"),
            us=pl.col("time").str.to_datetime(_TIME, strict=False, time_unit="us").dt.epoch("us"),
        )
        plugin, kind, part = pl.col("plugin"), pl.col("kind"), pl.col("type_instance")
        taken = {
            "disk": (plugin == "disk") & kind.is_in(list(_DISK)),
            "cpu": (plugin == "cpu") & (kind == "percent") & part.is_in(list(_CPU)),
            "memory": (plugin == "memory") & (kind == "memory") & part.is_in(list(_MEMORY)),
        }
        which = pl.coalesce(pl.when(is_taken).then(pl.lit(name)) for name, is_taken in taken.items())
        frame = frame.with_columns(which=which)
        for name in PLUGINS:
            self._keep(name, frame.filter(pl.col("which") == name))
        self._count(frame.filter(pl.col("which").is_null()))

    def _keep(self, plugin: str, frame: pl.DataFrame) -> None:
        """Keep the documents of a plugin that have a time, a name and a number; count the others."""
        if not frame.height:
            return
        is_disk = plugin == "disk"
        instance = pl.lit("") if plugin == "memory" else pl.col("plugin_instance")
        frame = frame.select(
            "node",
            "us",
            instance=instance,
            kind=pl.col("kind" if is_disk else "type_instance"),
            one=_number("read" if is_disk else "value"),
            two=_number("write") if is_disk else pl.lit(None, pl.Float64),
        )
        known = pl.col("us").is_between(_FIRST_US, _LAST_US) & (pl.col("node") != "") & pl.col("instance").is_not_null()
        has_value = pl.any_horizontal(pl.col("one", "two").is_not_null())
        good = frame.filter((known & has_value).fill_null(False))
        if good.height < frame.height:
            self.others[f"{plugin} without a time, name or number"] += frame.height - good.height
        self._frames[plugin].append(good)

    def _count(self, frame: pl.DataFrame) -> None:
        named = pl.concat_str("plugin", "kind", "type_instance", separator=" ", ignore_nulls=True)
        label = pl.when(pl.col("plugin").is_not_null()).then(named.str.strip_chars().str.slice(0, 80))
        counts = frame.select(label=label.fill_null("no document of collectd")).group_by("label").len()
        self.others.update(dict(counts.rows()))

    def batches(self, interval_s: int) -> Iterator[Batch]:
        """Yield the rows of each table that the documents fill; a rate times the interval is an amount."""
        for plugin, frame in self._coded().items():
            yield _batch(_TABLES[plugin], frame, interval_s)

    def apart(self) -> int | None:
        """Return the usual seconds between two documents of a component; None where they vary."""
        found = [_steps(frame) for frame in self._coded().values()]
        if not found:
            return None
        steps = pl.concat(found).value_counts(sort=True)
        if steps["count"].sum() < _FEW or steps["count"][0] <= steps["count"].sum() / 2:
            return None
        return int(steps["step_s"][0])

    def _coded(self) -> dict[str, pl.DataFrame]:
        """Return the documents of each plugin that has some, with names as numbers, which sort and compare faster."""
        self._settle()
        for plugin, frames in self._frames.items():
            if len(frames) > 1 or (frames and frames[0].schema["node"] == pl.String):
                whole = pl.concat([frame.cast({pl.Enum: pl.String}) for frame in frames])
                kinds = (pl.col(name).cast(pl.Enum(whole[name].unique().sort())) for name in _NAMES)
                self._frames[plugin] = [whole.with_columns(*kinds)]
        return {plugin: frames[0] for plugin, frames in self._frames.items() if frames}


def _steps(frame: pl.DataFrame) -> pl.Series:
    """Return the whole seconds, above zero, between two documents of the same component and kind."""
    series = pl.lit(0, pl.Int64)
    for name in _NAMES:
        series = series * frame[name].n_unique() + pl.col(name).to_physical().cast(pl.Int64)
    ordered = frame.select("us", series=series).sort("series", "us")
    step_s = ((pl.col("us") - pl.col("us").shift()) / 1e6).round().cast(pl.Int64)
    same = pl.col("series") == pl.col("series").shift()
    return ordered.select(step_s=pl.when(same).then(step_s)).drop_nulls().filter(pl.col("step_s") > 0)["step_s"]


def _first(name: str, otherwise: str) -> pl.Expr:
    """The text of the one column, or of the other where that one is empty."""
    return pl.when(pl.col(name) != "").then(pl.col(name)).otherwise(pl.col(otherwise))


def _number(name: str) -> pl.Expr:
    """The values from 0 to what a node can have; null for all others."""
    return pl.when((pl.col(name) > -1) & (pl.col(name) < LARGEST)).then(pl.col(name))


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
    keys = ["us", "node", "instance"]
    rows = frame.select(*keys, **columns).group_by(keys).agg(pl.col(*columns).drop_nulls().last()).sort(keys)
    rows = rows.with_columns(ts=pl.col("us") - interval_s * 1_000_000, interval_s=pl.lit(float(interval_s)))
    if table is NODE_CPU:
        rows = rows.with_columns(cpu_pct=100 - pl.col("cpu_idle_pct"))
    rows = rows.cast({pl.Enum: pl.String}).rename(
        {"instance": {"node_disk": "device", "node_cpu": "core"}.get(table.name, "instance")}
    )
    arrays = [_column(rows[field.name], field) for field in table.batch_schema]
    return Batch(table, pa.Table.from_arrays(arrays, schema=table.batch_schema))


def _column(values: pl.Series, field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(field.type):
        return values.to_arrow().cast(pa.int64()).view(field.type)
    return values.to_arrow().cast(field.type)
