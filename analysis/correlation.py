"""Which metrics go with a quantity, as in the correlation tables of the TOKIO study (SC'18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from iolake.analysis.errors import UNKNOWN, holds_numbers, need, numbers, scipy_module

Method = Literal["pearson", "spearman"]


def correlate(
    frame: pl.DataFrame,
    of: str,
    with_: Sequence[str] | None = None,
    by: Sequence[str] = (),
    method: Method = "pearson",
) -> pl.DataFrame:
    """How column `of` correlates with others: one row a group of `by` and metric, the strongest of a group first.

    Columns of the answer: those of `by`, then metric, n (rows in which both are known), r, p (two-sided, by scipy).
    `with_` names the metrics; None means every other column of numbers. A value that is null, infinite or no number is
    left out pair by pair. A pair in which one side has fewer than two distinct values has no row, or where `with_`
    names the metric a row with null r and p. Raises AnalysisError for a missing column and a column without numbers.
    """
    need(frame, [of, *(with_ or ()), *by])
    metrics = list(dict.fromkeys(with_)) if with_ is not None else _metrics(frame, {of, *by})
    values = {name: numbers(frame, name) for name in [of, *metrics]}
    groups = frame.select(by).with_row_index("row").group_by(by, maintain_order=True).agg("row") if by else None
    places: list[tuple[tuple[Any, ...], list[int] | None]] = [((), None)]
    if groups is not None:
        places = [(tuple(row[:-1]), row[-1]) for row in groups.iter_rows()]
    rows: list[tuple[Any, ...]] = []
    for key, at in places:
        own = [(metric, *_pair(values[of], values[metric], at, method)) for metric in metrics]
        own = [row for row in own if row[2] is not None or with_ is not None]
        own.sort(key=lambda row: (row[2] is None, -abs(row[2] or 0.0), row[0]))
        rows += [(*key, *row) for row in own]
    schema = {name: frame.schema[name] for name in by}
    kinds = {"metric": pl.String, "n": pl.Int64, "r": pl.Float64, "p": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, **kinds}, orient="row")


def _metrics(frame: pl.DataFrame, without: set[str]) -> list[str]:
    """The columns of numbers; of text only those that a CSV reader kept as text for an `inf` or a word of UNKNOWN."""
    others = (column for column in frame.iter_columns() if column.name not in without and column.dtype != pl.Null)
    return [c.name for c in others if holds_numbers(c) and (c.dtype != pl.String or _has_no_number(c))]


def _has_no_number(column: pl.Series) -> bool:
    words = column.str.strip_chars().str.to_lowercase()
    return (words.str.strip_chars_start("+-").is_in(["inf", "infinity"]) | words.is_in([w for w in UNKNOWN if w])).any()


def _pair(
    one: pl.Series, other: pl.Series, at: list[int] | None, method: Method
) -> tuple[int, float | None, float | None]:
    """(n, r, p) of two columns in the rows `at`; a constant column has r and p None."""
    stats = scipy_module("stats")
    x, y = (series.gather(at).to_numpy() if at is not None else series.to_numpy() for series in (one, other))
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return len(x), None, None
    found = stats.pearsonr(x, y) if method == "pearson" else stats.spearmanr(x, y)
    r, p = float(found.statistic), float(found.pvalue)
    return len(x), r if np.isfinite(r) else None, p if np.isfinite(p) else None
