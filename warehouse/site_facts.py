"""What site.toml says and readers need, kept in the snapshot: thresholds of findings, owners with zones and mounts."""

from __future__ import annotations

from iolake.schemas.ledger import OWNERS, THRESHOLDS
from iolake.schemas.site import OWNER_KINDS, FileSystem, Site
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.warehouse import Warehouse

Row = dict[str, object]


def set_site_facts(warehouse: Warehouse, site: Site) -> int | None:
    """Publish the site's facts where the newest snapshot has others.

    Returns the snapshot's number, or None where the facts are those already, or the lake is empty. CommitContested.
    """
    number = warehouse.newest()
    if number is None:
        return None
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        if _known(catalog) == _wanted(site):
            return None
    return warehouse.publish(lambda catalog, _number: put_site_facts(catalog, site), "site")


def put_site_facts(catalog: Catalog, site: Site) -> bool:
    """Write the site's facts into a catalog; return whether it had others.

    Thresholds of rules that the site does not name become the rules' own. The marts whose models use a changed
    threshold are stale in the new snapshot, and no others.
    """
    known, wanted = _known(catalog), _wanted(site)
    for table in (THRESHOLDS, OWNERS):
        if known[table.name] != wanted[table.name]:
            catalog.con.execute(f"DELETE FROM {table.name}")
            catalog.insert(table, wanted[table.name])
    catalog.changes.thresholds = known[THRESHOLDS.name] != wanted[THRESHOLDS.name]
    return known != wanted


def _wanted(site: Site) -> dict[str, list[Row]]:
    """The rows of each table, in order."""
    thresholds: list[Row] = [
        {"code": code, "threshold": float(threshold)} for code, threshold in sorted(site.findings.items())
    ]
    owners: list[Row] = [
        {
            "owner": name,
            "kind": kind,
            "timezone": owner.timezone,
            "mounts": sorted(owner.mounts) if isinstance(owner, FileSystem) else [],
            "backend": owner.backend if isinstance(owner, FileSystem) else None,
        }
        for kind in sorted(OWNER_KINDS)
        for name, owner in sorted(site.owners(kind).items())
    ]
    return {THRESHOLDS.name: thresholds, OWNERS.name: owners}


def _known(catalog: Catalog) -> dict[str, list[Row]]:
    """The rows of each table that a snapshot has."""
    found: dict[str, list[Row]] = {}
    for table, order in ((THRESHOLDS, "code"), (OWNERS, "kind, owner")):
        names = [c.name for c in table.columns]
        query = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {order}"
        rows = catalog.rows(query) if catalog.has(table) else []
        found[table.name] = [dict(zip(names, row, strict=True)) for row in rows]
    return found
