"""The steps of a run as Prefect tasks: each has a name that says what it does, and is tried again where that may help.

Tasks are coarse: some days of a source, or some hundred logs. What is right in the lake never rests on them (P9).
"""

# No postponed annotations here: Prefect reads a task's at run time.

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from prefect import task, unmapped
from prefect.futures import as_completed
from prefect.runtime import task_run

from iolake.extractors.base import Span
from iolake.pipelines import registry
from iolake.pipelines.ingest import bundles
from iolake.pipelines.passes import PassSteps
from iolake.pipelines.plan import Plan
from iolake.pipelines.stage import Unit, stage_bundle
from iolake.pipelines.workers import Pool
from iolake.schemas.errors import is_transient
from iolake.schemas.site import Site
from iolake.warehouse.compact import Compacted
from iolake.warehouse.derive import Derived
from iolake.warehouse.garbage import Collected
from iolake.warehouse.records import Load, StagedUnit
from iolake.warehouse.warehouse import Published

RETRY_DELAY_S = 30
PLAIN = PassSteps()
"""The steps themselves."""


def may_help(_task: Any, _run: Any, state: Any) -> bool:
    """Whether to try a task again: its error is one that may pass by itself."""
    try:
        state.result()
    except BaseException as error:
        return is_transient(error)
    return False


_TRIES: dict[str, Any] = {"retries": 2, "retry_delay_seconds": RETRY_DELAY_S, "retry_condition_fn": may_help}


def span_name(span: Span) -> str:
    """Days as a run's name shows them."""
    if span == Span():
        return "all days"
    return f"{span.since or 'the beginning'} to {span.until or 'now'}"


def bundle_name(bundle: list[Unit]) -> str:
    """What a bundle reads: "darshan edison 2026-11-27, 412 logs"."""
    first = bundle[0].load
    count = sum(len(unit.inputs) for unit in bundle)
    days = sorted({unit.load.day for unit in bundle if unit.load.day})
    when = f" {days[0]} to {days[-1]}" if len(days) > 1 else f" {days[0]}" if days else ""
    called = registry.extractors()[first.source].inputs_name
    return f"{first.source} {first.owner}{when}, {count:,} {called if count > 1 else called.removesuffix('s')}"


def _parameter(name: str) -> Any:
    return task_run.parameters[name]


@task(name="find", task_run_name=lambda: f"find what is new, {span_name(_parameter('span'))}", **_TRIES)
def find(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """Plan the run's loads."""
    return PLAIN.find(site, sources, span)


_workers: Pool | None = None
"""The running flow's processes; None in a worker that a task runner has put elsewhere."""


@task(name="read", task_run_name=lambda: bundle_name(_parameter("bundle")), **_TRIES)
def read(bundle: list[Unit], site: Site) -> list[StagedUnit]:
    """Read some days of a source, or a batch of some hundred logs, and stage the rows."""
    if _workers is None:
        return stage_bundle(bundle, site)
    return _workers.stage(bundle, site)


@task(name="publish", task_run_name=lambda: f"publish {len(_parameter('loads')):,} loads", **_TRIES)
def publish(site: Site, loads: list[Load]) -> Published:
    """Publish loads in one snapshot."""
    return PLAIN.publish(site, loads)


@task(name="derive", task_run_name="derive marts", **_TRIES)
def derive(site: Site) -> Derived:
    """Compute the partitions of marts whose sources changed."""
    return PLAIN.derive(site)


@task(name="merge", task_run_name="merge files of closed days", **_TRIES)
def merge(site: Site, budget: int | None) -> Compacted:
    """Merge the files of closed days."""
    return PLAIN.merge(site, budget)


@task(name="collect", task_run_name="collect old snapshots", **_TRIES)
def collect(site: Site) -> Collected:
    """Remove old snapshots and the files that only they name."""
    return PLAIN.collect(site)


@task(name="pages", task_run_name=lambda: f"morning page {_parameter('day')}", **_TRIES)
def write_pages(site: Site, day: date) -> Path | None:
    """Write the morning page of a day."""
    return PLAIN.write_pages(site, day)


class TaskSteps(PassSteps):
    """The steps of a run, each as a task of the running flow."""

    def find(self, site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
        return find(site, sources, span)

    def read(self, plans: list[Plan], site: Site) -> Iterator[StagedUnit]:
        """Read each source's units in tasks of their own, side by side; yield what each task staged as it ends."""
        global _workers  # noqa: PLW0603  a pool can't be handed to a task, which may run in another process
        by_source = sorted(plans, key=lambda p: (p.load.info.source, p.load.info.owner, p.load.info.day or date.max))
        work = bundles(by_source, lambda unit: (unit.load.source, unit.load.owner))
        with self.pool(work, site) as _workers:
            futures = dict(zip(list(read.map(work, unmapped(site))), work, strict=True))
            for future in as_completed(list(futures)):
                yield from future.result()
                self.watcher.read(sum(len(unit.inputs) for unit in futures[future]))
        _workers = None

    def publish(self, site: Site, loads: list[Load]) -> Published:
        return publish(site, loads)

    def derive(self, site: Site) -> Derived:
        return derive(site)

    def merge(self, site: Site, budget: int | None) -> Compacted:
        return merge(site, budget)

    def collect(self, site: Site) -> Collected:
        return collect(site)

    def write_pages(self, site: Site, day: date) -> Path | None:
        return write_pages(site, day)
