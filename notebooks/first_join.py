"""From zero to the first join: open a lake, look around, join what jobs did with what the servers saw."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os

    import marimo as mo
    import polars as pl

    from iolake import Lake, reports

    lake = Lake(os.environ.get("IOLAKE_LAKE", "demo-centre/lake"))
    mo.md(f"""
    # From zero to the first join
    This notebook reads `{lake.uri}`, or the lake that the environment's `IOLAKE_LAKE` names. `make demo` makes one.
    Every time is UTC, every byte a byte, and null means that nobody knows.
    """)
    return lake, mo, pl, reports


@app.cell
def _(lake, mo):
    tables = lake.sql("SELECT table_name, sum(rows)::BIGINT AS rows FROM files GROUP BY ALL ORDER BY rows DESC").pl()
    mo.vstack([mo.md("## What is there"), mo.ui.table(tables, page_size=50, selection=None)])
    return (tables,)


@app.cell
def _(lake, mo):
    columns = lake.sql(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = 'job_summary' ORDER BY column_index"
    ).pl()
    mo.vstack(
        [
            mo.md("## What a table has\nEach column has a comment: its unit in brackets, then what it means."),
            mo.ui.table(columns, page_size=20, selection=None, wrapped_columns=["comment"]),
        ]
    )
    return (columns,)


@app.cell
def _(lake, mo, pl):
    written = (
        lake.scan("darshan_posix")
        .group_by("cluster", "log_id")
        .agg(pl.col("POSIX_BYTES_WRITTEN").sum().alias("written"), pl.len().alias("files"))
        .sort("written", descending=True)
        .collect()
    )
    most = mo.ui.table(written.head(5), selection=None)
    mo.vstack([mo.md("## A table as a polars frame\nThe Darshan logs that wrote the most bytes:"), most])
    return (written,)


@app.cell
def _(lake, mo, pl):
    joined = lake.sql("""
        SELECT s.cluster, s.job_id, s.run_id, s.user_name, s.exe_names[1] AS program, s.start_time, s.end_time,
          s.write_bytes AS wrote, f.file_system, f.fs_write_bytes AS all_wrote
        FROM job_summary s
        JOIN job_file_system f USING (cluster, run_id)
        WHERE s.write_bytes > 0
        ORDER BY wrote DESC
    """).pl()
    mo.vstack(
        [
            mo.md("## The first join\nWhat each run wrote, and what everybody wrote to its file system while it ran:"),
            mo.ui.table(
                joined.head(10).select(
                    "cluster",
                    "job_id",
                    "user_name",
                    "program",
                    "start_time",
                    hours=((pl.col("end_time") - pl.col("start_time")).dt.total_seconds() / 3600).round(2),
                    wrote_gib=(pl.col("wrote") / 2**30).round(1),
                    file_system="file_system",
                    all_wrote_gib=(pl.col("all_wrote") / 2**30).round(1),
                ),
                format_mapping={"job_id": str},
                selection=None,
            ),
        ]
    )
    return (joined,)


@app.cell
def _(joined, lake, mo, reports):
    first = joined.row(0, named=True)
    picture = reports.job_timeline(lake, first["job_id"], first["cluster"], first["run_id"])
    mo.vstack([mo.md(f"## The run that wrote the most\nJob {first['job_id']} on {first['cluster']}:"), picture])
    return (picture,)


if __name__ == "__main__":
    app.run()
