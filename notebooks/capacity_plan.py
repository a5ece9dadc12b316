"""A file system's capacity plan: how full it is, how fast it fills, when to buy or to purge, and who fills it."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from datetime import timedelta

    import marimo as mo
    import polars as pl
    import polars.selectors as cs

    from iolake import Lake, reports

    lake = Lake(os.environ.get("IOLAKE_LAKE", "demo-centre/lake"))
    known = lake.sql("SELECT owner FROM derived WHERE table_name = 'file_system_day' GROUP BY owner ORDER BY owner")
    file_systems = [name for (name,) in known.fetchall()]
    choice = mo.ui.dropdown(file_systems, value=file_systems[0], label="File system")
    mo.vstack([mo.md("# A file system's capacity plan"), choice])
    return choice, cs, file_systems, lake, mo, pl, reports, timedelta


@app.cell
def _(choice, lake, timedelta):
    file_system = choice.value
    since, until = lake.sql(
        "SELECT min(date), max(date) + 1 FROM derived WHERE table_name = 'file_system_day' AND owner = $1",
        [file_system],
    ).fetchall()[0]
    last = until - timedelta(days=1)
    return file_system, last, since, until


@app.cell
def _(file_system, lake, last, mo, reports, since, until):
    picture = reports.fullness(lake, file_system, since, until)
    mo.vstack([mo.md(f"## How full {file_system} is\nFrom {since} to {last}."), picture])
    return (picture,)


@app.cell
def _(cs, file_system, lake, mo, pl, since, until):
    trend = lake.sql("FROM fullness_trend($1, $2, $3)", [file_system, since, until]).pl()
    limits = pl.DataFrame({"limit_pct": [80, 85, 90, 95, 100]})
    growing = pl.col("bytes_a_day") > 0
    room = pl.col("limit_pct") / 100 * pl.col("total_bytes") - pl.col("used_bytes")
    plan = (
        trend.filter(pl.col("target").is_null())
        .join(limits, how="cross")
        .select(
            "limit_pct",
            "used_pct",
            tib_a_day=pl.col("bytes_a_day") / 2**40,
            days_left=pl.when(room <= 0).then(0.0).when(growing).then(room / pl.col("bytes_a_day")),
        )
        .with_columns(on=pl.lit(until) + pl.duration(days=pl.col("days_left").ceil()))
    )
    mo.vstack(
        [
            mo.md("## When it is full\nA line through the days' last values. Without a number it does not grow."),
            plan.with_columns(cs.float().round(2)),
            mo.md("Each target; one that is full slows all whose files lie on it:"),
            trend.filter(pl.col("target").is_not_null())
            .sort("days_to_full", nulls_last=True)
            .head(10)
            .select(
                "target",
                "days",
                "used_pct",
                "days_to_full",
                used_tib=pl.col("used_bytes") / 2**40,
                total_tib=pl.col("total_bytes") / 2**40,
                tib_a_day=pl.col("bytes_a_day") / 2**40,
            )
            .with_columns(cs.float().round(2)),
        ]
    )
    return plan, trend


@app.cell
def _(cs, file_system, lake, mo, pl, since, until):
    users = lake.sql("FROM top_users($1, $2, $3) WHERE share IS NOT NULL LIMIT 15", [file_system, since, until]).pl()
    shown = users.with_columns(
        read_gib=pl.col("read_bytes") / 2**30,
        write_gib=pl.col("write_bytes") / 2**30,
        share_pct=100 * pl.col("share"),
    ).drop("read_bytes", "write_bytes", "share")
    mo.vstack(
        [
            mo.md("## Who fills it\nBytes that users' jobs moved, by the servers' count or else by Darshan."),
            mo.ui.table(shown.with_columns(cs.float().round(2)), page_size=15, selection=None),
        ]
    )
    return (users,)


@app.cell
def _(file_system, lake, mo, reports, since, until):
    traffic = reports.bytes_by_day(lake, file_system, since, until)
    mo.vstack(
        [mo.md("## What it moves a day\nBytes read and written by all users; grey days were not seen enough."), traffic]
    )
    return (traffic,)


if __name__ == "__main__":
    app.run()
