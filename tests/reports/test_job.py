"""The job page shows everything that the lake has of a job, and names what is missing."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from iolake.reports.job import NoJob, job_page
from iolake.reports.job_facts import timeline
from iolake.reports.judgement import Judgement
from iolake.reports.pages.job import job_page as html_page
from iolake.reports.runs import find
from iolake.warehouse import Lake
from tests.conftest import Fill

START = datetime(2026, 1, 1, 12)
DAY = date(2026, 1, 1)
MINUTE = timedelta(minutes=1)
SECTIONS = ("Scheduler", "Application (Darshan)", "File systems meanwhile", "Targets when it began")


def job(start: datetime | None = START, **more: object) -> dict[str, Any]:
    at = start or START
    row = {"cluster": "edison", "date": at.date(), "job_id": 7, "submit_time": at - MINUTE, "submit_known": True}
    row |= {"start_time": start, "end_time": at + 10 * MINUTE, "elapsed_s": 600.0, "nnodes": 2, "nodes": ["n1", "n2"]}
    return row | {"user_name": "amy", "state": "COMPLETED", "exit_code": 0, "load_id": "l", "input_id": "i"} | more


def log(log_id: str = "a", start: datetime = START, **more: object) -> dict[str, Any]:
    end = start + 2 * MINUTE
    at = {"cluster": "edison", "date": end.date(), "start_time": start + MINUTE, "end_time": end}
    row = at | {"log_id": log_id, "job_id": 7, "exe_name": f"exe_{log_id}", "nprocs": 8, "run_time_s": 60.0}
    return row | {"modules": ["POSIX"], "partial_modules": []} | more


def posix(read: int, written: int, log_id: str = "a", **more: object) -> dict[str, Any]:
    at = {"cluster": "edison", "date": DAY, "log_id": log_id, "job_id": 7, "record_id": 1, "path": "/fs/x"}
    where = {"mount_point": "/fs", "file_system": "fs"}
    return at | where | {"POSIX_BYTES_READ": read, "POSIX_BYTES_WRITTEN": written} | more


def traffic(minute: int, read: int | None, written: int | None) -> dict[str, Any]:
    at = {"file_system": "fs", "date": DAY, "ts": START + minute * MINUTE, "interval_s": 60.0, "input_id": "i"}
    seen = read is not None
    row = at | {"osts": 1, "osts_missing": 0 if seen else 1, "mdts": 0, "mdts_missing": 0}
    row |= {"ost_seconds_before": 60.0 * minute, "mdt_seconds_before": 0.0}
    row |= {"read_bytes": read, "write_bytes": written}
    return row | {"read_bytes_before": 6000 * minute, "write_bytes_before": 600 * minute}


@pytest.fixture(autouse=True)
def _no_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records below the judgement are shown as they are; test_centre.py has the judgement."""
    nothing = Judgement(None, [], [], [], None, [], [])
    monkeypatch.setattr("iolake.reports.job.judge", lambda *_: nothing)


def sections(page: str) -> list[str]:
    return [line.split(" ──")[0] for line in page.splitlines() if "───" in line]


def section(page: str, name: str) -> str:
    """The text under a heading."""
    after = page.split(f"{name}", 1)[1]
    return after.split("\n\n", 1)[0]


def test_an_unknown_id_is_answered_with_those_that_it_may_be_a_slip_of(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", *(job(job_id=n, submit_time=START) for n in (44785, 4478550, 4478544)))
    fill("darshan_logs", log(job_id=447855))
    with pytest.raises(NoJob, match=r"no job 447854 in the lake; the nearest ids are 447855, 44785, 4478544") as error:
        job_page(lake, 447854)
    assert error.value.near == [447855, 44785, 4478544]
    with pytest.raises(NoJob, match="no job 4478544 on cori in the lake; it has no jobs on cori"):
        job_page(lake, 4478544, "cori")


def test_an_empty_lake_has_no_nearest_id(lake: Lake) -> None:
    with pytest.raises(NoJob, match="it has no jobs at all"):
        job_page(lake, 1)


def test_no_section_is_silently_missing(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    page = job_page(lake, 7)
    assert [any(title.startswith(name) for title in sections(page)) for name in SECTIONS] == [True] * 4
    assert "no Darshan log of it in the lake; `iolake ingest darshan --since 2026-01-01 --until 2026-01-03`" in page
    assert "none was watched while it ran" in section(page, "File systems meanwhile")
    assert "no file system is known to be the job's" in section(page, "Targets when it began")


def test_what_the_scheduler_does_not_tell_is_unknown(lake: Lake, fill: Fill) -> None:
    """P6: null is not zero, on a page too."""
    fill("slurm_jobs", job(user_name=None, state=None, exit_code=None, submit_known=False, nnodes=None, nodes=None))
    lines = {line.split()[0]: line.split()[1] for line in section(job_page(lake, 7), "Scheduler").splitlines()[1:]}
    assert [lines[label] for label in ("user", "state", "submitted", "nodes", "limit")] == ["unknown"] * 5


def test_a_job_that_never_started_says_so(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job(start=None, state="CANCELLED"))
    assert "It never started" in job_page(lake, 7)


def test_every_run_of_an_id_is_listed_and_shown(lake: Lake, fill: Fill) -> None:
    """Ids are reused, requeued, and may be the same on two clusters."""
    later = START + timedelta(days=40)
    fill("slurm_jobs", job(state="REQUEUED"), job(later), job(cluster="cori"))
    page = job_page(lake, 7)
    assert page.startswith("3 runs have the id 7; --cluster names one")
    assert page.count("Job 7 on edison") == 2
    assert page.count("Job 7 on cori") == 1
    assert job_page(lake, 7, "cori").startswith("Job 7 on cori")


def test_each_run_has_only_its_own_logs(lake: Lake, fill: Fill) -> None:
    later = START + timedelta(days=40)
    fill("slurm_jobs", job(), job(later))
    fill("darshan_logs", log("a"), log("b", later))
    _, first, second = job_page(lake, 7).split("Job 7 on edison")
    assert "exe_a" in first and "exe_b" not in first
    assert "exe_b" in second and "exe_a" not in second


def test_a_run_of_many_days_has_the_logs_and_steps_that_ended_days_before_it(lake: Lake, fill: Fill) -> None:
    """P5: a log and a step lie under the day of their own end, a run under that of its end, days later."""
    ended = START + timedelta(days=5)
    run = job(end_time=ended, date=ended.date(), elapsed_s=5 * 86400.0)
    fill("slurm_jobs", run)
    fill("darshan_logs", log())
    shared = {key: run[key] for key in ("cluster", "job_id", "submit_time", "start_time", "load_id", "input_id")}
    fill("slurm_steps", shared | {"date": DAY, "step_id": "0", "step_name": "a", "end_time": START + MINUTE})
    page = job_page(lake, 7)
    assert "exe_a" in section(page, "Application (Darshan)")
    assert "1; 0 ended last" in section(page, "Scheduler")
    assert [row["log_id"] for row in find(lake, program="exe_a", since=ended.date())] == ["a"]
    assert "exe_a" in str(html_page(lake, 7))


def test_a_log_that_ends_a_day_after_its_run_is_found_by_the_runs_day(lake: Lake, fill: Fill) -> None:
    """P5: clocks differ by up to a minute, so a log of a run that ends at midnight lies under the next day."""
    midnight = datetime(2026, 1, 2)
    fill("slurm_jobs", job(end_time=midnight - timedelta(seconds=10)))
    fill("darshan_logs", log(end_time=midnight + timedelta(seconds=10), date=midnight.date()))
    for since in (None, DAY):
        assert [row["log_id"] for row in find(lake, program="exe_a", since=since, until=midnight.date())] == ["a"]


def test_bytes_are_shown_rounded_and_exactly(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(0, 5 << 30), posix(0, 7, record_id=2))
    (line,) = [line for line in job_page(lake, 7).splitlines() if line.strip().startswith("POSIX")]
    assert line.split() == ["POSIX", "0", "B", "5.00", "GiB", "(5,368,709,127", "B)", "2"]


def test_bytes_that_no_log_tells_are_unknown_in_all(lake: Lake, fill: Fill) -> None:
    """P6: Darshan 2 did not count the bytes of stdio apart."""
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"), log("b"))
    at = {"cluster": "edison", "date": DAY, "job_id": 7, "path": "/fs/x"}
    fill("darshan_stdio", *({**at, "log_id": name, "record_id": 1} for name in "ab"))
    assert "in all, by POSIX and STDIO: read unknown, written unknown" in job_page(lake, 7)
    fill("darshan_posix", posix(5, 0))
    assert "in all, by POSIX and STDIO: read 5 B, written 0 B" in job_page(lake, 7)


def test_a_log_with_incomplete_modules_says_so(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log(partial_modules=["DXT_POSIX"]))
    assert "incomplete, for Darshan ran out of memory: DXT_POSIX" in job_page(lake, 7)


def test_the_servers_traffic_is_drawn_with_its_peak_and_the_jobs_share(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(6600, 3300))
    fill("lustre_fs", *(traffic(m, 6000, 600) for m in range(-5, 20)))
    text = section(job_page(lake, 7), "File systems meanwhile")
    assert "its servers read 64.45 KiB and wrote 6.45 KiB; 100 % of the targets' time was seen" in text
    assert "share of reads    10.00 %  ██\n" in text
    assert "share of writes   50.00 %  ██████████\n" in text
    assert "read  ██████████  peak 100 B/s" in text
    assert "a mark is 60 s, from 2026-01-01 12:00:00 on" in text


def test_a_time_without_counts_is_drawn_as_missing_not_as_idle(lake: Lake, fill: Fill) -> None:
    """P6: a gap is no silence."""
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(1, 1))
    fill(
        "lustre_fs",
        *(traffic(m, *((None, None) if m == 3 else (0, 0) if m == 4 else (6000, 600))) for m in range(10) if m != 7),
    )
    text = section(job_page(lake, 7), "File systems meanwhile")
    assert "read  ███·▁██·██  peak" in text


def test_a_marks_rate_rests_on_the_time_that_was_counted(lake: Lake, fill: Fill) -> None:
    """P6: half of each mark's time is unknown, which is drawn neither as busy nor as idle."""
    fill("slurm_jobs", job())
    fill("lustre_fs", *(traffic(m, *((None, None) if m % 2 else (6000, 600))) for m in range(240)))
    times = timeline(lake, "fs", START, START + 240 * MINUTE)
    assert times is not None
    assert times.width_s == 240
    assert set(times.read) == {100.0}
    assert set(times.write) == {10.0}


def test_a_share_that_cannot_be_true_is_not_shown(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(99_000, 0))
    fill("lustre_fs", *(traffic(m, 6000, 600) for m in range(-5, 20)))
    page = job_page(lake, 7)
    assert "150.00 %" not in page
    assert "a share is unknown where a share over 1.2: clocks or names do not fit" in page


def test_bytes_outside_of_the_sites_file_systems_are_named_by_where_they_went(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(1, 2), posix(0, 40, record_id=2, file_system=None, mount_point="/home"))
    text = section(job_page(lake, 7), "File systems meanwhile")
    assert "outside of site.toml's file systems (/home)\n    the job read 0 B and wrote 40 B there" in text


def test_a_job_that_only_its_logs_know_has_a_page_that_asks_for_the_scheduler(lake: Lake, fill: Fill) -> None:
    fill("darshan_logs", log())
    fill("darshan_posix", posix(0, 10))
    page = job_page(lake, 7)
    assert "no record of it in the lake; `iolake ingest slurm --since" in page
    assert "exe_a" in page
    assert [any(title.startswith(name) for title in sections(page)) for name in SECTIONS] == [True] * 4


def test_logs_of_no_run_are_mentioned_beside_the_runs(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log("a"), log("b", START + timedelta(days=3)), log("c", cluster="cori"))
    page = job_page(lake, 7)
    assert "Not shown: 1 Darshan log of the id 7 on edison" in page
    assert "Not shown: 1 Darshan log of the id 7 on cori" in page
    assert "exe_b" not in page


def test_a_job_that_had_not_ended_is_shown_as_what_it_was(lake: Lake, fill: Fill) -> None:
    row = {
        "cluster": "edison",
        "date": DAY,
        "job_id": 7,
        "submit_time": START,
        "submit_known": True,
        "state": "RUNNING",
    }
    fill("slurm_running", row | {"start_time": START, "user_name": "amy", "load_id": "l", "input_id": "i"})
    page = job_page(lake, 7)
    assert "Scheduler: running when it was last asked" in page
    assert "started 2026-01-01 12:00:00" in page


def test_targets_say_how_full_they_were_and_when_that_was_seen(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", job())
    fill("darshan_logs", log())
    fill("darshan_posix", posix(0, 10))
    at = {"file_system": "fs", "date": DAY, "ts": START - 5 * MINUTE, "role": "ost"}
    for k, (used, server) in enumerate([(10, "a"), (55, "b"), (99, "b")]):
        fill("lustre_df", at | {"target": f"OST000{k}", "used_bytes": used, "total_bytes": 100})
        fill("lustre_target", at | {"target": f"OST000{k}", "server_address": server})
    text = section(job_page(lake, 7), "Targets when it began")
    assert "space at 2026-01-01 11:55:00 (300 s (5 min 00 s) before the start): 3 OSTs, 54.67 % used" in text
    assert "fullest  OST0002 99.00 %" in text
    assert "emptiest OST0000 10.00 %" in text
    assert "      ▂▅█\n" in text
    assert "b serves 2: OST0001, OST0002" in text
