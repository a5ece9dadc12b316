"""`iolake demo`: a simulated centre, ingested by the nightly flow itself, and a first question answered."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import click

from iolake.schemas.errors import PermanentError


class DemoError(PermanentError):
    """The demo cannot be made in that folder. The text is one line for a person."""


def run(folder: Path, jobs: int, days: int) -> None:
    """Simulate `jobs` jobs over `days` days in `folder`, load them, and print what was slow and why. DemoError."""
    from iolake.demo.centre import START, simulate

    if folder.exists() and any(folder.iterdir()):
        if not (folder / "truth.json").exists():
            raise DemoError(f"{folder}: is not empty and holds no simulated centre; name another folder")
        click.echo(f"{folder}/ holds a simulated centre already; loading what is new of it")
    else:
        started = time.monotonic()
        ran = len(simulate(folder, jobs=jobs, days=days).jobs)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        from iolake.reports.units import bytes_text

        click.echo(f"simulated {ran} jobs over {days} days in {folder}/: {bytes_text(size)} in {_since(started)}")
    site = folder / "site.toml"
    click.echo("loading it with the nightly flow, on a temporary Prefect server ...")
    _nightly(site, START.isoformat())
    _answer(folder, site)


def _nightly(site: Path, since: str) -> None:
    """Run the flow once, on a server that lives as long as this process."""
    prepare_server(site.parent)
    from datetime import date

    from iolake.pipelines.flows import nightly

    nightly(site=str(site.resolve()), since=date.fromisoformat(since))


def prepare_server(folder: Path) -> None:
    """Set up Prefect for a temporary server that keeps its files in `folder` and prints nothing but our warnings."""
    settings = {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(folder.resolve() / ".prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # The server's libraries print a traceback for each connection that its end cuts off.
        "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    logging.getLogger("iolake").setLevel(logging.WARNING)


def _answer(folder: Path, site: Path) -> None:
    from iolake.reports.worst import worst_jobs
    from iolake.schemas.site import Site
    from iolake.warehouse.lake import Lake

    lake = Lake(Site.read(site).lake_uri)
    click.echo("")
    click.echo(worst_jobs(lake))
    click.echo("")
    click.echo(f'Ask on:  iolake sql --site {site} "FROM job_verdict WHERE cause IS NOT NULL"')
    for (job_id,) in lake.sql("SELECT job_id FROM job_verdict ORDER BY lost_s DESC NULLS LAST LIMIT 1").fetchall():
        click.echo(f"         iolake job {job_id} --site {site} --html job.html")
    click.echo(f"         iolake status --site {site}")
    click.echo(f"         duckdb -readonly {folder}/lake/lake.duckdb")


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
