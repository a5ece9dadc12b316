"""One time axis: what a run's ranks moved, over what its file system did, over who ran beside it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import altair as alt
import polars as pl

from iolake.reports.charts import theme
from iolake.reports.charts.query import Query
from iolake.schemas.coverage import SEEN_ENOUGH_PCT

Window = tuple[datetime, datetime]
ACTIVITY: Final[dict[str, type[pl.DataType] | pl.DataType]] = {
    "ts": pl.Datetime("us"),
    "bin_s": pl.Float64,
    "first_rank": pl.Int64,
    "last_rank": pl.Int64,
    "read_bytes": pl.Float64,
    "write_bytes": pl.Float64,
    "measured_by": pl.String,
}
"""The columns of `activity_query`'s answer."""
RANK_GROUPS = 40
"""Rows of the picture of ranks: 40 of 4 pixels each. With 120 bins a browser draws them in less than a second."""


def activity_query(
    cluster: str, logs: Sequence[str], window: Window, bins: int, rank_groups: int = RANK_GROUPS
) -> Query:
    """What each group of ranks moved, bin by bin."""
    return Query(
        "FROM job_activity($cluster, $logs, $since, $until, bins := $bins, rank_groups := $rank_groups)",
        {
            "cluster": cluster,
            "logs": list(logs),
            "since": window[0],
            "until": window[1],
            "bins": bins,
            "rank_groups": rank_groups,
        },
    )


def servers_query(file_system: str, window: Window, bins: int) -> Query:
    """What the servers of a file system did, bin by bin."""
    return Query(
        "FROM file_system_timeline($file_system, $since, $until, bins := $bins)",
        {"file_system": file_system, "since": window[0], "until": window[1], "bins": bins},
    )


def bins_for(window: Window, step_s: float = 10.0, most: int = 120) -> int:
    """How many bins a window gets: none shorter than the servers' interval, `most` at the most."""
    return max(1, min(most, int((window[1] - window[0]).total_seconds() / step_s)))


def activity_chart(activity: pl.DataFrame, window: Window) -> theme.Chart:
    """Rank by time: bytes moved by a group of ranks in a bin, darker for less. Needs `activity_query`'s columns.

    The row "all ranks" has what Darshan counts for shared files as a whole.
    """
    frame = _with_end(activity).with_columns(
        moved_bytes=pl.col("read_bytes") + pl.col("write_bytes"),
        ranks=pl.when(pl.col("first_rank") < 0)
        .then(pl.lit("all ranks"))
        .when(pl.col("first_rank") == pl.col("last_rank"))
        .then(pl.format("rank {}", "first_rank"))
        .otherwise(pl.format("ranks {}-{}", "first_rank", "last_rank")),
    )
    drawn = frame.select("ts", "end", "ranks", "read_bytes", "write_bytes", "moved_bytes")
    names = frame.sort("first_rank").get_column("ranks").unique(maintain_order=True).to_list()
    step = max(1, -(-len(names) // 8))
    return (
        alt.Chart(theme.data(drawn), height=max(40, min(160, 14 * len(names))))
        .mark_rect(clip=True)
        .encode(
            x=theme.time_axis("ts", window, title=None),
            x2="end:T",
            y=alt.Y("ranks:N", sort=names, axis=alt.Axis(title=None, values=names[::step], labelLimit=110)),
            color=theme.Bytes(theme.largest(drawn["moved_bytes"]), 3).heat("moved_bytes", "{} a bin", 40),
            tooltip=[
                theme.time_tip("ts", "from (UTC)"),
                alt.Tooltip("ranks:N"),
                alt.Tooltip("read_bytes:Q", title="read [B]", format=","),
                alt.Tooltip("write_bytes:Q", title="written [B]", format=","),
            ],
        )
    )


def bandwidth_chart(servers: pl.DataFrame, own: pl.DataFrame, window: Window) -> theme.Chart:
    """Read and write rates of the servers, and the run's own rate filled in front of them.

    Bins that were not seen enough (P12) are hatched. `own` has `job_activity`'s columns, or no rows.
    """
    rates = _rates(servers, {"read_bytes_per_s": "servers read", "write_bytes_per_s": "servers wrote"})
    mine = (
        _with_end(own)
        .group_by("ts", "end", maintain_order=True)
        .agg(rate=pl.col("read_bytes").sum() + pl.col("write_bytes").sum(), bin_s=pl.col("bin_s").first())
        .with_columns(rate=pl.col("rate") / pl.col("bin_s"), what=pl.lit("this job moved"))
    )
    colours = {"servers read": theme.READ, "servers wrote": theme.WRITE}
    if not own.is_empty():
        colours["this job moved"] = theme.OWN
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=[*colours], range=[*colours.values()]),
        legend=alt.Legend(title=None, orient="right", symbolOpacity=1),
    )
    top = theme.Bytes(theme.largest(rates["rate"], mine["rate"]))
    x, y = theme.time_axis("ts", window, title=None), top.axis("rate", "{}/s")
    tips = [
        theme.time_tip("ts", "from (UTC)"),
        alt.Tooltip("what:N", title="what"),
        alt.Tooltip("rate:Q", title="B/s", format=",.0f"),
    ]
    bars = alt.Chart(theme.data(mine)).mark_rect(opacity=0.55, clip=True)
    lines = alt.Chart(theme.data(rates)).mark_line(interpolate="step-after", clip=True)
    return alt.layer(
        *unseen(servers, "ost_seen_pct", window),
        *([] if own.is_empty() else [bars.encode(x=x, x2="end:T", y=y, y2=alt.datum(0), color=colour, tooltip=tips)]),
        lines.encode(x=x, y=y, color=colour, tooltip=tips),
    ).properties(height=130)


def metadata_chart(servers: pl.DataFrame, window: Window) -> theme.Chart:
    """Rates of opens and of all metadata operations. Bins that were not seen enough (P12) are hatched."""
    rates = _rates(servers, {"metadata_ops_per_s": "all operations", "opens_per_s": "opens"})
    # Vega warns of an axis without an extent where no rate is known.
    extent = alt.Undefined if rates["rate"].count() else alt.Scale(domain=[0, 1])
    lines = alt.Chart(theme.data(rates)).mark_line(interpolate="step-after", clip=True)
    return alt.layer(
        *unseen(servers, "mdt_seen_pct", window),
        lines.encode(
            x=theme.time_axis("ts", window, title=None),
            y=alt.Y(
                "rate:Q",
                scale=extent,
                axis=alt.Axis(title="operations/s", tickCount=4, labelExpr=theme.short_labels(2)),
            ),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=["all operations", "opens"], range=[theme.METADATA, theme.OWN]),
                legend=alt.Legend(title=None, orient="right"),
            ),
            tooltip=[
                theme.time_tip("ts", "from (UTC)"),
                alt.Tooltip("what:N", title="what"),
                alt.Tooltip("rate:Q", title="1/s", format=",.2f"),
            ],
        ),
    ).properties(height=100)


def metadata_title(file_system: str, servers: pl.DataFrame) -> str:
    """Whose metadata operations are drawn: on Storage Scale those of the nodes that count their own."""
    nodes = max(servers["counting_nodes"].to_list(), default=0)
    return f"Metadata operations on {file_system}" + (f", of the {nodes} nodes that count theirs" if nodes else "")


def neighbours_chart(neighbours: pl.DataFrame, window: Window) -> theme.Chart:
    """A bar for each run beside this one, darker the more of the bytes it moved, grey where its share is unknown."""
    names = neighbours.get_column("name").unique(maintain_order=True).to_list()
    shown = neighbours.with_columns(shade=pl.col("share_pct").fill_null(-1))  # a null in a scale hides its bar
    return (
        alt.Chart(theme.data(shown), height=max(30, 18 * len(names)))
        .mark_bar(clip=True, height=10)
        .encode(
            x=theme.time_axis("ts", window),
            x2="end:T",
            y=alt.Y("name:N", sort=names, axis=alt.Axis(title=None, labelLimit=170)),
            color=alt.condition(
                "datum.shade >= 0",
                alt.Color(
                    "shade:Q",
                    scale=alt.Scale(scheme="oranges", domain=[0, 100]),
                    legend=alt.Legend(title="% of the bytes", orient="right", gradientLength=50),
                ),
                alt.value(theme.OTHER),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="job"),
                theme.time_tip("start", "started (UTC)"),
                theme.time_tip("ended", "ended (UTC)"),
                alt.Tooltip("share_pct:Q", title="% of the bytes", format=".1f"),
                alt.Tooltip("moved_bytes:Q", title="moved [B]", format=",.0f"),
            ],
        )
    )


def unseen(servers: pl.DataFrame, seen: str, window: Window) -> list[theme.Chart]:
    """A hatch over the bins that were not seen enough (P12); no layer without such bins."""
    bins = _with_end(servers).filter(pl.col(seen) < SEEN_ENOUGH_PCT).select("ts", "end", seen)
    if bins.is_empty():  # Vega warns of a layer without data
        return []
    return [
        alt.Chart(theme.data(bins))
        .mark_rect(fill=theme.UNSEEN, clip=True)
        .encode(
            x=theme.time_axis("ts", window, title=None),
            x2="end:T",
            tooltip=[
                theme.time_tip("ts", "not seen from (UTC)"),
                alt.Tooltip(f"{seen}:Q", title="seen [%]", format=".0f"),
            ],
        )
    ]


def stacked(charts: Sequence[theme.Chart], titles: Sequence[str]) -> theme.Chart:
    """Charts of one window on one time axis: a drag or the wheel moves and zooms all of them together."""
    zoom = alt.selection_interval(bind="scales", encodings=["x"], name="zoom")
    rows = []
    for place, (chart, title) in enumerate(zip(charts, titles, strict=True)):
        main = chart.layer[-1] if isinstance(chart, alt.LayerChart) else chart
        main.encoding.x["axis"]["title"] = "time (UTC)" if place == len(charts) - 1 else None
        zoomed = main.add_params(zoom)
        if isinstance(chart, alt.LayerChart):
            chart.layer[-1] = zoomed
        row = chart if isinstance(chart, alt.LayerChart) else zoomed
        rows.append(row.properties(width=theme.WIDTH, title=theme.row_title(title)))
    with warnings.catch_warnings():  # all rows share one parameter on purpose
        warnings.filterwarnings("ignore", message="Automatically deduplicated selection parameter")
        return alt.vconcat(*rows, spacing=8).resolve_scale(x="shared", color="independent")


def _with_end(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(end=pl.col("ts") + pl.duration(microseconds=(pl.col("bin_s") * 1e6).cast(pl.Int64)))


def _rates(servers: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """The rate columns one below the other, as `ts`, `what`, `rate`; the last bin's rate again at its end."""
    last = _with_end(servers.tail(1)).with_columns(ts=pl.col("end")).drop("end")
    whole = pl.concat([servers, last]).rename(names)
    return whole.unpivot(list(names.values()), index="ts", variable_name="what", value_name="rate")
