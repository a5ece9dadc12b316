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


_RUN = {
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


def _times(run: dict[str, Any]) -> dict[str, Any]:
    return {name: run[name] for name in ("start_time", "end_time")}


@pytest.fixture
def jobs(lake: Lake, fill: Any) -> Lake:
    """Job 1 has a log on `near`, job 2 has none; both run from minute 2 to minute 4."""
    fill("lustre_fs", *(_fs(name, minute) for name in ("far", "near") for minute in range(10)))
    run = _RUN
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


def test_what_only_the_servers_count_of_a_job_is_a_row(jobs: Lake, fill: Any) -> None:
    """A file system whose only source is job_stats has the job's own bytes."""
    stats = {"file_system": "counted", "jobstats_id": "2", "job_id": 2, "role": "ost", "fresh": False}
    row = {**stats, "target": "OST0000", "ts": START + timedelta(minutes=3), "interval_s": 60.0}
    fill("lustre_jobstats", {**row, "read_bytes": 0, "write_bytes": 900})
    found = jobs.sql(
        "SELECT fs_read_bytes, jobstats_read_bytes, jobstats_write_bytes FROM job_lustre WHERE file_system = 'counted'"
    ).fetchall()
    assert found == [(None, 0, 900)]


def test_an_interval_that_may_be_of_two_runs_is_counted_for_neither(jobs: Lake, fill: Any) -> None:
    """Another cluster has the same id at the same time; where the server names the cluster, there is no doubt."""
    fill("slurm_jobs", {**_RUN, "cluster": "d", "job_id": 1})
    query = "SELECT cluster, jobstats_read_bytes, jobstats_reason FROM job_lustre WHERE job_id = 1 AND file_system = $1"
    assert sorted(jobs.sql(query, ["near"]).fetchall()) == [
        ("c", None, "another run of the same id may be meant"),
        ("d", None, "another run of the same id may be meant"),
    ]
    stats = {"file_system": "named", "jobstats_id": "1@c", "job_id": 1, "cluster": "c", "role": "ost", "fresh": False}
    row = {**stats, "target": "OST0000", "ts": START + timedelta(minutes=3), "interval_s": 60.0}
    fill("lustre_jobstats", {**row, "read_bytes": 7, "write_bytes": 0})
    assert jobs.sql(query, ["named"]).fetchall() == [("c", 7, None)]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [(10, None), (4, "less than 95 % of the window was seen"), (0, "nothing of the window was seen")],
)
def test_shares_and_peaks_of_a_window_that_was_not_seen_are_null_and_say_why(
    lake: Lake, fill: Any, seen: int, reason: str | None
) -> None:
    """P12."""
    run = {**_RUN, "job_id": 1, "start_time": START, "end_time": START + timedelta(minutes=8)}
    fill("slurm_jobs", run)
    fill("darshan_logs", {"cluster": "c", "date": START.date(), "log_id": "a", "job_id": 1} | _times(run))
    record = {"cluster": "c", "date": START.date(), "log_id": "a", "file_system": "near"}
    fill("darshan_posix", {**record, "POSIX_BYTES_READ": 540, "POSIX_BYTES_WRITTEN": 54, "POSIX_OPENS": 9})
    if seen:
        fill("lustre_fs", *(_fs("near", minute) for minute in range(seen)))
    share, peak, *why = lake.sql(
        "SELECT share, fs_peak_read_bytes_per_s, share_reason, peak_reason FROM job_lustre"
    ).fetchall()[0]
    assert why == [reason, reason]
    assert share == (pytest.approx(594 / 5940) if reason is None else None)
    assert peak == (10.0 if reason is None else None)


def test_a_share_that_cannot_be_true_is_null_and_says_why(jobs: Lake, fill: Any) -> None:
    """P12: above 1.2, clocks or names do not fit."""
    record = {"cluster": "c", "date": START.date(), "log_id": "a", "file_system": "near", "record_id": 9}
    fill("darshan_posix", {**record, "POSIX_BYTES_READ": 9000, "POSIX_BYTES_WRITTEN": 0, "POSIX_OPENS": 0})
    found = jobs.sql("SELECT read_share, write_share, share, share_reason FROM job_lustre WHERE job_id = 1").fetchall()
    assert found == [(None, 0.5, None, "a share over 1.2: clocks or names do not fit")]
