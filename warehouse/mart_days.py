"""What a snapshot has of each table, owner and day, and when the rows of that day happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.schemas.table import Table

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog

_UNKNOWN_START = timedelta(days=31)
"""How far rows reach back before their day in a file whose times no ledger has, from an older lake."""

Window = tuple[float, float]
"""Hours since 1970."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a snapshot has of a table, an owner and a day; times in hours since 1970."""

    table: str
    owner: str
    date: date
    first: float
    last: float
    rows: int
    content: str


def days(catalog: Catalog) -> Iterator[Day]:
    """What the catalog has, by table, owner and day; marts' own files are left out."""
    found = catalog.rows("""
        SELECT
          table_name, owner, date,
          CASE WHEN count(first_ts) = count(*) THEN min(first_ts) END,
          CASE WHEN count(last_ts) = count(*) THEN max(last_ts) END,
          sum(rows)::BIGINT,
          md5(concat_ws('|', sum(rows)::BIGINT, list_sort(list_distinct(flatten(list(load_ids))))::VARCHAR))
        FROM files
        GROUP BY table_name, owner, date
        ORDER BY table_name, owner, date""")
    for name, owner, day, first, last, rows, content in found:
        table = schemas.tables().get(name)
        if table is not None and not isinstance(table, Mart):
            yield Day(name, owner, day, *times(table, day, first, last), rows, content)


def times(table: Table, day: date, first: datetime | None, last: datetime | None) -> Window:
    """When rows of a day begin and end: as the ledger has it, else by their day."""
    midnight = hours(day)
    has_start = any(c.name == "start_time" for c in table.columns)
    reach = _UNKNOWN_START.total_seconds() / 3600 if has_start else 0.0
    begin = midnight - reach if first is None else min(hours(first), midnight)
    return begin, midnight + 24 if last is None else max(hours(last), midnight)


def hours(moment: date | datetime) -> float:
    at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    return at.replace(tzinfo=UTC).timestamp() / 3600
