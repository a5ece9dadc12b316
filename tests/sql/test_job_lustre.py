"""What file systems did while a job ran, beside what Darshan and the servers say of the job itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake

START = datetime(2026, 3, 1, 12, 0, 0)


def _fs(name: str, minute: int, **columns: Any) -> dict[str, Any]:
    """A minute of a file system that reads 600 bytes and writes 60 a minute, in one input from START on."""
    return {
        "file_system": name,
        "input_id": name,
        "ts": START + timedelta(minutes=minute),
        "interval_s": 60.0,
        "osts": 2,
        "osts_missing": 0,
        "mdts": 1,
        "mdts_missing": 0,
        "read_bytes": 600,
        "write_bytes": 60,
        "opens": 6,
        "read_bytes_before": 600 * minute,
        "write_bytes_before": 60 * minute,
        "opens_before": 6 * minute,
        "ost_seconds_before": 120.0 * minute,
        "mdt_seconds_before": 60.0 * minute,
        **columns,
    }


@pytest.fixture
def jobs(lake: Lake, fill: Any) -> Lake:
    """Job 1 has a log on `near`, job 2 has none; both run from minute 2 to minute 4."""
    fill("lustre_fs", *(_fs(name, minute) for name in ("far", "near") for minute in range(10)))
    run = {
        "cluster": "c",
        "date": START.date(),
        "submit_time": START,
        "submit_known": True,
        "start_time": START + timedelta(minutes=2),
        "end_time": START + timedelta(minutes=4),
        "time_ambiguous": False,
        "load_id": "l",
        "input_id": "i",
    }
    fill("slurm_jobs", {**run, "job_id": 1}, {**run, "job_id": 2})
    log = {"cluster": "c", "date": START.date(), "log_id": "a", "job_id": 1}
    fill("darshan_logs", {**log, "start_time": run["start_time"], "end_time": run["end_time"]})
    record = {"cluster": "c", "date": START.date(), "log_id": "a", "file_system": "near"}
    fill("darshan_posix", {**record, "POSIX_BYTES_READ": 900, "POSIX_BYTES_WRITTEN": 45, "POSIX_OPENS": 9})
    fill("darshan_stdio", {**record, "STDIO_BYTES_READ": 0, "STDIO_BYTES_WRITTEN": 45, "STDIO_OPENS": 0})
    stats = {"file_system": "near", "jobstats_id": "1", "job_id": 1, "role": "ost", "fresh": False, "interval_s": 60.0}
    fill(
        "lustre_jobstats",
        {**stats, "target": "OST0000", "ts": START + timedelta(minutes=3), "read_bytes": 500, "write_bytes": 30},
        {**stats, "target": "OST0001", "ts": START + timedelta(minutes=3), "read_bytes": 400, "write_bytes": 60},
        {**stats, "target": "OST0001", "ts": START + timedelta(days=90), "read_bytes": 7, "write_bytes": 7},
    )
    return lake


def test_the_window_is_the_job_and_one_interval_more(jobs: Lake) -> None:
    found = jobs.sql(
        "SELECT window_start, window_end, fs_read_bytes, fs_write_bytes, fs_opens FROM job_lustre WHERE job_id = 1"
    )
    assert found.fetchall() == [(START + timedelta(minutes=2), START + timedelta(minutes=5), 1800, 180, 18)]


def test_a_job_with_logs_has_the_file_systems_of_its_records(jobs: Lake) -> None:
    assert jobs.sql("SELECT file_system FROM job_lustre WHERE job_id = 1").fetchall() == [("near",)]


def test_a_job_without_logs_has_every_file_system(jobs: Lake) -> None:
    found = jobs.sql(
        "SELECT file_system, darshan_read_bytes, share FROM job_lustre WHERE job_id = 2 ORDER BY 1"
    ).fetchall()
    assert found == [("far", None, None), ("near", None, None)]


def test_shares_are_the_jobs_bytes_over_the_servers(jobs: Lake) -> None:
    found = jobs.sql("SELECT read_share, write_share, share, opens_share FROM job_lustre WHERE job_id = 1").fetchall()
    assert found == [(900 / 1800, 90 / 180, 990 / 1980, 9 / 18)]


def test_job_counts_of_the_servers_stand_beside_darshans(jobs: Lake) -> None:
    """An id that came again months later is another job."""
    found = jobs.sql("SELECT jobstats_read_bytes, jobstats_write_bytes FROM job_lustre WHERE job_id = 1").fetchall()
    assert found == [(900, 90)]
