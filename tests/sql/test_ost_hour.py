"""What each storage target did each hour: a disk of Storage Scale may have several servers."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.reports.charts.targets import load_query
from iolake.warehouse import Lake

HOUR = datetime(2026, 3, 1, 12)
RATE = 1_000_000_000 / 60


def _minutes(server: str, nsd: str, count: int, read_bytes: int) -> list[dict[str, Any]]:
    row = {"file_system": "near", "server": server, "nsd": nsd, "role": "data", "interval_s": 60.0}
    return [
        {**row, "ts": HOUR + timedelta(minutes=at), "read_bytes": read_bytes, "write_bytes": 0} for at in range(count)
    ]


def test_a_disks_mean_rate_is_the_sum_of_its_servers_means(lake: Lake, fill: Any) -> None:
    """P12: a backup server that was seen for a minute says nothing of how long the first one was seen."""
    fill("scale_nsd", *_minutes("a", "one", 60, 10**9), *_minutes("b", "one", 1, 0), *_minutes("a", "two", 60, 10**9))
    (one, two) = lake.sql(
        "SELECT read_bytes, mean_read_bytes_per_s, mean_write_bytes_per_s, seen_s FROM ost_hour ORDER BY ost"
    ).fetchall()
    assert one == (60 * 10**9, pytest.approx(RATE), 0, 60)
    assert two == (60 * 10**9, pytest.approx(RATE), 0, 3600)
    states = lake.sql("SELECT load_pct, fs_rate FROM target_states('near', NULL, NULL)").fetchall()
    assert states == [(pytest.approx(100), pytest.approx(2 * RATE))] * 2
    drawn = load_query("near", (HOUR, HOUR + timedelta(hours=1))).frame(lake)
    assert drawn["rate"].to_list() == pytest.approx([RATE, RATE])


def test_an_object_storage_targets_mean_rate_is_its_bytes_over_what_was_seen(lake: Lake, fill: Any) -> None:
    """P12: what was not seen counts neither as traffic nor as idle."""
    row = {"file_system": "far", "ost": "OST0000", "interval_s": 60.0, "read_bytes": 600, "write_bytes": 60}
    unseen = {"read_bytes": None, "write_bytes": None}
    fill("lustre_ost", {**row, "ts": HOUR}, {**row, **unseen, "ts": HOUR + timedelta(minutes=1)})
    means = "SELECT mean_read_bytes_per_s, mean_write_bytes_per_s, seen_s FROM ost_hour"
    assert lake.sql(means).fetchall() == [(10, 1, 60)]
