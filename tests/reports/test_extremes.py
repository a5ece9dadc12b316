"""The pages of a job that wrote sparse files at offsets beyond the size of any disk."""

from __future__ import annotations

from datetime import datetime, timedelta

from iolake.reports.job import job_page as text_page
from iolake.reports.pages.job import job_page
from iolake.warehouse import Lake
from tests.conftest import Fill

START = datetime(2026, 1, 1, 12)
HUGE = 2**62 + 5


def test_sums_beyond_64_bits_break_no_page(lake: Lake, fill: Fill) -> None:
    """P5: the sum of two such files exceeds a BIGINT: it is unknown, and everything else is shown."""
    at = {"cluster": "c", "date": START.date(), "job_id": 7}
    times = {"start_time": START, "end_time": START + timedelta(hours=1)}
    fill("slurm_jobs", at | times | {"submit_time": START, "submit_known": True, "elapsed_s": 3600.0, "nnodes": 1})
    fill("darshan_logs", at | times | {"log_id": "log7", "exe_name": "app", "nprocs": 2, "modules": ["POSIX"]})
    counters = dict.fromkeys(("POSIX_BYTES_READ", "POSIX_BYTES_WRITTEN", "POSIX_SIZE_READ_1G_PLUS"), HUGE)
    where = {"log_id": "log7", "rank": 0, "copy": 0, "file_system": "fs"}
    fill("darshan_posix", *(at | where | counters | {"record_id": n, "path": f"/fs/{n}"} for n in (1, 2)))
    assert "Job 7 on c" in text_page(lake, 7)
    assert "Job 7 on c" in job_page(lake, 7).html()
