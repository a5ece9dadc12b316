"""Ingest: plan what is new, stage it on some workers, publish it. Plain functions, with no scheduler in sight (P9)."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce

from extractors.base import Span
from pipelines.plan import Plan, plan
from pipelines.stage import stage
from schemas.site import Site
from warehouse import garbage
from warehouse.records import Load
from warehouse.warehouse import Warehouse

COMMIT_EVERY_S = 60.0
"""A long run publishes what is whole at this pace, so that being killed costs it no more than that."""
_SMALL_BYTES = 32 << 20
_SMALL_INPUTS = 256


@dataclass
class Report:
    """What a run did: its loads, the snapshots that it published, and how long it took."""

    loads: list[Load] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        """How many inputs were found that can't be read."""
        return sum(load.count("rejected") for load in self.loads)


class Watcher:
    """Who is told of a run's progress; this one says nothing."""

    def planned(self, plans: Sequence[Plan]) -> None:
        """What is to be done."""

    def read(self, inputs: int) -> None:
        """So many inputs more were read and staged."""

    def loaded(self, load: Load) -> None:
        """A load is whole, and will be in the next snapshot."""


def ingest(
    site: Site,
    sources: Sequence[str] = (),
    span: Span | None = None,
    workers: int | None = None,
    watcher: Watcher | None = None,
) -> Report:
    """Bring the lake up to date with what the site has in `span`, of `sources` or of all.

    Work of some size fans out over `workers` processes, by default one a core. Everything a run does is in
    the lake whole or not at all, and doing it again changes nothing (P1, P2). SiteError, CommitContested.
    """
    started = time.monotonic()
    watcher = watcher or Watcher()
    plans = prepare(site, tuple(sources), span or Span())
    watcher.planned(plans)
    report = Report()
    with pool_for(plans, workers) as pool:
        loads = _staged(plans, site, pool, watcher)
        report.loads, report.snapshots = _publish_in_time(Warehouse(site.lake_uri), loads, watcher)
    report.seconds = time.monotonic() - started
    return report


def prepare(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """Clean up after dead runs, then plan."""
    garbage.recover(Warehouse(site.lake_uri), site.lake.orphan_age_hours)
    return plan(site, sources, span)


def stage_plan(plan: Plan, site: Site, pool: Executor | None, on_read: Callable[[int], None] = lambda _: None) -> Load:
    """One load, staged: its units on the pool, or here where there is none."""
    if plan.units:
        Warehouse(site.lake_uri).begin(plan.load.info)
    pieces = []
    if pool is None:
        for unit in plan.units:
            pieces.append(stage(unit, site))
            on_read(len(unit.inputs))
    else:
        futures = {pool.submit(stage, unit, site): unit for unit in plan.units}
        for future in as_completed(futures):
            pieces.append(future.result())
            on_read(len(futures[future].inputs))
    return reduce(Load.joined, pieces, plan.load)


@contextmanager
def pool_for(plans: Iterable[Plan], workers: int | None) -> Iterator[ProcessPoolExecutor | None]:
    """A process pool where the work is worth starting one; else None."""
    plans = list(plans)
    workers = workers or os.cpu_count() or 1
    small = sum(p.size_bytes for p in plans) < _SMALL_BYTES and sum(len(p.inputs) for p in plans) < _SMALL_INPUTS
    if workers == 1 or small or sum(len(p.units) for p in plans) < 2:
        yield None
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def _staged(plans: Sequence[Plan], site: Site, pool: Executor | None, watcher: Watcher) -> Iterator[Load]:
    """Each plan's load as soon as all its units are staged, whatever order they end in."""
    if pool is None:
        for plan in plans:
            yield stage_plan(plan, site, None, watcher.read)
        return
    lake = Warehouse(site.lake_uri)
    pieces = {plan.load.info.load_id: plan.load for plan in plans}
    missing = {plan.load.info.load_id: len(plan.units) for plan in plans}
    futures: dict[Future[Load], int] = {}
    for plan in plans:
        if plan.units:
            lake.begin(plan.load.info)
        else:
            yield plan.load
        futures |= {pool.submit(stage, unit, site): len(unit.inputs) for unit in plan.units}
    for future in as_completed(futures):
        piece = future.result()
        watcher.read(futures.pop(future))
        load_id = piece.info.load_id
        pieces[load_id] = pieces[load_id].joined(piece)
        missing[load_id] -= 1
        if not missing[load_id]:
            yield pieces.pop(load_id)


def _publish_in_time(lake: Warehouse, loads: Iterable[Load], watcher: Watcher) -> tuple[list[Load], list[int]]:
    """Publish loads as they come, a snapshot every so often and one at the end."""
    done: list[Load] = []
    waiting: list[Load] = []
    snapshots: list[int | None] = []
    last = time.monotonic()
    for load in loads:
        waiting.append(load)
        watcher.loaded(load)
        if time.monotonic() - last >= COMMIT_EVERY_S:
            snapshots.append(lake.commit(waiting))
            done, waiting, last = done + waiting, [], time.monotonic()
    snapshots.append(lake.commit(waiting))
    return done + waiting, [n for n in snapshots if n is not None]
