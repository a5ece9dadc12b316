"""A year of jobs with polars: who moved what, how the year went, which programs read in small pieces."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os

    import altair as alt
    import marimo as mo
    import polars as pl

    from iolake import Lake

    lake = Lake(os.environ.get("IOLAKE_LAKE", "demo-centre/lake"))
    mo.md("""
    # A year of jobs with polars
    `lake.scan` returns a LazyFrame: polars reads the columns and days that a question needs, and no others. The year ends
    with the last day that the lake has.
    """)
    return alt, lake, mo, pl


@app.cell
def _(lake, pl):
    runs = lake.scan("job_summary")
    last_day = runs.select(pl.col("date").max()).collect().item()
    year = runs.filter(pl.col("date") > pl.lit(last_day).dt.offset_by("-1y")).with_columns(
        moved=pl.col("read_bytes") + pl.col("write_bytes")
    )
    return (year,)


@app.cell
def _(mo, pl, year):
    users = (
        year.group_by("cluster", "user_name")
        .agg(
            pl.len().alias("runs"),
            pl.col("moved").count().alias("runs_measured"),
            (pl.col("moved").sum() / 2**40).alias("moved_tib"),
            pl.col("node_hours").sum(),
        )
        .sort("moved_tib", descending=True)
        .collect()
    )
    mo.vstack(
        [
            mo.md(
                "## By user\nA run that no source measured counts as a run, and adds no bytes: `runs_measured` says how many."
            ),
            users.head(15),
        ]
    )
    return (users,)


@app.cell
def _(alt, mo, pl, year):
    days = (
        year.group_by("cluster", "date")
        .agg((pl.col("read_bytes").sum() / 2**40).alias("read"), (pl.col("write_bytes").sum() / 2**40).alias("written"))
        .sort("date")
        .collect()
    )
    by_day = (
        alt.Chart(days.unpivot(["read", "written"], index=["cluster", "date"], variable_name="way", value_name="tib"))
        .mark_bar()
        .encode(
            x=alt.X("date:T", title="day that the run ended (UTC)"),
            y=alt.Y("tib:Q", title="TiB"),
            color=alt.Color("way:N", scale=alt.Scale(range=["#0072B2", "#D55E00"]), title=None),
            row=alt.Row("cluster:N", title=None),
            tooltip=["cluster", "date", "way", alt.Tooltip("tib", format=".2f", title="TiB")],
        )
        .properties(width=600, height=120)
    )
    mo.vstack([mo.md("## Day by day"), by_day])
    return by_day, days


@app.cell
def _(alt, mo, pl, year):
    speeds = (
        year.filter(pl.col("performance_bytes_per_s") > 0)
        .select("cluster", program=pl.col("exe_names").list.first(), mib=pl.col("performance_bytes_per_s") / 2**20)
        .collect()
    )
    spread = (
        alt.Chart(speeds)
        .mark_boxplot(color="#0072B2")
        .encode(
            x=alt.X("mib:Q", scale=alt.Scale(type="log"), title="performance by the slowest process [MiB/s]"),
            y=alt.Y("program:N", title=None),
        )
        .properties(width=600)
    )
    mo.vstack([mo.md("## How fast each program was"), spread])
    return (speeds,)


if __name__ == "__main__":
    app.run()
