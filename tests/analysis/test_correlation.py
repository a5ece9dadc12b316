"""Correlations, held to scipy's own over dense arrays."""

from __future__ import annotations

import math
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

stats = pytest.importorskip("scipy.stats", reason="needs iolake[analysis]")

from iolake.analysis import bad_osts, correlate  # noqa: E402
from iolake.analysis.errors import AnalysisError  # noqa: E402
from iolake.schemas.locations import MissingExtra  # noqa: E402

VALUES = st.one_of(st.none(), st.integers(-50, 50).map(float), st.just(math.inf), st.just(math.nan))


@given(st.lists(st.tuples(VALUES, VALUES), max_size=30), st.sampled_from(["pearson", "spearman"]))
def test_a_pair_is_correlated_over_the_rows_in_which_both_are_known(pairs: list[tuple[float, float]], how: str) -> None:
    frame = pl.DataFrame(pairs, schema={"a": pl.Float64, "b": pl.Float64}, orient="row")
    known = [(a, b) for a, b in pairs if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)]
    found = correlate(frame, "a", ["b"], method=how)  # type: ignore[arg-type]
    assert found["n"].to_list() == [len(known)]
    x, y = ([pair[side] for pair in known] for side in (0, 1))
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert found.select("r", "p").row(0) == (None, None)
        assert len(correlate(frame, "a", method=how)) == 0  # type: ignore[arg-type]
        return
    right = stats.pearsonr(x, y) if how == "pearson" else stats.spearmanr(x, y)
    assert found["r"].item() == pytest.approx(float(right.statistic))
    if math.isfinite(right.pvalue):
        assert found["p"].item() == pytest.approx(float(right.pvalue))


def test_groups_are_correlated_apart_and_the_strongest_comes_first() -> None:
    frame = pl.DataFrame(
        {"fs": ["a"] * 4 + ["b"] * 4, "y": [1, 2, 3, 4] * 2, "up": [1, 2, 3, 5, 4, 3, 2, 1], "odd": [1, 3, 2, 1] * 2}
    )
    found = correlate(frame, "y", by=["fs"])
    assert found.select("fs", "metric").rows() == [("a", "up"), ("a", "odd"), ("b", "up"), ("b", "odd")]
    assert found["r"].to_list()[2] == pytest.approx(-1)


def test_a_column_that_cannot_be_correlated_is_named() -> None:
    frame = pl.DataFrame({"speed": [1.0, 2.0], "name": ["a", "b"]})
    with pytest.raises(AnalysisError, match="no column 'sped'; write one of speed"):
        correlate(frame, "sped")
    with pytest.raises(AnalysisError, match="'name' holds String, no numbers"):
        correlate(frame, "speed", ["name"])


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), st.integers(1, 9).map(float)),
        min_size=3,
        max_size=25,
    )
)
def test_slow_targets_are_those_of_a_dense_correlation(files: list[tuple[list[int], float]]) -> None:
    """A file with n targets weighs 1/n on each; scipy over the whole column of weights is the oracle."""
    frame = pl.DataFrame(files, schema={"osts": pl.List(pl.Int64), "bytes_per_s": pl.Float64}, orient="row")
    speeds = np.array([speed for _, speed in files])
    for row in bad_osts(frame).iter_rows(named=True):
        weights = np.array([1 / len(osts) if row["ost"] in osts else 0.0 for osts, _ in files])
        assert row["files"] == np.count_nonzero(weights)
        if len(set(weights)) < 2 or len(set(speeds)) < 2:
            assert row["r"] is None
            assert row["rho"] is None
            continue
        r, rho = stats.pearsonr(weights, speeds), stats.spearmanr(weights, speeds)
        assert row["r"] == pytest.approx(float(r.statistic), abs=1e-9)
        assert row["rho"] == pytest.approx(float(rho.statistic), abs=1e-9)
        assert row["p"] == pytest.approx(float(r.pvalue), abs=1e-6)
        assert row["rho_p"] == pytest.approx(float(rho.pvalue), abs=1e-6)


def test_without_scipy_an_analysis_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtra, match=r"pip install 'iolake\[analysis\]' brings it"):
        correlate(pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 3.0, 2.0]}), "x")


@pytest.mark.parametrize("word", ["inf", "-inf", "NaN", "-", "NA", "n/a", "None", "null", " - "])
def test_numbers_that_a_file_has_as_text_are_numbers_and_unknown_ones_are_left_out(word: str) -> None:
    """P6: DuckDB reads a column of a CSV file with an `inf` or `-` as text; the study's tables have such columns."""
    text = ["1", " 2 ", word, "3.5", "", None]
    frame = pl.DataFrame({"of": [1.0, 2.0, 9.0, 3.5, 1.0, 2.0], "ratio": text, "name": list("abcdef")})
    assert correlate(frame, "of").rows() == [("ratio", 3, pytest.approx(1.0), pytest.approx(0.0, abs=1e-6))]
    assert correlate(frame, "of", ["ratio"]).rows() == correlate(frame, "of").rows()


def test_text_that_only_looks_like_numbers_is_no_metric() -> None:
    """A run's id reads as a number; nobody asked how it correlates."""
    frame = pl.DataFrame({"of": [1.0, 2.0, 3.0], "run_id": ["73.1", "74.2", "75.3"], "ratio": ["1", "inf", "3"]})
    assert correlate(frame, of="of")["metric"].to_list() == ["ratio"]
