"""Plans what is new, stages it in worker processes and publishes it. Plain functions, without a scheduler (P9)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from iolake.extractors.base import Span
from iolake.pipelines.failures import failures
from iolake.pipelines.finding import find
from iolake.pipelines.gone import forget_gone
from iolake.pipelines.plan import Plan, plan
from iolake.pipelines.stage import Unit
from iolake.pipelines.workers import Pool, staged, workers_for
from iolake.schemas.site import Site
from iolake.warehouse import garbage
from iolake.warehouse.derive import Derived, derive
from iolake.warehouse.records import Load, StagedUnit
from iolake.warehouse.site_facts import put_site_facts, set_site_facts
from iolake.warehouse.warehouse import Published, Warehouse

COMMIT_EVERY_S = 60.0
"""A long run publishes complete loads this often, so that a kill costs it no more than this."""
_BUNDLE_BYTES = 16 << 20
_BUNDLE_INPUTS = 250


@dataclass
class Report:
    """The result of a run: its loads, the snapshots that it published, its duration, and why it counts as failed."""

    loads: list[Load] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)
    derived: Derived = field(default_factory=Derived)
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """The number of rejected inputs."""
        return sum(load.count("rejected") for load in self.loads)


class Watcher:
    """Receives a run's progress. This one prints nothing; subclasses do."""

    def planned(self, plans: Sequence[Plan]) -> None:
        """Called once, with the plans of the run."""

    def read(self, inputs: int) -> None:
        """Called when so many more inputs were read and staged."""

    def loaded(self, load: Load) -> None:
        """Called when a load was published."""

    def derived(self, mart: str, done: int, total: int) -> None:
        """Called when `done` of the `total` stale partitions of all marts were computed."""


class Steps:
    """The steps of a run as plain calls; a scheduler overrides them to show, retry or spread them."""

    def __init__(self, watcher: Watcher | None = None, workers: int | None = None) -> None:
        self.watcher = watcher or Watcher()
        self.workers = workers

    def find(self, site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
        """Plan the run's loads."""
        return prepare(site, sources, span)

    def read(self, plans: list[Plan], site: Site) -> Iterator[StagedUnit]:
        """Read and stage the units of all plans, and yield them as workers finish them."""
        return self._staged(bundles(plans), site)

    @contextmanager
    def pool(self, work: Sequence[Sequence[Unit]], site: Site) -> Iterator[Pool | None]:
        """Who reads and stages: Dask's workers where the site names them, processes of this machine, or None."""
        if site.workers.dask is None or not work or self.workers == 0:
            count = site.workers.count if self.workers is None else self.workers
            with workers_for(work, count) as processes:
                yield processes
            return
        from iolake.pipelines.cluster import dask_workers

        with dask_workers(site.workers, self.workers) as workers:
            yield workers

    def _staged(self, work: list[list[Unit]], site: Site) -> Iterator[StagedUnit]:
        kept: set[str] = set()
        with self.pool(work, site) as pool:
            for bundle, units in staged(work, site, pool):
                yield from units
                self.watcher.read(sum(len(unit.inputs) for unit in bundle))
                kept.update(file.path for unit in units for file in unit.files)
        if pool is not None and pool.broken_loads:
            garbage.sweep(Warehouse(site.lake_uri), pool.broken_loads, kept)

    def publish(self, site: Site, loads: list[Load]) -> Published:
        """Publish loads in one snapshot."""
        return Warehouse(site.lake_uri).commit(loads, partial(put_site_facts, site=site))

    def derive(self, site: Site) -> Derived:
        """Compute the partitions of marts whose sources, or whose thresholds in site.toml, changed."""
        warehouse = Warehouse(site.lake_uri)
        changed = set_site_facts(warehouse, site)
        done = derive(warehouse, self.watcher.derived)
        return done if changed is None else replace(done, snapshots=(changed, *done.snapshots))


def ingest(
    site: Site,
    sources: Sequence[str] = (),
    span: Span | None = None,
    workers: int | None = None,
    watcher: Watcher | None = None,
    steps: Steps | None = None,
) -> Report:
    """Load the inputs in `span` that the lake lacks, from `sources` or from all.

    `workers` processes read, by default one a core. An input that kills its process, or takes too much memory or time,
    is rejected (P5). With 0, this process reads and has no such protection, as a debugger wants it. Everything a run
    does is in the lake whole or not at all, and doing it again changes nothing (P1, P2). At last the marts are derived
    whose sources changed. SiteError, CommitContested.
    """
    started = time.monotonic()
    steps = steps or Steps(watcher, workers)
    span = span or Span()
    plans = steps.find(site, tuple(sources), span)
    steps.watcher.planned(plans)
    report = Report()
    loads = whole_loads(plans, steps.read(plans, site))
    report.loads, report.snapshots = _publish_in_time(lambda ready: steps.publish(site, ready), loads, steps.watcher)
    report.derived = steps.derive(site)
    report.snapshots += report.derived.snapshots
    report.failures = failures(site, tuple(sources), span, report.loads)
    report.failures += [str(error) for error in report.derived.damaged]
    report.seconds = time.monotonic() - started
    return report


def prepare(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """Clean up after dead runs, forget rejects of files that are gone, plan, and mark the planned loads as running."""
    warehouse = Warehouse(site.lake_uri)
    garbage.recover(warehouse, site.lake.orphan_age_hours)
    base = warehouse.newest()
    found = find(site, sources, span)
    forget_gone(site, sources, span, (input for inputs in found.values() for input in inputs), base)
    plans = plan(site, found)
    for planned in plans:
        if planned.units:
            warehouse.begin(planned.load.info)
    return plans


def bundles(plans: Iterable[Plan], kind: Callable[[Unit], Hashable] = lambda _: None) -> list[list[Unit]]:
    """The units of all plans, small ones together, so that a bundle is worth a task of its own.

    Units of different `kind` are never together; the plans are in the order of their kinds.
    """
    found: list[list[Unit]] = []
    inputs = size = 0
    for unit in (u for planned in plans for u in planned.units):
        full = inputs >= _BUNDLE_INPUTS or size >= _BUNDLE_BYTES
        if not found or full or kind(unit) != kind(found[-1][0]):
            found.append([])
            inputs = size = 0
        found[-1].append(unit)
        inputs += len(unit.inputs)
        size += unit.weight_bytes
    return found


def whole_loads(plans: Iterable[Plan], staged_units: Iterable[StagedUnit]) -> Iterator[Load]:
    """Yield each load once all of its inputs are staged; first the loads that have none to read."""
    plans = list(plans)
    loads = {p.load.info.load_id: p.load for p in plans}
    missing = {p.load.info.load_id: p.inputs for p in plans}
    units: dict[str, list[StagedUnit]] = defaultdict(list)
    yield from (load for load_id, load in loads.items() if not missing[load_id])
    for unit in staged_units:
        load_id = unit.info.load_id
        units[load_id].append(unit)
        missing[load_id] -= unit.ended
        if not missing[load_id]:
            yield loads.pop(load_id).with_units(units.pop(load_id))


def _publish_in_time(
    commit: Callable[[list[Load]], Published], loads: Iterable[Load], watcher: Watcher
) -> tuple[list[Load], list[int]]:
    """Publish loads as they come, a snapshot every so often and one at the end."""
    done: list[Load] = []
    waiting: list[Load] = []
    snapshots: list[int | None] = []

    def publish() -> None:
        published = commit(list(waiting))
        snapshots.append(published.snapshot)
        for load in published.loads:
            watcher.loaded(load)
        done.extend(published.loads)
        waiting.clear()

    last = time.monotonic()
    for load in loads:
        waiting.append(load)
        if time.monotonic() - last >= COMMIT_EVERY_S:
            publish()
            last = time.monotonic()
    publish()
    return done, [n for n in snapshots if n is not None]
