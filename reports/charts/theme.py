"""What all charts share: colours, the hatch for what was not seen, time axes in UTC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import altair as alt
import polars as pl

from iolake.reports.units import binary_unit

READ, WRITE, METADATA, OWN, OTHER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
"""Okabe and Ito's colours, which colour-blind readers tell apart; grey for what is not the subject."""
HEAT: Final = "viridis"
Chart: TypeAlias = Any
"""An Altair chart of any kind. Altair's own types do not survive its method chains."""
UNSEEN = "url(#unseen)"
"""Fill of what nobody watched: a hatch, which `UNSEEN_PATTERN` defines, so that it never looks like zero."""
UNSEEN_PATTERN = (
    '<pattern id="unseen" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#999999" fill-opacity="0.12"/>'
    '<line x1="0" y1="0" x2="0" y2="6" stroke="#888888" stroke-width="2"/></pattern>'
)
WIDTH = 820
"""Width of a plot in pixels where no page gives another."""


def data(frame: pl.DataFrame) -> Any:
    """A frame as inline values. Times become milliseconds since 1970 (UTC), which no reader's time zone can shift."""
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    frame = frame.with_columns(pl.col(times).dt.epoch("ms"))
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    frame = frame.with_columns(pl.col(floats).round_sig_figs(6))
    return alt.InlineData(values=frame.to_dicts())


def milliseconds(moment: datetime) -> float:
    """A UTC time as Vega's milliseconds since 1970."""
    return moment.replace(tzinfo=UTC).timestamp() * 1000


def time_axis(field: str, window: tuple[datetime, datetime], title: str | None = "time (UTC)") -> alt.X:
    """An x axis over `window` in UTC.

    The window is the scale's least and greatest value, not its domain: Vega-Lite reads a domain of times once for `x`
    and once for `x2`, finds them unlike, and warns.
    """
    first, last = (milliseconds(moment) for moment in window)
    scale = alt.Scale(type="utc", nice=False, domainMin=first, domainMax=last)
    axis = alt.Axis(title=title, labelOverlap=True, grid=False, format=_time_format(window[1] - window[0]))
    return alt.X(f"{field}:T", scale=scale, axis=axis)


def _time_format(length: timedelta) -> str:
    if length > timedelta(days=8):
        return "%Y-%m-%d"
    if length > timedelta(days=1):
        return "%b %d %H:%M"
    return "%H:%M:%S" if length < timedelta(minutes=10) else "%H:%M"


def time_tip(field: str, title: str) -> alt.Tooltip:
    """A time in a tooltip, to the second, in UTC."""
    return alt.Tooltip(field=field, type="temporal", timeUnit="utcyearmonthdatehoursminutesseconds", title=title)


def short_labels(digits: int) -> str:
    """Labels of an axis of counts: 15k and 3M, but 0.015, for 15m would read as millions."""
    large, small = f"format(datum.value, '.{digits}~s')", f"format(datum.value, '.{digits}~g')"
    return f"abs(datum.value) < 1 ? {small} : {large}"


@dataclass(frozen=True)
class Bytes:
    """Ticks from `smallest` to above `largest` bytes, in the binary unit that the words of a page have too."""

    largest: float | None
    most: int = 5
    """How many ticks, about."""
    smallest: float = 0

    @classmethod
    def between(cls, values: pl.Series) -> Bytes:
        """About four ticks around values that an axis does not show from zero; at least one value is known."""
        known = values.cast(pl.Float64).drop_nulls().to_list()
        return cls(max(known), 4, min(known))

    @property
    def unit(self) -> str:
        """Such as GiB."""
        return binary_unit(self.largest or 0)[0]

    @property
    def values(self) -> list[float]:
        """Where the ticks are, in bytes: at 1, 2 or 5 times a power of ten of the unit."""
        size = binary_unit(self.largest or 0)[1]
        span = (self.largest or 0) - self.smallest
        least = max(span / size / (self.most - 1), 1e-9 if size > 1 else 1)
        tens = 10.0 ** math.floor(math.log10(least))
        step = next(k * tens for k in (1, 2, 5, 10) if k * tens >= least * 0.8)
        first, last = math.floor(self.smallest / size / step), math.ceil((self.largest or 1) / size / step)
        return [k * step * size for k in range(first, last + 1)]

    @property
    def marks(self) -> dict[str, Any]:
        """The options of an axis or a legend that draws these ticks."""
        size = binary_unit(self.largest or 0)[1]
        return {"values": self.values, "labelExpr": f"format(datum.value / {size}, '~g')"}

    def axis(self, field: str, title: str) -> alt.Y:
        """A y axis from zero; `title` has `{}` for the unit."""
        scale = alt.Scale(domain=[0, self.values[-1]], nice=False)
        return alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=title.format(self.unit), **self.marks))

    def heat(self, field: str, title: str, length: int) -> alt.Color:
        """A colour from zero, with a legend `length` pixels long; `title` has `{}` for the unit."""
        legend = alt.Legend(title=title.format(self.unit), orient="right", gradientLength=length, **self.marks)
        return alt.Color(f"{field}:Q", scale=alt.Scale(scheme=HEAT, domain=[0, self.values[-1]]), legend=legend)


def largest(*columns: pl.Series) -> float | None:
    """The greatest number of some columns; None where all are null."""
    sums = [column.cast(pl.Float64).max() for column in columns]  # DuckDB's sums of integers are decimals
    return max((value for value in sums if isinstance(value, float)), default=None)


def row_title(words: str, size: int = 12) -> alt.Title:
    """The title of one of several plots below each other: it begins where the plot does, whatever its axis takes."""
    return alt.Title(words, anchor="start", frame="group", fontSize=size)
