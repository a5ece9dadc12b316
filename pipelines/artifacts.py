"""Shows a run on Prefect's page: a progress bar, and a table with a row for each source and day."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

from iolake.pipelines.ingest import Watcher
from iolake.pipelines.passes import Done
from iolake.pipelines.plan import Plan
from iolake.pipelines.progress import summary
from iolake.reports.units import bytes_text
from iolake.schemas.inputs import STATUSES
from iolake.schemas.site import Site
from iolake.warehouse.records import Load

_PACE_S = 2.0
"""The bar moves at most this often; each move is a call of the server."""
_MOST_ROWS = 1000


class Bar(Watcher):
    """A progress artifact: the share of inputs that are read."""

    def __init__(self) -> None:
        self._total = self._done = 0
        self._id: UUID | None = None
        self._moved = 0.0

    def planned(self, plans: Sequence[Plan]) -> None:
        """Make the bar, where there is anything to read."""
        self._total, self._done = sum(p.inputs for p in plans), 0
        if self._total:
            made: Any = create_progress_artifact(0.0, key="inputs-read", description=f"{self._total:,} inputs to read")
            self._id, self._moved = made, time.monotonic()

    def read(self, inputs: int) -> None:
        """Move the bar."""
        self._done += inputs
        if self._id and (self._done >= self._total or time.monotonic() - self._moved > _PACE_S):
            update_progress_artifact(self._id, progress=100.0 * min(1.0, self._done / self._total))
            self._moved = time.monotonic()


def show(key: str, site: Site, done: Done) -> None:
    """Make the table of a run: a row for each source, owner and day, and above it the snapshot and the page."""
    rows = [_row(load) for load in done.loads if load.found][:_MOST_ROWS] or [{"found": 0}]
    create_table_artifact(rows, key=key, description=_description(site, done))


def _row(load: Load) -> dict[str, Any]:
    info = load.info
    row: dict[str, Any] = {
        "source": info.source,
        "owner": info.owner,
        "day": info.day.isoformat() if info.day else "undated",
        "found": load.found,
    }
    return row | {status: load.count(status) for status in STATUSES} | {"rows": load.rows}


def _description(site: Site, done: Done) -> str:
    """Markdown: what failed, what was done, the snapshot, the page, days without input."""
    parts = [f"**{failure}**" for failure in done.failures]
    parts.append(summary(done).replace("\n", "  \n"))
    if done.page is not None:
        parts.append(f"[Morning page of {done.page.stem}]({page_url(site, done)})")
    if done.compacted.files_before:
        merged = done.compacted
        parts.append(f"{merged.files_before:,} files merged into {merged.files_after:,}.")
    if done.compacted.months:
        parts.append(f"{done.compacted.months:,} month files written.")
    if done.collected.files or done.collected.snapshots:
        gone = done.collected
        parts.append(f"{gone.snapshots:,} snapshots and {gone.files:,} files removed, {bytes_text(gone.size_bytes)}.")
    parts += [f"no input: {source} {owner} {day}" for source, owner, day in done.gaps[:_MOST_ROWS]]
    return "\n\n".join(parts)


def page_url(site: Site, done: Done) -> str:
    """Where a browser finds the run's morning page: below `pages.url`, else the file itself."""
    assert done.page is not None
    if site.pages.url:
        return f"{site.pages.url.rstrip('/')}/{quote(done.page.name)}"
    return done.page.resolve().as_uri()
