"""No row breaks another's: damaged counters and times in every table, through views, macros and the job page."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from iolake import schemas
from iolake.reports import text
from iolake.reports.job import job_page
from iolake.schemas.mart import Mart
from iolake.warehouse import Lake
from tests.conftest import Fill, Store
from tests.sql.test_extremes import VIEWS, value

DAY = date(2026, 1, 1)
WINDOW = "TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02'"
DAYS = "DATE '2026-01-01', DATE '2026-01-02'"
MACROS = [
    *(f"{name}('one', {WINDOW})" for name in ("burstiness", "concurrent_jobs", "coverage_factors", "duplicate_logs")),
    *(f"{name}('one', {WINDOW})" for name in ("file_system_timeline", "fullness_trend", "ost_imbalance", "top_users")),
    *(f"{name}('one', {DAYS})" for name in ("file_system_abilities", "file_system_rates", "logs_of_runs")),
    *(f"{name}('one', {DAYS})" for name in ("moved_targets", "slow_targets", "ssd_changes", "ssd_change_totals")),
    f"job_activity('one', ['one'], {WINDOW})",
    f"job_risk('one', {WINDOW}, 2.0)",
    f"lustre_ost_during('one', {WINDOW})",
    f"mdt_users('one', 'one', {WINDOW})",
    f"ost_users('one', 'one', {WINDOW})",
    f"scoreboard({WINDOW})",
    f"target_states('one', {DAYS})",
    "umami('one', '5.1', DATE '2026-01-01', 30)",
]
KEYS = {"cluster": "one", "file_system": "one", "endpoint": "one", "job_id": 5, "run_id": "5.1", "log_id": "one"}
OF_RUN = {"date": DAY, "mount_point": "/one"}


def odd(kind: pa.DataType, rng: random.Random) -> Any:  # noqa: PLR0911
    """A value that is rare or damaged, of any type."""
    if pa.types.is_map(kind):
        return rng.choice([None, [("cpu", odd(kind.item_type, rng))]])
    if pa.types.is_floating(kind):
        return rng.choice([1.7e308, -1.7e308, 0.0, None, math.nan, math.inf, -math.inf, 1e-300, 1.0])
    if pa.types.is_integer(kind):
        return rng.choice([value(kind, high=True), value(kind, high=False), 0, 1, None, 5])
    if pa.types.is_timestamp(kind):
        return datetime(2026, 1, 1) + timedelta(seconds=rng.choice([0, 43200, 46800, 86399]))
    if pa.types.is_list(kind):
        return rng.choice([None, [], [odd(kind.value_type, rng)] * 2])
    if pa.types.is_boolean(kind):
        return rng.choice([True, False, None])
    return DAY if pa.types.is_date(kind) else rng.choice(["one", "POSIX", "OST0000", "read", ""])


def odd_row(table: Any, rng: random.Random) -> dict[str, Any]:
    row = {c.name: odd(c.type, rng) for c in table.all_columns}
    row |= {c.name: value(c.type, high=True) for c in table.all_columns if not c.nullable and row[c.name] is None}
    row |= {name: known for name, known in (KEYS | OF_RUN).items() if name in row}
    if row.get("start_time") and row.get("end_time"):
        row["end_time"] = max(row["start_time"], row["end_time"])
    return row


def test_odd_values_break_no_view_no_macro_and_no_page(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """P6: what can't be placed or computed is unknown, and the other rows show."""
    rng = random.Random(1)
    for table in schemas.tables().values():
        if not isinstance(table, Mart):
            fill(table.name, *(odd_row(table, rng) for _ in range(4)))
    store_marts()
    for name in [*MACROS, *VIEWS]:
        try:
            lake.sql(f"FROM {name}").fetchall()
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error
    assert "4 runs have the id 5" in job_page(lake, 5)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_reads_as_unknown(value: float | None) -> None:
    """P6: also where a counter is damaged."""
    shown = {write(value) for write in (text.size, text.rate, text.number, text.percent, text.seen, text.seconds)}
    assert shown == {text.UNKNOWN}
    assert text.sparkline([value, 1.0]) == f"{text.MISSING}█"
