"""Jobs of every scheduler in one shape, and which run of a job a Darshan log belongs to."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.warehouse import Lake
from tests.conftest import Fill

T = datetime(2026, 1, 1, 12)


def minutes(n: float) -> datetime:
    return T + timedelta(minutes=n)


def run(job_id: int, start: float | None, end: float, **more: object) -> dict[str, object]:
    ended = minutes(end)
    row = {"cluster": "c", "date": ended.date(), "job_id": job_id, "end_time": ended, "submit_time": minutes(-60)}
    row |= {"start_time": None if start is None else minutes(start), "submit_known": True, "load_id": "1"}
    return row | {"time_ambiguous": False, "state": "COMPLETED", "input_id": "i", "user_name": "ada"} | more


def other(text: str, start: float, end: float, **more: object) -> dict[str, object]:
    row = {
        "cluster": "c",
        "date": minutes(end).date(),
        "scheduler_id": text,
        "job_id": int(text.split(".", maxsplit=1)[0]),
    }
    row |= {"start_time": minutes(start), "end_time": minutes(end), "time_ambiguous": False, "input_id": "o"}
    return row | {"load_id": "1"} | more


def log(log_id: str, job_id: int, start: float, end: float) -> dict[str, object]:
    row = {"cluster": "c", "date": minutes(end).date(), "log_id": log_id, "job_id": job_id}
    return row | {"start_time": minutes(start), "end_time": minutes(end)}


def test_a_run_that_two_inputs_tell_of_is_one_job(lake: Lake, fill: Fill) -> None:
    fill(
        "slurm_jobs",
        run(1, 0, 10, input_id="monday"),
        run(1, 0, 10, input_id="tuesday", load_id="2"),
        run(1, 0, 10, input_id="short", load_id="3", submit_time=minutes(0), submit_known=False, user_name=None),
    )
    assert lake.sql("SELECT submit_time, user_name, load_id FROM jobs").fetchall() == [(minutes(-60), "ada", "2")]


def test_runs_of_one_id_stay_apart(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1, 0, 10), run(1, 30, 40), run(1, None, 40, state="CANCELLED"))
    assert lake.sql("SELECT count(*), count(wait_s) FROM jobs").fetchall() == [(3, 2)]


def test_a_job_that_the_sites_database_knows_too_is_slurms(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1, 0, 10, nnodes=2))
    fill("other_jobs", other("1.edison", 0, 10, nnodes=2), other("2.edison", 0, 30, nnodes=4, scheduler="pbs"))
    found = lake.sql("SELECT scheduler, job_id, wait_s, node_hours FROM jobs ORDER BY job_id").fetchall()
    assert found == [("slurm", 1, 3600.0, pytest.approx(1 / 3)), ("pbs", 2, None, 2.0)]


def test_an_unknown_submit_time_gives_no_wait(lake: Lake, fill: Fill) -> None:
    """P6: null is not zero."""
    fill("slurm_jobs", run(1, 0, 10, submit_time=minutes(0), submit_known=False))
    assert lake.sql("SELECT wait_s FROM jobs").fetchall() == [(None,)]


def test_a_job_that_ends_before_it_starts_took_an_unknown_time(lake: Lake, fill: Fill) -> None:
    """P6: null is not zero, nor less."""
    fill("slurm_jobs", run(1, 10, 0, nnodes=2))
    fill("other_jobs", other("2.pbs", 10, 0, nnodes=2), other("3.pbs", 10, 10, nnodes=2))
    found = lake.sql("SELECT elapsed_s, node_hours FROM jobs ORDER BY job_id").fetchall()
    assert found == [(None, None), (None, None), (0.0, 0.0)]


def test_a_log_belongs_to_the_run_whose_span_holds_it(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1, 0, 10), run(1, 30, 40), run(2, 0, 100))
    fill(
        "darshan_logs",
        log("first", 1, 1, 9),
        log("second", 1, 30, 40.5),
        log("none", 1, 15, 20),
        log("wrapped", 1, 90, 95),
    )
    found = lake.sql(
        "SELECT log_id, job_start_time, outside_s FROM job_darshan WHERE known_by = 'scheduler' ORDER BY log_id"
    ).fetchall()
    assert found == [("first", minutes(0), 0.0), ("second", minutes(30), 30.0)]


def test_a_log_between_two_close_runs_goes_to_the_nearer_one(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1, 0, 10), run(1, 11, 40))
    fill("darshan_logs", log("a", 1, 0, 10.4), log("b", 1, 10.8, 20))
    found = lake.sql("SELECT log_id, job_start_time FROM job_darshan ORDER BY log_id").fetchall()
    assert found == [("a", minutes(0)), ("b", minutes(11))]


def test_a_job_that_never_started_holds_no_log(lake: Lake, fill: Fill) -> None:
    """Ids come again: years later one was cancelled as it waited, and ended after every earlier log of its id."""
    fill("slurm_jobs", run(1, None, 1_000_000, state="CANCELLED", submit_time=minutes(999_990)))
    fill("darshan_logs", log("a", 1, 1, 9))
    assert lake.sql("SELECT known_by, submit_time FROM job_darshan").fetchall() == [("logs", None)]


SPAN = st.tuples(st.integers(0, 3000), st.integers(1, 3000), st.none() | st.integers(1, 50))


@given(spans=st.lists(SPAN, max_size=12), window=st.tuples(st.integers(0, 3000), st.integers(1, 3000)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_concurrent_jobs_is_the_sum_over_the_minutes_of_the_window(
    all_views: duckdb.DuckDBPyConnection,
    lake: Lake,
    fill: Fill,
    spans: list[tuple[int, int, int | None]],
    window: tuple[int, int],
) -> None:
    all_views.execute("DELETE FROM slurm_jobs")
    if spans:
        rows = (run(i, a, a + length, nnodes=nodes) for i, (a, length, nodes) in enumerate(spans))
        fill("slurm_jobs", *rows)
    since, until = window[0], sum(window)
    (found,) = lake.sql(f"FROM concurrent_jobs('c', '{minutes(since)}', '{minutes(until)}')").fetchall()
    inside = [(n, set(range(a, a + length)) & set(range(since, until))) for a, length, n in spans]
    inside = [(n, shared) for n, shared in inside if shared]
    assert found[:3] == (len(inside), sum(n is None for n, _ in inside), sum(n or 0 for n, _ in inside))
    assert found[3] == pytest.approx(sum((n or 0) * len(shared) for n, shared in inside) / 60)


def test_a_job_that_ends_before_it_starts_takes_no_node_hours_from_others(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1, 0, 60, nnodes=1))
    fill("other_jobs", other("2.pbs", 50, 10, nnodes=100, scheduler="pbs"))
    query = f"SELECT jobs, nodes, node_hours FROM concurrent_jobs('c', '{minutes(0)}', '{minutes(60)}')"
    assert lake.sql(query).fetchall() == [(2, 101, 1.0)]


def test_days_count_how_jobs_ended_by_user_and_account(lake: Lake, fill: Fill) -> None:
    fill(
        "slurm_jobs",
        run(1, 0, 60, account="x", nnodes=3, ncpus=4, elapsed_s=3600.0),
        run(2, 0, 30, account="x", nnodes=1, ncpus=4, elapsed_s=1800.0, state="NODE_FAIL"),
        run(3, None, 5, account="x", state="CANCELLED"),
        run(4, 0, 24 * 60, account="x", state="TIMEOUT"),
    )
    found = lake.sql(
        "SELECT date, jobs, never_started, completed, cancelled, timed_out, failed, node_hours, cpu_hours "
        "FROM jobs_by_day ORDER BY date"
    ).fetchall()
    assert found == [(date(2026, 1, 1), 3, 1, 1, 1, 0, 1, 3.5, 6.0), (date(2026, 1, 2), 1, 0, 0, 0, 1, 0, None, None)]


def test_a_job_that_was_seen_to_end_does_not_run(lake: Lake, fill: Fill) -> None:
    running = {"cluster": "c", "date": T.date(), "submit_known": True, "time_ambiguous": False, "load_id": "1"}
    running |= {"state": "RUNNING", "input_id": "i"}
    fill("slurm_running", *({**running, "job_id": n, "submit_time": minutes(-60)} for n in (1, 2, 3)))
    fill("slurm_jobs", run(1, 0, 10), run(2, -80, -70, submit_time=minutes(-90)))
    fill("slurm_jobs", run(3, 20, 30, submit_time=minutes(10)))  # requeued since
    assert lake.sql("SELECT job_id FROM jobs_running").fetchall() == [(2,)]


def test_a_centre_without_slurm_has_windows_and_file_systems_of_its_jobs(lake: Lake, fill: Fill) -> None:
    """One rule assigns logs to runs of every scheduler: a log may reach a minute beyond its run."""
    fill("other_jobs", other("1.pbs", 0, 10, scheduler="pbs"))
    fill("darshan_logs", log("in", 1, 2, 3), log("late", 1, 9, 11), log("later", 1, 9, 11.1))
    records = [
        {"cluster": "c", "date": T.date(), "log_id": name, "job_id": 1, "record_id": n, "file_system": "fs"}
        | {"POSIX_BYTES_READ": 10**n, "POSIX_BYTES_WRITTEN": 0, "POSIX_OPENS": 1}
        for n, name in enumerate(("in", "late", "later"))
    ]
    fill("darshan_posix", *records)
    touched = lake.sql(
        "SELECT job_id, file_system, logs, read_bytes FROM job_file_systems WHERE submit_time IS NOT NULL"
    ).fetchall()
    assert touched == [(1, "fs", 2, 11)]
    windows = lake.sql(
        "SELECT job_id, file_system, window_start, window_end FROM job_windows WHERE submit_time IS NOT NULL"
    ).fetchall()
    assert windows == [(1, "fs", minutes(0), minutes(10))]


def test_tasks_that_never_started_stay_apart_in_every_view(lake: Lake, fill: Fill) -> None:
    """P5: they share job_id, submit and end time; their numbers are in run_id."""
    waiting = [run(12, None, 5, array_job_id=12, array_task_id=n, state="CANCELLED") for n in range(3)]
    fill("slurm_jobs", run(12, 0, 10, array_job_id=12, array_task_id=7), *waiting)
    submitted = int(minutes(-60).timestamp())
    assert {r for (r,) in lake.sql("SELECT run_id FROM jobs").fetchall()} == {
        f"12.{submitted}",
        *(f"12_{n}.{submitted}" for n in range(3)),
    }
    assert lake.sql("SELECT sum(jobs), sum(never_started) FROM jobs_by_day").fetchall() == [(4, 3)]


def test_another_schedulers_job_that_never_started_has_a_key_and_no_times(lake: Lake, fill: Fill) -> None:
    """P6: null is not zero."""
    fill("other_jobs", {**other("5.pbs", 0, 10), "start_time": None, "submit_time": minutes(-1)})
    found = lake.sql("SELECT run_id, start_time, elapsed_s, wait_s, node_hours FROM jobs").fetchall()
    assert found == [(f"5.pbs.{int(minutes(-1).timestamp())}", None, None, None, None)]


def test_extreme_values_of_a_job_break_no_view_and_no_other_job(lake: Lake, fill: Fill) -> None:
    """P5: sums that overflow a BIGINT are wider, and times without end give null."""
    most = 2**63 - 1
    extreme = {"nnodes": most, "ncpus": most, "energy_j": most, "elapsed_s": 1e308, "user_name": "eve"}
    never = datetime.max
    fill(
        "slurm_jobs",
        run(1, 0, 60, nnodes=1, energy_j=1),
        *(run(n, 0, 60, **extreme) for n in (2, 3)),
        {**run(4, 0, 60), **extreme, "start_time": datetime(1, 1, 1), "submit_time": never, "end_time": never},
    )
    fill("other_jobs", {**other("5.pbs", 0, 10), "end_time": never, "start_time": datetime(1, 1, 1), "nnodes": most})
    assert lake.sql("SELECT node_hours FROM jobs WHERE job_id = 1").fetchall() == [(1.0,)]
    assert lake.sql("SELECT sum(energy_j) FROM jobs_by_day WHERE user_name = 'eve'").fetchall() == [(3 * most,)]
    assert len(lake.sql("FROM jobs_by_day").fetchall()) == 3
    found = lake.sql(f"SELECT jobs, nodes FROM concurrent_jobs('c', '{minutes(0)}', '{minutes(60)}')").fetchall()
    assert found == [(5, 1 + 4 * most)]
    for view in ("jobs", "jobs_running"):
        lake.sql(f"FROM {view}").fetchall()


@pytest.mark.parametrize("view", ["jobs", "job_darshan", "logs_of_runs(NULL, NULL, NULL)"])
def test_a_question_about_one_job_reads_every_table_by_its_id(lake: Lake, fill: Fill, view: str) -> None:
    """P11: the id reaches both sides of each join, so that files are skipped by it."""
    fill("slurm_jobs", run(1, 0, 1), run(9999, 0, 1))
    fill("other_jobs", other("1", 0, 1), other("9999", 0, 1))
    fill("darshan_logs", log("a", 1, 0, 1), log("b", 9999, 0, 1))
    ((_, plan),) = lake.sql(f"EXPLAIN (FORMAT json) FROM {view} WHERE job_id = 4711").fetchall()
    scans = _scans(json.loads(plan))
    assert len(scans) > 1
    assert [scan["extra_info"].get("Filters") for scan in scans] == ["(job_id = 4711)"] * len(scans)


def _scans(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps of a plan that read a table."""
    below = [scan for step in steps for scan in _scans(step["children"])]
    return [step for step in steps if "Table" in step["extra_info"]] + below


def test_a_bound_alone_restricts_its_own_side(lake: Lake, fill: Fill) -> None:
    day = 24 * 60
    fill("slurm_jobs", *(run(k, k * day, k * day + 10) for k in range(3)))
    fill("darshan_logs", *(log(str(k), k, k * day, k * day + 1) for k in range(3)))

    def ids(macro: str) -> list[int]:
        return [row[0] for row in lake.sql(f"SELECT job_id FROM {macro} ORDER BY job_id").fetchall()]

    second = f"DATE '{T:%Y-%m-%d}' + 1"
    assert ids(f"logs_of_runs('c', {second}, NULL)") == ids(f"runs_between('c', {second}, NULL, NULL, NULL)") == [1, 2]
    assert ids(f"logs_of_runs('c', NULL, {second})") == ids(f"runs_between('c', NULL, {second}, NULL, NULL)") == [0, 1]
