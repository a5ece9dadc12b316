"""Whether I/O comes in bursts at a steady pace: its period, and how wide a burst is, after FTIO."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from iolake.analysis.errors import AnalysisError, need, numbers

OUTLIER: Final = 3.0
"""A frequency stands out where its power is so many standard deviations above the mean of the spectrum."""
ENERGY: Final = 0.95
"""A burst is the shortest window with so much of a period's energy."""
_LEAST: Final = 8
_COLUMNS: Final = {
    "period_s": pl.Float64,
    "frequency_hz": pl.Float64,
    "z": pl.Float64,
    "confidence": pl.Float64,
    "burst_s": pl.Float64,
    "duty_cycle": pl.Float64,
    "steps": pl.Int64,
    "step_s": pl.Float64,
}


def periods(series: pl.DataFrame, at: str, value: str) -> pl.DataFrame:
    """The dominant period of a rate over time, in one row; all but steps and step_s are null where none stands out.

    `at` holds seconds, or times, in equal steps; `value` holds amounts of each step, none of them unknown. Columns:
    period_s and frequency_hz of the strongest frequency; z, by how many standard deviations its power stands out of the
    discrete Fourier spectrum; confidence, 0 to 1, its power over that of all that stand out, its multiples left out;
    burst_s, the median over the periods of the shortest window with 95 % of the period's energy; duty_cycle, burst_s
    over period_s. AnalysisError for unequal steps, unknown values, or fewer than eight steps.
    """
    need(series, [at, value])
    rows = series.sort(at)
    times = _seconds(rows[at])
    amounts = numbers(rows, value).to_numpy()
    steps = np.diff(times)
    if len(times) < _LEAST:
        raise AnalysisError(f"{len(times)} rows hold no period; at least {_LEAST} are needed")
    step = float(np.median(steps))
    if np.isnan(amounts).any() or not np.allclose(steps, step, rtol=0.01, atol=1e-6) or step <= 0:
        raise AnalysisError(f"{at!r} has gaps or unequal steps, or {value!r} unknown values; bin them in the query")
    found = _dominant(amounts)
    row: list[float | None] = [None] * 6
    if found is not None:
        index, z, confidence = found
        length = len(amounts) / index
        burst = _burst(amounts, length) * step
        row = [length * step, 1 / (length * step), z, confidence, burst, burst / (length * step)]
    return pl.DataFrame([(*row, len(amounts), step)], schema=_COLUMNS, orient="row")


def _seconds(at: pl.Series) -> npt.NDArray[np.float64]:
    if at.dtype.is_temporal():
        at = at.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    return at.cast(pl.Float64).to_numpy()


def _dominant(amounts: npt.NDArray[np.float64]) -> tuple[int, float, float] | None:
    """(index, z, confidence) of the strongest frequency that stands out and fits at least twice; None without one."""
    power = np.abs(np.fft.rfft(amounts - amounts.mean()))[1:] ** 2
    spread = power.std()
    if spread == 0:
        return None
    z = (power - power.mean()) / spread
    strongest = int(np.argmax(power)) + 1
    if z[strongest - 1] < OUTLIER or strongest < 2:
        return None
    standing = np.flatnonzero(z >= OUTLIER) + 1
    rivals = [k for k in standing if k == strongest or k % strongest]
    confidence = power[strongest - 1] / power[np.array(rivals) - 1].sum()
    return strongest, float(z[strongest - 1]), float(confidence)


def _burst(amounts: npt.NDArray[np.float64], length: float) -> float:
    """Median over the periods of the steps of the shortest window with ENERGY of a period's energy.

    Periods are cut where the series is lowest on average, so that a burst lies within one.
    """
    width = max(1, round(length))
    phase = np.floor(np.arange(len(amounts)) % length).astype(int)
    folded = np.bincount(phase, amounts, minlength=width) / np.maximum(np.bincount(phase, minlength=width), 1)
    quiet = np.convolve(np.tile(folded, 2), np.ones(max(1, width // 4)), "valid")[:width]
    first = (int(np.argmin(quiet)) + max(1, width // 4) // 2) % width
    cuts = np.arange(first, len(amounts) + 1e-9, length).round().astype(int)
    widths = [_shortest(amounts[a:b] ** 2) for a, b in pairwise(cuts)]
    return float(np.median([w for w in widths if w] or [0]))


def _shortest(energy: npt.NDArray[np.float64]) -> int:
    """The length of the shortest run of values with ENERGY of their sum; 0 where that is zero."""
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    if sums[-1] <= 0:
        return 0
    ends = np.searchsorted(sums, sums[:-1] + ENERGY * sums[-1] - 1e-12 * sums[-1])
    lengths = ends - np.arange(len(energy))
    return int(lengths[ends <= len(energy)].min())
