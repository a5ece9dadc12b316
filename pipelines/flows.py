"""The Prefect flows: a thin coat over the plain functions, for the schedule, the fan-out and the picture of a run.

What is right in the lake never rests on Prefect's state: a flow that is doubled, retried or killed gives the
same lake (P9).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain

from prefect import flow, get_run_logger, task, unmapped
from prefect.futures import as_completed

from extractors.base import Span
from pipelines.ingest import Report, bundles, prepare, stage_bundle, whole_loads
from pipelines.plan import Plan, Unit
from pipelines.progress import line, summary
from schemas.site import Site
from warehouse.records import Load
from warehouse.warehouse import Published, Warehouse


@task(name="find what is new", retries=2, retry_delay_seconds=30)
def find_new(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """Plan the run's loads."""
    return prepare(site, sources, span)


@task(name="read and stage", retries=2, retry_delay_seconds=30)
def read_and_stage(bundle: list[Unit], site: Site) -> list[Load]:
    """Read a day of a source, or a batch of some hundred logs, and stage its rows."""
    return stage_bundle(bundle, site)


@task(name="publish", retries=2, retry_delay_seconds=30)
def publish(site: Site, loads: list[Load]) -> Published:
    """Publish all loads in one snapshot."""
    return Warehouse(site.lake_uri).commit(loads)


@flow(name="nightly", log_prints=True)
def nightly(
    site: str = "site.toml",
    days: int = 3,
    since: date | None = None,
    until: date | None = None,
    sources: tuple[str, ...] = (),
    lake: str | None = None,
) -> int | None:
    """Load what is new of the last `days` days, or of [`since`, `until`), into the lake; the new snapshot's number.

    Tasks run where the flow's task runner puts them: threads by default; for a Slurm cluster's own nodes or
    Kubernetes see deploy/.
    """
    log = get_run_logger()
    settings = Site.read(site)
    if lake is not None:
        settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": lake})})
    started = datetime.now(UTC)
    span = Span(since or (None if until else started.date() - timedelta(days=days)), until)
    plans = find_new(settings, tuple(sources), span)
    staged = read_and_stage.map(bundles(plans), unmapped(settings))
    pieces = chain.from_iterable(future.result() for future in as_completed(list(staged)))
    published = publish(settings, list(whole_loads(plans, pieces)))
    for load in published.loads:
        if load.is_news:
            log.info(line(load))
    seconds = (datetime.now(UTC) - started).total_seconds()
    log.info(summary(Report(published.loads, [] if published.snapshot is None else [published.snapshot], seconds)))
    return published.snapshot
