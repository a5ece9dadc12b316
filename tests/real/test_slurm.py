"""Slurm accounting and job records that nobody on this project made up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, Extractor, Reject, Span
from iolake.extractors.jobs import Jobs
from iolake.extractors.slurm import Slurm
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from tests.conftest import Fill

Rows = dict[str, list[dict[str, Any]]]
Read = Callable[..., tuple[Rows, dict[str, str]]]


@pytest.fixture
def read(samples: Path) -> Read:
    """(rows by table, rejects by part) of one sample."""

    def load(
        place: str, zone: str = "UTC", cluster: str = "tiny", extractor: Extractor | None = None
    ) -> tuple[Rows, dict[str, str]]:
        extractor = extractor or Slurm()
        key = "uri" if "://" in place else "files"
        sources = {"timezone": zone, extractor.source: {key: place}}
        site = Site.model_validate({"clusters": {cluster: sources}, "root": str(samples)})
        rows: Rows = {table.name: [] for table in extractor.tables}
        rejects = {}
        for result in extractor.read_many(list(extractor.find(site, Span())), site):
            if isinstance(result, Batch):
                rows[result.table.name].extend(result.data.to_pylist())
            elif isinstance(result, Reject):
                rejects[result.part] = result.reason
        return rows, rejects

    return load


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["job_id"], row["submit_time"], row.get("step_id")


def test_the_edison_job_of_2017_03_20_has_its_times_and_nodes(read: Read) -> None:
    rows, rejects = read("pytokio/sample.slurm", "America/Los_Angeles", "edison")
    (job,) = rows["slurm_jobs"]
    assert (job["job_id"], job["nnodes"], len(set(job["nodes"])), job["elapsed_s"]) == (4478544, 128, 128, 756.0)
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 8, 59, 2), datetime(2017, 3, 20, 9, 11, 38))
    steps = {step["step_id"]: step["end_time"] for step in rows["slurm_steps"]}
    assert sorted(steps) == [*"01234567", "batch", "extern"]
    assert steps["extern"] == datetime(2017, 3, 20, 9, 11, 39)
    assert (job["submit_known"], job["user_name"], rejects) == (False, None, {})


def test_text_with_stray_delimiters_and_newlines_gives_every_job_and_step(read: Read) -> None:
    rows, rejects = read("sacct/parsable2_all_duplicates.txt")
    assert (len(rows["slurm_jobs"]), len(rows["slurm_steps"]), rejects) == (25, 30, {})
    jobs = {key(job)[0]: job for job in rows["slurm_jobs"]}
    assert jobs[1]["comment"] == "darshan|pipe"
    assert jobs[24]["job_name"] == "utf8 é `quoted` name, comma"
    assert jobs[8]["submit_line"].count("\n") == 3
    assert (jobs[3]["exit_code"], jobs[4]["exit_signal"], jobs[5]["cancelled_by_uid"]) == (42, 11, 0)
    assert sorted(job["state"] for job in rows["slurm_jobs"] if job["job_id"] == 9) == ["COMPLETED", "REQUEUED"]
    read_step = next(step for step in rows["slurm_steps"] if key(step)[::2] == (1, "1"))
    assert (read_step["max_rss_bytes"], read_step["max_disk_write_bytes"]) == (140554240, 41944756)


NOT_IN_JSON = {
    "uid", "gid", "qos_id", "wckey_id", "assoc_id", "db_index", "submit_line",  # no such keys
    "flags",                                                                    # other words for them
    "timelimit_kind",                                                           # null for any kind of no limit
    "cancelled_by_uid",                                                         # by name
    "exit_code", "exit_signal", "derived_exit_code", "derived_exit_signal",     # lost, unless a signal or all is well
    "energy_j", "ave_cpu_freq_hz", "req_cpu_freq_gov",                          # null for zero
}  # fmt: skip
"""What Slurm 22.05's JSON does not tell: there a column is null, or equal."""
MILLISECONDS_IN_TEXT = ("total_cpu_s", "user_cpu_s", "system_cpu_s")
SECONDS_IN_TEXT = ("ave_cpu_s", "min_cpu_s")


def test_text_and_json_of_the_same_jobs_give_equal_rows(read: Read) -> None:
    text, _ = read("sacct/parsable2_all_duplicates.txt")
    document, rejects = read("sacct/sacct.json.gz")
    assert rejects == {}
    for table in ("slurm_jobs", "slurm_steps"):
        others = {key(row): row for row in document[table]}
        assert others.keys() == {key(row) for row in text[table]}
        for row in text[table]:
            other = others[key(row)]
            for name, value in row.items():
                if name in MILLISECONDS_IN_TEXT:
                    assert (
                        value
                        <= other[name]
                        < value + 0.0011 * max(1, len(text["slurm_steps"]) if table == "slurm_jobs" else 1)
                    )
                elif name in SECONDS_IN_TEXT and value is not None:
                    assert value <= other[name] < value + 1
                elif (
                    name.startswith("tres_in")
                    and value
                    and "cpu" in dict(value)
                    and isinstance(dict(value)["cpu"], int)
                ):
                    cpu, other_cpu = dict(value).pop("cpu"), dict(other[name]).pop("cpu")
                    assert cpu <= other_cpu < cpu + 1000
                    assert [pair for pair in value if pair[0] != "cpu"] == [p for p in other[name] if p[0] != "cpu"]
                elif name in NOT_IN_JSON:
                    assert other[name] in (None, value) or name == "flags", name
                elif name != "input_id":
                    assert value == other[name], name


def test_without_duplicates_the_requeued_run_alone_is_missing(read: Read) -> None:
    fewer, _ = read("sacct/parsable2_all.txt")
    all_runs, _ = read("sacct/parsable2_all_duplicates.txt")
    missing = {key(j) for j in all_runs["slurm_jobs"]} - {key(j) for j in fewer["slurm_jobs"]}
    assert [(job_id, submit) for job_id, submit, _ in missing] == [(9, datetime(2026, 11, 22, 2, 18, 27))]


def test_epochs_and_local_times_are_the_same_instants(read: Read) -> None:
    """P8: every timestamp is UTC, whatever zone the source wrote in."""
    epochs, rejects = read("sacct/time_epoch.txt")
    local, _ = read("sacct/tz_la.txt", "America/Los_Angeles")
    times = [
        sorted((j["job_id"], j["submit_time"], j["start_time"], j["end_time"]) for j in rows["slurm_jobs"])
        for rows in (epochs, local)
    ]
    assert times[0] == times[1] and len(times[0]) == 15
    assert rejects["line 10"] == "'11+1' does not tell the raw job id; add JobIDRaw"
    assert len(rejects) == 9


@pytest.mark.parametrize(
    ("sample", "reason"),
    [("default", "cuts long values"), ("noconvert", "no JobIDRaw or no End"), ("units_K", "names no field of sacct")],
)
def test_samples_whose_rows_cannot_be_placed_say_why(read: Read, sample: str, reason: str) -> None:
    """P5: a rejected input is a row with its reason."""
    rows, rejects = read(f"sacct/{sample}.txt")
    assert not any(rows.values()) and reason in rejects[""]


def test_concurrent_jobs_of_the_nersc_database_are_as_pytokio_counts_them(read: Read, lake: Lake, fill: Fill) -> None:
    rows, rejects = read("sqlite:///pytokio/sample_nersc_jobsdb.sqlite3", "America/Los_Angeles", "edison", Jobs())
    assert rejects == {}
    fill(
        "other_jobs",
        *({**row, "cluster": "edison", "date": row["end_time"].date(), "load_id": "1"} for row in rows["other_jobs"]),
    )
    windows = [(1489872299, 1490167256), (1490000867, 1490000983)]
    whole, minute = (
        lake.sql(f"FROM concurrent_jobs('edison', make_timestamp({a}000000), make_timestamp({b}000000))").fetchall()[0]
        for a, b in windows
    )
    assert whole == (485, 0, 5565, pytest.approx(86296.08361111111, abs=1e-6))
    assert minute[3] == pytest.approx(175.9675, abs=1e-6)
    (job,) = (row for row in rows["other_jobs"] if row["job_id"] == 4478544)
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 8, 59, 2), datetime(2017, 3, 20, 9, 11, 38))
