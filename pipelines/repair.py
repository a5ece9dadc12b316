"""Repair: find the damage of a lake, take it out, and read the inputs of the lost rows again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from iolake.extractors.base import Span
from iolake.pipelines import registry
from iolake.pipelines.ingest import Report, Watcher, ingest
from iolake.schemas.site import Site
from iolake.warehouse.derive import derive
from iolake.warehouse.repair import IncompleteInput, Repaired, settle, take_out_damage
from iolake.warehouse.verify import Progress, Verified, verify
from iolake.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Mended:
    """What a repair found and did: what it read again, None without a site, and the inputs that it could not read."""

    found: Verified
    repaired: Repaired | None = None
    report: Report | None = None
    not_back: list[IncompleteInput] = field(default_factory=list)


def repair(
    warehouse: Warehouse,
    site: Site | None,
    progress: Progress | None = None,
    watcher: Watcher | None = None,
    found_damage: Callable[[Repaired], None] | None = None,
) -> Mended:
    """Bring damaged or missing rows back from their inputs; without a site, mark these for the next ingest.

    The damage leaves the lake first, in a snapshot of its own. `found_damage` is called once it has. NoLake.
    """
    warehouse.require()
    found = verify(warehouse, deep=True, progress=progress)
    if not (found.damaged_files or found.incomplete or any(flaw.partition for flaw in found.flaws)):
        return Mended(found)
    done = take_out_damage(warehouse, found)
    if found_damage:
        found_damage(done)
    if site is None:
        derive(warehouse)
        return Mended(found, done, None, list(done.inputs))
    known = registry.chosen(site, ())
    sources = tuple(sorted({input_.source for input_ in done.inputs} & known.keys()))
    report = ingest(site, sources, _span(done), watcher=watcher) if sources else Report(derived=derive(warehouse))
    return Mended(found, done, report, settle(warehouse, done.inputs))


def _span(done: Repaired) -> Span:
    """The days of the inputs to read; all days where one has none."""
    days = [input_.day for input_ in done.inputs]
    dated: list[date] = [day for day in days if day is not None]
    return Span(min(dated), max(dated) + timedelta(1)) if dated and len(dated) == len(days) else Span()
