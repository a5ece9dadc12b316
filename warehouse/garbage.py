"""Garbage: what dead loads left behind, snapshots past their time, and data files that none of the others name."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from warehouse import layout
from warehouse.processes import process_started
from warehouse.store import Stored
from warehouse.warehouse import Warehouse

_HOUR_S = 3600.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Collected:
    """What a collection removed."""

    snapshots: int = 0
    files: int = 0
    size_bytes: int = 0


def recover(lake: Warehouse, orphan_age_hours: float) -> Collected:
    """Remove what loads left that died on this machine, or long ago on another (P3). Live ones are left alone."""
    marks = list(lake.store.list(layout.STAGING))
    dead = {Path(m.path).stem: m for m in marks if _is_dead(lake, m, orphan_age_hours)}
    if not dead:
        return Collected()
    named = _named_files(lake, lake.snapshots())
    orphans = [f for f in lake.store.list() if layout.load_of(f.path) in dead and f.path not in named]
    for file in orphans:
        lake.store.remove(file.path)
    for mark in dead.values():
        lake.store.remove(mark.path)
    if lake.newest() is not None:
        lake.refresh_newest()
    return Collected(files=len(orphans), size_bytes=sum(f.size_bytes for f in orphans))


def collect(lake: Warehouse, retention_days: float, orphan_age_hours: float) -> Collected:
    """Remove snapshots older than the retention, but the newest and pinned ones, then the files that no other names.

    A file younger than `orphan_age_hours` may be somebody's work, and stays.
    """
    lake.require()
    recovered = recover(lake, orphan_age_hours)
    now = time.time()
    stored = {f.path: f for f in lake.store.list(layout.CATALOG)}
    numbers = lake.snapshots()
    expired = [
        n
        for n in numbers[:-1]
        if layout.pin_path(n) not in stored and now - stored[layout.snapshot_path(n)].mtime > retention_days * _DAY_S
    ]
    named = _named_files(lake, sorted(set(numbers) - set(expired)))
    for number in expired:
        lake.store.remove(layout.snapshot_path(number))
    live = {Path(m.path).stem for m in lake.store.list(layout.STAGING)}
    orphans = [
        f
        for f in lake.store.list()
        if (load := layout.load_of(f.path)) is not None
        and f.path not in named
        and load not in live
        and now - f.mtime > orphan_age_hours * _HOUR_S
    ]
    for file in orphans:
        lake.store.remove(file.path)
    return Collected(
        len(expired), recovered.files + len(orphans), recovered.size_bytes + sum(f.size_bytes for f in orphans)
    )


def _is_dead(lake: Warehouse, mark: Stored, orphan_age_hours: float) -> bool:
    try:
        told: dict[str, Any] = json.loads(lake.store.read(mark.path))
    except (ValueError, FileNotFoundError):  # killed while it wrote the mark, so before any data
        told = {}
    if told.get("host") == socket.gethostname():
        return bool(process_started(told["pid"]) != told["process_started"])
    return time.time() - mark.mtime > orphan_age_hours * _HOUR_S


def _named_files(lake: Warehouse, numbers: list[int]) -> set[str]:
    """Every data file that some of these snapshots name."""
    named: set[str] = set()
    for number in numbers:
        with lake.store.fetched(layout.snapshot_path(number)) as copy, duckdb.connect(str(copy), read_only=True) as con:
            named.update(row[0] for row in con.execute("SELECT path FROM files").fetchall())
    return named
