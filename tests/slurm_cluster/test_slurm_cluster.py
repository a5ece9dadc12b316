"""The extractor's rows of jobs on a real Slurm equal what scontrol and sacct print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, Outcome, Reject, Span
from iolake.extractors.slurm import Slurm
from iolake.schemas.site import Site
from tests.slurm_cluster.conftest import History

Rows = dict[str, list[dict[str, Any]]]


def load(history: History, **source: Any) -> tuple[Rows, dict[str, str]]:
    """(rows by table, rejects) of a slurm source."""
    site = Site.model_validate({"clusters": {"tiny": {"timezone": "America/Los_Angeles", "slurm": source}}})
    extractor, rows, rejects = Slurm(), {t.name: [] for t in Slurm.tables}, {}  # type: ignore[var-annotated]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PATH", "SLURM_CONF"):
            patch.setenv(name, history.cluster.environment[name])
        inputs = list(extractor.find(site, Span()))
        for result in extractor.read_many(inputs, site):
            if isinstance(result, Batch):
                rows[result.table.name].extend(result.data.to_pylist())
            elif isinstance(result, Reject):
                rejects[result.part] = result.reason
            else:
                assert isinstance(result, Outcome) and result.status == "loaded", rejects
    return rows, rejects


@pytest.fixture(scope="module")
def live(history: History) -> Rows:
    rows, rejects = load(history, command="sacct", options={"look_back_days": 1})
    assert rejects == {}
    return rows


def jobs_of(rows: Rows, job_id: int) -> list[dict[str, Any]]:
    return sorted((j for j in rows["slurm_jobs"] if j["job_id"] == job_id), key=lambda j: j["end_time"])


def epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC).replace(tzinfo=None) if text.isdigit() else None


def exit_code(row: dict[str, Any]) -> str:
    """As sacct writes it: empty where Slurm never got one, as for a step that was lost with its node."""
    return "" if row["exit_code"] is None else f"{row['exit_code']}:{row['exit_signal']}"


def test_every_run_and_step_that_sacct_knows_has_its_row(history: History, live: Rows) -> None:
    columns = "JobIDRaw,State,Submit,Start,End,ElapsedRaw,ExitCode,NNodes,AllocCPUS,NodeList,Partition"
    query = ("sacct", "-n", "-P", "--duplicates", "-S", "now-1day", "-o", columns)
    said = {}
    for line in history.cluster.run(*query, SLURM_TIME_FORMAT="%s").splitlines():
        values = line.split("|")
        said[values[0], values[4], values[1]] = values
    ended = [v for v in said.values() if epoch(v[4]) is not None]
    # The window leaves out what was cancelled before it was eligible; its rows are checked apart.
    rows = [*live["slurm_jobs"], *live["slurm_steps"]]
    assert len(ended) <= len(rows)
    for raw, state, submit, start, end, elapsed, code, nodes, cpus, node_list, partition in ended:
        job, _, step = raw.partition(".")
        (row,) = (
            r
            for r in rows
            if (r["job_id"], r.get("step_id") or "", r["end_time"]) == (int(job), step, epoch(end))
            and r["start_time"] == epoch(start)
        )
        assert row["state"] == state.split(" by ")[0]
        assert (row["elapsed_s"], exit_code(row)) == (float(elapsed), code)
        assert row["ncpus"] == int(cpus)
        if row["start_time"] is not None:
            assert (row["nnodes"], row["node_list"], len(row["nodes"])) == (int(nodes), node_list, int(nodes))
        if not step:
            assert (row["submit_time"], row["partition"]) == (epoch(submit), partition)


SIGNAL_FORGOTTEN = ("CANCELLED", "TIMEOUT", "NODE_FAIL")
"""States of jobs ended from outside: the controller keeps the signal that ended them, accounting does not."""


def test_scontrol_says_the_same_of_each_job_that_it_remembers(history: History, live: Rows) -> None:
    lines = history.cluster.run("scontrol", "-o", "show", "job", SLURM_TIME_FORMAT="%s").splitlines()
    shown = [dict(pair.partition("=")[::2] for pair in line.split() if "=" in pair) for line in lines]
    compared = 0
    for job in shown:
        runs = jobs_of(live, int(job["JobId"]))
        if job["JobState"] in ("PENDING", "RUNNING"):
            assert runs == []
            continue
        run = runs[-1]
        assert run["state"] == job["JobState"]
        if run["state"] not in SIGNAL_FORGOTTEN:
            assert exit_code(run) == job["ExitCode"]
        assert (run["submit_time"], run["end_time"]) == (epoch(job["SubmitTime"]), epoch(job["EndTime"]))
        if run["start_time"] is not None:
            assert (run["start_time"], run["node_list"]) == (epoch(job["StartTime"]), job["NodeList"])
            assert (run["nnodes"], run["ncpus"]) == (int(job["NumNodes"]), int(job["NumCPUs"]))
        assert run["uid"] == int(job["UserId"].partition("(")[2].rstrip(")"))
        compared += 1
    assert compared >= 16


@pytest.mark.parametrize(
    ("kind", "state", "code"),
    [
        ("steps", "COMPLETED", "0:0"),
        ("fails", "FAILED", "42:0"),
        ("signalled", "FAILED", "0:11"),
        ("cancelled", "CANCELLED", "0:0"),
        ("held", "CANCELLED", "0:0"),
        ("later", "CANCELLED", "0:0"),
        ("timed_out", "TIMEOUT", "0:0"),
        ("node_fails", "NODE_FAIL", "0:0"),
        ("name", "COMPLETED", "0:0"),
        ("lines", "COMPLETED", "0:0"),
    ],
)
def test_each_kind_of_end_is_recorded(history: History, live: Rows, kind: str, state: str, code: str) -> None:
    (run,) = jobs_of(live, history.jobs[kind])
    assert (run["state"], exit_code(run)) == (state, code)


def test_a_cancelled_job_names_who_did_it_and_if_it_started(history: History, live: Rows) -> None:
    runs = {kind: jobs_of(live, history.jobs[kind])[0] for kind in ("cancelled", "held", "later")}
    assert {run["cancelled_by_uid"] for run in runs.values()} == {0}
    assert [runs[kind]["start_time"] is None for kind in runs] == [False, True, True]
    assert [(runs[kind]["nodes"], runs[kind]["nnodes"]) for kind in ("held", "later")] == [(None, 0), (None, 0)]


def test_a_requeued_job_has_a_row_for_each_run(history: History, live: Rows) -> None:
    first, second = jobs_of(live, history.jobs["requeued"])
    assert (first["state"], second["state"]) == ("REQUEUED", "COMPLETED")
    assert first["end_time"] <= second["submit_time"] <= second["start_time"]
    steps = [s for s in live["slurm_steps"] if s["job_id"] == first["job_id"]]
    assert sorted(s["submit_time"] for s in steps) == [first["submit_time"], second["submit_time"]]


def test_array_tasks_have_raw_ids_of_their_own(history: History, live: Rows) -> None:
    tasks = {j["array_task_id"]: j for j in live["slurm_jobs"] if j["array_job_id"] == history.jobs["array"]}
    assert {n: j["state"] for n, j in tasks.items()} == {0: "COMPLETED", 1: "COMPLETED", 2: "FAILED", 3: "COMPLETED"}
    assert len({j["job_id"] for j in tasks.values()}) == 4
    (waiting,) = (j for j in live["slurm_jobs"] if j["array_job_id"] == history.jobs["waiting_array"])
    assert (waiting["array_task_id"], waiting["array_tasks"], waiting["start_time"]) == (None, "[5-9]", None)


def test_components_of_a_heterogeneous_job_name_their_leader(history: History, live: Rows) -> None:
    parts = sorted((j["het_offset"], j["job_id"]) for j in live["slurm_jobs"] if j["het_job_id"] == history.jobs["het"])
    assert parts == [(0, history.jobs["het"]), (1, history.jobs["het"] + 1)]


def test_what_users_write_comes_through(history: History, live: Rows) -> None:
    assert jobs_of(live, history.jobs["name"])[0]["job_name"] == "é `quoted` | name, comma"
    assert jobs_of(live, history.jobs["steps"])[0]["comment"] == "darshan|pipe"
    line = jobs_of(live, history.jobs["lines"])[0]["submit_line"]
    assert line.endswith("echo a | cat\necho b | cat\n\ntrue")


def test_steps_tell_what_they_did(history: History, live: Rows) -> None:
    steps = {s["step_name"]: s for s in live["slurm_steps"] if s["job_id"] == history.jobs["steps"]}
    assert {n: (s["step_id"], s["state"], s["ntasks"]) for n, s in steps.items()} == {
        "batch": ("batch", "COMPLETED", 1),
        "write": ("0", "COMPLETED", 4),
        "read": ("1", "COMPLETED", 2),
        "bad": ("2", "FAILED", 4),
    }
    assert sorted(steps["write"]["nodes"]) == sorted(jobs_of(live, history.jobs["steps"])[0]["nodes"])
    assert dict(steps["write"]["alloc_tres"])["mem"] == 100 << 20


def test_jobs_that_go_on_are_seen_running(history: History, live: Rows) -> None:
    states = {j["job_id"]: j["state"] for j in live["slurm_running"]}
    assert states == {history.jobs["running"]: "RUNNING", history.jobs["pending"]: "PENDING"}


NOT_IN_JSON = {
    "uid", "gid", "qos_id", "wckey_id", "assoc_id", "db_index", "submit_line", "energy_j", "flags", "timelimit_kind",
    "cancelled_by_uid", "exit_code", "exit_signal", "derived_exit_code", "derived_exit_signal", "restart",
    "ave_cpu_freq_hz", "req_cpu_freq_min", "req_cpu_freq_max", "req_cpu_freq_gov",
}  # fmt: skip
"""What this version's JSON does not tell, or tells in other words; exit codes it is known to lose."""

FINER_IN_JSON = {"total_cpu_s", "user_cpu_s", "system_cpu_s", "ave_cpu_s", "min_cpu_s"}


def test_archived_text_and_json_and_the_live_command_tell_one_result(
    history: History, live: Rows, tmp_path: Path
) -> None:
    times = ("--allusers", "--duplicates", "-S", "now-1day")
    fields = ",".join(f for f in history.cluster.run("sacct", "--helpformat").split() if f != "SubmitLine")
    (tmp_path / "all.txt").write_text(
        history.cluster.run("sacct", "--parsable2", f"--format={fields}", *times, TZ="America/Los_Angeles")
    )
    (tmp_path / "all.json").write_text(history.cluster.run("sacct", "--json", *times))
    text, rejects = load(history, files=str(tmp_path / "all.txt"))
    assert rejects == {}
    document, _ = load(history, files=str(tmp_path / "all.json"))
    for table in ("slurm_jobs", "slurm_steps"):
        wanted = {key(row): row for row in live[table]}
        assert {key(row) for row in text[table]} <= wanted.keys()
        assert {key(row) for row in document[table]} <= wanted.keys()
        assert len(wanted) - len(text[table]) <= 3
        for row in text[table]:
            assert differences(row, wanted[key(row)]) <= {"submit_line", "input_id", "ave_cpu_freq_hz"}
        for row in document[table]:
            odd = differences(row, wanted[key(row)]) - NOT_IN_JSON - {"input_id"}
            assert odd <= FINER_IN_JSON | {name for name in odd if name.startswith("tres_in")}


def test_the_live_command_may_be_asked_for_json(history: History, live: Rows) -> None:
    document, rejects = load(history, command="sacct", options={"look_back_days": 1, "form": "json"})
    assert rejects == {}
    for table in ("slurm_jobs", "slurm_steps"):
        assert sorted(map(str, map(key, document[table]))) == sorted(map(str, map(key, live[table])))


def key(row: dict[str, Any]) -> tuple[object, ...]:
    return row["job_id"], row["submit_time"], row.get("step_id")


def differences(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def test_a_day_holds_what_ended_in_it_and_nothing_else(history: History, live: Rows) -> None:
    """P2: days that are read one by one do not overlap."""
    seen = [(j["job_id"], j["submit_time"]) for j in live["slurm_jobs"]]
    assert len(seen) == len(set(seen))
    assert all(history.cluster.started - timedelta(seconds=5) <= j["end_time"] for j in live["slurm_jobs"])


def test_a_failed_command_is_rejected_and_tried_again(history: History) -> None:
    site = Site.model_validate({"clusters": {"tiny": {"slurm": {"command": "sacct --no-such-option"}}}})
    extractor = Slurm()
    first = next(iter(extractor.find(site, Span())))
    results = list(extractor.read_many([first], site))
    assert [type(r) for r in results] == [Reject, Outcome]
    assert isinstance(results[0], Reject) and results[0].transient and "sacct failed" in results[0].reason
