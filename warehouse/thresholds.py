"""The site's thresholds of findings, kept in the snapshot: a reader of the lake alone sees the rules it follows."""

from __future__ import annotations

from collections.abc import Mapping

from iolake.schemas.ledger import THRESHOLDS
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.warehouse import Warehouse


def set_thresholds(warehouse: Warehouse, wanted: Mapping[str, float]) -> int | None:
    """Publish thresholds by rule code; those of other rules become the rules' own.

    The marts whose models use a changed threshold are stale in the new snapshot, and no others. Returns the snapshot's
    number, or None where the thresholds are those already, or the lake is empty. CommitContested.
    """
    number = warehouse.newest()
    if number is None:
        return None
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        if _known(catalog) == dict(wanted):
            return None

    def edit(catalog: Catalog, _number: int) -> bool:
        if _known(catalog) == dict(wanted):
            return False
        catalog.con.execute("DELETE FROM thresholds")
        catalog.insert(THRESHOLDS, ({"code": code, "threshold": float(t)} for code, t in wanted.items()))
        catalog.changes.thresholds = True
        return True

    return warehouse.publish(edit, "thresholds")


def _known(catalog: Catalog) -> dict[str, float]:
    """The thresholds of a snapshot; none in one that an older iolake published."""
    there = catalog.rows("FROM duckdb_tables() WHERE table_name = 'thresholds' AND database_name = current_database()")
    return dict(catalog.rows("SELECT code, threshold FROM thresholds")) if there else {}
