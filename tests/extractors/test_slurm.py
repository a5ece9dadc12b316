"""Slurm accounting: the rows of jobs and steps, and lines that give no row."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.extractors.slurm_files import HEADER, read, text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


def test_unknown_words_are_null_and_zero_is_zero(path: Path) -> None:
    """P6: null is not zero."""
    header = "JobID|State|Submit|Start|End|NodeList|Layout|Timelimit|ExitCode|AllocNodes|MaxRSS|User|Reason"
    tables, rejects, _ = read(
        path, text("1|CANCELLED by 1000|10|None|20|None assigned|Unknown|Partition_Limit|0:0|0|||None", header=header)
    )
    (job,) = tables["slurm_jobs"]
    assert (job["state"], job["cancelled_by_uid"]) == ("CANCELLED", 1000)
    assert (job["start_time"], job["nodes"], job["node_list"], job["user_name"], job["reason"]) == (None,) * 5
    assert (job["timelimit_s"], job["timelimit_kind"]) == (None, "partition")
    assert (job["exit_code"], job["exit_signal"], job["nnodes"]) == (0, 0, 0)
    assert rejects == {}


@pytest.mark.parametrize(
    ("limit", "seconds", "kind"),
    [
        ("1-00:00:30", 86430, "limit"),
        ("UNLIMITED", None, "unlimited"),
        ("Partition_Limit", None, "partition"),
        ("", None, None),
    ],
)
def test_a_missing_limit_has_a_kind(path: Path, limit: str, seconds: float | None, kind: str | None) -> None:
    tables, _, _ = read(path, text(f"1|10|20|{limit}", header="JobIDRaw|Start|End|Timelimit"))
    assert [(j["timelimit_s"], j["timelimit_kind"]) for j in tables["slurm_jobs"]] == [(seconds, kind)]


def test_a_users_own_words_are_kept_even_where_slurm_uses_them_for_nothing(path: Path) -> None:
    tables, _, _ = read(path, text("1|None|Unknown|10|20", header="JobIDRaw|JobName|Comment|Start|End"))
    assert [(j["job_name"], j["comment"]) for j in tables["slurm_jobs"]] == [("None", "Unknown")]


def test_jobs_that_have_not_ended_have_no_row_but_are_seen_running(path: Path) -> None:
    rows = (
        "1|1|RUNNING|10|20|Unknown|5",
        "2|2|PENDING|10|Unknown|Unknown|0",
        "3|3|SUSPENDED|10|20|90|5",
        "4|4|FAILED|10|20|30|10",
    )
    tables, rejects, _ = read(path, text(*rows))
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [4]
    assert [(j["job_id"], j["state"]) for j in tables["slurm_running"]] == [
        (1, "RUNNING"),
        (2, "PENDING"),
        (3, "SUSPENDED"),
    ]
    assert rejects == {}


def test_the_run_that_a_resize_ends_is_a_row_and_runs_no_more(path: Path) -> None:
    """P5: nothing vanishes. Slurm's accounting closes the old size's run as RESIZING and opens one for the new."""
    rows = ("1|1|RESIZING|10|10|50|40", "1|1|COMPLETED|50|50|90|40", "2|2|RESIZING|10|20|Unknown|5")
    tables, _, _ = read(path, text(*rows))
    assert [(j["job_id"], j["state"], j["elapsed_s"]) for j in tables["slurm_jobs"]] == [
        (1, "RESIZING", 40.0),
        (1, "COMPLETED", 40.0),
    ]
    assert [j["job_id"] for j in tables["slurm_running"]] == [2]


def test_a_step_has_its_jobs_key_and_comes_with_it(path: Path) -> None:
    rows = (
        *("1|1|COMPLETED|10|20|50|30", "1.batch|1.batch|COMPLETED|20|20|50|30", "1.0|1.0|FAILED|30|30|40|10"),
        *("2|2|RUNNING|11|20|Unknown|5", "2.0|2.0|COMPLETED|21|21|22|1"),
    )
    tables, _, _ = read(path, text(*rows))
    job = tables["slurm_jobs"][0]
    assert [(s["job_id"], s["step_id"], s["submit_time"] == job["submit_time"]) for s in tables["slurm_steps"]] == [
        (1, "batch", True),
        (1, "0", True),
    ]


def test_each_run_of_a_requeued_job_has_its_own_steps(path: Path) -> None:
    rows = (
        "9|9|REQUEUED|10|20|30|10",
        "9.batch|9.batch|CANCELLED|20|20|30|10",
        "9|9|COMPLETED|30|40|50|10",
        "9.batch|9.batch|COMPLETED|40|40|50|10",
    )
    tables, _, _ = read(path, text(*rows))
    assert [j["state"] for j in tables["slurm_jobs"]] == ["REQUEUED", "COMPLETED"]
    assert [s["submit_time"] for s in tables["slurm_steps"]] == [j["submit_time"] for j in tables["slurm_jobs"]]


def test_without_a_submit_time_the_start_stands_in_and_says_so(path: Path) -> None:
    tables, _, _ = read(path, text("1|20|30", "1.0|25|30", header="JobIDRaw|Start|End"))
    job, step = tables["slurm_jobs"][0], tables["slurm_steps"][0]
    assert (job["submit_time"], job["submit_known"]) == (datetime(1970, 1, 1, 0, 0, 20), False)
    assert (step["submit_time"], job["elapsed_s"], job["state"]) == (job["submit_time"], 10.0, None)


def test_new_fields_and_odd_values_are_recorded_and_the_row_loads(path: Path) -> None:
    tables, rejects, outcome = read(path, text("1|10|20|many|x", header="JobIDRaw|Start|End|AllocCPUS|Sparkle"))
    assert [(j["job_id"], j["ncpus"]) for j in tables["slurm_jobs"]] == [(1, None)]
    assert rejects == {
        "unknown field sparkle": "is not a field that is known; left out",
        "field alloccpus": "1 values not understood, such as 'many'; null",
    }
    assert outcome == "loaded"


def test_a_row_with_an_invalid_time_is_left_out_and_rejected(path: Path) -> None:
    tables, rejects, _ = read(path, text("1|1|FAILED|10|20|3x|1", "2|2|FAILED|10|20|30|10"))
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [2]
    assert list(rejects) == ["line 2"] and "3x" in rejects["line 2"]


def test_a_time_that_spring_skips_is_left_out_and_named(path: Path) -> None:
    row = "1|1|FAILED|2017-03-12T01:00:00|2017-03-12T01:30:00|2017-03-12T02:30:00|1"
    tables, rejects, _ = read(path, text(row), "America/Los_Angeles")
    assert tables["slurm_jobs"] == []
    assert "not a valid end time in America/Los_Angeles" in rejects["line 2"]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
@pytest.mark.parametrize("time", ["9999-12-31T23:59:59", "0001-01-01T00:00:00", "1600000500000", "99999999999999999"])
def test_a_time_far_out_of_range_leaves_its_row_out_by_name_and_no_other(path: Path, zone: str, time: str) -> None:
    good = "2|2|FAILED|2017-03-20T01:00:00|2017-03-20T02:00:00|2017-03-20T03:00:00|3600"
    tables, rejects, _ = read(path, text(f"1|1|FAILED|10|20|{time}|1", good), zone)
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [2]
    assert list(rejects) == ["line 2"]
    assert rejects["line 2"].startswith(f"{time!r} is not a valid end time: it is neither")


def test_times_in_the_wrong_order_tell_no_span(path: Path) -> None:
    """P6: unknown is null, neither zero nor negative."""
    rows = ("1|10|30|40|20||INVALID|0", "2|10|10|20|30||INVALID|15", "3|10|10|20|30||INVALID|4")
    header = "JobIDRaw|Submit|Eligible|Start|End|Planned|Elapsed|Suspended"
    late = "4|10|30|20|40||INVALID|0"
    tables, _, _ = read(path, text(*rows, late, header=header))
    assert [(j["elapsed_s"], j["planned_s"]) for j in tables["slurm_jobs"]] == [
        *((None, 10.0), (None, 10.0), (6.0, 10.0), (20.0, None)),
    ]


def test_lists_are_split_correctly_where_a_comma_is_the_delimiter(path: Path) -> None:
    header = "JobIDRaw,JobName,State,Start,End,NodeList,AllocTRES,ExitCode"
    rows = (
        "1,a,COMPLETED,10,20,n[1-3,5],cpu=1,mem=4M,0:0",
        "2,b,FAILED,10,20,n1,cpu=1,1:0",
        "3,c,CANCELLED by 5,None,20,None assigned,,0:0",
        "4,d,e,FAILED,10,20,n1,x[1,3]y,cpu=1,mem=4M,2:0",
    )
    tables, rejects, _ = read(path, text(*rows, header=header))
    assert [(j["job_name"], j["nodes"], j["exit_code"]) for j in tables["slurm_jobs"]] == [
        *(("a", ["n1", "n2", "n3", "n5"], 0), ("b", ["n1"], 1), ("c", None, 0), ("d,e", ["n1", "x1y", "x3y"], 2)),
    ]
    assert [dict(j["alloc_tres"] or {}) for j in tables["slurm_jobs"]] == [
        *({"cpu": 1, "mem": 4 << 20}, {"cpu": 1}, {}, {"cpu": 1, "mem": 4 << 20}),
    ]
    assert rejects == {}


def test_lists_side_by_side_that_share_the_delimiter_are_uncertain(path: Path) -> None:
    """P6: an ambiguous value is null, and a reject says so."""
    tables, rejects, _ = read(
        path, text("1,10,20,main,backfill,n1,n2,0:0", header="JobIDRaw,Start,End,Flags,NodeList,ExitCode")
    )
    assert [(j["flags"], j["nodes"], j["exit_code"]) for j in tables["slurm_jobs"]] == [(None, None, 0)]
    assert rejects == {"line 2": "a stray delimiter makes flags, nodelist uncertain; null"}


def test_what_sacct_counts_up_to_now_for_a_job_that_never_started_is_null(path: Path) -> None:
    """P6: null is not zero: how long it waited to start is not known of a job that never did; it got no nodes."""
    header = "JobIDRaw|State|Submit|Eligible|Start|End|Planned|PlannedCPURAW|NNodes"
    rows = (
        "1|FAILED|5|10|30|40|20|80|2",
        "2|CANCELLED|5|10|None|40|5-00:00:00|1728000|2",
        "3|PENDING|5|10|Unknown|Unknown|9|36|2",
    )
    tables, rejects, _ = read(path, text(*rows, header=header))
    jobs = tables["slurm_jobs"] + tables["slurm_running"]
    planned = [(j["planned_s"], j["planned_cpu_s"], j["nnodes"]) for j in jobs]
    assert (planned, rejects) == ([(20.0, 80.0, 2), (None, None, 0), (None, None, 0)], {})


def test_allocated_resources_tell_nodes_and_cpus_where_no_other_field_does(path: Path) -> None:
    rows = ("1|10|20|cpu=4,mem=1G,node=2|", "2|10|20|cpu=4,node=2|8", "3|None|20||0")
    tables, _, _ = read(path, text(*rows, header="JobIDRaw|Start|End|AllocTRES|AllocCPUS"))
    assert [(j["nnodes"], j["ncpus"], j["cpu_time_s"]) for j in tables["slurm_jobs"]] == [
        *((2, 4, 40.0), (2, 8, 80.0), (None, 0, None)),
    ]


def test_a_job_with_elapsed_time_has_started_even_without_a_start(path: Path) -> None:
    rows = ("1|FAILED|40|20|2|00:00:05", "2|CANCELLED|40|20|2|00:00:00")
    tables, _, _ = read(path, text(*rows, header="JobIDRaw|State|End|Planned|NNodes|Elapsed"))
    assert [(j["planned_s"], j["nnodes"]) for j in tables["slurm_jobs"]] == [(20.0, 2), (None, None)]


@pytest.mark.parametrize(
    ("header", "row", "missing"),
    [("JobIDRaw|State|Start", "1|FAILED|10", "JobIDRaw or no End"), ("User|End", "ada|20", "JobIDRaw or no End")],
)
def test_a_file_whose_rows_cannot_be_placed_is_rejected_whole(path: Path, header: str, row: str, missing: str) -> None:
    _, rejects, outcome = read(path, text(row, header=header))
    assert outcome == "rejected" and missing in rejects[""]


def test_tasks_without_a_raw_id_are_left_out_and_rejected(path: Path) -> None:
    tables, rejects, _ = read(path, text("2_7|10|20", "2_7.batch|10|20", "3|10|20", header="JobID|Start|End"))
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [3]
    assert rejects["line 2"] == "'2_7' does not tell the raw job id; add JobIDRaw"
    assert set(rejects) == {"line 2", "line 3"}


def test_a_row_that_comes_twice_is_one_row_and_is_counted(path: Path) -> None:
    row = "1|1|FAILED|10|20|30|10"
    tables, rejects, _ = read(path, text(row, HEADER, row, "2|2|FAILED|10|20|30|10"))
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [1, 2]
    assert rejects == {"repeats": "1 rows repeat an earlier row's key; the first is kept"}


def test_a_large_damaged_file_has_a_short_list_of_rejects(path: Path) -> None:
    _, rejects, _ = read(path, text(*["1|FAILED"] * 500))
    assert len(rejects) == 21 and rejects["and others"] == "480 more like the last one"


def test_sizes_and_disk_bytes_are_exact_where_the_usage_maps_tell_them(path: Path) -> None:
    header = "JobIDRaw|Start|End|MaxRSS|MaxDiskRead|TRESUsageInMax|MaxDiskWrite|TRESUsageInMaxNode|MaxDiskReadNode"
    rows = (
        "1|10|20||||||",
        "1.0|10|20|12196K|0.06M|fs/disk=58564,mem=12196K|0.50M|fs/disk=n2|",
        "1.1|10|20|5|0.06M||0|||",
    )
    tables, _, _ = read(path, text(*rows[:2], "1.1|10|20|5|0.06M||0||n3", header=header))
    steps = [
        (s["max_rss_bytes"], s["max_disk_read_bytes"], s["max_disk_write_bytes"], s["max_disk_read_node"])
        for s in tables["slurm_steps"]
    ]
    assert steps == [(12488704, 58564, 524288, "n2"), (5, 62915, 0, "n3")]


AUTUMN = [  # 2017-11-05, America/Los_Angeles: 01:00 to 02:00 comes twice, first at 08:00 UTC and then at 09:00 UTC
    ("2017-11-05T00:30:00", "2017-11-05T00:40:00", "2017-11-05T01:30:00", 3000, "08:30", False),
    ("2017-11-05T00:30:00", "2017-11-05T00:40:00", "2017-11-05T01:30:00", 6600, "09:30", False),
    ("2017-11-05T01:10:00", "2017-11-05T01:20:00", "2017-11-05T01:10:00", 3000, "09:10", False),
    ("2017-11-05T01:50:00", "2017-11-05T01:55:00", "2017-11-05T02:30:00", 5700, "10:30", False),
    ("2017-11-05T01:10:00", "2017-11-05T01:20:00", "2017-11-05T01:30:00", 600, "08:30", True),
    ("2017-11-05T01:10:00", "2017-11-05T02:20:00", "2017-11-05T02:30:00", 600, "10:30", True),
    ("2017-11-05T00:10:00", "2017-11-05T00:20:00", "2017-11-05T00:30:00", 600, "07:30", False),
]


@pytest.mark.parametrize(("submit", "start", "end", "elapsed", "utc", "ambiguous"), AUTUMN)
def test_order_and_elapsed_time_settle_the_hour_that_autumn_repeats(
    path: Path, submit: str, start: str, end: str, elapsed: int, utc: str, ambiguous: bool
) -> None:
    """P8: daylight-saving days are right."""
    tables, _, _ = read(path, text(f"1|1|FAILED|{submit}|{start}|{end}|{elapsed}"), "America/Los_Angeles")
    (job,) = tables["slurm_jobs"]
    assert (f"{job['end_time']:%H:%M}", job["time_ambiguous"]) == (utc, ambiguous)
    assert (job["end_time"] - job["start_time"]).total_seconds() == elapsed


def test_a_step_in_the_repeated_hour_is_placed_by_its_job(path: Path) -> None:
    job = "1|1|FAILED|2017-11-05T00:30:00|2017-11-05T01:40:00|2017-11-05T02:30:00|6600"
    step = "1.0|1.0|FAILED|2017-11-05T01:45:00|2017-11-05T01:45:00|2017-11-05T01:50:00|300"
    late = job.replace("|6600", "|3000")
    early_run, _, _ = read(path, text(job, step), "America/Los_Angeles")
    late_run, _, _ = read(path, text(late, step), "America/Los_Angeles")
    assert (f"{early_run['slurm_steps'][0]['start_time']:%H:%M}", early_run["slurm_steps"][0]["time_ambiguous"]) == (
        "08:45",
        True,
    )
    assert (f"{late_run['slurm_steps'][0]['start_time']:%H:%M}", late_run["slurm_steps"][0]["time_ambiguous"]) == (
        "09:45",
        False,
    )


def test_a_run_with_and_without_its_count_of_restarts_has_one_key(path: Path) -> None:
    """P2: `run_id` is never null; restart null and 0 are one run, and a requeue is another."""
    with_count, _, _ = read(
        path, text("7|100|110|120|0", "7|200|210|220|1", header="JobIDRaw|Submit|Start|End|Restarts")
    )
    without, _, _ = read(path, text("7|100|110|120", "7.0|110|110|120", header="JobIDRaw|Submit|Start|End"))
    assert [j["run_id"] for j in with_count["slurm_jobs"]] == ["7.100", "7.200.1"]
    assert [j["run_id"] for j in without["slurm_jobs"]] == ["7.100"]
    assert [(s["run_id"], s["job_id"], s["step_id"]) for s in without["slurm_steps"]] == [("7.100", 7, "0")]


def test_tasks_that_never_started_share_an_id_and_are_rows_of_their_own(path: Path) -> None:
    """P5: `sacct --array` prints the array's own raw id for each task that never started."""
    header = "JobID|JobIDRaw|State|Submit|Start|End"
    waiting = [f"12_{n}|12|CANCELLED by 5|100|None|120" for n in range(3)]
    tables, rejects, _ = read(path, text("12_7|12|COMPLETED|100|110|120", *waiting, header=header))
    assert [(j["run_id"], j["array_task_id"]) for j in tables["slurm_jobs"]] == [
        ("12.100", 7),
        *((f"12_{n}.100", n) for n in range(3)),
    ]
    assert rejects == {}
