"""No row breaks another's: the extremes of every column's type, and every view over them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.warehouse import Lake
from iolake.warehouse.views import sql_files
from tests.conftest import Fill

DAY = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12)
VIEWS = [
    *(name for name, text in sql_files().items() if "CREATE OR REPLACE VIEW" in text),
    *(table.name for table in schemas.tables().values() if isinstance(table, Mart)),
]


def value(kind: pa.DataType, high: bool) -> Any:  # noqa: PLR0911
    """The greatest or the least of a type; times are of one day, as rows of a partition are."""
    if pa.types.is_integer(kind):
        bits = kind.bit_width
        signed = pa.types.is_signed_integer(kind)
        return ((1 << (bits - signed)) - 1) if high else (-(1 << (bits - 1)) if signed else 0)
    if pa.types.is_floating(kind):
        return 1.7e308 if high else -1.7e308
    if pa.types.is_timestamp(kind):
        return NOON.replace(hour=23) if high else NOON.replace(hour=0)
    if pa.types.is_date(kind):
        return DAY
    if pa.types.is_boolean(kind):
        return high
    if pa.types.is_list(kind):
        return [value(kind.value_type, high)] * 2
    return "one" if kind == pa.string() else None


@pytest.fixture
def extreme(lake: Lake, fill: Fill) -> Lake:
    """A lake with the least and the greatest values in every table, side by side in a row as well."""
    for table in schemas.tables().values():
        if not isinstance(table, Mart):
            rows = [
                {c.name: value(c.type, high != (at % every == 0)) for at, c in enumerate(table.all_columns)}
                for high in (False, True)
                for every in (2, 3, 1000)
            ]
            fill(table.name, *(row | {"date": DAY} for row in rows))
    return lake


@pytest.mark.parametrize(
    "view", [*VIEWS, "lustre_during('job_windows')", "lustre_ost_during('one', $$2026-01-01$$, $$2026-01-02$$)"]
)
def test_extremes_break_no_view(extreme: Lake, view: str) -> None:
    extreme.sql(f"FROM {view}").fetchall()
