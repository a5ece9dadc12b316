"""A lake that was moved or copied: its snapshots name the place where they were written.

The views of a snapshot hold absolute locations, because DuckDB has no paths relative to a database. The `lake.duckdb`
of a copy therefore answers from the original. `snapshots.root` has the place that a snapshot names;
where the lake lies elsewhere, its snapshots are rewritten.
"""

from __future__ import annotations

from pathlib import Path

from iolake.warehouse import ducklake, layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.engines import pack
from iolake.warehouse.scratch import scratch
from iolake.warehouse.warehouse import Warehouse


def written_at(catalog: Catalog) -> str | None:
    """The place that a snapshot's views name; None in a catalog without snapshots."""
    found = catalog.rows("SELECT root FROM snapshots ORDER BY number DESC LIMIT 1")
    return found[0][0] if found else None


def mend(warehouse: Warehouse) -> int | None:
    """Publish a snapshot that names where the lake lies, if the newest one names another place; its number.

    `lake.duckdb` then answers from here. Every command that writes calls it first.
    """
    number = warehouse.newest()
    if number is None:
        return None
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        if not _is_elsewhere(warehouse, catalog):
            return None
    return warehouse.publish(lambda newest, _number: _is_elsewhere(warehouse, newest), "relocate")


def relocate(warehouse: Warehouse) -> tuple[int | None, list[int]]:
    """Make the newest snapshot, `lake.duckdb` and every pinned snapshot name where the lake lies; NoLake.

    Returns the snapshot that was published, None if the newest one was right, and the pinned ones that were rewritten.
    Their rows stay the same. Readers that have an old one open keep it.
    """
    warehouse.require()
    warehouse.require_whole()
    published = mend(warehouse)
    warehouse.refresh_newest()
    pinned = [s.number for s in warehouse.history() if s.pinned and s.number != published]
    return published, [number for number in pinned if _rewrite(warehouse, number)]


def _is_elsewhere(warehouse: Warehouse, catalog: Catalog) -> bool:
    root = written_at(catalog)
    return root is not None and not warehouse.store.is_here(root)


def _rewrite(warehouse: Warehouse, number: int) -> bool:
    """Rewrite a published snapshot for the lake's location, in one step. Returns whether that was needed."""
    name = layout.snapshot_path(number)
    with scratch() as folder:
        path = Path(folder) / "catalog.duckdb"
        warehouse.store.copy(name, path)
        with Catalog.editing(path, warehouse.store) as catalog:
            needed = _is_elsewhere(warehouse, catalog)
            if needed:
                ducklake.place(catalog, warehouse.store.uri)
                catalog.write_views(warehouse.store)
                catalog.con.execute(
                    "UPDATE snapshots SET root = $1 WHERE number = (SELECT max(number) FROM snapshots)",
                    [warehouse.store.uri],
                )
        if needed:
            pack(path)
            warehouse.store.put(path.read_bytes(), name)
    return needed
