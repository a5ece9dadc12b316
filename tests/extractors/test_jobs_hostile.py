"""Inputs made to fill the memory or to take for ever: each gives one clear line within a moment."""

from __future__ import annotations

import gzip
import io
import socket
import sqlite3
import threading
import time
import tracemalloc
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iolake.extractors.base import InputError, Span
from iolake.extractors.jobs import Jobs, database
from iolake.extractors.jobs.files import read_table
from iolake.extractors.slurm.nodelist import MAX_NODES, NodeListError, expand
from iolake.extractors.slurm.nodes import node_lists
from iolake.schemas.site import Site, SiteError
from tests.extractors.slurm_files import read as read_slurm
from tests.extractors.slurm_files import text
from tests.extractors.test_jobs import csv, read

GZIP = b"\x1f\x8b"
BOMBS = [
    ",".join(f"{letter}[1-999999]" for letter in "abcdefghijkl"),
    f"n[{','.join(['1-999999'] * 20)}]",
    "n" + "[1-999]" * 30,
    f"n[1-{MAX_NODES + 1}]",
    f"n[{'9' * 5000}-{'9' * 5001}]",
    "x" * 100_000 + f"[1-{MAX_NODES}]",
    f"n[{'0' * 4000}1-{MAX_NODES}]",
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_short_list_of_very_many_nodes_is_counted_before_it_is_written_out(bomb: str) -> None:
    """P5: the value is null, a reject names it, and it costs neither time nor memory."""
    node_lists(pl.Series(["n[1-2]"]))  # imports
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(NodeListError):
        expand(bomb)
    assert node_lists(pl.Series([bomb, "n[1-2]"])).lengths().to_list() == [None, 2]
    assert time.monotonic() - started < 2 and tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_many_lists_of_many_nodes_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iolake.extractors.slurm.nodes._MOST_PLACES", 1000)
    lengths = node_lists(pl.Series(["n[1-400]"] * 3 + ["m1"])).lengths().to_list()
    assert lengths == [400, 400, None, None]
    lengths = node_lists(pl.Series(["n[1-400]", "n[2-400]", "n[3-400]", "m1"])).lengths().to_list()
    assert lengths == [400, 399, None, None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(bytes(1 << 22)), "is neither text nor Parquet"),
        ("scheduler_id,start_time,end_time\n1,10,20\n".encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (b"scheduler_id,start_time,end_time\n" + b"x" * (17 << 20), "has a line longer than 16 MiB"),
        (b"scheduler_id,start_time,end_time" + b",a" * 10_000 + b"\n1,2,3\n", "has 10,003 columns"),
        (b"scheduler_id,start_time,end_time,uid,a\n" + b"1\n" * 400, "holds 401 rows of 4 columns"),
    ],
)
def test_a_table_that_would_fill_the_memory_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    """P5: by its bytes, its longest line, its columns and its values."""
    monkeypatch.setattr("iolake.extractors.jobs.files._MOST_CELLS", 1000)
    path = tmp_path / f"jobs.csv{'.gz' if content.startswith(GZIP) else ''}"
    path.write_bytes(content)
    _, rejects, outcome = read(files=str(path))
    assert outcome == "rejected" and reason in rejects[""]


def test_parquet_with_any_one_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    """P5: also where its footer places a column beyond the file, on which polars panics."""
    content = io.BytesIO()
    pl.DataFrame({"scheduler_id": ["1"], "start_time": ["10"], "end_time": ["20"]}).write_parquet(content)
    whole = content.getvalue()
    for at in range(len(whole)):
        damaged = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        with suppress(InputError):
            read_table(damaged, "a.parquet", ["scheduler_id", "start_time", "end_time"])


def test_parquet_whose_times_have_96_bits_is_read_beyond_2262(tmp_path: Path) -> None:
    """As nanoseconds such times would wrap to another century."""
    column = pa.array([datetime(9999, 12, 31), datetime(2026, 3, 1)], pa.timestamp("us"))
    pq.write_table(pa.table({"end_time": column}), tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    found = read_table((tmp_path / "a.parquet").read_bytes(), "a.parquet", ["end_time"])
    assert found.frame["end_time"].to_list() == column.to_pylist()


def test_parquet_of_longer_decimals_is_refused_by_its_column(tmp_path: Path) -> None:
    column = pa.array([Decimal(1)], pa.decimal256(50, 2))
    pq.write_table(pa.table({"nnodes": column}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column nnodes has numbers of more than 38 digits"):
        read_table((tmp_path / "a.parquet").read_bytes(), "a.parquet", ["nnodes"])


def test_a_bomb_in_a_file_costs_its_own_value(tmp_path: Path) -> None:
    rows, rejects, outcome = csv(
        tmp_path, f"scheduler_id,start_time,end_time,node_list\n1,10,20,{BOMBS[2]}\n2,10,20,n1\n"
    )
    assert ([r["nodes"] for r in rows], outcome) == ([None, ["n1"]], "loaded")
    assert "values not understood" in rejects["column node_list"]


def test_numbers_of_thousands_of_digits_are_null_and_named(tmp_path: Path) -> None:
    many = "9" * 5000
    header = "JobIDRaw|JobID|Submit|Start|End|AllocCPUS|Elapsed|NodeList|Restarts"
    tables, rejects, outcome = read_slurm(
        tmp_path / "s.txt",
        text(f"1|1|10|20|30|{many}|{many}|n[{many}]|{many}", f"{many}|x|10|20|30||||", header=header),
    )
    assert (outcome, [(j["job_id"], j["ncpus"]) for j in tables["slurm_jobs"]]) == ("loaded", [(1, None)])
    assert "field alloccpus" in rejects
    rows, rejects, outcome = csv(tmp_path, f"scheduler_id,start_time,end_time,uid\n{many},10,20,{many}\n")
    assert outcome == "loaded" and rows[0]["uid"] is None and rows[0]["job_id"] is None


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-" + "9" * 5000])
def test_json_with_a_number_that_no_computer_holds_is_refused_in_a_line(tmp_path: Path, number: str) -> None:
    _, rejects, outcome = read_slurm(tmp_path / "s.json", '{"jobs": [{"job_id": ' + number + ', "name": "a"}]}')
    assert outcome == "rejected" and "report" not in rejects[""].replace("in a report", "")


def test_text_that_expands_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iolake.extractors.slurm._MOST_EXPANDED", 1 << 20)
    content = gzip.compress((text() + "1|1|COMPLETED|10|20|30|10\n" * 3_000_000).encode())
    (tmp_path / "s.txt.gz").write_bytes(content)
    _, rejects, outcome = read_slurm(tmp_path / "s.txt.gz", content)
    assert outcome == "rejected" and "expands to more than" in rejects[""]


def test_a_parquet_file_of_very_many_equal_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iolake.extractors.jobs.files._MOST_ROWS", 1000)
    path = tmp_path / "jobs.parquet"
    pl.DataFrame({"scheduler_id": ["1"] * 1001, "start_time": 1, "end_time": 2}).write_parquet(path)
    _, rejects, outcome = read(files=str(path))
    assert outcome == "rejected" and "holds 1,001 rows" in rejects[""]


SUMMARY = "CREATE {} summary AS SELECT 'c' AS hostname, 1 AS stepid, 10 AS start, 20 AS completion, 2 AS numnodes"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_that_no_table_takes_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """P5: each is named, and the bound counts what is read: a scheduler's table has some sixty columns."""
    monkeypatch.setattr("iolake.extractors.jobs.files._MOST_CELLS", 1000)
    others = {f"x{n}": [n] * 300 for n in range(57)}
    frame = pl.DataFrame({"scheduler_id": range(1, 301), "start_time": [10] * 300, "end_time": [20] * 300, **others})
    path = tmp_path / f"jobs.{form}"
    frame.write_csv(path) if form == "csv" else frame.write_parquet(path)
    rows, rejects, outcome = read(files=str(path))
    assert (len(rows), outcome) == (300, "loaded")
    assert set(rejects) == {f"column {name}" for name in others}


def test_a_view_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_MOST_SECONDS", 0.5)
    with sqlite3.connect(tmp_path / "jobs.db") as con:
        con.execute(
            SUMMARY.format("VIEW")
            + " FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM n WHERE i > 1)"
        )
    started = time.monotonic()
    _, rejects, outcome = read(uri=f"sqlite:///{tmp_path}/jobs.db")
    assert outcome == "rejected" and "check that summary is a table" in rejects[""]
    assert time.monotonic() - started < 10


def test_an_sqlite_file_among_files_is_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.db") as con:
        con.execute(SUMMARY.format("TABLE"))
    rows, rejects, outcome = read(files=str(tmp_path / "*.db"))
    assert ([(r["scheduler_id"], r["nnodes"]) for r in rows], rejects, outcome) == ([("1", 2)], {}, "loaded")


def test_a_server_that_accepts_and_says_nothing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: it is one input that can't be read, whatever the number of days, and says what to check."""
    monkeypatch.setattr("iolake.extractors.mysql.PATIENCE_S", 1)
    server = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                accepted.append(server.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    uri = f"mysql://reader@127.0.0.1:{server.getsockname()[1]}/jobs"
    site = Site.model_validate({"clusters": {"c": {"timezone": "UTC", "jobs": {"uri": uri}}}})
    started = time.monotonic()
    (input,) = Jobs().find(site, Span(date(2017, 3, 1), date(2017, 3, 31)))
    assert (input.uri, input.day) == (uri, None)
    assert input.unreadable == "the database server does not answer; check that it runs and can be reached"
    assert time.monotonic() - started < 5
    assert len(accepted) == 1
    server.close()


@pytest.mark.parametrize(
    "uri",
    [
        *("mysql://u:hunter2@h/db", "mysql://u:hun/ter2@h/db", "mysql://u@h/db?password=hunter2"),
        *("mysql://u@h/db?ssl=1&PASSWD=hunter2", "mysql://u@h/db#token=hunter2", "s3://KEY:hunter2@bucket/x"),
        "s3://bucket/x?X-Amz-Signature=1&secret_key=hunter2",
    ],
)
def test_a_secret_in_any_place_of_a_uri_is_refused_and_not_repeated(uri: str) -> None:
    for key in ("uri", "files"):
        with pytest.raises(SiteError, match="holds a password") as error:
            Site.parse(f'[clusters.c]\njobs = {{ {key} = "{uri}" }}\n', "site.toml")
        assert "hunter2" not in str(error.value)
