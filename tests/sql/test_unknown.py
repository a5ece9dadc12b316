"""P6: what a source does not tell is null in every answer. SQL's greatest() and least() pass over nulls."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from iolake.reports import text
from iolake.reports.pages.job import _neighbours
from iolake.warehouse import Lake
from tests.conftest import Fill

START = datetime(2026, 1, 1, 12)
DAY = date(2026, 1, 1)
HOUR = timedelta(hours=1)


def log(**more: object) -> dict[str, Any]:
    at = {"cluster": "c", "date": DAY, "log_id": "a", "job_id": 7, "start_time": START, "exe_name": "x", "nprocs": 1}
    return at | {"end_time": START + HOUR} | more


def posix(**more: object) -> dict[str, Any]:
    at = {"cluster": "c", "date": DAY, "log_id": "a", "job_id": 7, "record_id": 1, "path": "/fs/x", "file_system": "fs"}
    return at | {"POSIX_BYTES_READ": 100, "POSIX_BYTES_WRITTEN": 5, "POSIX_OPENS": 3} | more


def test_a_run_that_only_logs_without_an_end_show_has_no_run_time(lake: Lake, fill: Fill) -> None:
    fill("darshan_logs", log(end_time=None), log(job_id=8, log_id="b"))
    assert lake.sql("SELECT job_id, elapsed_s FROM job_summary ORDER BY job_id").fetchall() == [(7, None), (8, 3600.0)]


def test_bytes_read_again_are_unknown_where_the_furthest_byte_is(lake: Lake, fill: Fill) -> None:
    fill("darshan_logs", log())
    fill("darshan_posix", posix(POSIX_MAX_BYTE_WRITTEN=99))
    assert lake.sql("SELECT redundant_read_bytes, redundant_write_bytes FROM job_io").fetchall() == [(None, 0)]


def test_the_risk_of_what_nobody_counted_is_unknown(lake: Lake, fill: Fill) -> None:
    fill("darshan_logs", log())
    fill("darshan_posix", posix())
    asked = "SELECT read_risk, write_risk, open_risk FROM job_risk('fs', DATE '2026-01-01', DATE '2026-01-02', 1)"
    assert lake.sql(asked).fetchall() == []


def test_a_neighbour_of_unknown_share_is_not_drawn_as_one_that_took_all(lake: Lake, fill: Fill) -> None:
    """P12: it is grey."""
    jobs = {
        "cluster": "c", "date": DAY, "submit_time": START, "submit_known": True, "start_time": START,
        "end_time": START + HOUR, "elapsed_s": 3600.0, "nnodes": 1, "load_id": "l", "input_id": "i",
    }  # fmt: skip
    fill("slurm_jobs", *(jobs | {"job_id": job_id} for job_id in (7, 8)))
    fill("darshan_logs", log(), log(job_id=8, log_id="b"))
    fill("darshan_posix", posix(), posix(job_id=8, log_id="b"))
    (run,) = lake.rows("SELECT cluster, run_id, date FROM job_summary WHERE job_id = 7")
    (beside,) = _neighbours(run, "fs").rows(lake)
    assert beside["moved_bytes"] == 105
    assert beside["share_pct"] is None


def test_what_is_just_not_enough_does_not_read_as_enough() -> None:
    shown = [text.seen(value) for value in (94.96, 95.0, 100.0, 0.0, None)]
    assert shown == ["94.9 %", "95 %", "100 %", "0 %", "unknown"]
