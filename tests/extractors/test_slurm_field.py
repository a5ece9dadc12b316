"""Forms of Slurm accounting that sites have and that no manual shows: CSV writers, old versions, offsets, arrays."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors.slurm.quotes import translate
from tests.extractors.slurm_files import read, text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


HEADER = ["JobID", "JobName", "State", "Start", "End", "NodeList", "AllocTRES"]
VALUES = ["11", "a, b", "COMPLETED", "10", "20", "n[1-2,4]", "billing=4,cpu=4,mem=8G,node=3"]


def csv_text(*rows: list[str], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([HEADER, *rows])  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_quotes_of_a_csv_writer_are_no_part_of_a_value(path: Path, delimiter: str, quoting: int, end: str) -> None:
    """P5: nothing vanishes. A separator, a newline and a doubled quote inside quotes are the value's own."""
    odd = ["12", f'say "hi"{delimiter} then\nbye', *VALUES[2:]]
    tables, rejects, _ = read(path, csv_text(VALUES, odd, VALUES, delimiter=delimiter, quoting=quoting, end=end))
    jobs = tables["slurm_jobs"]
    assert [(j["job_id"], j["job_name"]) for j in jobs] == [(11, "a, b"), (12, f'say "hi"{delimiter} then\nbye')]
    assert all(j["nodes"] == ["n1", "n2", "n4"] for j in jobs)
    assert dict(jobs[1]["alloc_tres"]) == {"billing": 4, "cpu": 4, "mem": 8 << 30, "node": 3}
    assert rejects == {"repeats": "1 rows repeat an earlier row's key; the first is kept"}


def test_quotes_in_saccts_own_text_stay(path: Path) -> None:
    row = '1|"quoted"|sbatch --wrap="a b"|10|20'
    tables, rejects, _ = read(path, text(row, header="JobIDRaw|Comment|SubmitLine|Start|End"))
    (job,) = tables["slurm_jobs"]
    assert (job["comment"], job["submit_line"], rejects) == ('"quoted"', 'sbatch --wrap="a b"', {})


@given(rows=st.lists(st.lists(st.text('ab,"\n;', max_size=6), min_size=3, max_size=3), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_translated_quotes_mean_what_the_csv_module_wrote(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    plain = translate(out.getvalue().encode(), b",")
    assert plain is not None
    lines = plain.decode().removesuffix("\n").split("\n")
    assert [[value.replace("\x1e", "\n") for value in line.split("\x1f")] for line in lines] == rows


OLD = "JobID|JobIDRaw|State|Submit|Start|End|Elapsed|NNodes|NCPUS|AllocTRES|NodeList"


def test_a_job_cancelled_while_pending_never_started_whatever_an_old_version_prints(path: Path) -> None:
    """P6: null is not zero. Old versions print the end as its start, and what it asked for as allocated."""
    never = "185|185|CANCELLED by 330|10|50|50|00:00:00|1|8|billing=8,cpu=8,mem=24000M,node=1|None assigned"
    short = "186|186|CANCELLED by 330|10|50|50|00:00:00|1|8|cpu=8,node=1|n1"
    tables, rejects, _ = read(path, text(never, short, header=OLD))
    found = [(j["start_time"] is None, j["nnodes"], j["ncpus"], j["alloc_tres"] is None) for j in tables["slurm_jobs"]]
    assert (found, rejects) == ([(True, 0, 0, True), (False, 1, 8, False)], {})


def test_cpus_of_a_pending_job_are_not_allocated(path: Path) -> None:
    """P6: AllocCPUS holds what a job asks for until it starts."""
    header = "JobIDRaw|State|Submit|Start|End|AllocCPUS|AllocNodes"
    tables, _, _ = read(path, text("1|PENDING|10|Unknown|Unknown|8|2", "2|RUNNING|10|20|Unknown|8|2", header=header))
    assert [(j["ncpus"], j["nnodes"]) for j in tables["slurm_running"]] == [(0, 0), (8, 2)]


@pytest.mark.parametrize(
    ("submit", "utc"),
    [
        *[(f"2026-01-05T10:00:00{zone}", "09:00") for zone in ("+0100", "+01:00", "+01", "")],
        *[(f"2026-01-05T10:00:00{zone}", "10:00") for zone in ("Z", "+00:00", " +0000")],
        *[("2026-01-05T10:00", "09:00"), ("2026-01-05 10:00", "09:00"), ("2026-01-05T10:00-0530", "15:30")],
    ],
)
def test_times_with_an_offset_are_of_that_offset_and_others_of_the_clusters_clock(
    path: Path, submit: str, utc: str
) -> None:
    """P8: every time is UTC."""
    row = f"1|COMPLETED|{submit}|{submit}|{submit}|1-00:00|1-12"
    header = "JobIDRaw|State|Submit|Start|End|Timelimit|Elapsed"
    tables, rejects, _ = read(path, text(row, header=header), "Europe/Paris")
    (job,) = tables["slurm_jobs"]
    assert (f"{job['end_time']:%H:%M}", job["timelimit_s"], job["elapsed_s"]) == (utc, 86400, 129600)
    assert rejects == {}


def test_a_time_that_cannot_be_read_says_what_is_wrong_with_it(path: Path) -> None:
    rows = ("1|10|20|2026-03-29T02:30:00", "2|Ystday 10:00|20|30", "3|10|20|30")
    _, rejects, _ = read(path, text(*rows, header="JobIDRaw|Submit|Start|End"), "Europe/Paris")
    assert "skips that hour in spring" in rejects["line 2"]
    assert "with an offset (+01:00 or Z)" in rejects["line 3"]


def test_memory_for_each_node_needs_the_nodes_asked_for_wherever_they_are(path: Path) -> None:
    rows = (
        "1|10|20|1|12|12|31000Mn|cpu=12,node=1",
        "2|10|20|8|64|64|8000Mn|cpu=64,mem=62.50G,node=8",
        "3|10|20|3|6|6|100Mn|",
        "4|10|20||6||100Mc|",
        "5|10|20||||100Mn|",
    )
    header = "JobIDRaw|Start|End|NNodes|NCPUS|ReqCPUS|ReqMem|ReqTRES"
    tables, rejects, _ = read(path, text(*rows, header=header))
    assert [j["req_mem_bytes"] for j in tables["slurm_jobs"]] == [
        *(31000 << 20, 64000 << 20, 300 << 20, 600 << 20, None),
    ]
    assert rejects == {"field reqmem": "1 values not understood, such as '100Mn'; null"}


def test_fields_of_newer_versions_that_have_no_column_make_no_noise(path: Path) -> None:
    fields = ("QOSREQ", "SegmentSize", "SLUID", "OriginalSLUID", "ReqReservation", "Exclusive", "OverSubscribe")
    row = f"1|10|20|{'|'.join('x' for _ in fields)}|"
    _, rejects, _ = read(path, text(row, header=f"JobIDRaw|Start|End|{'|'.join(fields)}|NotYetKnown"))
    assert rejects == {}


def test_gpus_of_the_older_gres_fields_are_counted_where_no_resource_names_them(path: Path) -> None:
    rows = (
        "1|10|20|cpu=4|gpu:2|gpu:2",
        "2|10|20||gpu:tesla:2(S:0-1),gpu:a100:1,craynetwork:1|0",
        "3|10|20|cpu=4,gres/gpu=3|gpu:2|",
    )
    tables, _, _ = read(path, text(*rows, header="JobIDRaw|Start|End|AllocTRES|AllocGRES|ReqGRES"))
    assert [dict(j["alloc_tres"]) for j in tables["slurm_jobs"]] == [
        {"cpu": 4, "gres/gpu": 2},
        {"gres/gpu": 3, "gres/gpu:tesla": 2, "gres/gpu:a100": 1, "gres/craynetwork": 1},
        {"cpu": 4, "gres/gpu": 3},
    ]
    assert dict(tables["slurm_jobs"][0]["req_tres"]) == {"gres/gpu": 2}


def test_jobs_that_end_before_they_start_are_named(path: Path) -> None:
    """P5, P6: one cancelled before an estimated start never started; another keeps its times and is reported."""
    header = "JobIDRaw|State|Submit|Start|End|ElapsedRaw"
    tables, rejects, _ = read(path, text("1|CANCELLED by 5|10|90|40|0", "2|COMPLETED|10|90|40|7", header=header))
    start_40 = datetime(1970, 1, 1, 0, 1, 30)
    assert [(j["start_time"], j["elapsed_s"]) for j in tables["slurm_jobs"]] == [(None, 0.0), (start_40, 7.0)]
    assert set(rejects) == {"order"} and "such as 2" in rejects["order"]
