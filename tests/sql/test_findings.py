"""P1 and P6: what a finding rests on, in made rows: the same by day as at once, and never the run's own doing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from iolake import Lake, schemas
from iolake.schemas.mart import Mart
from iolake.warehouse.freshness import select
from tests.conftest import Fill, Store
from tests.sql.test_verdict import HOUR, START, codes, log, posix, run

WEEK = timedelta(days=8)


def of_day(lake: Lake, day: date, asked: str) -> list[tuple[Any, ...]]:
    """The findings that a derivation of this day alone makes."""
    mart = schemas.tables()["findings"]
    assert isinstance(mart, Mart)
    days = (day, day, day - WEEK, day + WEEK)
    return lake.sql(f"SELECT {asked} FROM ({select(mart, None, *days)}) ORDER BY ALL").fetchall()


def layout(job_id: int, *osts: int, **more: Any) -> dict[str, Any]:
    return {
        "cluster": "c", "date": START.date(), "log_id": f"log{job_id}", "job_id": job_id, "record_id": 1, "rank": 0,
        "copy": 0, "file_system": "fs", "component": 0, "osts": list(osts), "stripe_count": len(osts),
    } | more  # fmt: skip


def busy_target(fill: Fill, moved: int) -> None:
    """OST0000 moved that much in the hour of START, 19 others 1 GiB each; the file system did all of it."""
    hour = {"file_system": "fs", "ts": START, "interval_s": 3600.0, "read_bytes": 0}
    fill("lustre_ost", *(hour | {"ost": f"OST{o:04x}", "write_bytes": 1 << 30 if o else moved} for o in range(20)))
    whole = moved + (19 << 30)
    counted = hour | {"read_bytes_before": 0, "input_id": "i", "osts": 20, "osts_missing": 0}
    fill("lustre_fs", counted | {"write_bytes": whole, "write_bytes_before": 0, "ost_seconds_before": 0.0})
    later = {"ts": START + HOUR, "write_bytes": 0, "write_bytes_before": whole, "ost_seconds_before": 72000.0}
    fill("lustre_fs", counted | later)


def test_a_neighbour_that_ends_days_after_a_run_is_named_whichever_days_are_derived(
    lake: Lake, fill: Fill, store_marts: Store
) -> None:
    """P1: its targets lie on the day that it ends."""
    fill("slurm_jobs", run(1), run(2, START - 48 * HOUR, 120))
    fill("darshan_logs", log(1), log(2, START - 48 * HOUR, 120))
    end = (START + 72 * HOUR).date()
    fill("darshan_posix", posix(1, 1 << 20), posix(2, 120 * (9 << 40)) | {"date": end})
    fill("darshan_lustre", layout(1, 0), layout(2, 0, date=end))
    busy_target(fill, 9 << 40)
    asked = "SELECT neighbour FROM findings WHERE code = 'hot-target' AND job_id = 1"
    store_marts()
    assert lake.sql(asked).fetchall() == [("c 2",)]
    assert ("hot-target", "c 2") in of_day(lake, START.date(), "code, neighbour")


def test_a_run_weeks_after_its_lost_one_is_no_restart_whichever_days_are_derived(
    lake: Lake, fill: Fill, store_marts: Store
) -> None:
    """P1: a run is held against what ended within a week."""
    lost = {"state": "REQUEUED", "user_name": "u1"}
    for job, days in ((1, 20), (2, 2)):
        again = {"job_id": job, "user_name": "u1"}
        fill("slurm_jobs", run(job) | again, run(job, START - timedelta(days=days)) | lost)
    asked = "job_id, code"
    store_marts()
    at_once = lake.sql(f"SELECT {asked} FROM findings WHERE date = $1 ORDER BY ALL", [START.date()]).fetchall()
    assert at_once == [(2, "requeued")]
    assert of_day(lake, START.date(), asked) == at_once


def slow_logs(fill: Fill, jobs: list[int]) -> None:
    """Ten logs of one program each write 8 GiB in 10 s, before; then nine take 1,000 s: they are of these jobs."""
    fast = range(200, 210)
    fill("slurm_jobs", *(run(n, START - HOUR * (n - 199)) for n in fast), *(run(n) for n in sorted(set(jobs))))
    fill("darshan_logs", *(log(n, START - HOUR * (n - 199)) | {"exe_name": "twin"} for n in fast))
    fill("darshan_logs", *(log(n) | {"exe_name": "twin", "log_id": f"twin{i}"} for i, n in enumerate(jobs)))
    for number, (name, job) in enumerate(
        [*((f"log{n}", n) for n in fast), *((f"twin{i}", n) for i, n in enumerate(jobs))]
    ):
        of = {"log_id": name, "record_id": 2, "file_system": "gs"}
        times = {"POSIX_F_WRITE_START_TIMESTAMP": 1.0, "POSIX_F_WRITE_END_TIMESTAMP": 11.0 if job in fast else 1001.0}
        fill("darshan_posix", posix(job, 8 << 30) | of | times)
        fill("darshan_lustre", layout(job, max(number, 13), **of))


def test_slow_files_of_one_job_are_no_evidence_against_the_file_system(
    lake: Lake, fill: Fill, store_marts: Store
) -> None:
    """Nine logs of one job were slow: that says something about the job."""
    slow_logs(fill, [1] * 9)
    store_marts()
    assert lake.sql("FROM slow_hours(NULL, NULL, NULL)").fetchall() == []
    assert "slow-file-system" not in codes(lake).get(1, set())


def test_a_run_is_no_witness_in_its_own_case(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """Three jobs with slow files make a slow hour, but each of them has two others as witnesses only."""
    slow_logs(fill, [1, 2, 3] * 3)
    store_marts()
    assert lake.sql("SELECT DISTINCT slow_jobs FROM slow_hours(NULL, NULL, NULL)").fetchall() == [(3,)]
    assert not {"slow-file-system"} & set().union(*codes(lake).values())


def test_what_nobody_counted_is_not_compared(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """P6: opens and stats are unknown, or none: neither makes a run that does so more often than its kind."""
    hours = range(6)
    fill("slurm_jobs", *(run(n, START + n * HOUR) for n in hours))
    fill("darshan_logs", *(log(n, START + n * HOUR) | {"exe_name": "x"} for n in hours))
    spent = {"POSIX_F_READ_TIME": 0.0, "POSIX_F_META_TIME": 0.0, "POSIX_F_WRITE_TIME": 10.0}
    fill("darshan_posix", *(posix(n, 1 << 30) | spent | {"POSIX_OPENS": 0 if n > 2 else None} for n in hours))
    store_marts()
    assert lake.sql("FROM findings WHERE NOT isfinite(value) OR code LIKE '%than-kind'").fetchall() == []


def test_a_runs_own_bytes_are_not_taken_for_those_of_others(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """A run writes 1 TiB to a file on one target and 1 MiB to each of 19 others: that explains the busy target."""
    fill("slurm_jobs", run(1), run(2))
    fill("darshan_logs", log(1), log(2))
    files = {n: posix(1, 1 << 20 if n else 1 << 40) | {"record_id": n + 1} for n in range(20)}
    fill("darshan_posix", *files.values(), posix(2, 1 << 20))
    fill("darshan_lustre", *(layout(1, n, record_id=n + 1) for n in files), layout(2, 0))
    busy_target(fill, 1 << 40)
    store_marts()
    found = codes(lake)
    assert "hot-target" not in found[1]
    assert "hot-target" in found[2]


def test_time_before_a_job_may_start_is_no_wait(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """Job 1 depended on another for 99 of 100 hours; job 2 waited that long for nodes. wait_s counts both."""
    early = {"submit_time": START - 100 * HOUR}
    others = (run(n) | {"eligible_time": START} for n in range(3, 9))
    fill("slurm_jobs", run(1) | early | {"eligible_time": START - HOUR / 2}, run(2) | early, *others)
    store_marts()
    found = codes(lake)
    waits = {"waited", "waited-beside-kind"}
    assert not waits & found.get(1, set())
    assert waits <= found[2]
    assert lake.sql("SELECT wait_s FROM job_summary WHERE job_id = 1").fetchall() == [(360000.0,)]


def test_running_out_of_time_is_only_a_finding_without_io(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """Restart chains end so by design."""
    fill("slurm_jobs", *(run(n) | {"state": "TIMEOUT"} for n in (1, 2)))
    fill("darshan_logs", log(1), log(2))
    for job, seconds in ((1, 10.0), (2, 0.0)):
        times = {"POSIX_F_READ_TIME": 0.0, "POSIX_F_META_TIME": 0.0, "POSIX_F_WRITE_TIME": seconds, "rank": 0}
        fill("darshan_posix", posix(job, 1 << 30) | times)
    asked = "SELECT cause, confidence, sentence[:16] FROM job_verdict ORDER BY job_id"
    store_marts()
    assert lake.sql(asked).fetchall() == [("scheduler", 0.5, "Ran out of time "), (None, None, "Nothing to compa")]


def test_only_targets_of_the_server_that_served_none_are_named_with_it(
    lake: Lake, fill: Fill, store_marts: Store
) -> None:
    """Server a serves neither of its targets; server b has lost one of two."""
    fill("slurm_jobs", run(1))
    fill("darshan_logs", log(1))
    fill("darshan_posix", posix(1, 1 << 30))
    fill("darshan_lustre", layout(1, 0, 1, 2))
    usual, then = {0: "a", 1: "a", 2: "b", 3: "b"}, {0: "d", 1: "d", 2: "e", 3: "b"}
    served = {"file_system": "fs", "role": "ost"}
    fill(
        "lustre_target",
        *(
            served | {"ts": START - h * HOUR, "target": f"OST{o:04x}", "server": (usual if h else then)[o]}
            for h in (9, 8, 0)
            for o in range(4)
        ),
    )
    asked = "SELECT value, target, sentence FROM findings WHERE code = 'server-failed-over'"
    store_marts()
    ((value, target, sentence),) = lake.sql(asked).fetchall()
    assert (value, target) == (2, "OST0000, OST0001")
    assert sentence.endswith("were served by d while a served none of its targets")


def test_a_rank_that_only_opened_a_file_is_not_one_that_wrote_less(lake: Lake, fill: Fill, store_marts: Store) -> None:
    """P6: `write-imbalance` speaks of ranks that wrote the file."""
    fill("slurm_jobs", run(1))
    fill("darshan_logs", log(1))
    fill("darshan_posix", posix(1, 1 << 30), posix(1, 1 << 30) | {"rank": 1}, posix(1, 0) | {"rank": 2})
    store_marts()
    assert lake.sql("SELECT read_imbalance_pct, write_imbalance_pct FROM job_io").fetchall() == [(None, 0.0)]
