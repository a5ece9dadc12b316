"""Object storage targets whose files are slower than others: pytokio's darshan_bad_ost over many logs at once."""

from __future__ import annotations

import numpy as np
import polars as pl

from iolake.analysis.errors import AnalysisError, need, numbers, scipy_module


def bad_osts(files: pl.DataFrame) -> pl.DataFrame:
    """How the performance of files correlates with lying on a target: one row a target, the most negative r first.

    `files` has one row a file: `osts`, the targets that it lies on, and `bytes_per_s`. A file with n targets weighs 1/n
    on each of them and 0 on every other. Files of unknown performance or layout do not count. The answer has ost, files
    (that lie on it), n (files in all), r and p (Pearson), rho and rho_p (Spearman), p two-sided. r and rho are null for
    a target on which all files lie alike, and where all files are equally fast.
    """
    need(files, ["osts", "bytes_per_s"])
    if not isinstance(files.schema["osts"], pl.List):
        raise AnalysisError(f"column 'osts' holds {files.schema['osts']}; it must hold lists of targets")
    known = files.select("osts", numbers(files, "bytes_per_s")).with_columns(pl.col("osts").list.unique())
    known = known.filter(pl.col("bytes_per_s").is_not_null() & (pl.col("osts").list.len() > 0))
    n = len(known)
    if not n:
        empty = {"ost": pl.Int64, "files": pl.Int64, "n": pl.Int64}
        return pl.DataFrame(schema={**empty, **dict.fromkeys(("r", "p", "rho", "rho_p"), pl.Float64)})
    speed = pl.col("bytes_per_s")
    known = known.with_columns(
        y=speed - speed.mean(), rank=speed.rank() - (n + 1) / 2, weight=1.0 / pl.col("osts").list.len()
    )
    placed = known.explode("osts").rename({"osts": "ost"})
    # Files elsewhere all have the weight 0 and share the lowest rank; taking it as 0 leaves a correlation unchanged.
    elsewhere = n - pl.len().over("ost")
    placed = placed.with_columns(step=pl.col("weight").rank().over("ost") + elsewhere - (elsewhere + 1) / 2)
    sums = placed.group_by("ost").agg(
        files=pl.len().cast(pl.Int64),
        wy=(pl.col("weight") * pl.col("y")).sum(), w=pl.col("weight").sum(), ww=(pl.col("weight") ** 2).sum(),
        sr=(pl.col("step") * pl.col("rank")).sum(), s=pl.col("step").sum(), ss=(pl.col("step") ** 2).sum(),
    )  # fmt: skip
    yy, rr = (float((known[name] ** 2).sum()) for name in ("y", "rank"))
    found = sums.select(
        "ost", "files", pl.lit(n, pl.Int64).alias("n"), r=_r("wy", "w", "ww", yy, n), rho=_r("sr", "s", "ss", rr, n)
    )
    return found.select(
        "ost", "files", "n", "r", _p(found["r"], n).alias("p"), "rho", _p(found["rho"], n).alias("rho_p")
    ).sort("r", "ost", nulls_last=True)


def _r(products: str, sums: str, squares: str, other_squares: float, n: int) -> pl.Expr:
    """A correlation from sums over the files on a target; the other side is centred."""
    variance = pl.col(squares) - pl.col(sums) ** 2 / n
    r = pl.col(products) / (variance * other_squares).sqrt()
    some = (variance > 1e-12 * pl.col(squares)) & pl.lit(other_squares > 0)
    return pl.when(some).then(r.clip(-1.0, 1.0))


def _p(r: pl.Series, n: int) -> pl.Series:
    """The two-sided p of correlations of n pairs, by the beta distribution that scipy's pearsonr uses."""
    stats = scipy_module("stats")
    values = r.to_numpy()
    if n <= 2:
        return pl.Series(np.where(np.isnan(values), np.nan, 1.0)).fill_nan(None)
    half = n / 2 - 1
    return pl.Series(2 * stats.beta.sf(np.abs(values), half, half, loc=-1, scale=2)).fill_nan(None)
