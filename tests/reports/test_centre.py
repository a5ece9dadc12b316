"""The job summary and the pages over a simulated centre whose truth is known."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner

from iolake.demo.truth import Truth
from iolake.pipelines.cli import cli
from iolake.reports.job import job_page
from iolake.reports.runs import SeveralRuns, the_run
from iolake.reports.worst import worst_jobs
from iolake.warehouse import Lake


@pytest.fixture(scope="module")
def centre(small_centre: tuple[Truth, Lake]) -> tuple[Truth, Lake]:
    return small_centre


def test_every_run_that_ended_has_one_row(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    happened = Counter((job["cluster"], job["job_id"], job["start"]) for job in truth.jobs if job["end"] is not None)
    shown = lake.sql("SELECT cluster, job_id, epoch(start_time)::BIGINT FROM job_summary").fetchall()
    assert Counter(shown) == happened


def test_a_runs_bytes_and_logs_are_those_that_its_application_moved(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    moved: dict[tuple[str, int, int], tuple[int, int, int]] = {}
    for log in truth.logs:
        if log["fate"] not in {"kept", "misfiled"}:
            continue
        run = log["cluster"], log["job_id"], log["job_start"]
        read = sum(file["read_bytes"] for file in log["files"])
        written = sum(file["write_bytes"] for file in log["files"])
        logs = moved.get(run, (0, 0, 0))
        moved[run] = logs[0] + 1, logs[1] + read, logs[2] + written
    shown = lake.sql(
        "SELECT cluster, job_id, epoch(start_time)::BIGINT, logs, read_bytes, write_bytes "
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
    sentences = dict(lake.sql("SELECT job_id, sentence FROM job_verdict").fetchall())
    shown = re.findall(r"^\d\. job (\d+) on \w+\n   verdict      (.*)$", page, re.MULTILINE)
    assert [(int(job_id), sentence) for job_id, sentence in shown] == [(int(j), sentences[int(j)]) for j, _ in shown]
    assert len(shown) == 3


def ask(lake: Lake, *arguments: str) -> list[dict[str, Any]]:
    """A command's JSON output."""
    done = CliRunner().invoke(cli, [*arguments, "--format", "json", "--lake", lake.uri], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def slow_run(lake: Lake) -> tuple[str, int, str, str]:
    """(cluster, job_id, run_id, sentence) of the run that lost most."""
    found = lake.sql(
        "SELECT cluster, job_id, run_id, sentence FROM job_verdict WHERE cause IS NOT NULL ORDER BY lost_s DESC LIMIT 1"
    ).fetchall()
    assert found
    row: tuple[str, int, str, str] = found[0]
    return row


def test_a_jobs_page_begins_with_its_verdict_and_its_findings(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    cluster, job_id, run_id, sentence = slow_run(lake)
    page = job_page(lake, job_id, cluster)
    titles = [line.split(" ─")[0] for line in page.splitlines() if "───" in line]
    assert titles[:4] == ["Verdict", "Beside its kind", "Access sizes and I/O time", "Its targets"]
    assert titles.index("Neighbours") < next(k for k, title in enumerate(titles) if title.startswith("Scheduler"))
    assert page.index(sentence) < page.index("Beside its kind")
    for (said,) in lake.sql("SELECT sentence FROM findings WHERE run_id = $1", [run_id]).fetchall():
        assert said in page
    (data,) = [one for one in ask(lake, "job", str(job_id), "--cluster", cluster) if one["run"]["run_id"] == run_id]
    assert data["verdict"]["sentence"] == sentence
    assert len(data["findings"]) == lake.sql("FROM findings WHERE run_id = $1", [run_id]).shape[0]


def test_umami_leaves_the_judged_run_out_of_its_history(centre: tuple[Truth, Lake]) -> None:
    """The percentile is that of a plain count over the earlier runs of the same program, file system and direction."""
    _, lake = centre
    runs = lake.sql(
        "SELECT cluster, run_id, exe_names[1], file_system, coalesce(write_bytes, 0) > coalesce(read_bytes, 0), "
        "end_time, elapsed_s FROM job_summary WHERE logs > 0 AND run_id NOT LIKE '%logs%'"
    ).fetchall()
    judged = max(runs, key=lambda run: (sum(r[0] == run[0] and r[2:5] == run[2:5] for r in runs), run[5]))
    earlier = [
        run[6]
        for run in runs
        if run[0] == judged[0] and run[2:5] == judged[2:5] and run[5] <= judged[5] and run != judged
    ]
    assert len(earlier) >= 2
    metrics = {m["metric"]: m for m in ask(lake, "umami", judged[1], "--cluster", judged[0])}
    below = sum(value < judged[6] for value in earlier) + 0.5 * sum(value == judged[6] for value in earlier)
    assert metrics["run time"]["history"] == len(earlier)
    assert metrics["run time"]["percentile"] == pytest.approx(100 * below / len(earlier))
    assert metrics["run time"]["big_is_good"] is False


def test_logs_and_jobs_are_found_by_user_program_path_and_day(centre: tuple[Truth, Lake]) -> None:
    truth, lake = centre
    known = {
        (log["cluster"], log["job_id"], log["path"].split("/")[-1])
        for log in truth.logs
        if log["fate"] in {"kept", "misfiled"} and any(f["path"].startswith("/lagoon/qcd") for f in log["files"])
    }
    found = ask(lake, "find", "--path", "/lagoon/qcd")
    assert known
    assert {(row["cluster"], row["job_id"], row["file_name"]) for row in found} == known
    users = {job["user"] for job in truth.jobs}
    user = min(users)
    mine = {(j["cluster"], j["job_id"]) for j in truth.jobs if j["user"] == user and j["end"] is not None}
    assert {(row["cluster"], row["job_id"]) for row in ask(lake, "find", "--user", user)} == mine
    assert ask(lake, "find", "--user", user, "--until", "2000-01-01") == []


def test_findings_worst_and_compare_answer_for_programs(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    high = ask(lake, "findings", "--severity", "high")
    marts = ("findings", "file_system_findings")
    assert len(high) == sum(lake.sql(f"FROM {mart} WHERE severity = 'high'").shape[0] for mart in marts) > 0
    codes = {row["code"] for row in ask(lake, "findings", "--code", high[0]["code"])}
    assert codes == {high[0]["code"]}
    assert len(ask(lake, "worst", "--limit", "2")) == 2
    assert ask(lake, "worst", "--until", "2000-01-01") == []
    one, other = lake.sql("SELECT run_id FROM job_summary WHERE logs > 0 ORDER BY write_bytes DESC LIMIT 2").fetchall()
    (both,) = ask(lake, "compare", one[0], other[0])
    written = next(m for m in both["metrics"] if m["metric"] == "write_bytes")
    assert written["ratio"] == pytest.approx(written["other"] / written["one"])


def test_an_id_of_several_runs_needs_its_run_id(centre: tuple[Truth, Lake]) -> None:
    _, lake = centre
    (again,) = lake.sql(
        "SELECT job_id FROM job_summary GROUP BY cluster, job_id HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    ).fetchall()
    with pytest.raises(SeveralRuns, match=r"runs: .* write the run's id"):
        the_run(lake, str(again[0]))
