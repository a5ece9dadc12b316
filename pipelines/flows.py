"""The Prefect flows: the scheduled runs of `passes`, with their steps as tasks, a bar and a table on Prefect's page.

What is right in the lake never rests on Prefect's state: a flow that is doubled, retried or killed gives the
same lake (P9).
"""

# No postponed annotations here: a served flow's parameters are checked where their names can't be looked up.

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from iolake.extractors.base import Span
from iolake.pipelines import artifacts, passes
from iolake.pipelines.progress import line, summary
from iolake.pipelines.tasks import TaskSteps, span_name
from iolake.schemas.site import Site
from iolake.warehouse.warehouse import Warehouse


def _start() -> datetime:
    """When the run was due, UTC; a run that starts late is still that of its day."""
    due: datetime | None = flow_run.scheduled_start_time
    return (due or datetime.now(UTC)).astimezone(UTC)


def _ended_day() -> date:
    """The UTC day that ended before the run was due."""
    return _start().date() - timedelta(days=1)


def _named(kind: str) -> Callable[[], str]:
    """The name of a run of `kind`, for Prefect to ask when it starts."""

    def name() -> str:
        given: dict[str, Any] = flow_run.parameters
        only = " ".join(["", *given.get("sources", ())])
        if kind == "backfill" or (kind == "nightly" and (given.get("since") or given.get("until"))):
            return f"{kind} {span_name(Span(given['since'], given['until']))}{only}"
        if kind == "sweep":
            return f"sweep {given['days']} days to {_start():%Y-%m-%d}{only}"
        if kind == "nightly":
            return f"nightly {given.get('day') or _ended_day()}{only}"
        return f"{kind} {_start():%Y-%m-%d}" + (f" {_start():%H:%M}" if kind in ("hourly", "derive") else "") + only

    return name


@flow(name="nightly", flow_run_name=_named("nightly"))
def nightly(
    site: str = "site.toml",
    days: int = 3,
    since: date | None = None,
    until: date | None = None,
    sources: tuple[str, ...] = (),
    lake: str | None = None,
    workers: int | None = None,
) -> State[Any]:
    """Load what is new of the last `days` days, derive, merge small files, write the page of the day that ended.

    With `since` or `until` it loads [`since`, `until`) instead, and writes no page. Decoding fans out over `workers`
    processes, by default one a core. The run's result is the number of the new snapshot.
    """
    settings, steps = _site(site, lake), TaskSteps(artifacts.Bar(), workers)
    if since or until:
        done = passes.load(settings, Span(since, until), sources, steps)
    else:
        done = passes.nightly(settings, _ended_day(), days, sources, steps)
    return _ended("nightly", settings, done)


@flow(name="hourly", flow_run_name=_named("hourly"))
def hourly(
    site: str = "site.toml", sources: tuple[str, ...] = (), lake: str | None = None, workers: int | None = None
) -> State[Any]:
    """Load what changed of today and yesterday; seconds, and no snapshot, where nothing did."""
    settings = _site(site, lake)
    done = passes.hourly(settings, _start().date(), sources, TaskSteps(artifacts.Bar(), workers))
    return _ended("hourly", settings, done)


@flow(name="derive", flow_run_name=_named("derive"))
def derive(site: str = "site.toml", lake: str | None = None) -> State[Any]:
    """Compute the partitions of marts whose sources changed."""
    settings = _site(site, lake)
    return _ended("derive", settings, passes.derive(settings, TaskSteps()))


@flow(name="weekly", flow_run_name=_named("weekly"))
def weekly(site: str = "site.toml", lake: str | None = None) -> State[Any]:
    """Merge the files of all closed days, then remove old snapshots and the files that only they name."""
    settings = _site(site, lake)
    return _ended("weekly", settings, passes.weekly(settings, TaskSteps()))


@flow(name="sweep", flow_run_name=_named("sweep"))
def sweep(
    site: str = "site.toml",
    days: int = 400,
    sources: tuple[str, ...] = (),
    lake: str | None = None,
    workers: int | None = None,
) -> State[Any]:
    """Load late files of the last `days` days, and list the days that still have no input."""
    settings = _site(site, lake)
    done = passes.sweep(settings, _start().date(), days, sources, TaskSteps(artifacts.Bar(), workers))
    return _ended("sweep", settings, done)


@flow(name="backfill", flow_run_name=_named("backfill"))
def backfill(
    since: date,
    until: date,
    site: str = "site.toml",
    sources: tuple[str, ...] = (),
    step_days: int = 7,
    lake: str | None = None,
    workers: int | None = None,
) -> State[Any]:
    """Load the days [`since`, `until`) of some sources or all, the newest first, `step_days` days at a time."""
    settings = _site(site, lake)
    done = passes.backfill(settings, since, until, sources, step_days, TaskSteps(artifacts.Bar(), workers))
    return _ended("backfill", settings, done)


def _site(path: str, lake: str | None) -> Site:
    settings = Site.read(path)
    return (
        settings
        if lake is None
        else settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": lake})})
    )


def _ended(key: str, site: Site, done: passes.Done) -> State[Any]:
    """Log and show what a run did; its last state says which sources failed as a whole, if any did."""
    log = get_run_logger()
    for load in done.loads:
        if load.is_news:
            log.info(line(load))
    log.info(summary(done))
    artifacts.show(f"iolake-{key}", site, done)
    if done.failures:
        return Failed(message="; ".join(done.failures))
    newest = Warehouse(site.lake_uri).newest() if done.snapshots else None
    return Completed(message=summary(done).splitlines()[0], data=newest)
