"""Trackable resources and usage, `cpu=00:00:01.5,mem=12196K`: columns of maps, and one key's value out of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from iolake.extractors.slurm import values
from iolake.extractors.slurm.distinct import Distinct, Lists


@dataclass(frozen=True)
class Maps(Lists):
    """A column of maps. `items` has those of all distinct maps: owner (the map's place), key (its code), value."""

    keys: pl.Series
    items: pl.DataFrame

    def arrow(self, rows: pl.Series) -> pa.MapArray:
        """The maps of the rows that the mask picks."""
        offsets, missing, places = self.spread(rows)
        picked = self.items.select("key", "value")[pl.Series(places)]
        keys = pa.DictionaryArray.from_arrays(picked["key"].to_arrow(), self.keys.to_arrow().cast(pa.string()))
        found = picked["value"].to_arrow()
        found = found.cast(pa.string()) if picked["value"].dtype == pl.String else found
        return pa.MapArray.from_arrays(offsets, keys.cast(pa.string()), found, mask=missing)

    def of(self, key: str) -> pl.Series:
        """The value of one key in each row; null where the row has no such key."""
        number = pl.Series([self.keys.index_of(key)], dtype=pl.Int32)  # null where no map has the key
        mine = (self.items["key"] == number).fill_null(False).arg_true()
        place = pl.Series([None], dtype=pl.UInt32).new_from_index(0, len(self.places))
        place = place.scatter(self.items["owner"].gather(mine), mine)
        return self.items["value"].gather(place.gather(self.codes))


def count_maps(texts: pl.Series) -> Maps:
    """Maps of Int64 in base units: bytes, joules, and milliseconds of CPU time; unknown values are left out."""
    return _maps(texts, _amounts)


def text_maps(texts: pl.Series) -> Maps:
    """Maps of texts, such as the node that had the largest value."""
    return _maps(texts, lambda texts: texts)


def _maps(texts: pl.Series, convert: Callable[[pl.Series], pl.Series]) -> Maps:
    """Maps out of `key=value,key=value`; null where there is no pair in it."""
    column = Distinct.of(texts)
    owners = pl.int_range(len(column.texts), dtype=pl.Int32, eager=True)
    pairs = pl.DataFrame({"owner": owners, "pair": column.texts.str.split(",")}).explode("pair")
    parts = pairs["pair"].str.split_exact("=", 1).struct.unnest()
    key = Distinct.of(parts["field_0"])
    items = pl.DataFrame({"owner": pairs["owner"], "key": key.codes, "value": convert(parts["field_1"])})
    items = _first_of_each_key(items.filter(pl.col("value").is_not_null() & (parts["field_0"] != "")))
    counts = np.bincount(items["owner"].to_numpy(), minlength=len(column.texts))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    without = ~column.texts.str.contains("=", literal=True)
    places = pa.ListArray.from_arrays(offsets, np.arange(items.height, dtype=np.int32), mask=without.to_arrow())
    return Maps(column.codes, pl.Series(places), key.texts, items)


def _first_of_each_key(items: pl.DataFrame) -> pl.DataFrame:
    """The items without those whose map has an earlier one of the same key."""
    if items.select((pl.col("owner").cast(pl.Int64) * 2**32 + pl.col("key")).n_unique()).item() == items.height:
        return items
    return items.unique(["owner", "key"], keep="first", maintain_order=True)


def _amounts(texts: pl.Series) -> pl.Series:
    """Int64 of the values of a map: numbers with suffixes, and clocks as milliseconds."""
    clock = texts.str.contains(":", literal=True).fill_null(False)
    amounts = values.numbers(texts.set(clock, None))
    if clock.any():
        millis = (values.durations(texts.filter(clock)) * 1000).round(0).cast(pl.Int64, strict=False)
        amounts = amounts.scatter(clock.arg_true(), millis)
    return amounts
