"""Reads all inputs that a site has of a source."""

from __future__ import annotations

from typing import Any

from iolake.extractors.base import Batch, Extractor, Outcome, Reject, Span
from iolake.schemas.site import Site

Rows = dict[str, list[dict[str, Any]]]


def everything(extractor: Extractor, site: Site) -> tuple[Rows, dict[str, str], str]:
    """(rows by table, rejects by part, the last outcome); each batch has its table's declared columns."""
    tables: Rows = {table.name: [] for table in extractor.tables}
    rejects, outcome = {}, ""
    for result in extractor.read_many(list(extractor.find(site, Span())), site):
        if isinstance(result, Batch):
            data = result.data.drop_columns("input_id")
            data.validate(full=True)
            assert data.schema == result.table.batch_schema
            tables[result.table.name].extend(data.to_pylist())
        elif isinstance(result, Reject):
            rejects[result.part] = result.reason
        else:
            assert isinstance(result, Outcome)
            outcome = result.status
    return tables, rejects, outcome
