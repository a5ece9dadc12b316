"""The TOKIO study's tables on whatever lake is there: coverage factors, contention, and what performance follows."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os

    import altair as alt
    import marimo as mo
    import polars as pl

    from iolake import Lake
    from iolake.analysis.correlation import correlate

    lake = Lake(os.environ.get("IOLAKE_LAKE", "demo-centre/lake"))
    mo.md("""
    # The tables of the TOKIO study
    "A Year in the Life of a Parallel File System" (SC'18) asked what the performance of like jobs follows. Here its tables
    are made from this lake: runs that moved more than 1 GiB; a run's performance over the best of its group, which is
    its program, cluster, file system and direction.
    """)
    return alt, correlate, lake, mo, pl


@app.cell
def _(lake, pl):
    # One answer a cluster: the macro takes one, and the days that the lake has of it.
    spans = lake.sql(
        "SELECT owner, min(date), max(date) + 1 FROM derived WHERE table_name = 'job_summary' GROUP BY owner"
    )
    factors = pl.concat(
        lake.sql("FROM coverage_factors($1, $2, $3)", list(span)).pl() for span in sorted(spans.fetchall())
    )
    moved = lake.sql(
        "SELECT cluster, run_id, read_bytes + write_bytes AS moved, used_pct, fullest_ost_pct FROM job_summary"
    )
    study = factors.join(moved.pl(), on=["cluster", "run_id"]).filter(pl.col("moved") > 2**30)
    return (study,)


@app.cell
def _(mo, pl, study):
    kinds = (
        study.group_by("cluster", "file_system", "program", "writes_more")
        .agg(
            pl.len().alias("runs"),
            pl.col("normalised_performance").median().alias("median"),
            pl.col("normalised_performance").min().alias("worst"),
            pl.col("cf_bw").median(),
            pl.col("cf_opens").median(),
            pl.col("cf_node_hours").median(),
        )
        .sort("cluster", "file_system", "program", "writes_more")
    )
    mo.vstack(
        [
            mo.md(
                "## Normalised performance and coverage factors\nA factor that nobody could measure is null, not zero."
            ),
            mo.ui.table(kinds.with_columns(pl.col(pl.Float64).round(3)), page_size=50, selection=None),
        ]
    )
    return (kinds,)


@app.cell
def _(correlate, mo, pl, study):
    metrics = ["cf_bw", "cf_opens", "cf_stats", "cf_node_hours", "used_pct", "fullest_ost_pct"]
    measured = study.filter(pl.col("normalised_performance").is_not_null())
    table = correlate(measured, "normalised_performance", metrics)
    mo.vstack(
        [
            mo.md(
                "## What performance follows\nPearson's r, pairwise without nulls. The study prints those with p < 1e-5 in bold."
            ),
            table.with_columns(pl.col("r").round(3), pl.col("p").round_sig_figs(3)),
        ]
    )
    return (table,)


@app.cell
def _(alt, mo, pl, study):
    # Okabe and Ito's colours, which colour-blind readers tell apart.
    colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
    contention = (
        alt.Chart(study.filter(pl.col("contention_bw").is_not_null()))
        .mark_point(filled=True, opacity=0.6)
        .encode(
            x=alt.X(
                "contention_bw:Q",
                axis=alt.Axis(title="contention: share of the bytes that were others'", format="%", tickCount=5),
            ),
            y=alt.Y(
                "normalised_performance:Q",
                axis=alt.Axis(title="performance over the best of its kind", format="%", tickCount=5),
            ),
            color=alt.Color("program:N", title="program", scale=alt.Scale(range=colours)),
            shape=alt.Shape("program:N"),
            tooltip=[
                "cluster",
                "job_id",
                "program",
                alt.Tooltip("contention_bw:Q", format=".1%"),
                alt.Tooltip("normalised_performance:Q", format=".1%"),
            ],
        )
        .properties(width=600, height=300)
    )
    mo.vstack([mo.md("## Performance beside contention"), contention])
    return (contention,)


if __name__ == "__main__":
    app.run()
