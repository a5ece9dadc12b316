"""Job ids in every form that a scheduler prints."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from iolake.reports.job import job_page
from iolake.reports.job_ids import BadJobId, NoPart, Wanted, wanted_jobs
from iolake.warehouse import Lake
from tests.conftest import Fill

T = datetime(2026, 1, 5, 10)


@pytest.fixture
def jobs(lake: Lake, fill: Fill) -> Lake:
    def run(job_id: int, start: datetime | None = T, **more: object) -> dict[str, object]:
        end = T + timedelta(minutes=5)
        row = {"cluster": "c", "date": T.date(), "job_id": job_id, "submit_time": T, "start_time": start}
        row |= {"end_time": end, "submit_known": True, "time_ambiguous": False, "state": "COMPLETED"}
        return row | {"load_id": "1", "input_id": "i"} | more

    fill(
        "slurm_jobs",
        run(123457, array_job_id=1234, array_task_id=1),
        run(1234, array_job_id=1234, array_task_id=57),
        run(1234, None, array_job_id=1234, array_task_id=2),
        run(1234, None, array_job_id=1234, array_task_id=3),
        run(1300, None, array_job_id=1300, array_tasks="[3-9:2,20%2]"),
        run(77, het_job_id=76, het_offset=1),
    )
    other = {"cluster": "c", "date": T.date(), "scheduler_id": "44.sdb", "job_id": 44, "start_time": T, "end_time": T}
    fill("other_jobs", {**other, "scheduler": "pbs", "time_ambiguous": False, "load_id": "1", "input_id": "o"})
    return lake


SUBMIT = int(T.timestamp())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1234", [Wanted(1234)]),
        ("1234.batch", [Wanted(1234)]),
        ("1234.0", [Wanted(1234)]),
        ("1234_1", [Wanted(123457, frozenset({f"123457.{SUBMIT}"}))]),
        ("1234_57", [Wanted(1234, frozenset({f"1234.{SUBMIT}"}))]),
        ("1234_57.batch", [Wanted(1234, frozenset({f"1234.{SUBMIT}"}))]),
        ("1234_2", [Wanted(1234, frozenset({f"1234_2.{SUBMIT}"}))]),
        (
            "1234_[1-4]",
            [
                Wanted(1234, frozenset({f"1234_2.{SUBMIT}", f"1234_3.{SUBMIT}"})),
                Wanted(123457, frozenset({f"123457.{SUBMIT}"})),
            ],
        ),
        (
            "1234_[1-57:28,57%2]",
            [Wanted(1234, frozenset({f"1234.{SUBMIT}"})), Wanted(123457, frozenset({f"123457.{SUBMIT}"}))],
        ),
        ("1300_5", [Wanted(1300, frozenset({f"1300.{SUBMIT}"}))]),
        ("1300_[3-9:2,20%2]", [Wanted(1300, frozenset({f"1300.{SUBMIT}"}))]),
        ("1300_[15-999999999]", [Wanted(1300, frozenset({f"1300.{SUBMIT}"}))]),
        ("76+1", [Wanted(77, frozenset({f"77.{SUBMIT}"}))]),
        ("44.sdb", [Wanted(44, frozenset({f"44.sdb.{SUBMIT}"}))]),
        (f"44.sdb.{SUBMIT}", [Wanted(44, frozenset({f"44.sdb.{SUBMIT}"}))]),
    ],
)
def test_an_id_stands_for_the_jobs_that_the_scheduler_means_by_it(jobs: Lake, text: str, found: list[Wanted]) -> None:
    assert wanted_jobs(jobs, text) == found


def test_a_page_of_a_task_is_of_no_other_task(jobs: Lake) -> None:
    (wanted,) = wanted_jobs(jobs, "1234_2")
    assert "4 runs" not in job_page(jobs, wanted.job_id, None, wanted.run_ids)
    assert "runs have the id" in job_page(jobs, 1234)


@pytest.mark.parametrize("text", ["", "abc", "12a", "1234_", "1234_[", "1234_[a]", "1234+", "-5", "1.5.6", "1_2_3"])
def test_an_invalid_job_id_is_refused_in_one_line(jobs: Lake, text: str) -> None:
    with pytest.raises(BadJobId, match="is not a job id; write a number") as error:
        wanted_jobs(jobs, text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["1234_9", "1234_[90-99]", "1300_4", "1300_[4-8:2]", "76+5", "123457_1"])
def test_a_part_that_the_lake_does_not_have_is_named(jobs: Lake, text: str) -> None:
    with pytest.raises(NoPart, match="in the lake"):
        wanted_jobs(jobs, text)


def test_a_number_of_thousands_of_digits_names_no_job(jobs: Lake) -> None:
    assert wanted_jobs(jobs, "9" * 5000) == [Wanted(2**63)]
