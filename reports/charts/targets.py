"""Storage targets: how full each is, how loaded each was, which hold a run's files."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import altair as alt
import polars as pl

from iolake.reports.charts import theme
from iolake.reports.charts.query import Query
from iolake.schemas.coverage import SEEN_ENOUGH_PCT

MOST_ROWS = 128
"""Rows of a picture with a row a target; more targets share rows."""


_LOAD_PX, _FULLNESS_PX = 110, 90


def load_query(file_system: str, window: tuple[datetime, datetime]) -> Query:
    """Each storage target: its mean rate in what was seen of the hours that the window touches, and how full it was.

    The last value of these days says how full: Storage Scale's disks are asked once a day or so.
    """
    return Query(
        "SELECT ost,\n"
        "  sum(rate * seen_s) FILTER (inside) / nullif(sum(seen_s) FILTER (inside AND rate IS NOT NULL), 0) AS rate,\n"
        "  coalesce(max(used_pct) FILTER (inside), arg_max(used_pct, ts)) AS used_pct\n"
        "FROM (\n"
        "  SELECT *, ts >= date_trunc('hour', $since::TIMESTAMP) AS inside,\n"
        "    mean_read_bytes_per_s + mean_write_bytes_per_s AS rate\n  FROM ost_hour\n"
        "  WHERE file_system = $file_system AND date BETWEEN $first AND $last AND ts < $until\n)\n"
        "GROUP BY ost\nHAVING bool_or(inside)\nORDER BY ost",
        {
            "file_system": file_system,
            "first": window[0].date(),
            "last": window[1].date(),
            "since": window[0],
            "until": window[1],
        },
    )


def load_chart(targets: pl.DataFrame, own: Collection[str], named: Collection[str] = ()) -> theme.Chart:
    """Two rows of bars a target, load and fullness; those in `own` stand out. Needs `load_query`'s columns.

    `named` are targets that a finding is about. A target whose load or fullness nobody saw is hatched.
    """
    frame = targets.with_columns(
        whose=pl.when(pl.col("ost").is_in(list(named)))
        .then(pl.lit("in a finding"))
        .when(pl.col("ost").is_in(list(own)))
        .then(pl.lit("holds its files"))
        .otherwise(pl.lit("other")),
    )
    colours = {"in a finding": theme.WRITE, "holds its files": theme.OWN, "other": theme.OTHER}
    shown = [name for name in colours if name in set(frame["whose"])]
    colour = alt.Color(
        "whose:N",
        scale=alt.Scale(domain=shown, range=[colours[name] for name in shown]),
        legend=alt.Legend(title=None) if own or named else None,
    )
    tips: list[str | alt.Tooltip] = [
        "ost:N",
        alt.Tooltip("whose:N", title="whose"),
        alt.Tooltip("rate:Q", title="B/s, all users", format=",.0f"),
        alt.Tooltip("used_pct:Q", title="used [%]", format=".1f"),
    ]
    few = targets.height <= 60
    x = alt.X("ost:N", sort=None, axis=alt.Axis(title=None, labels=False, ticks=False))
    labelled = alt.X("ost:N", sort=None, axis=alt.Axis(title="target", labels=few, ticks=few, labelAngle=-60))
    rate = theme.Bytes(theme.largest(frame["rate"])).axis("rate", "{}/s")
    used = alt.Y("used_pct:Q", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(title="used [%]", tickCount=4))
    rows = (("rate", x, rate, _LOAD_PX), ("used_pct", labelled, used, _FULLNESS_PX))
    return alt.vconcat(*(_bars(frame, name, x, y, colour, tips, px) for name, x, y, px in rows), spacing=6)


def _bars(
    frame: pl.DataFrame, name: str, x: alt.X, y: alt.Y, colour: alt.Color, tips: list[str | alt.Tooltip], height: int
) -> theme.Chart:
    """One bar a target, over a hatch where nobody saw the value."""
    layers = [alt.Chart(theme.data(frame)).mark_bar().encode(x=x, y=y, color=colour, tooltip=tips)]
    hidden = frame.filter(pl.col(name).is_null())
    if hidden.height:
        unseen = alt.Chart(theme.data(hidden)).mark_bar(fill=theme.UNSEEN)
        layers.append(unseen.encode(x=x, y=alt.value(0), y2=alt.value(height), tooltip=tips))
    return alt.layer(*layers).properties(width=theme.WIDTH, height=height)


def heat_query(file_system: str, window: tuple[datetime, datetime]) -> Query:
    """Each target's mean rate hour by hour; null where too little of the hour was seen (P12)."""
    return Query(
        "SELECT ost, ts, 3600.0 AS bin_s, seen_pct,\n"
        f"  CASE WHEN seen_pct >= {SEEN_ENOUGH_PCT} THEN mean_read_bytes_per_s + mean_write_bytes_per_s END AS rate\n"
        "FROM ost_hour\n"
        "WHERE file_system = $file_system AND date BETWEEN $first AND $last AND ts >= $since AND ts < $until\n"
        "ORDER BY ost, ts",
        {
            "file_system": file_system,
            "first": window[0].date(),
            "last": window[1].date(),
            "since": window[0],
            "until": window[1],
        },
    )


def heat_chart(hours: pl.DataFrame, window: tuple[datetime, datetime]) -> theme.Chart:
    """Target by time: mean rate of each hour; hours that were not seen enough (P12) are hatched.

    More than `MOST_ROWS` targets share rows, each as bright as its busiest target. Needs `heat_query`'s columns.
    """
    osts = hours.get_column("ost").unique().sort()
    share = -(-len(osts) // MOST_ROWS) if len(osts) else 1
    rows = pl.DataFrame({"ost": osts, "row": [osts[place // share * share] for place in range(len(osts))]})
    every_hour = pl.DataFrame({"ts": pl.datetime_range(*window, interval="1h", closed="left", eager=True)})
    frame = (
        rows.join(every_hour, how="cross")
        .join(hours, on=["ost", "ts"], how="left")
        .with_columns(pl.col("seen_pct").fill_null(0.0), pl.col("bin_s").fill_null(3600.0))
        .group_by("row", "ts", maintain_order=True)
        .agg(pl.col("rate").max(), pl.col("seen_pct").min(), pl.col("bin_s").first())
        .with_columns(end=pl.col("ts") + pl.duration(hours=1))
    )
    names = frame.get_column("row").unique().sort().to_list()
    y = alt.Y("row:N", sort=names, axis=alt.Axis(title="target", values=names[:: max(1, -(-len(names) // 12))]))
    height = max(60, min(360, 14 * len(names)))
    tips = [
        alt.Tooltip("row:N", title="target" if share == 1 else f"first of {share} targets"),
        theme.time_tip("ts", "hour (UTC)"),
        alt.Tooltip("rate:Q", title="B/s", format=",.0f"),
        alt.Tooltip("seen_pct:Q", title="seen [%]", format=".0f"),
    ]
    seen, hidden = frame.filter(pl.col("rate").is_not_null()), frame.filter(pl.col("rate").is_null())
    heat = alt.Chart(theme.data(seen)).mark_rect(clip=True)
    hatch = alt.Chart(theme.data(hidden)).mark_rect(fill=theme.UNSEEN, clip=True)
    layers = [
        heat.encode(
            x=theme.time_axis("ts", window),
            x2="end:T",
            y=y,
            color=theme.Bytes(theme.largest(frame["rate"])).heat("rate", "{}/s", 80),
            tooltip=tips,
        ),
        hatch.encode(x=theme.time_axis("ts", window), x2="end:T", y=y, tooltip=tips),
    ]
    with_data = [layer for layer, rows in zip(layers, (seen, hidden), strict=True) if rows.height]
    return alt.layer(*with_data).properties(width=theme.WIDTH, height=height)
