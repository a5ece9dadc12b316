"""An application's I/O: the sizes of its accesses, and the time in each layer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import altair as alt
import polars as pl

from iolake.reports.charts import theme
from iolake.reports.charts.query import Query

SIZES = {
    "0_100": "0-100 B",
    "100_1K": "100 B-1 KB",
    "1K_10K": "1-10 KB",
    "10K_100K": "10-100 KB",
    "100K_1M": "100 KB-1 MB",
    "1M_4M": "1-4 MB",
    "4M_10M": "4-10 MB",
    "10M_100M": "10-100 MB",
    "100M_1G": "100 MB-1 GB",
    "1G_PLUS": "1 GB or more",
}
"""Darshan's ranges of access sizes, by the end of their counters' names, and how a picture labels them."""
_LAYERS = {
    "POSIX": "darshan_posix",
    "MPI-IO": "darshan_mpiio",
    "STDIO": "darshan_stdio",
    "DFS": "darshan_dfs",
    "DAOS": "darshan_daos",
}
_SECONDS = "format(datum.value, datum.value < 10 ? '.2~f' : ',.0f')"
"""Labels of seconds: thousands in groups, no exponents."""


def sizes_query(cluster: str, logs: Sequence[str], days: tuple[date, date]) -> Query:
    """Reads and writes of POSIX and DFS by Darshan's ranges of sizes: one row a range."""
    ranges = ",\n    ".join(
        f"{{'size': '{label}', 'reads': sum(read_{name.lower()}), 'writes': sum(write_{name.lower()})}}"
        for name, label in SIZES.items()
    )
    return Query(
        f"SELECT unnest([\n    {ranges}\n  ], recursive := true)\nFROM log_features\n{_OF_LOGS}",
        _values(cluster, logs, days),
    )


def times_query(cluster: str, logs: Sequence[str], days: tuple[date, date]) -> Query:
    """Seconds that all processes together spent in each layer: one row a layer, with `read_s`, `write_s`, `meta_s`."""
    layers = "\nUNION ALL\n".join(
        f"SELECT '{layer}' AS layer, sum({prefix}_F_READ_TIME) AS read_s, sum({prefix}_F_WRITE_TIME) AS write_s, "
        f"sum({prefix}_F_META_TIME) AS meta_s\nFROM {table}\n{_OF_LOGS}"
        for layer, table in _LAYERS.items()
        for prefix in [layer.replace("-", "")]
    )
    return Query(layers, _values(cluster, logs, days))


_OF_LOGS = "WHERE cluster = $cluster AND date BETWEEN $first AND $last AND list_contains($logs, log_id)"


def _values(cluster: str, logs: Sequence[str], days: tuple[date, date]) -> dict[str, object]:
    return {"cluster": cluster, "logs": list(logs), "first": days[0], "last": days[1]}


def sizes_chart(sizes: pl.DataFrame) -> theme.Chart:
    """Counts of reads and writes by access size, on a logarithmic axis. Needs `sizes_query`'s columns."""
    frame = sizes.unpivot(["reads", "writes"], index="size", variable_name="what", value_name="accesses")
    frame = frame.filter(pl.col("accesses") > 0).with_columns(least=pl.lit(0.5))
    return (
        alt.Chart(theme.data(frame), width=theme.WIDTH, height=180)
        .mark_bar()
        .encode(
            x=alt.X(
                "size:N", sort=list(SIZES.values()), scale=alt.Scale(domain=list(SIZES.values())), title="access size"
            ),
            xOffset=alt.XOffset("what:N"),
            y=alt.Y(
                "accesses:Q",
                scale=alt.Scale(type="log", domainMin=0.5),
                axis=alt.Axis(title="accesses (log)", tickCount=4, format="~s"),
            ),
            y2="least:Q",
            color=_ways(["reads", "writes"]),
            tooltip=["size:N", "what:N", alt.Tooltip("accesses:Q", format=",")],
        )
    )


def times_chart(times: pl.DataFrame) -> theme.Chart:
    """Seconds of reading, writing and metadata, stacked, one bar a layer. Needs `times_query`'s columns."""
    names = {"read_s": "reading", "write_s": "writing", "meta_s": "metadata"}
    frame = times.rename(names).unpivot(list(names.values()), index="layer", variable_name="what", value_name="seconds")
    return (
        alt.Chart(theme.data(frame), width=theme.WIDTH, height=28 * times.height + 10)
        .mark_bar()
        .encode(
            x=alt.X(
                "sum(seconds):Q", axis=alt.Axis(title="s, all processes together", labelExpr=_SECONDS, tickCount=5)
            ),
            y=alt.Y("layer:N", title=None),
            color=_ways(list(names.values())),
            tooltip=["layer:N", "what:N", alt.Tooltip("seconds:Q", title="s", format=",.1f")],
        )
    )


def _ways(names: Sequence[str]) -> alt.Color:
    colours = [theme.READ, theme.WRITE, theme.METADATA][: len(names)]
    return alt.Color("what:N", scale=alt.Scale(domain=list(names), range=colours), legend=alt.Legend(title=None))
