"""Regimes of a series, and which metrics contribute to bad values in them (TOKIO study, SC'18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl

from iolake.analysis.errors import AnalysisError, need, numbers

SHORT = timedelta(days=14)
LONG = timedelta(days=49)


def regimes(
    series: pl.DataFrame, at: str, value: str, short: timedelta = SHORT, long: timedelta = LONG
) -> pl.DataFrame:
    """The rows of known value in order of time, with short_mean, long_mean and `regime`, numbered from 0.

    Both means are simple moving averages centred on the row by time. A regime ends where the two cross. Column `at`
    holds times, `value` numbers. AnalysisError for a missing column or another type.
    """
    need(series, [at, value])
    if series.schema[at] not in {pl.Date} and not isinstance(series.schema[at], pl.Datetime):
        raise AnalysisError(f"column {at!r} holds {series.schema[at]}, no times; cast it to TIMESTAMP in the query")
    known = series.with_columns(numbers(series, value)).drop_nulls([at, value]).sort(at)
    times = known[at].cast(pl.Datetime("us")).dt.epoch("us").to_numpy()
    values = known[value].to_numpy()
    means = [_moving(times, values, width) for width in (short, long)]
    side = np.sign(means[0] - means[1])
    regime, current, last = [], 0, 0.0
    for here in side:
        if here and last and here != last:
            current += 1
        last = here or last
        regime.append(current)
    return known.with_columns(
        pl.Series("short_mean", means[0]), pl.Series("long_mean", means[1]), pl.Series("regime", regime, dtype=pl.Int64)
    )


def contributors(
    rows: pl.DataFrame, of: str, big_is_good: Mapping[str, bool], regime: str = "regime", quartile: float = 0.25
) -> pl.DataFrame:
    """How often each metric is bad where `of` is in its worst quarter: metric, matches, observations, p.

    A metric is bad in a row where it lies beyond the quartile of its regime on the side that hurts, which `big_is_good`
    gives. p is matches over observations; without a connection it is about `quartile`.
    """
    need(rows, [of, regime, *big_is_good])
    found = []
    worst = pl.col(of) <= pl.col(of).quantile(quartile, "linear").over(regime)
    for metric, good in big_is_good.items():
        edge = pl.col(metric).quantile(quartile if good else 1 - quartile, "linear").over(regime)
        bad = pl.col(metric) < edge if good else pl.col(metric) > edge
        seen = rows.select(worst=worst, bad=bad).filter(pl.col("worst") & pl.col("bad").is_not_null())
        matches, observations = int(seen["bad"].sum()), len(seen)
        found.append((metric, matches, observations, matches / observations if observations else None))
    kinds = {"metric": pl.String, "matches": pl.Int64, "observations": pl.Int64, "p": pl.Float64}
    return pl.DataFrame(found, schema=kinds, orient="row").sort(
        "p", "metric", descending=[True, False], nulls_last=True
    )


def _moving(times: np.ndarray, values: np.ndarray, width: timedelta) -> np.ndarray:
    """The mean of the values within half a width of each time, both ends included."""
    half = int(width.total_seconds() * 1e6 / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, after = np.searchsorted(times, times - half), np.searchsorted(times, times + half, "right")
    return np.asarray((sums[after] - sums[first]) / (after - first))
