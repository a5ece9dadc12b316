"""Slurm's accounting in the forms that versions, options and other programs give it: one value, however written."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.extractors.slurm_files import newer_job, read, text

NOON = datetime(2026, 1, 5, 12)
ROW = "COMPLETED|2026-01-05T12:00:00|2026-01-05T12:00:00|2026-01-05T13:00:00"
FIELDS = "JobIDRaw|State|Submit|Start|End"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


def job(path: Path, header: str, *values: str) -> tuple[dict[str, Any], dict[str, str]]:
    """(the row, the rejects by part) of a job of an hour with further fields."""
    tables, rejects, _ = read(path, text("|".join(("1", ROW, *values)), header=f"{FIELDS}|{header}"))
    (row,) = tables["slurm_jobs"]
    return row, rejects


@pytest.mark.parametrize(
    "written",
    [
        *(
            "2026-01-05T13:00:00.250",
            "2026-01-05 13:00:00.25+01:00",
            "2026-01-05T12:00:00z",
            "2026-01-05 12:00:00 UTC",
            "2026-01-05T05:00-07:00",
        ),
        *("1767614400", "1767614400.0", "2026-01-05T17:45:00+05:45"),
    ],
)
def test_a_time_is_read_in_every_form_that_programs_write(path: Path, written: str) -> None:
    """P8: fractions of seconds are dropped; offsets and epochs are UTC."""
    tables, rejects, _ = read(path, text(f"1|{written}|{written}", header="JobIDRaw|Submit|End"), zone="Europe/Paris")
    assert ([row["submit_time"] for row in tables["slurm_jobs"]], rejects) == ([NOON], {})


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('JobID,JobName,End\n1,"a ""x"" b",9\n2,c,9\n', 'a "x" b'),
        (',JobID,JobName,End\n0,1,"a, b",9\n', "a, b"),
        ('"JobID";"JobName";"End"\r\n"1";"a; ""b""";"9"\r\n', 'a; "b"'),
        ('JobID|JobName|End\n1|"a|b"|9\n', "a|b"),
        ('JobID|JobName|End\n1|"ab"|9\n', '"ab"'),
    ],
    ids=["quotes alone", "an index of rows", "all quoted", "a bar", "sacct's own"],
)
def test_quotes_of_a_csv_writer_are_no_part_of_values(path: Path, content: str, name: str) -> None:
    tables, rejects, _ = read(path, content)
    assert (tables["slurm_jobs"][0]["job_name"], rejects) == (name, {})


@pytest.mark.parametrize("stand_in", ["4294967294", "4294967295", "18446744073709551614", "18446744073709551615"])
@pytest.mark.parametrize(
    ("field", "column"),
    [
        *(("Suspended", "suspended_s"), ("TimelimitRaw", "timelimit_s")),
        *(("NNodes", "nnodes"), ("AllocCPUS", "ncpus"), ("ReqCPUS", "req_cpus"), ("UID", "uid"), ("QOSRAW", "qos_id")),
        *(("Restarts", "restart"), ("Priority", "priority"), ("ConsumedEnergyRaw", "energy_j")),
        *(("AllocTRES", "ncpus"), ("ReqMem", "req_mem_bytes"), ("TotalCPU", "total_cpu_s")),
    ],
)
def test_slurms_stand_ins_for_no_value_are_null(path: Path, field: str, column: str, stand_in: str) -> None:
    """P6: some versions print NO_VAL and INFINITE as plain numbers; that says nothing, and is no reject."""
    row, rejects = job(path, field, f"cpu={stand_in}" if field == "AllocTRES" else stand_in)
    assert (row[column], row["elapsed_s"], rejects) == (None, 3600.0, {})


@pytest.mark.parametrize("field", ["Elapsed", "ElapsedRaw", "CPUTimeRAW", "AllocNodes", "UID", "GID", "ConsumedEnergy"])
@pytest.mark.parametrize("negative", ["-1", "-2"])
def test_no_count_of_sacct_is_negative(path: Path, field: str, negative: str) -> None:
    """P5, P6: a negative number is null, and the input says so."""
    row, rejects = job(path, field, negative)
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    assert all(value >= 0 for value in numbers.values()), numbers
    assert list(rejects) == [f"field {field.lower()}"]


@pytest.mark.parametrize(
    ("header", "values", "mib"),
    [
        ("ReqMem|AllocNodes", ("4000Mn", "2"), 8000),
        ("ReqMem|AllocCPUS", ("2Gc", "8"), 16384),
        ("ReqMem|AllocTRES", ("4000Mn", "cpu=8,node=2"), 8000),
        ("ReqMem|ReqNodes|ReqCPUS", ("2147486648Mn", "2", "8"), 24000),
        ("ReqMem|NNodes", ("4000Mn", "0"), None),
    ],
)
def test_memory_for_each_node_or_cpu_is_multiplied_by_whatever_says_how_many(
    path: Path, header: str, values: tuple[str, ...], mib: int | None
) -> None:
    """2147486648 is Slurm's mark for "per CPU" (2^31) and 3000 MiB. Memory for each of 0 nodes is not 0."""
    assert job(path, header, *values)[0]["req_mem_bytes"] == (None if mib is None else mib << 20)


@pytest.mark.parametrize(
    ("gres", "found"),
    [
        ("gres/gpu:a100:2", [("gres/gpu", 2), ("gres/gpu:a100", 2)]),
        ("gpu:3g.20gb:2", [("gres/gpu", 2), ("gres/gpu:3g.20gb", 2)]),
        ("gpu:2", [("gres/gpu", 2)]),
        ("0", None),
    ],
)
def test_older_gres_are_trackable_resources_whatever_their_kind(path: Path, gres: str, found: Any) -> None:
    row, rejects = job(path, "AllocGRES", gres)
    assert (row["alloc_tres"], rejects) == (found, {})


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("NNodes|NCPUS|Elapsed", "CANCELLED by 7|5|10|10|4|8|00:00:00"),
        ("NNodes|NCPUS|Elapsed|NodeList", "CANCELLED by 7|5|None|10|4|8|00:00:00|(null)"),
        ("NNodes|NCPUS|Elapsed|NodeList", "PENDING|5|90|Unknown|4|8|00:00:00|None assigned"),
        ("NNodes|NCPUS|Elapsed", "CANCELLED by 7|5|1970-01-01T00:00:00|10|4|8|00:00:00"),
        ("NNodes|NCPUS|Elapsed", "CANCELLED by 7|5|None|10|4|8|00:00:00"),
    ],
    ids=["no field names nodes", "(null)", "an estimated start", "the start of 1970, as exporters write 0", "no start"],
)
def test_a_job_that_never_started_has_no_start_nodes_or_cpus(path: Path, header: str, row: str) -> None:
    tables, _, _ = read(path, text(f"1|{row}", header=f"{FIELDS}|{header}"))
    (found,) = tables["slurm_jobs"] + tables["slurm_running"]
    assert (found["start_time"], found["nnodes"], found["ncpus"]) == (None, 0, 0)


@pytest.mark.parametrize("state", ["COMPLETED", "NODE_FAIL", "CANCELLED by 7"])
def test_a_job_that_ended_at_once_on_nodes_has_started(path: Path, state: str) -> None:
    tables, _, _ = read(path, text(f"1|{state}|5|10|10|2|n[1-2]", header=f"{FIELDS}|NNodes|NodeList"))
    (found,) = tables["slurm_jobs"]
    assert (found["start_time"], found["nnodes"]) == (datetime(1970, 1, 1, 0, 0, 10), 2)


PLAIN = text(f"1|{ROW}", header=FIELDS).encode()
JSON = json.dumps({"jobs": [newer_job()]}).encode()


@pytest.mark.parametrize(
    ("content", "jobs"),
    [
        *((gzip.compress(PLAIN), [1]), (bz2.compress(PLAIN), [1]), (lzma.compress(JSON), [26])),
        *((b"\n\n" + PLAIN, [1]), (b"# of 2026\n" + PLAIN, [1])),
        (json.dumps([newer_job()]).encode(), [26]),
        (JSON + b"\n" + json.dumps(newer_job(job_id=27)).encode() + b"\n", [26, 27]),
        (b"\xef\xbb\xbf" + JSON, [26]),
    ],
    ids=["gzip", "bzip2", "xz", "blank lines", "a comment", "a list of jobs", "several documents", "a BOM"],
)
def test_a_file_is_read_by_its_content_whatever_its_name(path: Path, content: bytes, jobs: list[int]) -> None:
    tables, rejects, _ = read(path, content)
    assert ([row["job_id"] for row in tables["slurm_jobs"]], rejects) == (jobs, {})


def tarred(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("sacct.txt")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"SQLite format 3\0" + b"\0" * 100, "is an SQLite database"),
        (PLAIN.decode().encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (b"\x28\xb5\x2f\xfd\0\0", "is compressed with zstd"),
        (tarred(PLAIN), "is a tar archive, not text; unpack it"),
        (gzip.compress(tarred(PLAIN)), "is a tar archive, not text; unpack it"),
        (b"", "is empty"),
        (b"\0" * 50, "is not text"),
    ],
)
def test_a_file_that_is_no_text_is_named_as_what_it_is(path: Path, content: bytes, said: str) -> None:
    """P5: one line that says what the file is."""
    assert said in read(path, content)[1][""]


def test_requeues_of_one_submission_without_their_count_are_named(path: Path) -> None:
    """P5: nothing but Restarts tells them apart in every file: a number by their order would depend on the others."""
    runs = ["12:00:00|2026-01-05T12:20:00", "12:50:00|2026-01-05T13:00:00"]
    rows = [f"7|COMPLETED|2026-01-05T12:00:00|2026-01-05T{run}" for run in (*runs, runs[0])]
    tables, rejects, _ = read(path, text(*rows, header=FIELDS))
    (job,) = tables["slurm_jobs"]
    assert (job["restart"], job["elapsed_s"]) == (None, 1200)
    assert rejects == {
        "repeats": "2 rows repeat an earlier row's key; the first is kept; 1 of them have another start: "
        "add Restarts to --format, which tells requeues apart"
    }
    rejects = read(path, text(*(f"{row}|0" for row in rows), header=f"{FIELDS}|Restarts"))[1]
    assert rejects == {"repeats": "2 rows repeat an earlier row's key; the first is kept"}


def test_resources_that_slurm_names_by_number_are_counted(path: Path) -> None:
    """P6: where sacct lacks a resource's plug-in, old Slurm writes its number, that of the name's letters."""
    row, rejects = job(path, "AllocGRES|AllocTRES", "7696487:2,7565421:tesla:100", "cpu=4")
    assert dict(row["alloc_tres"]) == {"cpu": 4, "gres/gpu": 2, "gres/mps": 100, "gres/mps:tesla": 100}
    row, rejects = job(path, "AllocGRES", "1234567:2")
    assert rejects == {"field allocgres": "1 values not understood, such as '1234567:2'; null"}


def test_a_text_whose_lines_end_in_a_carriage_return_alone_is_refused_by_that(path: Path) -> None:
    """P5: all of it was taken for the header, and nothing was said."""
    _, rejects, outcome = read(path, text(f"1|{ROW}", header=FIELDS).replace("\n", "\r"))
    assert (outcome, *rejects.values()) == (
        "rejected", "has lines that end in a carriage return alone; convert it with tr '\\r' '\\n'",
    )  # fmt: skip
