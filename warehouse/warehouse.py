"""Writes a lake: begins a load, publishes loads as one snapshot, lists and pins snapshots."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iolake.warehouse import conditional_put, ducklake, heartbeat, layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.catalog_update import CatalogUpdate
from iolake.warehouse.engines import pack
from iolake.warehouse.errors import CommitContested, LoadLost, NoLake, NoSnapshot, SnapshotDamaged
from iolake.warehouse.file_keys import FileKeys
from iolake.warehouse.lake import Lake
from iolake.warehouse.processes import who
from iolake.warehouse.records import DataFile, Load, LoadInfo, Snapshot, new_id
from iolake.warehouse.scratch import scratch
from iolake.warehouse.snapshots import is_whole, newest_whole, snapshots_there
from iolake.warehouse.store import Store

_TRIES = 50


@dataclass(frozen=True)
class Published:
    """The result of a commit: the new snapshot's number, None where nothing was new, and the loads as published."""

    snapshot: int | None
    loads: list[Load]


class Warehouse:
    """The writer's view of a lake. Readers see nothing of it until `publish`, which is one atomic step."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.store = Store(uri)
        self._rewriting: set[str] = set()

    # -- snapshots

    def snapshots(self) -> list[int]:
        """The numbers of the existing snapshots, in order."""
        return sorted(snapshots_there(self.store))

    def newest(self) -> int | None:
        """The number of the newest undamaged snapshot, or None."""
        return newest_whole(self.store, self.snapshots())

    def require_whole(self) -> None:
        """Raise SnapshotDamaged where the newest snapshot is truncated: only that snapshot names its files."""
        numbers = self.snapshots()
        if numbers and not is_whole(self.store, numbers[-1]):
            raise SnapshotDamaged(self.uri, numbers[-1])

    def require(self) -> int:
        """The newest snapshot's number. Raises NoLake where the lake has no snapshot."""
        number = self.newest()
        if number is None:
            raise NoLake(self.uri)
        return number

    def history(self) -> list[Snapshot]:
        """The existing snapshots, in order. Raises NoLake."""
        return Lake(self.uri).history()

    def pin(self, number: int) -> None:
        """Keep a snapshot until `unpin`. Raises NoSnapshot."""
        if number not in self.snapshots():
            raise NoSnapshot(self.uri, number)
        self.store.put(b"", layout.pin_path(number))

    def unpin(self, number: int) -> None:
        """Let garbage collection remove a snapshot once it is old enough."""
        self.store.remove(layout.pin_path(number))

    def publish(self, edit: Callable[[Catalog, int], bool], operation: str, least: int = 0) -> int | None:
        """Publish the next snapshot: the newest one, edited. Where another writer was first, edit theirs (P7).

        `edit` is given the catalog and the number that it will have, at least `least`. Returns that number; None where
        `edit` says that there is nothing to do. CommitContested after 50 tries; LoadLost where this rewriting was
        aborted; SnapshotDamaged.
        """
        conditional_put.require(self.store)
        for attempt in range(_TRIES):
            numbers = self.snapshots()
            base = newest_whole(self.store, numbers)
            self._check_marks(self._rewriting)  # after the newest snapshot is known: see `abort`
            if operation != "rebuild" and numbers and base != numbers[-1]:
                raise SnapshotDamaged(self.uri, numbers[-1])
            number = max([*numbers, least - 1]) + 1
            with scratch() as folder:
                path = Path(folder) / "catalog.duckdb"
                if base is not None:
                    self.store.copy(layout.snapshot_path(base), path)
                with Catalog.editing(path, self.store) as catalog:
                    try:
                        wanted = edit(catalog, number)
                    except BaseException:
                        self._remove(catalog.changes.written)
                        raise
                    if wanted:
                        catalog.put_snapshot(number, operation, self.store)
                        ducklake.forget(catalog, [*self.snapshots(), number])
                if wanted:
                    pack(path)
                won = wanted and self.store.put_if_absent(path.read_bytes(), layout.snapshot_path(number))
            changes = catalog.changes
            self._remove(f for f in changes.written if not won or f.path not in changes.added)
            if won:
                self.refresh_newest()
            if won or not wanted:
                return number if won else None
            time.sleep(random.random() * 0.05 * min(attempt + 1, 10))
        raise CommitContested(self.uri, _TRIES)

    def refresh_newest(self) -> None:
        """Make lake.duckdb the newest snapshot; again, if a newer one appeared meanwhile."""
        done = None
        while (number := self.newest()) is not None and number != done:
            self.store.put(self.store.read(layout.snapshot_path(number)), layout.NEWEST)
            done = number

    # -- loads

    def begin(self, load: LoadInfo) -> None:
        """Mark a load as running, so that garbage collection leaves its files alone."""
        self._mark(load.load_id)

    @contextmanager
    def at_work(self) -> Iterator[str]:
        """Yield an id for a rewrite that loads nothing. If the block raises, the mark stays, and leads to its files."""
        load_id = new_id()
        self._mark(load_id)
        self._rewriting.add(load_id)
        try:
            yield load_id
        finally:
            self._rewriting.remove(load_id)
            heartbeat.stop(self.store, load_id)
        self._unmark(load_id)

    def _mark(self, load_id: str) -> None:
        conditional_put.require(self.store)  # before anything is read
        self.store.put(who().encode(), layout.staging_path(load_id))
        heartbeat.start(self.store, load_id)

    def _unmark(self, load_id: str) -> None:
        heartbeat.stop(self.store, load_id)
        self.store.remove(layout.staging_path(load_id))

    def abort(self, load_ids: Iterable[str]) -> None:
        """Settle that these loads are published by now, or never will be.

        A writer reads the number of the newest snapshot, then looks for its abort record, then publishes the next
        number if that is free. The record is written first here, and a snapshot after it. A writer that did not see
        the record has published before this snapshot, which then names its files; or finds its number taken, looks
        again, and ends with LoadLost.
        """
        for load_id in load_ids:
            self.store.put_if_absent(who().encode(), layout.abort_path(load_id))
        self.publish(lambda _catalog, _number: True, "recover")

    def commit(self, loads: Sequence[Load], also: Callable[[Catalog], object] = lambda _: None) -> Published:
        """Publish staged loads together in one snapshot; none is published where no load has anything new.

        The snapshot omits the rows that the loads replace (P2), inputs that another writer loaded meanwhile, and
        copies of inputs that the lake has. A load that is already in the lake is not published again. `also` edits the
        same snapshot. Raises LoadLost where a load's mark is gone: its files may be gone too.
        """
        named: dict[str, DataFile] = {}
        fresh: list[Load] = []
        folded: dict[str, Load] = {}

        def edit(catalog: Catalog, number: int) -> bool:
            nonlocal named, fresh, folded
            there = catalog.published(load.info.load_id for load in loads)
            fresh = [load for load in loads if load.is_news and load.info.load_id not in there]
            self._check_marks(load.info.load_id for load in fresh if load.files)
            keys = FileKeys(self.store)
            folded = {}
            known = catalog.known(r.input_id for load in fresh for r in load.inputs)
            for load in fresh:
                own = {r.input_id for r in load.inputs}
                update = CatalogUpdate(self.store, catalog, load, keys, own & known)
                folded[load.info.load_id] = update.run(number)
                known |= own
            also(catalog)
            named = catalog.changes.added
            return bool(fresh)

        published = None
        if any(load.is_news for load in loads):
            try:
                published = self.publish(edit, "ingest")
            except Exception:
                # Garbage collection may have removed a missing file with an aborted load.
                self._check_marks(load.info.load_id for load in fresh if load.files)
                raise
        self._remove(f for load in fresh for f in load.files if f.path not in named)
        for load in loads:
            self._unmark(load.info.load_id)
        return Published(published, [folded.get(load.info.load_id, load) for load in loads])

    def _check_marks(self, load_ids: Iterable[str]) -> None:
        """Raise LoadLost where a load was aborted or cleaned up."""
        for load_id in load_ids:
            aborted = self.store.exists(layout.abort_path(load_id))
            if aborted or not self.store.exists(layout.staging_path(load_id)):
                heartbeat.stop(self.store, load_id)
                raise LoadLost(self.uri, load_id)

    def _remove(self, files: Iterable[DataFile]) -> None:
        for file in files:
            self.store.remove(file.path)
