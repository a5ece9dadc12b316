"""Commands of statistics: correlate, bad-osts, families, periods."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import click

from iolake.pipelines.cli.options import DAY, Where, where_options

if TYPE_CHECKING:
    import duckdb
    import polars as pl

Format = Literal["table", "csv", "json", "parquet"]
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "parquet"]), default="table", show_default=True
)
_SINCE = click.option("--since", type=DAY, help="First day (UTC).")
_UNTIL = click.option("--until", type=DAY, help="The day (UTC) to stop before.")
_FILES = """
SELECT file_system, osts, bytes_per_s FROM file_performance
WHERE osts IS NOT NULL AND bytes_per_s IS NOT NULL
  AND ($1::DATE IS NULL OR date >= $1::DATE) AND ($2::DATE IS NULL OR date < $2::DATE)
  AND ($3::BIGINT IS NULL OR job_id = $3) AND ($4::VARCHAR IS NULL OR cluster = $4)
  AND ($5::VARCHAR IS NULL OR log_id = $5) AND ($6::VARCHAR IS NULL OR file_system = $6)
"""


@click.command()
@click.argument("query")
@click.option("--of", metavar="COLUMN", required=True, help="The quantity to explain.")
@click.option("--with", "with_", metavar="COLUMN", multiple=True, help="A metric [default: every column of numbers].")
@click.option("--by", metavar="COLUMN", multiple=True, help="Correlate in each group of equal values apart.")
@click.option("--method", type=click.Choice(["pearson", "spearman"]), default="pearson", show_default=True)
@_FORMAT
@where_options
def correlate(
    query: str,
    of: str,
    with_: Sequence[str],
    by: Sequence[str],
    method: Literal["pearson", "spearman"],
    form: Format,
    where: Where,
) -> None:
    """Correlate a column of a query's answer with the others: n, r and its two-sided p.

    QUERY is any SQL that DuckDB runs, files included; without a lake it reads files alone. Values that are null or
    infinite are left out pair by pair. Metrics with fewer than two distinct values have no row.

    \b
    iolake correlate "FROM job_summary" --of performance_bytes_per_s --by file_system
    iolake correlate "FROM read_csv('summaries.csv')" --of performance --with contention --method spearman
    """
    import duckdb

    from iolake.analysis import correlate as correlations
    from iolake.analysis.errors import AnalysisError
    from iolake.warehouse.errors import NoLake

    try:
        con = where.open_lake().connect()
    except NoLake:
        if where.lake is not None or where.has_site:
            raise
        con = duckdb.connect()
    answer = con.sql(query)
    if answer is None:
        raise click.BadParameter("the query returns no rows; write one such as FROM job_summary", param_hint="QUERY")
    try:
        frame = answer.pl()
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        if "CSV" not in str(error):
            raise
        wrong = next((line for line in str(error).splitlines() if "onver" in line and "CSV" not in line), str(error))
        hint = "read_csv(FILE, sample_size = -1) looks at every row before it takes a column for numbers"
        raise AnalysisError(f"{wrong.strip()}; {hint}") from None
    _write(con, correlations(frame, of, list(with_) or None, list(by), method), form)


@click.command("bad-osts")
@click.option("--job", "job_id", type=int, help="Files of this job alone.")
@click.option("--cluster", help="Files of jobs of this cluster alone.")
@click.option("--log", "log_id", help="Files of the log of this log_id alone.")
@click.option("--file-system", help="Files on this file system alone.")
@_SINCE
@_UNTIL
@_FORMAT
@where_options
def bad_osts(
    job_id: int | None,
    cluster: str | None,
    log_id: str | None,
    file_system: str | None,
    since: datetime | None,
    until: datetime | None,
    form: Format,
    where: Where,
) -> None:
    """Show which object storage targets go with slow files, the worst of each file system first.

    For each target: the correlation of files' performance with lying on it (Pearson's r and Spearman's rho, with p); a
    file with n targets weighs 1/n on each. Days are those of the logs.

    \b
    iolake bad-osts --job 4478544
    iolake bad-osts --file-system scratch2 --since 2026-11-01 --until 2026-12-01
    """
    import polars as pl

    from iolake.analysis import bad_osts as correlations

    con = where.open_lake().connect()
    asked = [since and since.date(), until and until.date(), job_id, cluster, log_id, file_system]
    files: pl.DataFrame = con.sql(_FILES, params=asked).pl()
    parts = [
        correlations(own).select(pl.lit(name, pl.String).alias("file_system"), pl.all())
        for (name,), own in files.group_by(["file_system"], maintain_order=True)
    ]
    none = correlations(files.clear()).select(pl.lit(None, pl.String).alias("file_system"), pl.all())
    found = pl.concat([none, *parts]).sort("file_system", "r", "ost", nulls_last=True)
    target = pl.Series("target", [f"OST{ost:04x}" for ost in found["ost"]], dtype=pl.String)
    _write(con, found.insert_column(1, target), form)


@click.command()
@click.option("--cluster", help="Logs of this cluster alone.")
@click.option("--direction", type=click.Choice(["read", "write"]), default="write", show_default=True)
@click.option("--least", type=click.IntRange(2), default=40, show_default=True, help="Runs that make a family.")
@_SINCE
@_UNTIL
@_FORMAT
@where_options
def families(
    cluster: str | None,
    direction: Literal["read", "write"],
    least: int,
    since: datetime | None,
    until: datetime | None,
    form: Format,
    where: Where,
) -> None:
    """Show families of runs: logs of one program and user that moved data alike, and how their speed varies.

    For each family: runs, their mean speed, its coefficient of variation, and that of the time between starts. Days
    are those of the logs. Alike are logs in one cluster of Ward's method over bytes and access sizes.

    \b
    iolake families --since 2026-11-01 --direction read --least 5
    """
    import polars as pl

    from iolake.analysis import families as clustered

    con = where.open_lake().connect()
    logs: pl.DataFrame = con.sql(
        "FROM log_features WHERE ($1::VARCHAR IS NULL OR cluster = $1) "
        "AND ($2::DATE IS NULL OR date >= $2::DATE) AND ($3::DATE IS NULL OR date < $3::DATE)",
        params=[cluster, since and since.date(), until and until.date()],
    ).pl()
    moved = logs.filter(pl.col(f"{direction}_bytes") > 0).sort("start_time")
    features = [n for n in logs.columns if n.startswith(f"{direction}_") and n != f"{direction}_bytes_per_s"]
    runs = clustered(moved, ["cluster", "exe_name", "uid"], features, least).drop_nulls("family")
    speed, gap = pl.col(f"{direction}_bytes_per_s"), pl.col("start_time").diff().dt.total_seconds(fractional=True)
    found = runs.group_by("cluster", "exe_name", "uid", "family").agg(
        runs=pl.len(),
        first_start=pl.col("start_time").min(),
        last_start=pl.col("start_time").max(),
        mean_bytes=pl.col(f"{direction}_bytes").mean(),
        mean_bytes_per_s=speed.mean(),
        speed_cov_pct=100 * speed.std(ddof=0) / speed.mean(),
        arrival_cov_pct=100 * gap.std(ddof=0) / gap.mean(),
    )
    _write(con, found.sort("speed_cov_pct", "family", descending=[True, False], nulls_last=True), form)


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--cluster", help="The cluster that ran it, where several have a job of that id.")
@click.option(
    "--bins", type=click.IntRange(8, 100_000), default=1000, show_default=True, help="Equal parts of its time."
)
@_FORMAT
@where_options
def periods(job_id: str, cluster: str | None, bins: int, form: Format, where: Where) -> None:
    """Show at what pace a job's bursts of I/O come, how wide they are, and how sure that is.

    One row for reads, writes and both together, by the finest record of the job's logs: heatmap, trace, or counters.
    Everything but steps and step_s is null where no frequency stands out.

    \b
    iolake periods 4478544
    iolake periods 4478544 --bins 5000 --format json
    """
    from iolake.reports.runs import periods_of, the_run

    lake = where.open_lake()
    _write(lake.connect(), periods_of(lake, the_run(lake, job_id, cluster), bins), form)


def _write(con: duckdb.DuckDBPyConnection, found: pl.DataFrame, form: Format) -> None:
    from iolake.pipelines.output import write

    con.register("iolake_answer", found)
    write(con.sql("FROM iolake_answer"), form, sys.stdout)
