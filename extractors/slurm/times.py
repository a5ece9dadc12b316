"""The times of sacct's rows as UTC, and the hour that autumn repeats.

Where a row's own order (submitted, eligible, started, ended) and its elapsed time leave one reading only, it is
taken. Elsewhere the earlier one is, and the row is marked.
"""

from __future__ import annotations

from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from iolake.extractors.slurm import values
from iolake.extractors.slurm.fields import NOTHING
from iolake.extractors.slurm.zone import to_utc

TIMES: Final = ("submit", "eligible", "start", "end")
"""sacct's time fields, in the order that a job passes them."""

_NO_TIME: Final = (*NOTHING, "UNLIMITED", "0")

_FIRST_S, _END_S = -86_400, 7_258_118_400
"""From the day before 1970 to the year 2200: what lies outside is a stand-in for no time, or is not in seconds."""

_SLACK_S: Final = 300
"""Slurm's own clocks round and lag: an extern step ends after its job, elapsed is a second off."""


class Clock:
    """Times of a frame of rows: Int64 seconds of UTC, null where a row has none.

    `earlier` and `later` are the two readings of each time; they differ only in the hour that autumn repeats. `bad`
    names, for each row, the first field whose text gives no time, and `skipped` says that it is a time which spring
    skips.
    """

    def __init__(self, frame: pl.DataFrame, zone: ZoneInfo) -> None:
        self.earlier: dict[str, pl.Series] = {}
        self.later: dict[str, pl.Series] = {}
        self._zone = zone
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        self.bad = nothing
        self.skipped = pl.Series([False]).new_from_index(0, frame.height)
        for name in TIMES:
            texts = frame[name] if name in frame.columns else nothing.alias(name)
            seconds, is_local = values.times(texts)
            none = texts.is_in(_NO_TIME).fill_null(value=True) | (seconds == 0).fill_null(value=False)
            in_range = seconds.is_between(_FIRST_S, _END_S, closed="left") & (seconds != 0)
            seconds = seconds.set(~in_range.fill_null(value=True), None)
            wrong = seconds.is_null() & ~none
            self.earlier[name] = self.later[name] = seconds
            if is_local.any():
                earlier, later, shown = map(pl.Series, to_utc(seconds.fill_null(0).to_numpy(), zone))
                seconds = seconds.set(is_local & (earlier == 0), None)  # 1970 began, on the cluster's own clock
                self.earlier[name] = earlier.set(seconds.is_null(), None).zip_with(is_local, seconds)
                self.later[name] = later.set(seconds.is_null(), None).zip_with(is_local, seconds)
                skipped = is_local & ~shown & ~wrong
                self.skipped |= skipped & self.bad.is_null()
                wrong |= skipped
            self.bad = self.bad.set(wrong & self.bad.is_null(), name)

    def skipped_reason(self, name: str) -> str:
        """The reason to reject a time of that field that spring skips."""
        clock = f"{self._zone.key}, whose clock skips that hour in spring"
        return f"is not a valid {name} time in {clock}; check the cluster's timezone"

    def unread_reason(self, name: str) -> str:
        """The reason to reject any other text of that field."""
        form = "2026-01-31T12:00:00, with an offset (+01:00 or Z) if it is of another clock"
        return f"is not a valid {name} time: it is neither {form} nor seconds since 1970"

    def resolve(self, elapsed_s: pl.Series, since: pl.Series, until: pl.Series) -> pl.DataFrame:
        """The four times of each row and `time_ambiguous`.

        `since` and `until` are a step's job's start and end, null for a job; a step is neither submitted nor eligible.
        """
        resolved = pl.DataFrame(self.earlier)
        differs = pl.any_horizontal((self.earlier[name] != self.later[name]).fill_null(False) for name in TIMES)
        rows = pl.select(differs.arg_true()).to_series()
        found = [self._resolved(row, elapsed_s[row], since[row], until[row]) for row in rows]
        columns = {name: [times[i] for times, _ in found] for i, name in enumerate(TIMES)}
        ambiguous = pl.repeat(False, resolved.height, eager=True).scatter(rows, [unsure for _, unsure in found])
        return resolved.with_columns(
            *(resolved[name].scatter(rows, pl.Series(values, dtype=pl.Int64)) for name, values in columns.items()),
            time_ambiguous=ambiguous,
        )

    def _resolved(
        self, row: int, elapsed_s: float | None, since: int | None, until: int | None
    ) -> tuple[tuple[int | None, ...], bool]:
        choices = [sorted({self.earlier[n][row], self.later[n][row]} - {None}) or [None] for n in TIMES]
        if since is not None:
            choices[:2] = [None], [None]
        return _resolve(choices, elapsed_s, since, until)


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
