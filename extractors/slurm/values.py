"""What sacct's texts stand for, a column at a time: numbers with suffixes, durations, maps.

Each function takes a Series of strings and gives one of values; what it does not understand becomes null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_SUFFIXES: Final = "KMGTPE"
_LARGEST: Final = 2**63 - 1
_NO_VALUE: Final = (2**32 - 1, 2**32 - 2)
"""Slurm's INFINITE and NO_VAL, which some of its versions print as they are."""


def numbers(texts: pl.Series, base: int = 1024) -> pl.Series:
    """Int64 of `12196K`, `0.06M`, `58564`; a suffix stands for a power of `base`."""
    whole = texts.str.to_integer(strict=False)
    if whole.null_count() == texts.null_count():
        return whole
    suffix = texts.str.tail(1)
    factors = {letter: float(base ** (i + 1)) for i, letter in enumerate(_SUFFIXES)}
    factor = suffix.replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    number = texts.str.strip_chars_end(_SUFFIXES).cast(pl.Float64, strict=False) * factor
    rounded = number.set(number.is_nan() | (number.abs() > _LARGEST), None).round(0)
    return whole.fill_null(rounded.cast(pl.Int64, strict=False)).rename(texts.name)


def durations(texts: pl.Series) -> pl.Series:
    """Float64 seconds of `[D-]HH:MM:SS`, `MM:SS.mmm` or a plain number of seconds."""
    plain = texts.cast(pl.Float64, strict=False)
    if plain.null_count() == texts.null_count():
        return plain
    days = texts.str.splitn("-", 2).struct.unnest()
    has_days = days["field_1"].is_not_null()
    clock = days["field_1"].fill_null(texts).str.splitn(":", 3).struct.unnest()
    first, second, third = (clock[f"field_{i}"].cast(pl.Float64, strict=False) for i in range(3))
    has_hours = clock["field_2"].is_not_null()
    frame = pl.DataFrame({"h": has_hours, "d": has_days, "days": days["field_0"], "a": first, "b": second, "c": third})
    seconds = frame.select(
        pl.when("h").then(pl.col("a") * 3600 + pl.col("b") * 60 + pl.col("c")).otherwise(pl.col("a") * 60 + pl.col("b"))
        + pl.when("d").then(pl.col("days").cast(pl.Float64, strict=False) * 86400).otherwise(0.0)
    ).to_series()
    return plain.fill_null(seconds).rename(texts.name)


def times(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(Int64 seconds, whether they are a local clock's) of `2017-03-20T01:59:02`, and of an epoch, which is UTC."""
    iso = texts.str.replace(" ", "T", literal=True).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    local = iso.dt.epoch("s")
    return local.fill_null(texts.str.to_integer(strict=False)).rename(texts.name), local.is_not_null()


def memory(texts: pl.Series, nodes: pl.Series, cpus: pl.Series) -> pl.Series:
    """Int64 bytes of ReqMem: `800M` in all, and in older versions `4000Mn` a node or `2Gc` a CPU."""
    per = texts.str.tail(1)
    frame = pl.DataFrame({"amount": numbers(texts.str.strip_chars_end("nc")), "per": per, "n": nodes, "c": cpus})
    times = pl.when(pl.col("per") == "n").then("n").when(pl.col("per") == "c").then("c").otherwise(1)
    return frame.select(pl.col("amount") * times).to_series()


def in_map(texts: pl.Series, key: str) -> pl.Series:
    """The text of one key of `cpu=00:00:00,mem=12196K`; null where the map lacks it."""
    return texts.str.extract(rf"(?:^|,){key}=([^,]*)")


def count_maps(texts: pl.Series) -> pa.Array:
    """Maps of Int64 in base units: bytes, joules, and milliseconds of CPU time; unknown values are left out."""
    return _distinct(texts, lambda distinct: _maps(distinct, _amounts, pa.int64()))


def text_maps(texts: pl.Series) -> pa.Array:
    """Maps of texts, such as the node that had the largest value."""
    return _distinct(texts, lambda distinct: _maps(distinct, lambda values: values, pa.string()))


def word_lists(texts: pl.Series) -> pa.Array:
    """Lists of the words between commas."""
    return texts.str.split(",").to_arrow().cast(pa.list_(pa.string()))


def _amounts(values: pl.Series) -> pl.Series:
    amounts = numbers(values)
    clock = values.str.contains(":", literal=True)
    if clock.any():
        amounts = amounts.set(clock.fill_null(False), None).fill_null(
            (durations(values.set(~clock, None)) * 1000).round(0).cast(pl.Int64, strict=False)
        )
    return amounts.set(amounts.is_in(_NO_VALUE) | (amounts < 0), None)


def _maps(texts: pl.Series, convert: Callable[[pl.Series], pl.Series], value_type: pa.DataType) -> pa.Array:
    """Maps out of `key=value,key=value`, one for each text; null where there is no pair in it."""
    texts = texts.set(~texts.str.contains("=", literal=True).fill_null(False), None)
    rows = pl.DataFrame({"row": pl.int_range(len(texts), eager=True), "item": texts.str.split(",")}).explode("item")
    parts = rows["item"].str.split_exact("=", 1).struct.unnest()
    items = pl.DataFrame({"row": rows["row"], "key": parts["field_0"], "value": convert(parts["field_1"])})
    items = _first_of_each_key(items.filter(pl.col("value").is_not_null() & (pl.col("key") != "")))
    counts = np.bincount(items["row"].to_numpy(), minlength=len(texts))
    offsets = pl.Series(np.concatenate(([0], np.cumsum(counts)))).cast(pl.Int32)
    starts = offsets.head(len(texts)).set(texts.is_null(), None)
    bounds = pl.concat([starts, offsets.tail(1)]).to_arrow()
    return pa.MapArray.from_arrays(
        bounds, items["key"].to_arrow().cast(pa.string()), items["value"].to_arrow().cast(value_type)
    )


def _first_of_each_key(items: pl.DataFrame) -> pl.DataFrame:
    """The items without those whose row has an earlier one of the same key; their keys are few."""
    keys = items["key"].cast(pl.Categorical).to_physical().cast(pl.Int64)
    places = items["row"] * (int(keys.max() or 0) + 1) + keys  # type: ignore[arg-type]
    if places.n_unique() == items.height:
        return items
    return items.unique(["row", "key"], keep="first", maintain_order=True)


def _distinct(texts: pl.Series, convert: Callable[[pl.Series], pa.Array]) -> pa.Array:
    """Convert each distinct text once, and spread the results over the rows."""
    encoded = texts.to_arrow().cast(pa.string()).dictionary_encode()
    distinct = pl.from_arrow(encoded.dictionary)
    assert isinstance(distinct, pl.Series)
    return pc.take(convert(distinct), encoded.indices)
