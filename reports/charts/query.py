"""A question with its values: what a chart asks, what a page shows, what any DuckDB client can ask again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from iolake.schemas.ddl import literal
from iolake.warehouse import Lake


@dataclass(frozen=True)
class Query:
    """A SQL text with named parameters (`$name`) and their values.

    Values are bound when the lake answers. `shown` writes them as literals, for a reader who wants to ask again.
    """

    sql: str
    values: dict[str, Any] = field(default_factory=dict)

    def frame(self, lake: Lake) -> pl.DataFrame:
        """The answer as a polars frame."""
        frame: pl.DataFrame = lake.sql(self.sql, self.values or None).pl()
        return frame

    def rows(self, lake: Lake) -> list[dict[str, Any]]:
        """The answer as one dict a row."""
        return self.frame(lake).to_dicts()

    @property
    def shown(self) -> str:
        """The query with its values as literals, to paste into any DuckDB client."""
        return re.sub(r"\$(\w+)", lambda name: _literal(self.values[name[1]]), self.sql)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"TIMESTAMP {literal(f'{value:%Y-%m-%d %H:%M:%S.%f}'.rstrip('0').rstrip('.'))}"
    if isinstance(value, date):
        return f"DATE {literal(value.isoformat())}"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return str(value)
