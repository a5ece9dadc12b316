"""Marts that look rows up in the newest snapshot of a table, however old: it touches the days that it is valid on."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.by_hand import DAY, NOON, Loaded, job

pytestmark = pytest.mark.usefixtures("all_tables")


def place(days: int, x: float) -> list[dict[str, Any]]:
    return [{"node": node, "ts": NOON + days * DAY, "x": at} for node, at in (("n1", 0.0), ("n2", x))]


def stale_days(lake: Loaded) -> list[int]:
    found = lake.lake.sql("SELECT date FROM derived WHERE table_name = 'job_summary' AND NOT fresh ORDER BY ALL")
    return [(day - NOON.date()).days for (day,) in found.fetchall()]


def radii(lake: Loaded) -> list[float | None]:
    return [row[0] for row in lake.lake.sql("SELECT radius_max FROM job_summary ORDER BY job_id").fetchall()]


def read_from(lake: Loaded, days: int) -> set[date]:
    call = f"mart_files('job_summary', 'c', DATE '{(NOON + days * DAY).date()}')"
    return {d for (d,) in lake.lake.sql(f"SELECT date FROM {call} WHERE table_name = 'topology'").fetchall()}


def test_a_snapshot_makes_stale_the_days_that_it_is_valid_on_and_no_others(loaded: Loaded) -> None:
    """P1, P5, P10, P11: the first one those before it as well; no older one is taken for a damaged one."""
    for at in (0, 40, 80):
        loaded.load("slurm_jobs", job(1 + at, NOON + at * DAY) | {"nodes": ["n1", "n2"]})
    for at in (10, 60):
        loaded.load("topology", *place(at, 1.0 * at))
    loaded.derive()
    assert [radii(loaded), stale_days(loaded)] == [[5.0, 5.0, 30.0], []]
    loaded.load("topology", *place(20, 20.0), name="moved")
    assert [radii(loaded), stale_days(loaded)] == [[5.0, 10.0, 30.0], [40]]
    assert [read_from(loaded, at) for at in (0, 80)] == [{(NOON + at * DAY).date()} for at in (10, 60)]
    loaded.load("topology", *place(-5, 4.0), name="moved")
    assert [radii(loaded), stale_days(loaded)] == [[2.0, 5.0, 30.0], [0, 40]]
    loaded.load("topology", *place(70, 70.0))
    assert [radii(loaded), stale_days(loaded)] == [[2.0, 5.0, 35.0], [0, 40, 80]]
    damaged = max(loaded.lake.files("topology"), key=lambda f: f.date)
    path = Path(loaded.warehouse.store.location(damaged.path))
    path.write_bytes(b"PAR1" + path.read_bytes()[4:-4] + b"lost")
    assert len(loaded.derive().damaged) == 1
    assert stale_days(loaded) == [80]
    assert [read_from(loaded, at) for at in (0, 40)] == [{(NOON + at * DAY).date()} for at in (-5, 10)]
