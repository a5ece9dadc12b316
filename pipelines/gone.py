"""Rejected inputs that site.toml no longer finds leave the ledger: `iolake rejects` shows what is wrong now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from iolake.extractors.base import Input, Span
from iolake.pipelines import registry
from iolake.schemas.site import Site
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.warehouse import Warehouse

_GONE = """
    SELECT i.input_id
    FROM inputs i SEMI JOIN asked USING (source, owner) ANTI JOIN found USING (input_id)
    WHERE i.status = 'rejected' AND coalesce(i.rows, 0) = 0 AND (i.mtime IS NOT NULL OR i.uri = i.source)
      AND (i.day IS NULL OR (i.day >= coalesce($since, i.day) AND i.day < coalesce($until, i.day + 1)))
"""
"""Files alone have a time: a day of a command or a database stays rejected until it is read. A source whose inputs
could not be listed is an input by its own name."""


def forget_gone(site: Site, sources: tuple[str, ...], span: Span, found: Iterable[Input]) -> int | None:
    """Drop rejected files from the ledger that are not in `found`, which is all that `sources` have in `span`.

    Where an input of an owner is unreadable, the list may lack others: the rejects of that owner stay. Returns the
    snapshot's number, None where nothing is dropped.
    """
    warehouse = Warehouse(site.lake_uri)
    newest = warehouse.newest()
    if newest is None:
        return None
    found = list(found)
    unsure = {(input.source, input.owner) for input in found if input.unreadable is not None}
    asked = [
        {"source": source, "owner": owner}
        for source, extractor in registry.chosen(site, sources).items()
        for owner, _, _ in site.sources(extractor.owner, source)
        if (source, owner) not in unsure
    ]
    ids = [id_ for input in found for id_ in (input.input_id, replace(input, place="").input_id)]
    with Catalog.reading(warehouse.store, layout.snapshot_path(newest)) as catalog:
        catalog.con.register(
            "asked", pa.Table.from_pylist(asked, pa.schema({"source": pa.string(), "owner": pa.string()}))
        )
        catalog.con.register("found", pa.table({"input_id": pa.array(ids, pa.string())}))
        rows = catalog.con.execute(_GONE, {"since": span.since, "until": span.until}).fetchall()
    gone = [input_id for (input_id,) in rows]
    return warehouse.publish(lambda catalog, _: catalog.forget_rejected(gone), "forget") if gone else None
