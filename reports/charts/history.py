"""A file system over days and months: bandwidth with its regimes, fullness with its forecast, imbalance, coverage."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import altair as alt
import polars as pl

from iolake.reports.charts import theme
from iolake.reports.charts.query import Query
from iolake.schemas.coverage import SEEN_ENOUGH_PCT

SHORT_DAYS, LONG_DAYS = 14, 49
"""Moving averages whose crossings part the regimes of a file system's history: those of the TOKIO study."""
TREND_DAYS = 30
"""A forecast of fullness follows the last month, so that one clean-up long ago does not bend it."""
_LEAST_DAYS = 3
"""Days from which a trend is one."""


def hours_query(file_system: str, window: tuple[datetime, datetime]) -> Query:
    """A file system hour by hour; rates are null where too little of the hour was seen (P12)."""
    return Query(
        "SELECT ts, 3600.0 AS bin_s, seen_pct AS ost_seen_pct,\n"
        f"  CASE WHEN seen_pct >= {SEEN_ENOUGH_PCT} THEN mean_read_bytes_per_s END AS read_bytes_per_s,\n"
        f"  CASE WHEN seen_pct >= {SEEN_ENOUGH_PCT} THEN mean_write_bytes_per_s END AS write_bytes_per_s,\n"
        "  used_pct, used_bytes, total_bytes, fullest_ost_pct\n"
        "FROM file_system_hour\n"
        "WHERE file_system = $file_system AND date BETWEEN $first AND $last AND ts >= $since AND ts < $until\n"
        "ORDER BY ts",
        {
            "file_system": file_system,
            "first": window[0].date(),
            "last": window[1].date(),
            "since": window[0],
            "until": window[1],
        },
    )


def days_query(file_system: str, since: date, until: date) -> Query:
    """A file system day by day in [since, until): bytes, seconds seen, fullness, and the spread of its targets."""
    return Query(
        "SELECT date, sum(read_bytes) AS read_bytes, sum(write_bytes) AS write_bytes,\n"
        "  avg(seen_pct) * count(*) / 24 AS seen_pct, max(used_bytes) AS used_bytes, max(total_bytes) AS total_bytes,\n"
        "  max(used_pct) AS used_pct, max(fullest_ost_pct) AS fullest_ost_pct\n"
        "FROM file_system_hour\nWHERE file_system = $file_system AND date >= $since AND date < $until\nGROUP BY date\n"
        "ORDER BY date",
        {"file_system": file_system, "since": since, "until": until},
    )


def every_day(days: pl.DataFrame, since: date, until: date) -> pl.DataFrame:
    """One row for each day of [since, until), null where the lake has none, with moving averages of the bytes.

    `short` and `long` average the days seen of the last `SHORT_DAYS` and `LONG_DAYS`; null before there are as many.
    """
    calendar = pl.DataFrame({"date": pl.date_range(since, until - timedelta(days=1), eager=True)})
    seen = pl.col("seen_pct").fill_null(0) >= SEEN_ENOUGH_PCT
    moved = pl.when(seen).then(pl.col("read_bytes") + pl.col("write_bytes"))
    return calendar.join(days, on="date", how="left").with_columns(
        ts=pl.col("date").cast(pl.Datetime("us")),
        seen_pct=pl.col("seen_pct").fill_null(0.0),
        moved_bytes=moved,
        short=moved.rolling_mean(SHORT_DAYS, min_samples=SHORT_DAYS // 2),
        long=moved.rolling_mean(LONG_DAYS, min_samples=LONG_DAYS // 2),
    )


def days_chart(days: pl.DataFrame, window: tuple[datetime, datetime]) -> theme.Chart:
    """Bytes a day with both moving averages; days that were not seen enough (P12) are hatched."""
    frame = days.with_columns(end=pl.col("ts") + pl.duration(days=1))
    x, y = (
        theme.time_axis("ts", window, title=None),
        theme.Bytes(theme.largest(days["moved_bytes"])).axis("moved_bytes", "{} a day"),
    )
    averages = (
        days.select("ts", "short", "long")
        .unpivot(["short", "long"], index="ts", variable_name="which", value_name="moved_bytes")
        .with_columns(
            which=pl.col("which").replace({"short": f"{SHORT_DAYS}-day mean", "long": f"{LONG_DAYS}-day mean"})
        )
        .drop_nulls()
    )
    means = [name for name in (f"{SHORT_DAYS}-day mean", f"{LONG_DAYS}-day mean") if name in set(averages["which"])]
    tips = [
        theme.time_tip("ts", "day (UTC)"),
        alt.Tooltip("moved_bytes:Q", title="bytes moved", format=",.0f"),
        alt.Tooltip("seen_pct:Q", title="seen [%]", format=".0f"),
    ]
    unseen = frame.filter(pl.col("moved_bytes").is_null())
    hatch = alt.Chart(theme.data(unseen)).mark_rect(fill=theme.UNSEEN, clip=True)
    known = frame.filter(pl.col("moved_bytes").is_not_null())
    bars = alt.Chart(theme.data(known)).mark_rect(clip=True, color=theme.READ, opacity=0.5)
    colour = alt.Color(
        "which:N",
        scale=alt.Scale(domain=means, range=[theme.WRITE, theme.METADATA][: len(means)]),
        legend=alt.Legend(title=None),
    )
    lines = alt.Chart(theme.data(averages)).mark_line(clip=True)
    layers = [
        (unseen, hatch.encode(x=x, x2="end:T", tooltip=tips)),
        (known, bars.encode(x=x, x2="end:T", y=y, y2=alt.datum(0), tooltip=tips)),
        (averages, lines.encode(x=x, y=y, color=colour)),
    ]
    with_data = [layer for rows, layer in layers if rows.height]  # Vega warns of a layer without data
    return alt.layer(*with_data).properties(width=theme.WIDTH, height=160)


def trend_query(file_system: str, until: date) -> Query:
    """In how many days a file system is full at the pace of the last month before `until`; one row, or none."""
    return Query(
        "SELECT days, days_to_full FROM fullness_trend($file_system, $since, $until) WHERE target IS NULL",
        {"file_system": file_system, "since": until - timedelta(days=TREND_DAYS), "until": until},
    )


def days_to_full(trend: pl.DataFrame) -> float | None:
    """Days from the last one until the space is full; None where it does not grow, or too few days are known."""
    return trend["days_to_full"][0] if _known_days(trend) >= _LEAST_DAYS else None


def forecast(trend: pl.DataFrame) -> str:
    """When the space is full, in words; a trend that too few days show is no standstill (P6)."""
    if _known_days(trend) < _LEAST_DAYS:
        return f"its trend needs {_LEAST_DAYS} days"
    full_in = days_to_full(trend)
    return "not growing" if full_in is None else f"full in {full_in:,.0f} days at the last month's pace"


def _known_days(trend: pl.DataFrame) -> int:
    return int(trend["days"][0]) if trend.height else 0


def fullness_chart(days: pl.DataFrame, window: tuple[datetime, datetime]) -> theme.Chart:
    """Used share of all targets and of the fullest one, day by day."""
    names = {"used_pct": "all targets", "fullest_ost_pct": "fullest target"}
    last = days.tail(1).with_columns(pl.col("ts") + pl.duration(days=1))  # the last day's step lasts to its end
    frame = pl.concat([days, last]).rename(names)
    frame = frame.unpivot(list(names.values()), index="ts", variable_name="which", value_name="used")
    return (
        alt.Chart(theme.data(frame), width=theme.WIDTH, height=130)
        .mark_line(interpolate="step-after", clip=True, point=days.height < 40)
        .encode(
            x=theme.time_axis("ts", window, title=None),
            y=alt.Y("used:Q", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(title="used [%]", tickCount=4)),
            color=alt.Color(
                "which:N",
                scale=alt.Scale(domain=list(names.values()), range=[theme.READ, theme.WRITE]),
                legend=alt.Legend(title=None),
            ),
            tooltip=[
                theme.time_tip("ts", "day (UTC)"),
                "which:N",
                alt.Tooltip("used:Q", title="used [%]", format=".1f"),
            ],
        )
    )


def coverage_chart(coverage: pl.DataFrame, window: tuple[datetime, datetime]) -> theme.Chart:
    """A row a source, a cell a day: loaded, rejected in part, or nothing there. Columns: source, ts, state, found."""
    frame = coverage.with_columns(end=pl.col("ts") + pl.duration(days=1))
    states = ["loaded", "some rejected", "all rejected", "nothing found"]
    names = frame.get_column("source").unique().sort().to_list()
    return (
        alt.Chart(theme.data(frame), width=theme.WIDTH, height=20 * len(names))
        .mark_rect(clip=True, stroke="white", strokeWidth=0.5)
        .encode(
            x=theme.time_axis("ts", window, title=None),
            x2="end:T",
            y=alt.Y("source:N", title=None),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=states, range=[theme.METADATA, "#E69F00", theme.WRITE, theme.UNSEEN]),
                legend=alt.Legend(title=None),
            ),
            tooltip=[
                theme.time_tip("ts", "day (UTC)"),
                "source:N",
                "state:N",
                alt.Tooltip("found:Q", title="inputs found"),
            ],
        )
    )
