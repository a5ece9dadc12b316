"""Rejected inputs that site.toml no longer finds leave the ledger: `iolake rejects` shows what is wrong now."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pyarrow as pa

from iolake.extractors.base import Input, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.warehouse import Warehouse

_GONE = """
    SELECT i.input_id, i.load_id, i.uri
    FROM inputs i SEMI JOIN asked USING (source, owner) ANTI JOIN found USING (input_id)
    WHERE i.status = 'rejected' AND coalesce(i.rows, 0) = 0
      AND (i.day IS NULL OR (i.day >= coalesce($since, i.day) AND i.day < coalesce($until, i.day + 1)))
      AND (i.size_bytes > 0 OR i.uri = i.source
           OR (i.mtime IS NOT NULL AND (i.day IS NULL OR NOT ends_with(i.uri, i.day::VARCHAR)))
           OR (i.day IS NULL AND EXISTS (FROM found WHERE starts_with(found.uri, i.uri || '#'))))
"""
"""A file has a size, or a time and a name that does not end with its day. A day of a command or a database has neither
and stays rejected until it is read. A source whose inputs could not be listed is an input by its own name, and a
database that could not be reached is an input by its uri until its days are found."""


def forget_gone(
    site: Site, sources: tuple[str, ...], span: Span, found: Iterable[Input], base: int | None
) -> int | None:
    """Drop rejected files from the ledger that are not in `found`, which is all that `sources` have in `span`.

    `base` is the newest snapshot before `found` was listed: rejects of later loads stay. Where an input of an owner is
    unreadable, or nothing of a source is found, the list may lack inputs: those rejects stay. So do those whose folder
    cannot be listed. Returns the snapshot's number, None where nothing is dropped.
    """
    if base is None:
        return None
    warehouse = Warehouse(site.lake_uri)
    found = list(found)
    sure = {(input.source, input.owner) for input in found}
    sure -= {(input.source, input.owner) for input in found if input.unreadable is not None}
    asked = [
        {"source": source, "owner": owner}
        for source, extractor in registry.chosen(site, sources).items()
        for owner, _, _ in site.sources(extractor.owner, source)
        if (source, owner) in sure
    ]
    ids = [(id_, i.uri) for i in found for id_ in (i.input_id, i.id_by_uri)]
    with Catalog.reading(warehouse.store, layout.snapshot_path(base)) as catalog:
        catalog.con.register(
            "asked", pa.Table.from_pylist(asked, pa.schema({"source": pa.string(), "owner": pa.string()}))
        )
        columns = {name: pa.array([row[at] for row in ids], pa.string()) for at, name in enumerate(("input_id", "uri"))}
        catalog.con.register("found", pa.table(columns))
        rows = catalog.con.execute(_GONE, {"since": span.since, "until": span.until}).fetchall()
    gone = [(input_id, load_id) for input_id, load_id, uri in rows if _folder_lists(uri)]
    return warehouse.publish(lambda catalog, _: catalog.forget_rejected(gone), "forget") if gone else None


def _folder_lists(uri: str) -> bool:
    """Whether the folder of a file of this machine can be listed; True for what is no path."""
    if not uri.startswith("/"):
        return True
    try:
        os.listdir(os.path.dirname(uri))
    except OSError:
        return False
    return True
