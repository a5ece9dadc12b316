"""The Prefect flows: a thin coat over the plain functions, for the schedule, the fan-out and the picture of a run.

What is right in the lake never rests on Prefect's state: a flow that is doubled, retried or killed gives the
same lake (P9).
"""

# No postponed annotations here: a served flow's parameters are checked where their names can't be looked up.

from collections.abc import Iterator
from concurrent.futures import Executor
from datetime import UTC, date, datetime, timedelta

from prefect import flow, get_run_logger, task, unmapped
from prefect.futures import as_completed

from iolake.extractors.base import Span
from iolake.pipelines.ingest import Report, bundles, prepare, whole_loads
from iolake.pipelines.plan import Plan
from iolake.pipelines.progress import line, summary
from iolake.pipelines.stage import Unit, stage_bundle
from iolake.pipelines.workers import workers_for
from iolake.schemas.site import Site
from iolake.warehouse.compact import NIGHTLY_CELLS, Compacted, compact
from iolake.warehouse.derive import Derived, derive
from iolake.warehouse.records import Load
from iolake.warehouse.thresholds import set_thresholds
from iolake.warehouse.warehouse import Published, Warehouse


@task(name="find what is new", retries=2, retry_delay_seconds=30)
def find_new(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """Plan the run's loads."""
    return prepare(site, sources, span)


_workers: Executor | None = None
"""The running flow's processes; None in a worker that a task runner has put elsewhere."""


@task(name="read and stage", retries=2, retry_delay_seconds=30)
def read_and_stage(bundle: list[Unit], site: Site) -> list[Load]:
    """Read a day of a source, or a batch of some hundred logs, and stage its rows."""
    if _workers is None:
        return stage_bundle(bundle, site)
    return _workers.submit(stage_bundle, bundle, site).result()


@task(name="publish", retries=2, retry_delay_seconds=30)
def publish(site: Site, loads: list[Load]) -> Published:
    """Publish all loads in one snapshot."""
    return Warehouse(site.lake_uri).commit(loads)


@task(name="derive", retries=2, retry_delay_seconds=30)
def derive_marts(site: Site) -> Derived:
    """Compute the partitions of marts whose sources, or whose thresholds in site.toml, changed."""
    warehouse = Warehouse(site.lake_uri)
    set_thresholds(warehouse, site.findings)
    return derive(warehouse)


@task(name="merge files of closed days", retries=2, retry_delay_seconds=30)
def merge_files(site: Site) -> Compacted:
    """Merge the files of closed days, within bounds; what is left is the next night's."""
    warehouse = Warehouse(site.lake_uri)
    return Compacted() if warehouse.newest() is None else compact(warehouse, budget=NIGHTLY_CELLS)


@flow(name="nightly")
def nightly(
    site: str = "site.toml",
    days: int = 3,
    since: date | None = None,
    until: date | None = None,
    sources: tuple[str, ...] = (),
    lake: str | None = None,
    workers: int | None = None,
) -> int | None:
    """Load what is new of the last `days` days, or of [`since`, `until`), into the lake; the new snapshot's number.

    Decoding fans out over `workers` processes of this machine, by default one a core; 1 leaves it to the tasks,
    for a task runner that spreads them over a cluster's own nodes or Kubernetes: see deploy/.
    """
    log = get_run_logger()
    settings = Site.read(site)
    if lake is not None:
        settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": lake})})
    started = datetime.now(UTC)
    span = Span(since or (None if until else started.date() - timedelta(days=days)), until)
    plans = find_new(settings, tuple(sources), span)
    published = publish(settings, list(whole_loads(plans, _staged(plans, settings, workers))))
    for load in published.loads:
        if load.is_news:
            log.info(line(load))
    derived = derive_marts(settings)
    merge_files(settings)
    snapshots = [*([] if published.snapshot is None else [published.snapshot]), *derived.snapshots]
    seconds = (datetime.now(UTC) - started).total_seconds()
    log.info(summary(Report(published.loads, snapshots, derived, seconds)))
    return Warehouse(settings.lake_uri).newest() if snapshots else None


def _staged(plans: list[Plan], site: Site, workers: int | None) -> Iterator[Load]:
    """The pieces of all loads, as the tasks that stage them end."""
    global _workers  # noqa: PLW0603  a pool can't be handed to a task, which may run in another process
    work = bundles(plans)
    with workers_for(work, workers) as _workers:
        staged = read_and_stage.map(work, unmapped(site))
        for future in as_completed(list(staged)):
            yield from future.result()
    _workers = None
