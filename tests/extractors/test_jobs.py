"""Jobs of other schedulers: a NERSC jobs database, and CSV and Parquet files."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pymysql
import pytest

from iolake.extractors.base import Batch, Input, Outcome, Reject, Span
from iolake.extractors.jobs import Jobs
from iolake.schemas.site import Site
from tests.extractors.conftest import PASSWORD
from tests.extractors.reading import everything


def read(**source: Any) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    """(rows, rejects by part, outcome) of a jobs source."""
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "jobs": source}}})
    tables, rejects, outcome = everything(Jobs(), site)
    return tables["other_jobs"], rejects, outcome


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


def test_a_database_of_other_machines_alone_is_rejected_with_their_names(tmp_path: Path) -> None:
    """P5: no row of it is the cluster's, which a misspelt hostname would do, too."""
    jobs_database(tmp_path / "j.db", ("7.e", "edison", 10, 20, 3), ("8.c", "cori", 10, 20, 1))
    rows, rejects, outcome = read(uri=f"sqlite:///{tmp_path / 'j.db'}")
    assert (rows, outcome) == ([], "rejected")
    assert "has jobs of edison, cori, none of c; write options = { hostname" in rejects[""].replace(
        "cori, edison", "edison, cori"
    )


def test_a_database_without_the_table_or_not_there_is_rejected(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute("CREATE TABLE t(a)")
    for name in ("x.db", "none.db"):
        _, rejects, outcome = read(uri=f"sqlite:///{tmp_path / name}")
        assert outcome == "rejected" and list(rejects) == [""]


def ask(uri: str, first: date, until: date, **options: str) -> tuple[dict[date | None, list[str]], list[str]]:
    """(the jobs by day, why days were rejected) of a jobs database on a server, each day asked as an input."""
    source = {"uri": uri, "options": options}
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "jobs": source}}})
    inputs = list(Jobs().find(site, Span(first, until)))
    days: dict[date | None, list[str]] = {input.day: [] for input in inputs}
    by_id: dict[str, Input] = {input.input_id: input for input in inputs}
    reasons = []
    for result in Jobs().read_many(inputs, site):
        if isinstance(result, Batch):
            for row in result.data.to_pylist():
                days[by_id[row["input_id"]].day].append(row["scheduler_id"])
        elif isinstance(result, Reject):
            reasons.append(result.reason)
    return days, reasons


@pytest.fixture
def server(mariadb: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A NERSC jobs database on a MariaDB server; on America/Los_Angeles' clock the 12th of March has 23 hours."""
    monkeypatch.setenv("IOLAKE_PASSWORD_C_JOBS", PASSWORD)
    midnights = {day: int(datetime(2017, 3, day, 8 - (day > 12), tzinfo=UTC).timestamp()) for day in (11, 12, 13)}
    rows = [
        ("1.c", "c", midnights[11] - 90, midnights[11], 1),
        ("2.c", "c", midnights[11], midnights[12] - 1, 2),
        ("3.c", "c", midnights[11], midnights[12], 3),
        ("4.c", "c", midnights[12], midnights[13] - 1, 4),
        ("5.x", "other", midnights[12], midnights[12] + 60, 5),
        ("6.c", "c", midnights[13] - 1, midnights[13], 6),
    ]
    with pymysql.connect(host="127.0.0.1", port=mariadb, user="root", autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE `jobs db`")
        cursor.execute(
            "CREATE TABLE `jobs db`.summary (stepid VARCHAR(64) PRIMARY KEY, hostname VARCHAR(64),"
            " start INTEGER, completion INTEGER, numnodes INTEGER)"
        )
        cursor.executemany("INSERT INTO `jobs db`.summary VALUES (%s, %s, %s, %s, %s)", rows)
    return f"mysql://reader@127.0.0.1:{mariadb}/jobs%20db"


def test_a_database_on_a_server_is_asked_by_the_days_of_the_clusters_clock(server: str) -> None:
    """P8: each job is in the day on which it ended, also on the day that is an hour short."""
    days, reasons = ask(server, date(2017, 3, 11), date(2017, 3, 13))
    assert days == {date(2017, 3, 11): ["1.c", "2.c"], date(2017, 3, 12): ["3.c", "4.c"]}
    assert reasons == []
    others, _ = ask(server, date(2017, 3, 12), date(2017, 3, 13), hostname="other")
    assert others == {date(2017, 3, 12): ["5.x"]}


def test_days_without_jobs_say_where_a_server_has_those_of_other_machines(server: str) -> None:
    """P5: a wrong hostname is no day on which nothing ran; a day after the last job is one."""
    days, reasons = ask(server, date(2017, 3, 11), date(2017, 3, 13), hostname="C1")
    assert not any(days.values())
    assert reasons == ['has jobs of c, other, none of C1; write options = { hostname = "..." }'] * 2
    assert ask(server, date(2018, 3, 11), date(2018, 3, 12)) == ({date(2018, 3, 11): []}, [])


@pytest.mark.parametrize(
    ("kind", "time"), [("DATETIME", "2017-03-11 12:00:00"), ("VARCHAR(32)", "2017-03-11"), ("BIGINT", 1489262400000)]
)
def test_a_server_whose_times_are_no_seconds_is_refused_by_what_they_are(server: str, kind: str, time: object) -> None:
    """P5: its days would all be empty."""
    port = int(server.rpartition(":")[2].partition("/")[0])
    with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as con, con.cursor() as cursor:
        cursor.execute(f"ALTER TABLE `jobs db`.summary DROP COLUMN completion, ADD COLUMN completion {kind}")
        cursor.execute("UPDATE `jobs db`.summary SET completion = %s", (time,))
    days, (reason,) = ask(server, date(2017, 3, 11), date(2017, 3, 12))
    assert not any(days.values())
    assert reason.startswith(f"has completion times such as '{time}") and "not seconds since 1970" in reason


def test_a_servers_rows_are_those_of_the_same_database_in_sqlite(server: str, tmp_path: Path) -> None:
    jobs_database(tmp_path / "j.db", ("7.c", "c", 1490000342, 1490001098, 3))
    (wanted,), _, _ = read(uri=f"sqlite:///{tmp_path / 'j.db'}")
    port = int(server.rpartition(":")[2].partition("/")[0])
    with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("INSERT INTO `jobs db`.summary VALUES ('7.c', 'c', 1490000342, 1490001098, 3)")
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "jobs": {"uri": server}}}})
    (input,) = Jobs().find(site, Span(date(2017, 3, 20), date(2017, 3, 21)))
    (batch,) = Jobs().read(input, site)
    assert isinstance(batch, Batch) and batch.data.to_pylist() == [wanted]


def test_a_day_of_a_server_that_says_the_same_again_is_unchanged(server: str) -> None:
    """P2: once."""
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "jobs": {"uri": server}}}})
    (input,) = Jobs().find(site, Span(date(2017, 3, 12), date(2017, 3, 13)))
    (loaded,) = (r for r in Jobs().read_many([input], site) if isinstance(r, Outcome))
    (again,) = Jobs().read_many([replace(input, known_hash=loaded.content_hash)], site)
    assert isinstance(again, Outcome) and (loaded.status, again.status) == ("loaded", "unchanged")


@pytest.mark.parametrize(
    ("uri", "password", "reason"),
    [
        ("mysql://reader@127.0.0.1:9/jobs", PASSWORD, "the database server does not answer; check that it runs"),
        ("{server}", "mistaken", "in IOLAKE_PASSWORD_C_JOBS, which is wrong"),
        ("{server}", "", "in IOLAKE_PASSWORD_C_JOBS, which is not set"),
        ("{host}/nowhere", PASSWORD, "the database server has no such database (Unknown database 'nowhere')"),
        ("{host}/mysql", PASSWORD, "is not a NERSC jobs database"),
    ],
)
def test_a_server_that_refuses_is_named_without_the_password(
    server: str, monkeypatch: pytest.MonkeyPatch, uri: str, password: str, reason: str
) -> None:
    """P5: what can't be asked is a reject that says what to do, one for a server that refuses, whatever the days."""
    monkeypatch.setenv("IOLAKE_PASSWORD_C_JOBS", password)
    uri = uri.format(server=server, host=server.rpartition("/")[0])
    site = Site.model_validate({"clusters": {"c": {"jobs": {"uri": uri}}}})
    first, *more = Jobs().find(site, Span(date(2017, 3, 11), date(2017, 3, 13)))
    said = first.unreadable
    if said is None:
        reject, outcome = Jobs().read_many([first], site)
        assert isinstance(reject, Reject) and isinstance(outcome, Outcome) and outcome.status == "rejected"
        said = reject.reason
    else:
        assert more == []
    assert reason in said and (not password or password not in said)


def test_a_job_that_never_started_is_a_row_by_its_submit_time(tmp_path: Path) -> None:
    """P6: an unknown start is null. `run_id` is never null, and a start that can't be read is no missing start."""
    rows, rejects, _ = csv(
        tmp_path, "scheduler_id,submit_time,start_time,end_time\n1.pbs,5,,20\n2.pbs,5,soon,20\n3.pbs,5,10,20\n"
    )
    assert [(r["run_id"], r["start_time"] is None) for r in rows] == [("1.pbs.5", True), ("3.pbs.10", False)]
    assert "1 rows lack" in rejects["rows"]
