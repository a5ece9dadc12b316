"""What single targets did in a window, and the targets of a job's files."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake

NOON = datetime(2026, 3, 1, 12)


@pytest.fixture
def lake_of_targets(lake: Lake, fill: Any) -> Lake:
    """Two targets of `near`: each minute from noon OST0000 reads 60 bytes and OST00ad writes 600, but for minute 3."""
    rows = [
        {
            "file_system": "near",
            "date": NOON.date(),
            "ost": ost,
            "ts": NOON + timedelta(minutes=minute),
            "interval_s": 60.0,
            "read_bytes": read,
            "write_bytes": None if minute == 3 else written,
            "reset": minute == 4,
        }
        for ost, read, written in (("OST0000", 60, None), ("OST00ad", None, 600))
        for minute in range(10)
    ]
    fill("lustre_ost", *rows)
    return lake


def test_targets_are_cut_at_the_windows_edges_or_counted_whole(lake_of_targets: Lake) -> None:
    window = "'near', '2026-03-01 12:01:30', '2026-03-01 12:03:15'"
    found = lake_of_targets.sql(f"FROM lustre_ost_during({window}) ORDER BY ost").fetchall()
    assert found == [("OST0000", 30 + 60 + 15, None, 105.0, False), ("OST00ad", None, 300 + 600, 90.0, False)]
    whole = lake_of_targets.sql(
        f"SELECT ost, read_bytes FROM lustre_ost_during({window}, pro_rate := false) ORDER BY ost"
    )
    assert whole.fetchall() == [("OST0000", 180), ("OST00ad", None)]


def test_a_reset_in_the_window_is_counted(lake_of_targets: Lake) -> None:
    found = lake_of_targets.sql(
        "SELECT DISTINCT reset FROM lustre_ost_during('near', '2026-03-01 12:04', '2026-03-01 12:05')"
    )
    assert found.fetchall() == [(True,)]


def test_a_job_has_the_targets_of_its_files(lake_of_targets: Lake, fill: Any) -> None:
    run = {
        "cluster": "c",
        "date": NOON.date(),
        "job_id": 1,
        "submit_time": NOON,
        "submit_known": True,
        "state": "COMPLETED",
    }
    fill("slurm_jobs", {**run, "start_time": NOON + timedelta(minutes=5), "end_time": NOON + timedelta(minutes=7)})
    log = {"cluster": "c", "date": NOON.date(), "log_id": "a"}
    fill(
        "darshan_logs",
        {**log, "job_id": 1, "start_time": NOON + timedelta(minutes=5), "end_time": NOON + timedelta(minutes=7)},
    )
    fill(
        "darshan_lustre",
        {**log, "file_system": "near", "record_id": 1, "osts": [0xAD]},
        {**log, "file_system": "near", "record_id": 2, "osts": [0xAD, 7]},
    )
    found = lake_of_targets.sql("SELECT ost, files, ost_write_bytes FROM job_lustre_ost WHERE job_id = 1 ORDER BY ost")
    assert found.fetchall() == [("OST0007", 1, None), ("OST00ad", 2, 1200)]
