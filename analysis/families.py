"""Families of runs: runs of one program with the same I/O behaviour (Costa and others, SC'21, LION)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from iolake.analysis.errors import AnalysisError, need, numbers, scipy_module

CUT: Final = 0.1
"""Ward's distance between standardised features at which families part, as in the paper's code."""
_MOST_RUNS: Final = 20_000
"""Clustering compares every two runs of an application: beyond it, memory runs out."""


def families(
    runs: pl.DataFrame,
    application: str | Sequence[str],
    features: Sequence[str],
    least: int = 40,
    cut: float = CUT,
) -> pl.DataFrame:
    """The frame with a column `family` more: equal for runs of an application that behave alike, null for the others.

    Runs are of one application where the columns `application` are equal, as program and user. The features of an
    application are standardised over its runs (by the population's deviation; a constant feature is 0), and clustered
    by Ward's method on Euclidean distance, cut at `cut`. A cluster of fewer than `least` runs is no family. Runs
    with an unknown feature belong to none. AnalysisError for a missing column, or over 20,000 runs.
    """
    keys = [application] if isinstance(application, str) else list(application)
    need(runs, [*keys, *features])
    table = np.column_stack([numbers(runs, name).to_numpy() for name in features]) if features else np.zeros((0, 0))
    label: list[int | None] = [None] * len(runs)
    known = ~np.isnan(table).any(axis=1)
    groups = runs.select(keys).with_row_index("row").filter(pl.Series(known)).group_by(keys, maintain_order=True)
    count = 0
    for *_, rows in groups.agg("row").iter_rows():
        clusters = _clusters(table[rows], cut)
        for cluster in range(1, int(clusters.max()) + 1):
            members = np.flatnonzero(clusters == cluster)
            if len(members) >= least:
                for at in members:
                    label[rows[at]] = count
                count += 1
    return runs.with_columns(pl.Series("family", label, dtype=pl.Int64))


def spread(runs: pl.DataFrame, performance: str, by: str | Sequence[str] = "family") -> pl.DataFrame:
    """How much performance varies in each family: runs, mean, cov (coefficient of variation, %), by the population.

    Runs without a family or of unknown performance do not count; the most variable family comes first.
    """
    keys = [by] if isinstance(by, str) else list(by)
    need(runs, [*keys, performance])
    known = runs.select(*keys, numbers(runs, performance).alias("value")).drop_nulls()
    return (
        known.group_by(keys)
        .agg(
            runs=pl.len().cast(pl.Int64),
            mean=pl.col("value").mean(),
            cov=100 * pl.col("value").std(ddof=0) / pl.col("value").mean(),
        )
        .sort("cov", *keys, descending=[True, *(False for _ in keys)], nulls_last=True)
    )


def _clusters(table: Any, cut: float) -> Any:
    """The cluster of each row, from 1 on."""
    hierarchy = scipy_module("cluster.hierarchy")
    if len(table) == 1:
        return np.ones(1, dtype=int)
    if len(table) > _MOST_RUNS:
        raise AnalysisError(f"an application has {len(table):,} runs; ask for fewer days, at most {_MOST_RUNS:,} runs")
    deviation = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return hierarchy.fcluster(hierarchy.linkage(scaled, method="ward"), cut, criterion="distance")
