"""The writer's side of a lake: begin a load, publish loads as one snapshot, clean up after the dead."""

from __future__ import annotations

import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from warehouse import layout
from warehouse.catalog import Catalog
from warehouse.errors import CommitContested, NoLake
from warehouse.fold import Fold
from warehouse.processes import process_started
from warehouse.records import DataFile, Load, LoadInfo
from warehouse.store import Store

_TRIES = 50


@dataclass
class Edit:
    """What an edit of the catalog did: data files named anew or no longer, and files that only it wrote."""

    loads: int = 0
    added: list[DataFile] = field(default_factory=list)
    removed: list[DataFile] = field(default_factory=list)
    written: list[DataFile] = field(default_factory=list)


class Warehouse:
    """A lake to write to. Nothing it does is visible before `publish`, and that is one step."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.store = Store(uri)

    # -- snapshots

    def snapshots(self) -> list[int]:
        """The numbers of the snapshots that are there, in order."""
        numbers = (layout.snapshot_number(f.path) for f in self.store.list(layout.CATALOG))
        return sorted(n for n in numbers if n is not None)

    def newest(self) -> int | None:
        """The newest snapshot; None where nothing was ever published."""
        return max(self.snapshots(), default=None)

    def publish(self, edit: Callable[[Catalog], Edit | None], operation: str) -> int | None:
        """Publish the next snapshot: the newest one, edited. Where another writer was first, edit theirs (P7).

        Returns its number; None where `edit` returned None, that there is nothing to do. CommitContested
        after 50 tries.
        """
        for attempt in range(_TRIES):
            base = self.newest()
            with tempfile.TemporaryDirectory(prefix="iolake-") as folder:
                path = Path(folder) / "catalog.duckdb"
                if base is not None:
                    self.store.fs.get_file(f"{self.store.root}/{layout.snapshot_path(base)}", str(path))
                number = 0 if base is None else base + 1
                with Catalog.editing(path) as catalog:
                    done = edit(catalog)
                    if done is None:
                        return None
                    changed = {f.table_name for f in (*done.added, *done.removed)}
                    catalog.write_views(self.store.location("").rstrip("/"), changed)
                    root = self.store.location("").rstrip("/")
                    catalog.put_snapshot(number, operation, done.loads, len(done.added), len(done.removed), root)
                if self.store.put_if_absent(path, layout.snapshot_path(number)):
                    self.refresh_newest()
                    return number
            for file in done.written:
                self.store.remove(file.path)
            time.sleep(random.random() * 0.05 * min(attempt + 1, 10))
        raise CommitContested(self.uri, _TRIES)

    def refresh_newest(self) -> None:
        """Make lake.duckdb the newest snapshot; again, if a newer one appeared meanwhile."""
        done = None
        while (number := self.newest()) is not None and number != done:
            with self.store.fetched(layout.snapshot_path(number)) as copy:
                self.store.replace(copy, layout.NEWEST)
            done = number

    # -- loads

    def begin(self, load: LoadInfo) -> None:
        """Say that a load is at work here, so that its files can be told from orphans."""
        told = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": process_started(os.getpid())}
        with self.store.create(layout.staging_path(load.load_id)) as file:
            file.write(json.dumps(told).encode())

    def commit(self, loads: Sequence[Load]) -> int | None:
        """Publish staged loads, all of them in one snapshot. What no load touched needs no snapshot.

        Rows that the loads replace leave the snapshot with them (P2); inputs that another writer has loaded
        meanwhile, or that are copies of what the lake has, are left out.
        """
        news = [load for load in loads if load.is_news]

        def edit(catalog: Catalog) -> Edit:
            number = 1 + max((row[0] for row in catalog.rows("SELECT number FROM snapshots")), default=-1)
            done = Edit(loads=len(news))
            for load in news:
                fold = Fold(self.store, catalog, load)
                fold.run(number)
                done.added += fold.added
                done.removed += fold.removed
                done.written += fold.written
            return done

        published = self.publish(edit, "ingest") if news else None
        for load in loads:
            self.store.remove(layout.staging_path(load.info.load_id))
        return published

    def abandon(self, load: LoadInfo) -> None:
        """Forget a load that was begun: its files and its mark go."""
        for path in self._files_of({load.load_id}):
            self.store.remove(path)
        self.store.remove(layout.staging_path(load.load_id))

    def require(self) -> int:
        """The newest snapshot's number; NoLake where there is none."""
        number = self.newest()
        if number is None:
            raise NoLake(self.uri)
        return number

    def _files_of(self, loads: set[str]) -> list[str]:
        return [f.path for f in self.store.list() if layout.load_of(f.path) in loads]
