"""The runs that a centre schedules: nightly, hourly, weekly, a sweep of gaps, a backfill.

Each is one function that a Prefect flow, a systemd unit and `iolake run` share. What differs is only how its steps
are done: see `Steps`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from iolake.extractors.base import Span
from iolake.extractors.lookback import days_to_ask
from iolake.pipelines.failures import failures
from iolake.pipelines.ingest import Report, Steps, ingest
from iolake.reports.pages.morning import write_morning
from iolake.schemas.site import Site
from iolake.warehouse.compact import NIGHTLY_CELLS, Compacted, compact
from iolake.warehouse.errors import NoLake
from iolake.warehouse.garbage import Collected, collect
from iolake.warehouse.lake import Lake
from iolake.warehouse.warehouse import Warehouse


@dataclass
class Done(Report):
    """What a scheduled run did: an ingest's report, and what it merged, collected and wrote."""

    compacted: Compacted = field(default_factory=Compacted)
    collected: Collected = field(default_factory=Collected)
    page: Path | None = None
    gaps: list[tuple[str, str, date]] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Add what an ingest did."""
        self.loads += report.loads
        self.snapshots += report.snapshots
        self.derived = report.derived
        self.failures += report.failures
        self.seconds += report.seconds


class PassSteps(Steps):
    """The further steps of scheduled runs, as plain calls."""

    def merge(self, site: Site, budget: int | None) -> Compacted:
        """Merge the files of closed days; with a budget, within so many cells."""
        lake = Warehouse(site.lake_uri)
        return Compacted() if lake.newest() is None else compact(lake, budget=budget)

    def collect(self, site: Site) -> Collected:
        """Remove snapshots past the site's retention, and files that no kept snapshot names."""
        lake = Warehouse(site.lake_uri)
        if lake.newest() is None:
            return Collected()
        return collect(lake, site.lake.retention_days, site.lake.orphan_age_hours)

    def write_pages(self, site: Site, day: date) -> Path | None:
        """Write the morning page of a day and the index; None where the site has no folder for pages, or no lake."""
        if (folder := site.pages_folder) is None:
            return None
        try:
            return write_morning(Lake(site.lake_uri), day, folder)
        except NoLake:
            return None


def load(site: Site, span: Span, sources: Sequence[str] = (), steps: PassSteps | None = None) -> Done:
    """Load what is new of a span, and derive."""
    done = Done()
    done.add(ingest(site, sources, span, steps=steps or PassSteps()))
    return done


def nightly(site: Site, day: date, days: int, sources: Sequence[str] = (), steps: PassSteps | None = None) -> Done:
    """Load what is new of the last `days` days up to `day` and since, merge files, write the page of `day` (UTC)."""
    steps = steps or PassSteps()
    done = load(site, Span(day + timedelta(days=1 - days)), sources, steps)
    done.compacted = steps.merge(site, NIGHTLY_CELLS)
    done.page = steps.write_pages(site, day)
    return done


def hourly(site: Site, today: date, sources: Sequence[str] = (), steps: PassSteps | None = None) -> Done:
    """Load what changed of today and yesterday. Where nothing did, nothing is read or published."""
    # Two days more than UTC's: zones east of it are a day ahead, and a closed span lists only the days' own folders.
    span = Span(today - timedelta(days=1), today + timedelta(days=2))
    return load(site, span, sources, steps)


def derive(site: Site, steps: PassSteps | None = None) -> Done:
    """Compute the partitions of marts whose sources changed."""
    started = time.monotonic()
    derived = (steps or PassSteps()).derive(site)
    return Done(derived=derived, snapshots=list(derived.snapshots), seconds=time.monotonic() - started)


def weekly(site: Site, steps: PassSteps | None = None) -> Done:
    """Merge the files of all closed days, then collect old snapshots and the files that only they name."""
    started = time.monotonic()
    steps = steps or PassSteps()
    done = Done(compacted=steps.merge(site, None), collected=steps.collect(site))
    done.seconds = time.monotonic() - started
    return done


def sweep(site: Site, today: date, days: int, sources: Sequence[str] = (), steps: PassSteps | None = None) -> Done:
    """Load what the lake lacks of the last `days` days, such as late files; `gaps` are the days still without any."""
    since = today - timedelta(days=days)
    done = load(site, Span(since), sources, steps)
    done.gaps = [gap for gap in _gaps(site) if gap[2] >= since and (not sources or gap[0] in sources)]
    return done


def backfill(
    site: Site,
    since: date,
    until: date,
    sources: Sequence[str] = (),
    step_days: int = 7,
    steps: PassSteps | None = None,
) -> Done:
    """Load the days [since, until), `step_days` at a time, the newest first; each step is published and derived."""
    if since >= until:
        raise ValueError(f"since ({since}) is not before until ({until})")
    steps = steps or PassSteps()
    done = Done()
    while until > since:
        start = max(since, until - timedelta(days=step_days))
        done.add(ingest(site, sources, Span(start, until), steps=steps))
        until = start
    last = max((load.info.day for load in done.loads if load.info.day), default=since)
    done.failures = failures(site, sources, Span(since, last + timedelta(days=1)), done.loads)
    return done


def _gaps(site: Site) -> Iterator[tuple[str, str, date]]:
    """(source, owner, day) of each day that has no input between days that have, or was never asked for."""
    try:
        rows = Lake(site.lake_uri).sql("SELECT source, owner, day, gap FROM coverage WHERE day IS NOT NULL").fetchall()
    except NoLake:
        rows = []
    seen = {(source, owner, day) for source, owner, day, _ in rows}
    yield from sorted({row[:3] for row in rows if row[3]} | (set(days_to_ask(site)) - seen))
