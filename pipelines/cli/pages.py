"""Commands that write pages: the morning page and a file system's page."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from iolake.pipelines.cli.options import DAY, Where, where_options


@click.command()
@click.argument("day", type=DAY, required=False)
@click.option(
    "--html", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of pages."
)
@where_options
def morning(day: datetime | None, folder: Path, where: Where) -> None:
    """Write the page of a day (UTC): its file systems, users, slow jobs with their verdicts, and what is missing.

    Without DAY it is the last day on which a job ended, in a lake without jobs the last day of any data. The folder
    also gets a page for each slow job, and an index with a calendar.

    \b
    iolake morning --html pages
    iolake morning 2026-11-27 --html pages
    """
    from iolake.reports.pages.morning import last_day, require_day, write_morning

    lake = where.open_lake()
    if day is not None:
        require_day(lake, day.date())
    asked: date | None = day.date() if day else last_day(lake)
    if asked is None:
        raise click.ClickException("the lake is empty; `iolake ingest` loads what is new")
    click.echo(write_morning(lake, asked, folder))


@click.command()
@click.argument("file_system")
@click.option("--since", type=DAY, help="First day (UTC).")
@click.option("--until", type=DAY, help="The day after the last (UTC).")
@click.option(
    "--html", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="HTML, SVG or PNG file."
)
@where_options
def fs(file_system: str, since: datetime | None, until: datetime | None, path: Path, where: Where) -> None:
    """Write the page of a file system: bandwidth by day, fullness and its forecast, targets, users, coverage.

    \b
    iolake fs scratch2 --html scratch2.html
    iolake fs scratch2 --since 2026-09-01 --until 2026-12-01 --html autumn.html
    """
    from iolake.reports.pages.file_system import file_system_page

    page = file_system_page(
        where.open_lake(), file_system, since.date() if since else None, until.date() if until else None
    )
    page.write(path)
    click.echo(path)
