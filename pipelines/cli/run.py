"""Commands that load: demo, ingest, serve."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from iolake.pipelines.cli.options import DAY, Where, where_options
from iolake.pipelines.cli.passes import end


class _Cron(click.ParamType[str]):
    """A schedule in cron's form."""

    name = "cron"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from prefect.client.schemas.schedules import CronSchedule

        try:
            return CronSchedule(cron=value).cron
        except ValueError:
            self.fail(f"{value!r} is not a cron schedule, such as '30 3 * * *'.", param, ctx)


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--since", type=DAY, help="The first day to load, in each source's own zone.")
@click.option("--until", type=DAY, help="The day to stop before.")
@click.option("--workers", type=click.IntRange(1), help="Processes to decode with [default: one a core].")
@click.option("--dask", metavar="WHERE", help="Decode on Dask's workers: local, slurm, or a scheduler's address.")
@where_options
def ingest(
    sources: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    workers: int | None,
    dask: str | None,
    where: Where,
) -> None:
    """Load what is new.

    Without days, everything that the site's patterns match and the lake does not have yet. Running it again
    changes nothing. The exit status is 1 where every input of a source was rejected, a command or database could not
    be asked, or nothing was found where the site says that a source is; the other sources are loaded all the same.

    \b
    iolake ingest                                      everything
    iolake ingest darshan slurm --since 2026-11-21     two sources, from a day on
    iolake ingest --dask slurm --workers 4             on four jobs of Slurm; their options are in site.toml's [workers]
    """
    from iolake.extractors.base import Span
    from iolake.pipelines.ingest import ingest as run
    from iolake.pipelines.progress import shown

    if since and until and since > until:
        raise click.BadParameter(f"{since:%Y-%m-%d} is later than --until {until:%Y-%m-%d}", param_hint="--since")
    site = where.read_site()
    if dask is not None:
        site = site.with_dask(dask)
    with shown() as watcher:
        report = run(site, sources, Span(_date(since), _date(until)), workers, watcher)
    watcher.summarise(report)
    end(report)


@click.command()
@click.option("--cron", type=_Cron(), default="30 3 * * *", show_default=True, help="When, in cron's form, UTC.")
@click.option("--days", type=click.IntRange(0), default=3, show_default=True, help="How many days back each run looks.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=4200,
    show_default=True,
    help="Where the schedule's page is, on this machine.",
)
@where_options
def serve(cron: str, days: int, port: int, where: Where) -> None:
    """Run the nightly schedule on this machine until interrupted.

    Prefect keeps the schedule, and a page of its runs. The server is the one that PREFECT_API_URL names, or one
    that starts here and ends with the command.

    \b
    iolake serve --cron "0 4 * * *"
    """
    from iolake.pipelines.serve import serve as run

    where.read_site()
    run(Path(where.site or "site.toml").resolve(), where.lake, cron, days, port)


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo-centre", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1), default=300, show_default=True, help="Jobs to simulate.")
@click.option("--days", type=click.IntRange(1), default=3, show_default=True, help="Days to simulate.")
def demo(folder: Path, jobs: int, days: int) -> None:
    """Simulate a small centre, ingest it with the nightly flow, and answer a first question.

    It needs no configuration and no server. The centre's files, its site.toml and the lake stay in DIR, to look at.

    \b
    iolake demo
    iolake sql --site demo-centre/site.toml "FROM job_summary LIMIT 5"
    """
    from iolake.pipelines.walkthrough import run

    run(folder, jobs=jobs, days=days)


def _date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
