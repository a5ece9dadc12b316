"""The job summary and the pages over a simulated centre whose truth is known."""

from collections import Counter

import pytest

from iolake.demo.centre import simulate
from iolake.demo.truth import Truth
from iolake.pipelines.ingest import ingest
from iolake.reports.job import job_page
from iolake.reports.worst import worst_jobs
from iolake.schemas.site import Site
from iolake.warehouse import Lake


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Lake]:
    root = tmp_path_factory.mktemp("centre") / "centre"
    truth = simulate(root, days=1, jobs=10, osts=4, files=2, step_s=60)
    site = Site.read(root / "site.toml")
    ingest(site, workers=1)
    return truth, Lake(site.lake_uri)


def test_every_run_that_ended_has_one_row(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    happened = Counter((job["cluster"], job["job_id"], job["submit"]) for job in truth.jobs if job["end"] is not None)
    shown = lake.sql("SELECT cluster, job_id, epoch(submit_time)::BIGINT FROM job_summary").fetchall()
    assert Counter(shown) == happened


def test_a_runs_bytes_and_logs_are_those_that_its_application_moved(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    submit = {(job["cluster"], job["job_id"], job["start"]): job["submit"] for job in truth.jobs}
    moved: dict[tuple[str, int, int], tuple[int, int, int]] = {}
    for log in truth.logs:
        if log["fate"] not in {"kept", "misfiled"}:
            continue
        run = log["cluster"], log["job_id"], submit[log["cluster"], log["job_id"], log["job_start"]]
        read = sum(file["read_bytes"] for file in log["files"])
        written = sum(file["write_bytes"] for file in log["files"])
        logs = moved.get(run, (0, 0, 0))
        moved[run] = logs[0] + 1, logs[1] + read, logs[2] + written
    shown = lake.sql(
        "SELECT cluster, job_id, epoch(submit_time)::BIGINT, logs, read_bytes, write_bytes "
        "FROM job_summary WHERE logs > 0"
    ).fetchall()
    assert {row[:3]: row[3:] for row in shown} == moved


def test_the_page_of_a_job_with_several_logs_tells_their_bytes_in_all(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    busiest = "SELECT job_id, cluster, write_bytes FROM job_summary WHERE logs > 1 ORDER BY write_bytes DESC LIMIT 1"
    ((job_id, cluster, written),) = lake.sql(busiest).fetchall()
    page = job_page(lake, job_id, cluster)
    assert f"Job {job_id} on {cluster}" in page
    assert f"({written:,} B)" in next(line for line in page.splitlines() if "in all, by POSIX and STDIO" in line)


def test_the_worst_jobs_are_answered(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    page = worst_jobs(lake, 3)
    assert [line[:7] for line in page.splitlines() if line[:1].isdigit()] == ["1. job ", "2. job ", "3. job "]
