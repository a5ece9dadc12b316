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

    def known_sum(column):
        """The sum of what was measured; null, not zero, where nothing was."""
        return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())

    return known_sum, year


@app.cell
def _(known_sum, mo, pl, year):
    users = (
        year.group_by("cluster", "user_name")
        .agg(
            pl.len().alias("runs"),
            pl.col("moved").count().alias("runs_measured"),
            (known_sum("moved") / 2**40).alias("moved_tib"),
            pl.col("node_hours").sum(),
        )
        .sort("moved_tib", descending=True, nulls_last=True)
        .collect()
    )
    mo.vstack(
        [
            mo.md(
                "## By user\nA run that no source measured counts as a run, and adds no bytes: `runs_measured` says how many were measured."
            ),
            mo.ui.table(
                users.head(20).with_columns(pl.col(pl.Float64).round_sig_figs(4)), page_size=20, selection=None
            ),
        ]
    )
    return (users,)


@app.cell
def _(alt, known_sum, mo, year):
    days = (
        year.group_by("cluster", "date")
        .agg((known_sum("read_bytes") / 2**40).alias("read"), (known_sum("write_bytes") / 2**40).alias("written"))
        .sort("date")
        .collect()
    )
    by_day = (
        alt.Chart(days.unpivot(["read", "written"], index=["cluster", "date"], variable_name="way", value_name="tib"))
        .mark_bar()
        .encode(
            x=alt.X(
                "utcyearmonthdate(date):T",
                axis=alt.Axis(title="day that the run ended (UTC)", format="%b %d", tickMinStep=86_400_000),
            ),
            y=alt.Y("tib:Q", title="TiB"),
            color=alt.Color("way:N", scale=alt.Scale(range=["#0072B2", "#D55E00"]), title=None),
            row=alt.Row("cluster:N", title=None),
            tooltip=["cluster", "utcyearmonthdate(date)", "way", alt.Tooltip("tib:Q", format=".2f", title="TiB")],
        )
        .properties(width=600, height=120)
    )
    mo.vstack([mo.md("## Day by day"), by_day])
    return by_day, days


@app.cell
def _(alt, mo, pl, year):
    speeds = (
        year.filter((pl.col("performance_bytes_per_s") > 0) & (pl.col("moved") >= 2**30))
        .select(
            "cluster",
            "job_id",
            program=pl.col("exe_names").list.first(),
            mib=pl.col("performance_bytes_per_s") / 2**20,
        )
        .collect()
    )
    x = alt.X(
        "mib:Q",
        scale=alt.Scale(type="log", nice=True),
        axis=alt.Axis(title="performance by the slowest process [MiB/s]", tickCount=5, format="~s"),
    )
    base = alt.Chart(speeds).encode(y=alt.Y("program:N", title=None)).properties(width=600)
    ticks = base.mark_tick(color="#0072B2", opacity=0.4, thickness=2).encode(
        x=x, tooltip=["cluster", "job_id", "program", alt.Tooltip("mib:Q", format=",.1f", title="MiB/s")]
    )
    medians = base.mark_point(color="#D55E00", filled=True, size=60).encode(x=alt.X("median(mib):Q"))
    mo.vstack(
        [
            mo.md(
                "## How fast each program was\nA tick a run that moved 1 GiB or more; the dot is the program's median."
            ),
            ticks + medians,
        ]
    )
    return (speeds,)


if __name__ == "__main__":
    app.run()
