"""Families of runs and regimes of a series, on made frames."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

pytest.importorskip("scipy", reason="needs iolake[analysis]")

from iolake.analysis import contributors, families, regimes, spread


def test_runs_of_a_program_that_move_alike_are_a_family() -> None:
    runs = pl.DataFrame(
        {"exe": ["a"] * 7 + ["b"] * 3, "bytes": [10, 10, 10, 99, 99, 99, 500, 10, 10, 10], "same": [1] * 10}
    )
    found = families(runs, "exe", ["bytes", "same"], least=3)["family"].to_list()
    assert found == [found[0]] * 3 + [found[3]] * 3 + [None] + [found[7]] * 3
    assert len(set(found)) == 4


def test_the_spread_is_that_of_the_population_in_percent_of_the_mean() -> None:
    found = spread(pl.DataFrame({"family": [0, 0, 0, None], "speed": [1.0, 2.0, 3.0, 9.0]}), "speed")
    assert found.row(0) == (0, 3, 2.0, pytest.approx(100 * np.std([1, 2, 3]) / 2))


def test_a_regime_ends_where_the_two_means_cross() -> None:
    """A step up after 100 days: the short mean is below the long one before it, above after it."""
    start = datetime(2026, 1, 1)
    days = [start + timedelta(days=k) for k in range(200)]
    found = regimes(pl.DataFrame({"t": days, "v": [1.0] * 100 + [2.0] * 100}), "t", "v")
    changes = found.filter(pl.col("regime") != pl.col("regime").shift(1))["t"].to_list()
    assert changes == [days[100]]
    middle = found.row(50, named=True)
    assert (middle["short_mean"], middle["long_mean"]) == (1.0, 1.0)


def test_a_metric_that_is_bad_whenever_performance_is_contributes_always() -> None:
    rows = pl.DataFrame({"regime": [0] * 8, "perf": range(8), "load": list(range(8))[::-1], "other": [1.0] * 8})
    found = contributors(rows, "perf", {"load": False, "other": False})
    assert found.rows() == [("load", 2, 2, 1.0), ("other", 0, 2, 0.0)]
