"""Jobs of other schedulers: a NERSC jobs database, and CSV and Parquet files."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from extractors.base import Batch, Outcome, Reject, Span
from extractors.jobs import Jobs
from schemas.site import Site


def read(**source: Any) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    """(rows, rejects by part, outcome) of a jobs source."""
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "jobs": source}}})
    rows: list[dict[str, Any]] = []
    rejects, outcome, extractor = {}, "", Jobs()
    for result in extractor.read_many(list(extractor.find(site, Span())), site):
        if isinstance(result, Batch):
            data = result.data.drop_columns("input_id")
            data.validate(full=True)
            assert data.schema == result.table.batch_schema
            rows.extend(data.to_pylist())
        elif isinstance(result, Reject):
            rejects[result.part] = result.reason
        else:
            assert isinstance(result, Outcome)
            outcome = result.status
    return rows, rejects, outcome


def csv(folder: Path, text: str) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    (folder / "jobs.csv").write_text(text)
    return read(files=str(folder / "jobs.csv"))


def test_a_csv_fills_the_columns_that_it_names(tmp_path: Path) -> None:
    (job,), rejects, _ = csv(
        tmp_path,
        "scheduler_id,start_time,end_time,scheduler,queue,timelimit_s,ncpus,nodes_asked\n"
        "12[7].pbs,2017-03-20T01:59:02,2017-03-20T10:00:00Z,pbs,debug,01:00:00,72,3\n",
    )
    assert (job["job_id"], job["scheduler_id"], job["queue"], job["ncpus"]) == (12, "12[7].pbs", "debug", 72)
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 8, 59, 2), datetime(2017, 3, 20, 10))
    assert (job["timelimit_s"], job["user_name"], job["nnodes"]) == (3600.0, None, None)
    assert rejects == {"column nodes_asked": "is not a column of other_jobs; left out"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("r1i0n0/0*36+r1i0n1/0*36", ["r1i0n0", "r1i0n1"]),
        ("36*host[1-2]:4*host3", ["host1", "host2", "host3"]),
        ("node[08-10]", ["node08", "node09", "node10"]),
        ("a b,a", ["a", "b"]),
        ("n[1-", None),
    ],
)
def test_node_lists_of_pbs_lsf_and_flux_give_each_node_once(tmp_path: Path, text: str, names: list[str] | None) -> None:
    (job,), _, _ = csv(tmp_path, f'scheduler_id,start_time,end_time,node_list\n1,10,20,"{text}"\n')
    assert (job["nodes"], job["nnodes"]) == (names, names and len(names))


def test_rows_and_values_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    rows, rejects, outcome = csv(
        tmp_path,
        "scheduler_id,start_time,end_time,nnodes\n1,10,20,many\n2,,20,1\n3,2017-03-12T02:30:00,1600000000,1\n1,10,20,5\n",
    )
    assert [(r["scheduler_id"], r["nnodes"]) for r in rows] == [("1", None)]
    assert rejects == {
        "column nnodes": "1 values not understood, such as 'many'; null",
        "column start_time": "1 values not understood, such as '2017-03-12T02:30:00'; null",
        "rows": "2 rows lack one of scheduler_id, start_time, end_time",
        "repeats": "1 rows repeat an earlier job and start",
    }
    assert outcome == "loaded"


def test_a_time_in_the_repeated_hour_is_marked(tmp_path: Path) -> None:
    (job,), _, _ = csv(tmp_path, "scheduler_id,start_time,end_time\n1,2017-11-05T01:30:00,2017-11-05T03:00:00\n")
    assert (job["start_time"], job["time_ambiguous"]) == (datetime(2017, 11, 5, 8, 30), True)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    times = [datetime(2017, 3, 20, 9, tzinfo=UTC)]
    local = [datetime(2017, 3, 20, 3)]
    frame = pl.DataFrame(
        {"scheduler_id": ["7"], "start_time": times, "end_time": local, "exit_code": [1], "timelimit_s": [60.5]}
    )
    frame.write_parquet(tmp_path / "jobs.parquet")
    (job,), rejects, _ = read(files=str(tmp_path / "*.parquet"))
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 9), datetime(2017, 3, 20, 10))
    assert (job["exit_code"], job["timelimit_s"], job["submit_time"]) == (1, 60.5, None)
    assert rejects == {}


@pytest.mark.parametrize("text", ["", "user,host\na,b\n", "\x00\x01\x02"])
def test_a_file_without_the_columns_that_every_job_needs_is_rejected(tmp_path: Path, text: str) -> None:
    rows, rejects, outcome = csv(tmp_path, text)
    assert (rows, outcome, list(rejects)) == ([], "rejected", [""])


def jobs_database(path: Path, *rows: tuple[str, str, int, int, int]) -> None:
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE summary(stepid primary key, hostname, start integer, completion integer, numnodes integer)"
        )
        database.executemany("INSERT INTO summary VALUES (?, ?, ?, ?, ?)", rows)


def test_a_nersc_jobs_database_gives_the_jobs_of_the_cluster(tmp_path: Path) -> None:
    jobs_database(tmp_path / "j.db", ("7.c", "c", 1490000342, 1490001098, 3), ("8.x", "other", 10, 20, 1))
    (job,), rejects, _ = read(uri=f"sqlite:///{tmp_path / 'j.db'}")
    assert (job["job_id"], job["scheduler_id"], job["nnodes"]) == (7, "7.c", 3)
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 8, 59, 2), datetime(2017, 3, 20, 9, 11, 38))
    assert rejects == {}
    (other,), _, _ = read(uri=f"sqlite:///{tmp_path / 'j.db'}", options={"hostname": "other"})
    assert other["job_id"] == 8


def test_a_database_without_the_table_or_not_there_is_rejected(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute("CREATE TABLE t(a)")
    for name in ("x.db", "none.db"):
        _, rejects, outcome = read(uri=f"sqlite:///{tmp_path / name}")
        assert outcome == "rejected" and list(rejects) == [""]
