"""What the ledger has of inputs that were found: decides which of them to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import pyarrow as pa

from iolake.extractors.base import Input
from iolake.pipelines.stage import MOST_TRIES, utc
from iolake.schemas.inputs import InputRecord
from iolake.warehouse.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInput(InputRecord):
    """An input as the ledger has it, and the version of the extractor that read it."""

    extractor_version: int

    def is_current(self, input: Input, version: int) -> bool:
        """Whether the ledger is up to date for an input, judged by its size, time and extractor alone."""
        if self.status == "superseded" or input.superseded:
            if self.superseded != input.superseded:
                return False
            if self.status == "superseded":
                return True
        if self.extractor_version != version:
            return False
        if self.status == "rejected" and 0 < input.tries < MOST_TRIES:
            return False
        if input.settled and self.status == "loaded" and self.content_hash is not None:
            return True
        return self.has_same_file(input) and self.superseded == input.superseded

    def has_same_file(self, input: Input) -> bool:
        """Whether the size and time of an input are the ledger's."""
        return input.mtime is not None and (input.size_bytes, utc(input.mtime)) == (self.size_bytes, self.mtime)

    def has_same_rows_by_content(self, input: Input, version: int) -> bool:
        """Whether an input of the same content would give the rows that are in the lake."""
        return self.status == "loaded" and self.extractor_version == version and self.superseded == input.superseded

    def with_tries(self, input: Input) -> Input:
        """The input with the number of runs that failed to read it, if it is still the same file."""
        return replace(input, tries=self.tries) if self.tries and self.has_same_file(input) else input


Known = Mapping[str, KnownInput]
"""What the ledger has, by input_id."""

_FIELDS: Final = tuple(field.name for field in fields(KnownInput))
_EMPTY: Final = {"tries": 0, "rows": 0}
"""Values of columns that are null in rows of older releases."""


def known_inputs(catalog: Catalog, ids: Iterable[str]) -> Known:
    """The inputs of these ids that the ledger has."""
    catalog.con.register("wanted", pa.table({"input_id": pa.array([*ids], pa.string())}))
    query = f"SELECT {', '.join(_FIELDS)} FROM inputs SEMI JOIN wanted USING (input_id)"
    rows = catalog.con.sql(query).to_arrow_table().to_pylist()
    catalog.con.unregister("wanted")
    return {row["input_id"]: _known(row) for row in rows}


def _known(row: dict[str, Any]) -> KnownInput:
    row["superseded"] = frozenset(row["superseded"] or ())
    values: dict[str, Any] = {name: _EMPTY.get(name) if value is None else value for name, value in row.items()}
    return KnownInput(**values)
