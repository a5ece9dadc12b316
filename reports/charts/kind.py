"""A run beside its kind: where each of its metrics lies among those of like runs (UMAMI, after the TOKIO study)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import altair as alt
import polars as pl

from iolake.reports.charts import theme
from iolake.reports.charts.query import Query
from iolake.reports.judgement import KIND_DAYS
from iolake.schemas.coverage import SEEN_ENOUGH_PCT

MOST_POINTS = 300
"""Points in a row; percentiles are of all runs."""
METRICS = {
    "performance_bytes_per_s": ("performance", True),
    "share": ("share of the file system's bytes [%]", True),
    "fs_bytes_per_s": ("all users' rate", False),
    "fs_opens_per_s": ("all users' opens [1/s]", False),
    "used_pct": ("space used [%]", False),
    "fullest_ost_pct": ("fullest target [%]", False),
    "overloaded_osts": ("targets on overloaded servers", False),
}
"""Each metric's label, and whether more of it is good. Rates of bytes get their unit by their size."""


def kind_query(run: dict[str, Any]) -> Query:
    """`run` and those of its program, cluster, file system and direction that ended within `KIND_DAYS`."""
    writes = (run["write_bytes"] or 0) > (run["read_bytes"] or 0)
    return Query(
        "SELECT start_time AS ts, run_id = $run_id AS this, job_id, performance_bytes_per_s, 100 * share AS share,\n"
        f"  CASE WHEN fs_seen_pct >= {SEEN_ENOUGH_PCT} THEN (fs_read_bytes + fs_write_bytes) / nullif(elapsed_s, 0)\n"
        "    END AS fs_bytes_per_s,\n"
        f"  CASE WHEN fs_seen_pct >= {SEEN_ENOUGH_PCT} THEN fs_opens / nullif(elapsed_s, 0) END AS fs_opens_per_s,\n"
        "  used_pct, fullest_ost_pct,\n"
        "  overloaded_osts::DOUBLE AS overloaded_osts\n"
        "FROM job_summary\nWHERE cluster = $cluster AND date BETWEEN $first AND $last\n"
        "  AND coalesce(exe_names[1], job_name) IS NOT DISTINCT FROM $program\n"
        "  AND file_system IS NOT DISTINCT FROM $file_system\n"
        "  AND (coalesce(write_bytes, 0) > coalesce(read_bytes, 0)) = $writes\nORDER BY start_time",
        {
            "run_id": run["run_id"],
            "cluster": run["cluster"],
            "first": run["date"] - timedelta(days=KIND_DAYS),
            "last": run["date"] + timedelta(days=KIND_DAYS),
            "program": (run["exe_names"] or [run["job_name"]])[0],
            "file_system": run["file_system"],
            "writes": writes,
        },
    )


def kind_chart(kind: pl.DataFrame) -> theme.Chart | None:
    """A row a metric: every run of the kind in time, this one in colour, its percentile among the others beside it.

    None where no metric is known for this run and two others with different values.
    """
    rows = []
    for name, (label, big_is_good) in METRICS.items():
        known = kind.filter(pl.col(name).is_not_null())
        this = known.filter(pl.col("this"))
        others = known.filter(~pl.col("this"))
        if not this.height or others.height < 2 or known[name].n_unique() < 2:
            continue
        percentile = _percentile(others[name], this[name][0])
        bad = percentile < 25 if big_is_good else percentile > 75
        shown = _some(known).select("ts", "this", "job_id", value=pl.col(name))
        sizes = theme.Bytes.between(shown["value"]) if name.endswith("bytes_per_s") else None
        rows.append((shown, label, percentile, bad, sizes))
    charts = [_row(*row, window=_window(kind), last=row is rows[-1]) for row in rows]
    return alt.vconcat(*charts, spacing=6) if charts else None


def _percentile(others: pl.Series, value: float) -> float:
    """Share of `others` that are lower, equal ones counted by half, as the macro umami has it."""
    lower, equal = int((others < value).sum()), int((others == value).sum())
    return 100 * (lower + equal / 2) / len(others)


def _some(known: pl.DataFrame) -> pl.DataFrame:
    """At most `MOST_POINTS` runs, every so many of them in order of time, and this one."""
    every = -(-known.height // MOST_POINTS)
    return known.with_row_index("place").filter(pl.col("this") | (pl.col("place") % every == 0))


def _window(kind: pl.DataFrame) -> tuple[datetime, datetime]:
    """From the first run to the last, with a margin, so that the points at its ends are whole."""
    times = kind["ts"].drop_nulls().to_list()
    margin = max((times[-1] - times[0]) / 50, timedelta(minutes=1))
    return times[0] - margin, times[-1] + margin


def _row(
    known: pl.DataFrame,
    label: str,
    percentile: float,
    bad: bool,
    sizes: theme.Bytes | None,
    *,
    window: tuple[datetime, datetime],
    last: bool,
) -> theme.Chart:
    colour = theme.WRITE if bad else theme.READ
    base = alt.Chart(theme.data(known), width=theme.WIDTH, height=44)
    x = theme.time_axis("ts", window, title="started (UTC)" if last else None)
    x["axis"]["labels"] = x["axis"]["ticks"] = last  # all rows have one time axis, below the last
    ticks = sizes.marks if sizes else {"tickCount": 3, "labelExpr": theme.short_labels(4)}
    y = alt.Y("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=None, **ticks))
    tips = [
        alt.Tooltip("job_id:Q", title="job", format="d"),
        theme.time_tip("ts", "started (UTC)"),
        alt.Tooltip("value:Q", title=f"{label} [B/s]" if sizes else label, format=",.4~g"),
    ]
    unit = f" [{sizes.unit}/s]" if sizes else ""
    note = f"{label}{unit}: percentile {percentile:.0f} of 100{', the bad end' if bad else ''}"
    return alt.layer(
        base.mark_point(size=18, color=theme.OTHER, opacity=0.6).encode(x=x, y=y, tooltip=tips),
        base.transform_filter("datum.this")
        .mark_point(size=110, color=colour, filled=True)
        .encode(x=x, y=y, tooltip=tips),
    ).properties(title=theme.row_title(note, 11))
