"""Commands that judge runs: job, worst, compare, umami, find, findings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import click

from iolake.pipelines.cli.options import DAY, Where, where_options

Format = Literal["text", "json"]
_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or one JSON object a line.",
)
_CLUSTER = click.option("--cluster", help="The cluster that ran it, where several have a job of that id.")
_SINCE = click.option("--since", type=DAY, help="First day (UTC) of the runs' ends.")
_UNTIL = click.option("--until", type=DAY, help="The day (UTC) to stop before.")


@click.command()
@click.argument("job_id")
@_CLUSTER
@click.option("--run", "run_id", help="The run of the job, where it has several; the page shows the last one.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page: an HTML, SVG or PNG file.")
@click.option("--snapshot", type=int, metavar="N", help="Ask snapshot N instead of the newest one.")
@_FORMAT
@where_options
def job(
    job_id: str,
    cluster: str | None,
    run_id: str | None,
    html: Path | None,
    snapshot: int | None,
    form: Format,
    where: Where,
) -> None:
    """Show one job: why it was slow, and what scheduler, application and file systems say of it.

    The verdict comes first, with its findings; then how the job did beside others of its kind, its accesses, its
    targets, its neighbours, and the record of each source.

    \b
    iolake job 4478544
    iolake job 1234_57
    iolake job 1234_[1-4]
    iolake job 1234+0
    iolake job 1234.batch
    iolake job 4478544 --html job.html
    iolake job 4478544 --format json
    """
    from iolake.reports.job import job_facts, job_page
    from iolake.reports.job_ids import wanted_jobs

    lake = where.open_lake(snapshot)
    jobs = wanted_jobs(lake, job_id, cluster)
    if html is not None:
        from iolake.reports.pages import job as pages_of_jobs

        wanted = jobs[0]
        run_id = run_id or (list(wanted.run_ids)[-1] if wanted.run_ids else None)
        pages_of_jobs.job_page(lake, wanted.job_id, cluster, run_id).write(html)
        click.echo(html)
    elif form == "json":
        _print_json(run for one in jobs for run in job_facts(lake, one.job_id, cluster, one.run_ids))
    else:
        click.echo("\n\n".join(job_page(lake, one.job_id, cluster, one.run_ids) for one in jobs))


@click.command()
@_SINCE
@_UNTIL
@click.option("--limit", type=click.IntRange(1), default=5, show_default=True, help="How many jobs to show.")
@_FORMAT
@where_options
def worst(since: datetime | None, until: datetime | None, limit: int, form: Format, where: Where) -> None:
    """Show the jobs that moved data slowest beside others of their kind, the worst first.

    \b
    iolake worst
    iolake worst --since 2026-11-01 --until 2026-12-01 --limit 20
    """
    from iolake.reports.judgement import rows
    from iolake.reports.worst import worst_jobs, worst_query

    lake = where.open_lake()
    if form == "json":
        _print_json(rows(lake, worst_query(limit, _date(since), _date(until))))
    else:
        click.echo(worst_jobs(lake, limit, _date(since), _date(until)))


@click.command()
@click.argument("job_id", metavar="JOB")
@click.argument("other_id", metavar="JOB")
@_CLUSTER
@_FORMAT
@where_options
def compare(job_id: str, other_id: str, cluster: str | None, form: Format, where: Where) -> None:
    """Show two jobs side by side: what they did, what befell them, and where they differ.

    A job that has several runs is named by its run_id.

    \b
    iolake compare 4478544 4478545
    iolake compare 4478544.1489999862 4478544.1490086262
    """
    from iolake.reports.runs import compare as differences
    from iolake.reports.runs import compare_page, the_run

    lake = where.open_lake()
    one, other = the_run(lake, job_id, cluster), the_run(lake, other_id, cluster)
    found = differences(lake, one, other)
    if form == "json":
        _print_json([{"one": one, "other": other, "metrics": found}])
    else:
        click.echo(compare_page(one, other, found))


@click.command()
@click.argument("job_id", metavar="JOB")
@_CLUSTER
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="How far back to look.")
@_FORMAT
@where_options
def umami(job_id: str, cluster: str | None, days: int, form: Format, where: Where) -> None:
    """Show each metric of a job beside the history of its kind: percentile and quarter.

    Its kind are the runs of the same program on the same file system in the same direction that ended before it.

    \b
    iolake umami 4478544
    iolake umami 4478544 --days 365 --format json
    """
    from iolake.reports.judgement import history, umami_table
    from iolake.reports.runs import the_run

    lake = where.open_lake()
    run = the_run(lake, job_id, cluster)
    metrics = history(lake, run["cluster"], run["run_id"], run["date"], days)
    if form == "json":
        _print_json(metrics)
    else:
        table = umami_table(metrics)
        click.echo("\n".join(table) if table else f"no run of its kind ended in the {days} days before")


@click.command()
@click.option("--user", help="Who ran it: a name, or a pattern such as 'am*'.")
@click.option("--program", help="The program, its path or the job's name: a name, or a pattern such as '*/vasp*'.")
@click.option("--path", help="A path that the log names: its beginning, or a pattern such as '/scratch/*/ckpt*'.")
@_SINCE
@_UNTIL
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many rows to show.")
@_FORMAT
@where_options
def find(
    user: str | None,
    program: str | None,
    path: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    form: Format,
    where: Where,
) -> None:
    """Find Darshan logs and jobs by user, program, path and time; a job without logs has a row, too.

    \b
    iolake find --user amy --since 2026-11-21
    iolake find --path /scratch/amy --program vasp_std
    """
    from iolake.reports.runs import find as matches

    shown = ("cluster", "job_id", "user_name", "program", "state", "start_time", "end_time", "nprocs", "file_name")
    found = matches(where.open_lake(), user, program, path, _date(since), _date(until), limit)
    _print(found, shown, form, "no job and no log matches")


@click.command()
@_SINCE
@_UNTIL
@click.option("--code", "codes", multiple=True, help="A rule of finding_rules; may be given several times.")
@click.option(
    "--severity",
    "severities",
    multiple=True,
    type=click.Choice(["high", "medium", "low", "info"]),
    help="How grave; may be given several times.",
)
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many findings to show.")
@_FORMAT
@where_options
def findings(
    since: datetime | None,
    until: datetime | None,
    codes: Sequence[str],
    severities: Sequence[str],
    limit: int,
    form: Format,
    where: Where,
) -> None:
    """List what is worth knowing about the I/O of runs and about file systems, the gravest of each day first.

    \b
    iolake findings --since 2026-11-21 --severity high
    iolake findings --code neighbour --code full-target
    iolake sql "FROM finding_rules"
    """
    from iolake.reports.runs import findings as found_in

    found = found_in(where.open_lake(), _date(since), _date(until), codes, severities, limit)
    _print(found, ("date", "about", "severity", "code", "sentence"), form, "nothing was found")


def _print(found: Sequence[Mapping[str, Any]], shown: Sequence[str], form: Format, nothing: str) -> None:
    """Print rows as JSON, or their columns `shown` as a table; without rows, print `nothing`."""
    from iolake.pipelines.output import print_rows

    if form == "json":
        _print_json(found)
    elif found:
        print_rows(shown, [[row[name] for name in shown] for row in found], sys.stdout)
    else:
        click.echo(nothing)


def _print_json(found: Iterable[Mapping[str, Any]]) -> None:
    for row in found:
        click.echo(json.dumps(row, default=str, ensure_ascii=False))


def _date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
