"""Cray's xtdb2proc as it prints it: the same keys in each line, so that whole columns are cut out of the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl
import pyarrow as pa

from iolake.schemas.topology import TOPOLOGY

NODES: Final = pa.schema([field for field in TOPOLOGY.batch_schema if field.name != "ts"])
"""The columns of a node without the time of its snapshot."""
_PLACE: Final = ("cab_position", "cab_row", "cage", "slot", "cpu")
_WANTED: Final = (
    "processor_id", "processor_type", "processor_status", "cabinet", "x_coord", "y_coord", "z_coord", *_PLACE,
)  # fmt: skip


def usual_nodes(lines: Sequence[str], name: str) -> pa.Table | None:
    """Return a row for each node, the first of those with the same name; None where a line is not like the first.

    `name` is the format of a node's name.
    """
    keys = [field.partition("=")[0] for field in lines[0].split(",")]
    text = ",".join(lines) + ","
    fields = text.split(",")
    width = len(keys)
    if len(fields) - 1 != width * len(lines) or len(set(keys)) < width or "processor_id" not in keys:
        return None
    if not text.count("='") + text.count("',") == text.count("'") == 2 * text.count("='"):
        return None
    places = {key: place for place, key in enumerate(keys) if key in _WANTED}
    raw = pl.DataFrame({key: pl.Series(fields[place:-1:width], dtype=pl.String) for key, place in places.items()})
    if not all(raw.select(_is_plain(key) for key in places).row(0)):
        return None
    values = {key: _value(key) if key in keys else pl.lit(None, pl.String) for key in _WANTED}
    frame = raw.select(**values).with_columns(nid=pl.col("processor_id").cast(pl.Int64, strict=False))
    axes = {axis: pl.col(f"{axis}_coord").cast(pl.Float64, strict=False) for axis in "xyz"}
    frame = frame.with_columns(**axes)
    misread = [frame[f"{axis}_coord"].null_count() < frame[axis].null_count() for axis in "xyz"]
    if not frame["processor_id"].str.contains("^[0-9]{1,9}$").fill_null(False).all() or any(misread):
        return None
    try:
        names = [name.format(nid) for nid in frame["nid"].to_list()]
    except (ValueError, IndexError, KeyError):
        return None
    cabinet = pl.coalesce("cabinet", pl.format("c{}-{}", "cab_position", "cab_row"))
    frame = frame.with_columns(
        pl.Series("node", names, dtype=pl.String),
        *(pl.when(pl.col(axis).is_finite()).then(pl.col(axis)) for axis in "xyz"),
        cabinet=cabinet,
        location=pl.concat_str(cabinet, pl.format("c{}s{}n{}", "cage", "slot", "cpu")),
        role="processor_type",
        status="processor_status",
    ).unique("node", keep="first", maintain_order=True)
    arrays = [_array(frame, field) for field in NODES]
    return pa.Table.from_arrays(arrays, schema=NODES)


def _is_plain(key: str) -> pl.Expr:
    """Whether each field is the key and a value that holds no quotes, or stands between two."""
    field = pl.col(key)
    return field.str.contains(rf"^{key}=(?:'[^']*'|[^']*)$").all().alias(key)


def _value(key: str) -> pl.Expr:
    value = pl.col(key).str.strip_prefix(f"{key}=")
    return pl.when(~value.is_in(["null", ""])).then(value.str.strip_chars("'").replace("", None))


def _array(frame: pl.DataFrame, field: pa.Field) -> pa.Array:
    if field.name not in frame.columns:
        return pa.nulls(frame.height, field.type)
    return frame[field.name].to_arrow().cast(field.type)
