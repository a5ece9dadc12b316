"""The times of sacct's rows as UTC, and the hour that autumn repeats.

Where a row's own order (submitted, eligible, started, ended) and its elapsed time leave one reading only, it is
taken. Elsewhere the earlier one is, and the row is marked.
"""

from __future__ import annotations

from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from extractors.slurm import values
from extractors.slurm.zone import to_utc

TIMES: Final = ("submit", "eligible", "start", "end")
"""sacct's time fields, in the order that a job passes them."""

_SLACK_S: Final = 300
"""Slurm's own clocks round and lag: an extern step ends after its job, elapsed is a second off."""


class Clock:
    """Times of a frame of rows: Int64 seconds of UTC, null where not told.

    `readings` has both readings of each; they differ only in the repeated hour. `bad` names, for each row, the
    first field whose text is no time that the zone's clock shows.
    """

    def __init__(self, frame: pl.DataFrame, zone: ZoneInfo) -> None:
        self.earlier: dict[str, pl.Series] = {}
        self.later: dict[str, pl.Series] = {}
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        self.bad = nothing
        for name in TIMES:
            texts = frame[name] if name in frame.columns else nothing.alias(name)
            seconds, is_local = values.times(texts)
            seconds = seconds.set(seconds == 0, None)
            earlier, later, shown = to_utc(seconds.fill_null(0).to_numpy(), zone)
            self.earlier[name] = _where(is_local, earlier, seconds)
            self.later[name] = _where(is_local, later, seconds)
            wrong = texts.is_not_null() & (seconds.is_null() & (texts != "0") | is_local & ~pl.Series(shown))
            self.bad = self.bad.set(wrong & self.bad.is_null(), name)

    def resolve(self, elapsed_s: pl.Series, since: pl.Series, until: pl.Series) -> pl.DataFrame:
        """The four times of each row and `time_ambiguous`.

        `since` and `until` are a step's job's start and end, null for a job; a step is neither submitted nor eligible.
        """
        resolved = pl.DataFrame([self.earlier[name] for name in TIMES])
        differs = pl.DataFrame([self.earlier[n] != self.later[n] for n in TIMES]).select(
            pl.any_horizontal(pl.all().fill_null(False))
        )
        ambiguous = np.zeros(resolved.height, np.bool_)
        for row in np.flatnonzero(differs.to_series().to_numpy()).tolist():
            choices = [sorted({self.earlier[n][row], self.later[n][row]} - {None}) or [None] for n in TIMES]
            if since[row] is not None:
                choices[:2] = [None], [None]
            best, ambiguous[row] = _resolve(choices, elapsed_s[row], since[row], until[row])
            for name, value in zip(TIMES, best, strict=True):
                resolved[row, name] = value
        return resolved.with_columns(pl.Series("time_ambiguous", ambiguous))


def _resolve(
    choices: list[list[int | None]], elapsed_s: float | None, since: int | None, until: int | None
) -> tuple[tuple[int | None, ...], bool]:
    """The earliest readings that can be true, and whether others can be too."""
    possible = [p for p in product(*choices) if _can_be(p, elapsed_s, since, until)]
    return (possible or list(product(*choices)))[0], len(possible) != 1


def _can_be(times: tuple[int | None, ...], elapsed_s: float | None, since: int | None, until: int | None) -> bool:
    submit, eligible, start, end = times
    ordered = [t for t in (submit, start, end) if t is not None]
    if ordered != sorted(ordered) or (submit is not None and eligible is not None and eligible < submit):
        return False
    if start is not None and eligible is not None and eligible > start:
        return False
    if start is not None and end is not None and elapsed_s is not None and abs(end - start - elapsed_s) > _SLACK_S:
        return False
    inner = [t for t in (start, end) if t is not None]
    return all((since is None or t >= since - _SLACK_S) and (until is None or t <= until + _SLACK_S) for t in inner)


def _where(condition: pl.Series, if_true: np.ndarray, otherwise: pl.Series) -> pl.Series:
    """Numbers of the one where `condition`, else of the other; null where that is null."""
    picked = np.where(condition.fill_null(False).to_numpy(), if_true, otherwise.fill_null(0).to_numpy())
    return pl.Series(otherwise.name, picked, pl.Int64).set(otherwise.is_null(), None)
