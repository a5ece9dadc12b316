"""sacct's JSON of any version into tables: the same as its text says."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.extractors.slurm_files import newer_job, number, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


def test_json_of_newer_versions_says_the_same_in_other_forms(path: Path) -> None:
    tables, rejects, _ = read(path, json.dumps({"jobs": [newer_job(sparkle=1)]}))
    (job,), (step,) = tables["slurm_jobs"], tables["slurm_steps"]
    assert (job["job_id"], job["array_job_id"], job["array_task_id"], job["het_job_id"], job["restart"]) == (
        26,
        20,
        3,
        None,
        2,
    )
    assert (job["state"], job["exit_code"], job["exit_signal"], job["derived_exit_code"]) == ("FAILED", 42, 0, 42)
    assert (job["timelimit_s"], job["timelimit_kind"], job["priority"]) == (None, "unlimited", 5)
    assert (job["req_mem_bytes"], dict(job["alloc_tres"])) == (800 << 20, {"cpu": 4, "mem": 800 << 20})
    assert (job["comment"], job["submit_line"], job["admin_comment"], job["energy_j"]) == (
        "a|b",
        "sbatch a\nb",
        None,
        None,
    )
    assert (job["total_cpu_s"], job["nodes"], job["ncpus"], job["cpu_time_s"]) == (1.5, ["n1", "n2"], 4, 120.0)
    assert (step["step_id"], step["restart"], step["energy_j"], step["ntasks"], step["max_rss_bytes"]) == (
        "batch",
        2,
        7,
        4,
        4096,
    )
    assert (dict(step["tres_in_max"]), dict(step["tres_in_max_node"])) == (
        {"cpu": 1500, "mem": 4096},
        {"cpu": "n2", "mem": "n1"},
    )
    assert (step["start_time"], step["submit_time"]) == (datetime(2025, 4, 9, 8, 38, 20), job["submit_time"])
    assert rejects == {"field sparkle": "is an unknown key; left out"}


@pytest.mark.parametrize(
    ("current", "state"),
    [
        ("COMPLETED", "COMPLETED"),
        (["COMPLETED"], "COMPLETED"),
        (["PENDING", "REQUEUED"], "REQUEUED"),
        (["CANCELLED"], "CANCELLED"),
    ],
)
def test_a_state_is_a_word_or_a_list_of_words(path: Path, current: object, state: str) -> None:
    tables, _, _ = read(path, json.dumps({"jobs": [newer_job(state={"current": current})]}))
    assert [j["state"] for j in tables["slurm_jobs"]] == [state]


def test_an_older_versions_success_of_a_failed_job_is_not_believed(path: Path) -> None:
    """P6: null is not zero."""
    code = {"status": "SUCCESS", "return_code": 0}
    failed = newer_job(state={"current": "FAILED"}, exit_code=code, derived_exit_code=code, job_id=1, steps=[])
    good = {**failed, "state": {"current": "COMPLETED"}, "job_id": 2}
    killed = {
        **failed,
        "exit_code": {"status": "SIGNALED", "return_code": None, "signal": {"signal_id": 11}},
        "job_id": 3,
    }
    tables, _, _ = read(path, json.dumps({"jobs": [failed, good, killed]}))
    assert [(j["exit_code"], j["exit_signal"]) for j in tables["slurm_jobs"]] == [(None, None), (0, 0), (0, 11)]


@pytest.mark.parametrize(
    ("limit", "seconds", "kind"),
    [
        (number(5), 300.0, "limit"),
        (number(None, True), None, "unlimited"),
        ("Infinity", None, "unlimited"),
        (2**32 - 1, None, "unlimited"),
        (2**32 - 2, None, None),
        (number(2**32 - 2), None, None),
        (None, None, None),
    ],
)
def test_slurms_unset_and_infinite_limits_have_no_seconds(
    path: Path, limit: object, seconds: float | None, kind: str | None
) -> None:
    """P6: null is not zero."""
    job = newer_job()
    job["time"]["limit"] = limit
    tables, rejects, _ = read(path, json.dumps({"jobs": [job]}))
    assert [(j["timelimit_s"], j["timelimit_kind"]) for j in tables["slurm_jobs"]] == [(seconds, kind)]
    assert rejects == {}


@pytest.mark.parametrize("value", [0, None, 2**32 - 1, 2**64 - 2, number(None), number(None, True), "Infinity"])
def test_a_job_that_was_never_eligible_or_started_has_a_row_without_these_times(path: Path, value: object) -> None:
    job = newer_job(steps=[])
    job["time"] |= {"eligible": value, "start": value}
    tables, rejects, _ = read(path, json.dumps({"jobs": [job]}))
    assert [(j["eligible_time"], j["start_time"]) for j in tables["slurm_jobs"]] == [(None, None)]
    assert rejects == {}


def test_resources_that_slurm_counts_in_mebibytes_are_bytes(path: Path) -> None:
    kinds = (("mem", None), ("bb", "datawarp"), ("gres", "gpumem"), ("gres", "gpu:a100"), ("fs", "disk"))
    tres = [{"type": kind, "name": name, "id": 1, "count": 3} for kind, name in kinds]
    tables, _, _ = read(path, json.dumps({"jobs": [newer_job(tres={"allocated": tres, "requested": tres}, steps=[])]}))
    (job,) = tables["slurm_jobs"]
    three = {"mem": 3 << 20, "bb/datawarp": 3 << 20, "gres/gpumem": 3 << 20, "gres/gpu:a100": 3, "fs/disk": 3}
    assert (dict(job["alloc_tres"]), dict(job["req_tres"])) == (three, three)


def test_bytes_that_are_no_text_cost_their_value_and_not_the_document(path: Path) -> None:
    jobs = [newer_job(name="XX", job_id=1), newer_job(name="a\ud800", job_id=2), newer_job(job_id=3)]
    document = json.dumps({"jobs": jobs}, indent=0).encode().replace(b"XX", b"\xff")
    line = document[: document.index(b"\xff")].count(b"\n") + 1
    tables, rejects, outcome = read(path, document)
    assert [(j["job_id"], j["job_name"]) for j in tables["slurm_jobs"]] == [
        (1, "\ufffd"), (2, "a\\ud800"), (3, "t-1"),
    ]  # fmt: skip
    assert (outcome, set(rejects)) == ("loaded", {f"line {line}"})


def test_the_json_of_another_command_is_named(path: Path) -> None:
    """P5: squeue's jobs have no times of sacct's form, and each was said to have no time at all."""
    job = {"job_id": 5, "job_state": ["RUNNING"], "start_time": {"set": True, "infinite": False, "number": 10}}
    _, rejects, outcome = read(path, json.dumps({"jobs": [job]}))
    reason = "is the JSON of squeue or scontrol, not sacct's; write it with sacct --json"
    assert (outcome, list(rejects.values())) == ("rejected", [reason])


def test_a_byte_order_mark_before_a_document_means_nothing(path: Path) -> None:
    tables, rejects, _ = read(path, b"\xef\xbb\xbf" + json.dumps({"jobs": [newer_job()]}).encode())
    assert (len(tables["slurm_jobs"]), rejects) == (1, {})


def test_slurms_own_errors_are_rejects(path: Path) -> None:
    """P5: nothing vanishes."""
    errors = [{"description": "the database went away", "error_number": 7000}]
    tables, rejects, outcome = read(path, json.dumps({"jobs": [newer_job()], "errors": errors}))
    assert (outcome, len(tables["slurm_jobs"])) == ("loaded", 1)
    assert rejects == {"errors[0]": "the database went away"}
    _, rejects, outcome = read(path, json.dumps({"jobs": [], "errors": errors}))
    assert outcome == "rejected" and "the database went away" in rejects[""]


def test_a_day_without_jobs_is_an_answer(path: Path) -> None:
    nothing = {"description": "Nothing found", "error_number": 9003, "error": "Nothing found with query"}
    for errors in ([], [nothing]):
        tables, rejects, outcome = read(path, json.dumps({"jobs": [], "errors": errors}))
        assert (tables["slurm_jobs"], rejects, outcome) == ([], {}, "loaded")


def odd_jobs() -> dict[str, Any]:
    """A job of each form that no version is known to write."""
    without_micros, endless, step_name, text = (newer_job() for _ in range(4))
    without_micros["time"]["total"] = {"seconds": 1}
    endless["steps"][0]["tres"]["requested"]["max"][0]["count"] = number(0, True)
    step_name["steps"][0]["step"] = {"id": {"sparkle": 1}, "name": "x"}
    text["name"] = {"text": "a"}
    ids = {"job_id": {"set": False, "number": 0}}, {"job_id": [3]}, {"job_id": "x"}
    odd = (None, 3, {"name": "no id"}, without_micros, endless, step_name, text, *(newer_job(**each) for each in ids))
    return {f"jobs[{place}]": job for place, job in enumerate(odd, 1)}


def test_a_json_job_of_an_odd_form_is_left_out_by_name_and_the_others_load(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for block in (1, 3, 100):
        monkeypatch.setattr("iolake.extractors.slurm.json._JOBS_A_BLOCK", block)
        tables, rejects, outcome = read(path, json.dumps({"jobs": [newer_job(), *odd_jobs().values()]}))
        assert (outcome, len(tables["slurm_jobs"]), len(tables["slurm_steps"])) == ("loaded", 1, 1)
        assert set(rejects) == set(odd_jobs()) and all("an unknown form" in r for r in rejects.values())


@pytest.mark.parametrize(
    ("step", "step_id"),
    [
        ({"id": {"job_id": 26, "step_id": "batch"}}, "batch"),
        ({"id": {"job_id": 26, "step_id": number(7)}}, "7"),
        ({"id": number(7), "het": {"component": 1}}, "7+1"),
        ({"id": 7, "het": {"component": number(None)}}, "7"),
        ({"id": "26.7+1"}, "7+1"),
        ({"id": "extern"}, "extern"),
    ],
)
def test_a_steps_id_is_read_in_each_of_its_forms(path: Path, step: dict[str, Any], step_id: str) -> None:
    job = newer_job()
    job["steps"][0]["step"] = step
    tables, rejects, _ = read(path, json.dumps({"jobs": [job]}))
    assert ([s["step_id"] for s in tables["slurm_steps"]], rejects) == ([step_id], {})


def test_ids_of_jobs_may_be_numbers_or_objects_of_one(path: Path) -> None:
    none = {"job_id": number(0), "task_id": number(None), "job_offset": number(None)}
    jobs = [
        newer_job(job_id=number(26), array={"job_id": number(20), "task_id": number(3)}, het=none, steps=[]),
        newer_job(job_id=number(27), array=none, het={"job_id": number(25), "job_offset": number(2)}, steps=[]),
    ]
    tables, rejects, _ = read(path, json.dumps({"jobs": jobs}))
    shown = [
        (j["job_id"], j["array_job_id"], j["array_task_id"], j["het_job_id"], j["het_offset"])
        for j in tables["slurm_jobs"]
    ]
    assert (shown, rejects) == ([(26, 20, 3, None, None), (27, None, None, 25, 2)], {})


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"jobs": 1}',
        "[]",
        '{"a": 1}',
        '{"jobs": [{"name": "no id"}]}',
        '{"jobs": [3]}',
        '{"jobs":' + "[" * 100_000,
    ],
)
def test_json_of_another_program_is_rejected(path: Path, content: str) -> None:
    _, rejects, outcome = read(path, content)
    assert (outcome, list(rejects)) == ("rejected", [""])
