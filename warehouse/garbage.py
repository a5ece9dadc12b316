"""Garbage: what the dead left behind, snapshots past their time, and data files that none of the others name."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from iolake.warehouse import heartbeat, layout, months, scratch
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.processes import is_gone
from iolake.warehouse.relocate import mend
from iolake.warehouse.snapshots import is_whole, snapshots_there
from iolake.warehouse.store import Stored, writer_of
from iolake.warehouse.warehouse import Warehouse

_HOUR_S = 3600.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Collected:
    """What a collection removed."""

    snapshots: int = 0
    files: int = 0
    size_bytes: int = 0


def recover(warehouse: Warehouse, orphan_age_hours: float) -> Collected:
    """Remove what loads left whose process died (P3): here, or on another host, where it is old and does not beat.

    A load of another host is aborted before its files go, so that it is either published or collected, never both.
    A lake that was moved is mended first.
    """
    scratch.collect()
    warehouse.require_whole()
    mend(warehouse)
    marks = list(warehouse.store.list(layout.STAGING))
    unlinked = [f for f in warehouse.store.list(layout.CATALOG) if writer_of(f.path)]
    dead = {f.path: f for f in (*marks, *unlinked) if is_gone(_left_by(warehouse, f))}
    elsewhere = [f for f in (*marks, *unlinked) if f.path not in dead and _is_old(warehouse, f, orphan_age_hours)]
    silent = heartbeat.silent(warehouse.store, {layout.marked_load(f.path) for f in elsewhere})
    # One that is gone by now has ended as it should.
    elsewhere = [f for f in elsewhere if layout.marked_load(f.path) in silent and warehouse.store.exists(f.path)]
    dead |= {f.path: f for f in elsewhere}
    if not dead:
        return Collected()
    processes = {_left_by(warehouse, f) for f in dead.values()} - {""}
    if aborted := {layout.marked_load(f.path) for f in elsewhere if f in marks}:
        warehouse.abort(aborted)
    loads = {layout.marked_load(f.path) for f in dead.values()}
    everything = list(warehouse.store.list())
    staged = [f for f in everything if layout.load_of(f.path) in loads]
    named = _named_files(warehouse, _snapshots(warehouse).values()) if staged else set()
    orphans = [f for f in staged if f.path not in named]
    unfinished = [
        f for f in everything if (writer := writer_of(f.path)) is not None and (writer in processes or is_gone(writer))
    ]
    _remove(warehouse, orphans + unfinished)
    warehouse.refresh_newest()
    _remove(warehouse, dead.values())
    for load_id in loads:  # after the marks: a load without a mark is not published either
        warehouse.store.remove(layout.beat_path(load_id))
        warehouse.store.remove(layout.abort_path(load_id))
    return Collected(files=len(orphans), size_bytes=sum(f.size_bytes for f in orphans))


def died(warehouse: Warehouse) -> int:
    """How many loads a process of this host left when it died; `recover`, which each ingest begins with, ends them."""
    return sum(bool(is_gone(_left_by(warehouse, mark))) for mark in warehouse.store.list(layout.STAGING))


def collect(warehouse: Warehouse, retention_days: float, orphan_age_hours: float) -> Collected:
    """Remove snapshots superseded longer ago than the retention, but no pinned one, then files that no other names.

    A file younger than `orphan_age_hours`, or of a load at work, may be somebody's work, and stays.
    """
    warehouse.require_whole()
    warehouse.require()
    recovered = recover(warehouse, orphan_age_hours)
    now = time.time()
    # A load that is no longer at work has published by now, so the marks are read before the snapshots.
    at_work = {layout.marked_load(m.path) for m in warehouse.store.list(layout.STAGING)}
    snapshots = _snapshots(warehouse)
    numbers = sorted(snapshots)
    kept = {numbers[-1]} | {
        n
        for n, following in pairwise(numbers)
        if now - snapshots[following].mtime <= retention_days * _DAY_S or warehouse.store.exists(layout.pin_path(n))
    }
    named = _named_files(warehouse, [snapshots[n] for n in sorted(kept)])
    expired = [f for n, f in snapshots.items() if n not in kept]
    _remove(warehouse, expired)
    orphans = [
        f
        for f in warehouse.store.list()
        if (load := layout.load_of(f.path)) is not None
        and f.path not in named
        and load not in at_work
        and now - f.mtime > orphan_age_hours * _HOUR_S
    ]
    orphans = _without_late_news(warehouse, orphans, numbers[-1])
    _remove(warehouse, orphans)
    _remove(warehouse, (f for f in warehouse.store.list(layout.PROBES) if now - f.mtime > _DAY_S))
    return Collected(
        len(expired), recovered.files + len(orphans), recovered.size_bytes + sum(f.size_bytes for f in orphans)
    )


def _without_late_news(warehouse: Warehouse, orphans: Sequence[Stored], newest: int) -> list[Stored]:
    """The orphans whose load is not at work, and that no snapshot after `newest` names.

    The list of marks may have lagged behind, so each mark is asked for by its name; a load without one has published
    by now.
    """
    loads = {load for f in orphans if (load := layout.load_of(f.path)) is not None}
    at_work = {load for load in loads if warehouse.store.exists(layout.staging_path(load))}
    late = [f for number, f in _snapshots(warehouse).items() if number > newest]
    named = _named_files(warehouse, late)
    return [f for f in orphans if layout.load_of(f.path) not in at_work and f.path not in named]


def sweep(warehouse: Warehouse, load_ids: Collection[str], kept: Collection[str]) -> None:
    """Remove files of loads at work that a dead reader left: all that are not `kept` and that no snapshot names."""
    left = [f for f in warehouse.store.list() if layout.load_of(f.path) in load_ids and f.path not in kept]
    named = _named_files(warehouse, _snapshots(warehouse).values()) if left else set()
    _remove(warehouse, [f for f in left if f.path not in named])


def _snapshots(warehouse: Warehouse) -> dict[int, Stored]:
    return {n: f for n, f in snapshots_there(warehouse.store).items() if _is_whole(warehouse, n)}


def _is_whole(warehouse: Warehouse, number: int) -> bool:
    try:
        return is_whole(warehouse.store, number)
    except FileNotFoundError:  # collected meanwhile; the list lagged behind
        return False


def _left_by(warehouse: Warehouse, trace: Stored) -> str:
    """The process that was writing a file, or whose mark it is; a name that no process has if the file is gone."""
    try:
        return writer_of(trace.path) or warehouse.store.read(trace.path).decode()
    except FileNotFoundError:
        return ""


def _is_old(warehouse: Warehouse, trace: Stored, orphan_age_hours: float) -> bool:
    """Whether to wait for a heartbeat of another host's process. The age of its mark only saves the wait."""
    return is_gone(_left_by(warehouse, trace)) is None and time.time() - trace.mtime > orphan_age_hours * _HOUR_S


def _named_files(warehouse: Warehouse, snapshots: Iterable[Stored]) -> set[str]:
    """Every data file and month file that some of these snapshots name."""
    named: set[str] = set()
    for snapshot in snapshots:
        with Catalog.reading(warehouse.store, snapshot.path) as catalog:
            named.update(row[0] for row in catalog.rows("SELECT path FROM files"))
            named.update(month.path for month in months.of(catalog))
    return named


def _remove(warehouse: Warehouse, files: Iterable[Stored]) -> None:
    for file in files:
        warehouse.store.remove(file.path)
