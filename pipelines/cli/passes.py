"""`iolake run`: the scheduled runs without a scheduler, for cron, systemd and by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from iolake.pipelines.cli.options import DAY, Where, where_options

if TYPE_CHECKING:
    from iolake.pipelines.ingest import Report
    from iolake.pipelines.passes import Done, PassSteps

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def run() -> None:
    """Do once what the schedule does: what Prefect's flows and systemd's units run.

    The exit status is 1 where a source failed as a whole; see `iolake ingest --help`.
    """


def _workers(command: _F) -> _F:
    return click.option("--workers", type=click.IntRange(1), help="Processes to decode with [default: one a core].")(
        command
    )


@run.command()
@click.option("--day", type=DAY, help="The day (UTC) that ended [default: yesterday].")
@click.option("--days", type=click.IntRange(1), default=3, show_default=True, help="How many days to look at.")
@_workers
@where_options
def nightly(day: datetime | None, days: int, workers: int | None, where: Where) -> None:
    """Load the last days, merge small files, and write the morning page of the day that ended.

    \b
    iolake run nightly
    iolake run nightly --day 2026-11-27
    """
    from iolake.pipelines.passes import nightly as run_

    site = where.read_site()
    ended = day.date() if day else today() - timedelta(days=1)
    _show(lambda steps: run_(site, ended, days, steps=steps), workers)


@run.command()
@_workers
@where_options
def hourly(workers: int | None, where: Where) -> None:
    """Load what changed of today and yesterday; seconds where nothing did.

    \b
    iolake run hourly
    """
    from iolake.pipelines.passes import hourly as run_

    site = where.read_site()
    _show(lambda steps: run_(site, today(), steps=steps), workers)


@run.command()
@where_options
def weekly(where: Where) -> None:
    """Merge the files of all closed days, then remove old snapshots and the files that only they name.

    \b
    iolake run weekly
    """
    from iolake.pipelines.passes import weekly as run_

    site = where.read_site()
    _show(lambda steps: run_(site, steps), None)


@run.command()
@click.option("--days", type=click.IntRange(1), default=400, show_default=True, help="How many days back.")
@_workers
@where_options
def sweep(days: int, workers: int | None, where: Where) -> None:
    """Load late files of the last days, and list the days that have no input.

    \b
    iolake run sweep --days 30
    """
    from iolake.pipelines.passes import sweep as run_

    site = where.read_site()
    done = _show(lambda steps: run_(site, today(), days, steps=steps), workers, judge=False)
    for source, owner, day in done.gaps:
        click.echo(f"{source:<8} {owner:<12} {day}  no input")
    end(done)


@run.command()
@click.argument("since", type=DAY)
@click.argument("until", type=DAY)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--step-days", type=click.IntRange(1), default=7, show_default=True, help="Days to publish at once.")
@_workers
@where_options
def backfill(
    since: datetime, until: datetime, sources: tuple[str, ...], step_days: int, workers: int | None, where: Where
) -> None:
    """Load the days from SINCE to the day before UNTIL, the newest first, some days at a time.

    \b
    iolake run backfill 2025-01-01 2026-01-01 darshan slurm
    """
    from iolake.pipelines.passes import backfill as run_

    if since >= until:
        raise click.BadParameter(f"{until:%Y-%m-%d} is not after SINCE, {since:%Y-%m-%d}", param_hint="UNTIL")
    site = where.read_site()
    _show(lambda steps: run_(site, since.date(), until.date(), sources, step_days, steps), workers)


def today() -> date:
    """The present day in UTC."""
    return datetime.now(UTC).date()


def end(report: Report) -> None:
    """Exit with status 1 and a line for each source that failed, where one did."""
    for failure in report.failures:
        click.echo(f"iolake: {failure}", err=True)
    if report.failures:
        sys.exit(1)


def _show(run_: Callable[[PassSteps], Done], workers: int | None, judge: bool = True) -> Done:
    """Run with a bar, say what was done, and end with status 1 where a source failed."""
    from iolake.pipelines.passes import PassSteps
    from iolake.pipelines.progress import shown

    with shown() as watcher:
        done = run_(PassSteps(watcher, workers))
    watcher.summarise(done)
    if judge:
        end(done)
    return done
