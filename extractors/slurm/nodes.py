"""Node lists by column: the same as `nodelist.expand` of each, made from a table of the machine's names.

A machine has few names and a month has many lists. Each range of a list is a run in the table of its prefix's
names, so a list is numbers until the very end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from iolake.extractors.slurm.distinct import Distinct, Lists
from iolake.extractors.slurm.nodelist import MAX_NODES, NodeListError, expand

_ONE_BRACKET: Final = (
    r"^(?<head>[^\[\],]*)\[(?<ranges>\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*)\](?<tail>[^\[\],]*)$"
)

_LONGEST_NAME: Final = 256
_MOST_NAMES: Final = 4_000_000
"""Distinct names in all lists of a block."""
_MOST_PLACES: Final = 16_000_000
"""Names in the lists of all rows of a block: each takes 4 bytes, and its text again in the end."""

_PREFIX: Final = ["head", "tail", "width"]
"""What the names of one table share."""


@dataclass(frozen=True)
class NodeLists(Lists):
    """A column of lists of names; `names` are all that occur in it."""

    names: pa.Array

    def arrow(self, rows: pl.Series) -> pa.ListArray:
        """The lists of the rows that the mask picks."""
        offsets, missing, places = self.spread(rows)
        return pa.ListArray.from_arrays(offsets, self.names.take(places), mask=missing)


def node_lists(texts: pl.Series) -> NodeLists:
    """Lists of node names; null where the text is not a node list."""
    column = Distinct.of(texts)
    names, rows, starts, sizes = _runs(column.texts)
    order = np.argsort(rows, kind="stable")
    rows, starts, sizes = rows[order], starts[order], sizes[order]
    fitting = _fitting(rows, sizes)
    rows, starts, sizes = rows[fitting], starts[fitting], sizes[fitting]
    before = np.cumsum(sizes) - sizes
    places = np.repeat(starts - before, sizes) + np.arange(sizes.sum())
    counts = np.bincount(rows, sizes, len(column.texts)).astype(np.int32)
    codes = _within_bounds(column.codes, counts)
    offsets = np.concatenate((np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)))
    lists = pa.ListArray.from_arrays(offsets, places.astype(np.int32), mask=pa.array(counts == 0))
    return NodeLists(codes, pl.Series(lists), names)


def _fitting(rows: np.ndarray, sizes: np.ndarray) -> slice:
    """The runs before the first row, by rising `rows`, at which all runs together have more names than fit."""
    total = np.cumsum(sizes)
    beyond = int(np.searchsorted(total, _MOST_PLACES, "right"))
    return slice(int(np.searchsorted(rows, rows[beyond])) if beyond < len(rows) else len(rows))


def _within_bounds(codes: pl.Series, counts: np.ndarray) -> pl.Series:
    """The codes of the rows, null from the row on at which all rows have more names than fit into memory."""
    lengths = pl.Series(counts.astype(np.int64)).gather(codes).fill_null(0)
    return codes.set(lengths.cum_sum() > _MOST_PLACES, None)


def _runs(lists: pl.Series) -> tuple[pa.Array, np.ndarray, np.ndarray, np.ndarray]:
    """A table of names, and (row, first place in the table, length) of the runs that the lists are made of."""
    frame = pl.DataFrame({"row": pl.int_range(len(lists), eager=True), "text": lists}).drop_nulls("text")
    ranges = _ranges(frame)
    grouped = ranges.group_by(_PREFIX, maintain_order=True).agg(
        first=pl.col("low").min(), last=(pl.col("low") + pl.col("size")).max()
    )
    grouped = grouped.with_columns(base=(pl.col("last") - pl.col("first")).cum_sum().shift(1, fill_value=0))
    tables = [
        _strings([f"{head}{n:0{width}d}{tail}" for n in range(first, last)])
        for head, tail, width, first, last, _ in grouped.iter_rows()
    ]
    placed = ranges.join(grouped, on=_PREFIX, how="left", maintain_order="left")
    others = frame.join(ranges.select("row").unique(), on="row", how="anti", maintain_order="left")
    is_name = others["text"].str.contains(r"^[^\[\],]+$")
    single, written = others.filter(is_name), list(_one_by_one(others.filter(~is_name)))
    place = sum(map(len, tables))
    sizes = np.array([1] * single.height + [len(names) for _, names in written], np.int64)
    tables.append(single["text"].to_arrow().cast(pa.string()))
    tables.append(_strings([name for _, names in written for name in names]))
    return (
        pa.concat_arrays(tables),
        np.concatenate(
            (placed["row"].to_numpy(), single["row"].to_numpy(), np.array([r for r, _ in written], np.int64))
        ),
        np.concatenate(
            ((placed["base"] + placed["low"] - placed["first"]).to_numpy(), place + np.cumsum(sizes) - sizes)
        ),
        np.concatenate((placed["size"].to_numpy(), sizes)),
    )


def _ranges(frame: pl.DataFrame) -> pl.DataFrame:
    """row, head, tail, width, low, size of each range of the lists that are one name with one sound bracket.

    Lists of a prefix whose numbers lie too far apart for a table are left out.
    """
    parts = frame.select("row", pl.col("text").str.extract_groups(_ONE_BRACKET).struct.unnest()).drop_nulls("head")
    parts = parts.filter(pl.col("head").str.len_bytes() + pl.col("tail").str.len_bytes() < _LONGEST_NAME)
    ends = (
        parts.with_columns(pl.col("ranges").str.split(","))
        .explode("ranges")
        .with_columns(pl.col("ranges").str.splitn("-", 2).struct.rename_fields(["low", "high"]).struct.unnest())
    )
    low, high = pl.col("low").cast(pl.Int64), pl.col("high").fill_null(pl.col("low")).cast(pl.Int64)
    ranges = ends.select("row", "head", "tail", width=pl.col("low").str.len_bytes(), low=low, size=high - low + 1)
    size = pl.col("size")
    unsound = ranges.group_by("row").agg(least=size.min(), all=size.sum())
    unsound = unsound.filter((pl.col("least") < 1) | (pl.col("all") > MAX_NODES))
    extent = (pl.col("low") + size).max() - pl.col("low").min()
    apart = ranges.group_by(_PREFIX).agg(extent=extent).filter(pl.col("extent") > MAX_NODES)
    left_out = pl.concat([unsound.select("row"), ranges.join(apart, on=_PREFIX, how="semi").select("row")])
    ranges = ranges.join(left_out, on="row", how="anti", maintain_order="left")
    groups = ranges.group_by(_PREFIX, maintain_order=True).agg(extent=extent)
    too_many = groups.filter(pl.col("extent").cum_sum() > _MOST_NAMES)
    return ranges.join(too_many, on=_PREFIX, how="anti", maintain_order="left")


def _strings(texts: list[str]) -> pa.Array:
    """By way of polars, since pyarrow imports pandas to look at a list."""
    return pl.Series(texts, dtype=pl.String).to_arrow().cast(pa.string())


def _one_by_one(frame: pl.DataFrame) -> Iterator[tuple[int, list[str]]]:
    left = _MOST_NAMES
    for row, text in frame.iter_rows():
        try:
            names = expand(text, min(left, MAX_NODES))
        except NodeListError:
            continue
        left -= len(names)
        yield row, names
