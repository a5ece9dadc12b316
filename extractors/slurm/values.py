"""Parses sacct's texts, a column at a time: numbers with suffixes, durations, times.

Each function takes a Series of strings and returns a Series of values, with null for a text that it can't parse. It
tries the common form on the whole column, then the rarer forms on the remaining texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from iolake.extractors.slurm.fields import INFINITE_32, NO_VALUE_32

_SUFFIXES: Final = "KMGTPE"
_ISO: Final = (
    r"^(?P<day>\d{4}-\d\d-\d\d)[T ](?P<minute>\d\d:\d\d)(?:(?P<second>:\d\d)(?:\.\d{1,9})?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?)?$"
)
_PER_CPU_MARK: Final = 2**31 * 2**20
_OFFSET_S: Final = (
    pl.col("hours").cast(pl.Int64).fill_null(0) * 3600 + pl.col("minutes").cast(pl.Int64).fill_null(0) * 60
) * pl.when(pl.col("sign") == "-").then(-1).otherwise(1)


def numbers(texts: pl.Series, base: int = 1024) -> pl.Series:
    """Int64 of `12196K`, `0.06M`, `58564`; a suffix is a power of `base`.

    Null for Slurm's stand-ins for no value, and for negative numbers: no count, size or id of sacct is below zero.
    """
    whole = texts.str.to_integer(strict=False)
    return _known(_fill(whole, texts, lambda rest: _with_suffix(rest, base)))


def frequencies(texts: pl.Series) -> pl.Series:
    """Int64 Hz of AveCPUFreq: a plain number is of kHz, and Slurm counts that in where it writes a suffix: `2.50G`."""
    return _fill(texts.str.to_integer(strict=False) * 1000, texts, lambda rest: _with_suffix(rest, 1000))


def durations(texts: pl.Series) -> pl.Series:
    """Float64 seconds of `[D-]HH:MM:SS`, `MM:SS.mmm` or a plain number of seconds; null as of `numbers`."""
    seconds = texts.cast(pl.Float64, strict=False)
    return _known(_fill(_fill(seconds, texts, _clocks), texts, _with_days))


def times(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(Int64 seconds since 1970, whether they are of a local clock) of ISO 8601 times and of epochs, which are UTC.

    `2017-03-20T01:59:02` is of the local clock; with an offset (`+01:00`, `+0100`, `+01`, `Z`) it is UTC. A blank may
    replace the `T`, and the seconds may be missing or have a fraction, which is dropped.
    """
    local = _seconds(texts)
    zoned = pl.Series([False]).new_from_index(0, len(texts))
    if local.null_count() > texts.null_count():
        parts = texts.set(local.is_not_null(), None).str.extract_groups(_ISO).struct.unnest()
        moments = parts.select(pl.concat_str("day", pl.lit("T"), "minute", pl.col("second").fill_null(":00")))
        seconds = _seconds(moments.to_series())
        offsets = parts.select(_OFFSET_S).to_series()
        local = local.fill_null(seconds - offsets)
        zoned = parts["zone"].is_not_null()
    is_local = local.is_not_null() & ~zoned
    return _fill(local, texts, _epochs), is_local


def memory(texts: pl.Series, nodes: pl.Series | None, cpus: pl.Series | None) -> pl.Series:
    """Int64 bytes of ReqMem: `800M` in all; older versions write `4000Mn` for each node and `2Gc` for each CPU.

    Some of these print Slurm's mark for "per CPU" as a part of the number: 2147486648Mn is 3000 MiB for each CPU.
    """
    amount = numbers(texts.str.strip_chars_end("nc"))
    frame = pl.DataFrame({"amount": amount, "per": texts.str.tail(1), "n": nodes, "c": cpus})
    is_marked = (pl.col("per") == "n") & (pl.col("amount") >= _PER_CPU_MARK)
    frame = frame.with_columns(
        amount=pl.when(is_marked).then(pl.col("amount") - _PER_CPU_MARK).otherwise("amount"),
        per=pl.when(is_marked).then(pl.lit("c")).otherwise("per"),
    )
    times = pl.when(pl.col("per") == "n").then("n").when(pl.col("per") == "c").then("c").otherwise(1)
    total = pl.col("amount").cast(pl.Int128) * pl.when(times > 0).then(times)
    return frame.select(total.cast(pl.Int64, strict=False)).to_series()


def _fill(found: pl.Series, texts: pl.Series, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`found`, with `convert` of the texts for which it is null."""
    if found.null_count() == texts.null_count():
        return found
    left = (found.is_null() & texts.is_not_null()).arg_true()
    return found.scatter(left, convert(texts.gather(left)))


def _known(found: pl.Series) -> pl.Series:
    """The values, null where one is negative or a stand-in."""
    unknown = (found < 0) | (found == NO_VALUE_32) | (found == INFINITE_32)
    if found.dtype.is_float():  # those of 64 bits are no Int64
        unknown |= found >= 2.0**63
    return found.set(unknown.fill_null(value=False), None) if unknown.any() else found


def _epochs(texts: pl.Series) -> pl.Series:
    """Int64 of seconds since 1970, which other programs write as `1767603600.0`; null for Slurm's stand-ins."""
    return _known(texts.str.replace(r"^(\d+)\.\d*$", "$1").str.to_integer(strict=False))


def _with_suffix(texts: pl.Series, base: int) -> pl.Series:
    factors = {letter: float(base**power) for power, letter in enumerate(_SUFFIXES, 1)}
    text = pl.col("text")
    factor = text.str.tail(1).replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    number = text.str.strip_chars_end(_SUFFIXES).cast(pl.Float64, strict=False) * factor
    return texts.to_frame("text").select(number.round(0).cast(pl.Int64, strict=False)).to_series()


def _clocks(texts: pl.Series) -> pl.Series:
    parts = texts.str.splitn(":", 3).struct.unnest()
    first, second, third = (pl.col(name).cast(pl.Float64, strict=False) for name in parts.columns)
    first = pl.when(~pl.col("field_0").str.starts_with("-")).then(first)
    minutes = first * 60 + second
    return parts.select(pl.when(pl.col("field_2").is_null()).then(minutes).otherwise(minutes * 60 + third)).to_series()


def _with_days(texts: pl.Series) -> pl.Series:
    """Days and a clock, whose minutes and seconds may be missing: `1-00`, `1-12:30`, `1-12:30:15`."""
    parts = texts.str.splitn("-", 2).struct.unnest()
    clock = parts["field_1"].str.splitn(":", 3).struct.unnest()
    hours, minutes, seconds = (pl.col(name).cast(pl.Float64, strict=False) for name in clock.columns)
    malformed = pl.any_horizontal(
        pl.col(name).is_not_null() & pl.col(name).cast(pl.Float64, strict=False).is_null() for name in clock.columns
    )
    total = pl.when(~malformed).then(hours * 3600 + minutes.fill_null(0) * 60 + seconds.fill_null(0))
    return parts["field_0"].cast(pl.Float64, strict=False) * 86400 + clock.select(total).to_series()


def _seconds(texts: pl.Series) -> pl.Series:
    moment = pl.col("text").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms", cache=False)
    return texts.to_frame("text").select(moment.dt.epoch("s")).to_series()
