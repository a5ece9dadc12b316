"""LMT databases, filled here sample by sample: SQLite everywhere, MariaDB where its server is installed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import extractors.lmt.samples
from extractors.base import Batch, InputError, Reject, Span
from extractors.lmt import Lmt
from extractors.lmt.database import Database
from extractors.lmt.lookup import Lookup
from schemas.gate import conform, in_sort_order
from schemas.lustre import LUSTRE_OST
from schemas.site import Site
from tests.extractors.conftest import PASSWORD

SCHEMA = """
CREATE TABLE FILESYSTEM_INFO (FILESYSTEM_ID INTEGER, FILESYSTEM_NAME VARCHAR(128), SCHEMA_VERSION FLOAT);
CREATE TABLE OSS_INFO (OSS_ID INTEGER, FILESYSTEM_ID INTEGER, HOSTNAME VARCHAR(128), FAILOVERHOST VARCHAR(128));
CREATE TABLE OST_INFO (OST_ID INTEGER PRIMARY KEY, OSS_ID INTEGER, OST_NAME VARCHAR(128), HOSTNAME VARCHAR(128),
  OFFLINE TINYINT, DEVICE_NAME VARCHAR(128));
CREATE TABLE MDS_INFO (MDS_ID INTEGER PRIMARY KEY, FILESYSTEM_ID INTEGER, MDS_NAME VARCHAR(128), HOSTNAME VARCHAR(128),
  DEVICE_NAME VARCHAR(128));
CREATE TABLE ROUTER_INFO (ROUTER_ID INTEGER PRIMARY KEY, HOSTNAME VARCHAR(128));
CREATE TABLE OPERATION_INFO (OPERATION_ID INTEGER PRIMARY KEY, OPERATION_NAME VARCHAR(64), UNITS VARCHAR(16));
CREATE TABLE TIMESTAMP_INFO (TS_ID INTEGER PRIMARY KEY, TIMESTAMP DATETIME NOT NULL);
CREATE TABLE OST_DATA (OST_ID INTEGER, TS_ID INTEGER, READ_BYTES BIGINT, WRITE_BYTES BIGINT, PCT_CPU FLOAT,
  KBYTES_FREE BIGINT, KBYTES_USED BIGINT, INODES_FREE BIGINT, INODES_USED BIGINT, PRIMARY KEY (OST_ID, TS_ID));
CREATE TABLE OSS_DATA (OSS_ID INTEGER, TS_ID INTEGER, PCT_CPU FLOAT, PCT_MEMORY FLOAT, PRIMARY KEY (OSS_ID, TS_ID));
CREATE TABLE MDS_DATA (MDS_ID INTEGER, TS_ID INTEGER, PCT_CPU FLOAT, KBYTES_FREE BIGINT, KBYTES_USED BIGINT,
  INODES_FREE BIGINT, INODES_USED BIGINT, PRIMARY KEY (MDS_ID, TS_ID));
CREATE TABLE MDS_OPS_DATA (MDS_ID INTEGER, TS_ID INTEGER, OPERATION_ID INTEGER, SAMPLES BIGINT, SUM BIGINT);
CREATE TABLE ROUTER_DATA (ROUTER_ID INTEGER, TS_ID INTEGER, BYTES BIGINT, PCT_CPU FLOAT);
INSERT INTO OSS_INFO VALUES (1, 1, 'oss1', 'oss2'), (2, 1, 'oss2', NULL);
INSERT INTO OST_INFO VALUES (7, 1, 'my-fs-OST0000', 'oss1', 0, '/dev/a'), (3, 2, 'my-fs-OST0001', 'oss2', 1, NULL);
INSERT INTO MDS_INFO VALUES (1, 1, 'my-fs-MDT0000', 'mds', '/dev/m'), (2, 1, 'my-fs-MDT0001', 'mds', '/dev/n');
INSERT INTO ROUTER_INFO VALUES (1, 'rtr');
INSERT INTO OPERATION_INFO VALUES (40, 'open', 'reqs'), (4, 'quotactl', 'reqs'), (9, 'statfs', 'reqs');
"""
ALL = Span()


class Db:
    """A database under test, of either kind, with the way to fill it."""

    def __init__(self, uri: str, execute: Callable[[str], None], file: Path | None = None) -> None:
        self.uri, self._execute, self.file = uri, execute, file
        self.run(SCHEMA)

    def run(self, script: str) -> None:
        """Run statements that end in semicolons."""
        for statement in script.split(";\n"):
            if statement.strip():
                self._execute(statement)

    def add(self, table: str, *rows: tuple[Any, ...]) -> None:
        """Insert rows."""
        values = ", ".join("(" + ", ".join("NULL" if v is None else repr(v) for v in row) + ")" for row in rows)
        self.run(f"INSERT INTO {table} VALUES {values}")

    def ticks(self, *times: str) -> None:
        """Number the times of samples from 100 on."""
        self.add("TIMESTAMP_INFO", *((100 + i, t) for i, t in enumerate(times)))

    def ost(self, ost: int, tick: int, read: int | None, write: int | None, used: int = 4, free: int = 6) -> None:
        """One sample of a storage target."""
        self.add("OST_DATA", (ost, tick, read, write, None, free, used, 60, 40))


@pytest.fixture(params=["sqlite", "mariadb"])
def db(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Db]:
    """An empty LMT database of either kind."""
    if request.param == "sqlite":
        con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
        yield Db(f"sqlite:///{tmp_path}/lmt.db", lambda s: void(con.execute(s)), tmp_path / "lmt.db")
        con.close()
        return
    port = request.getfixturevalue("mariadb")
    monkeypatch.setenv("IOLAKE_PASSWORD_SCRATCH_LMT", PASSWORD)
    with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE DATABASE filesystem_fs")
        cursor.execute("USE filesystem_fs")
        yield Db(f"mysql://reader@127.0.0.1:{port}/filesystem_fs", lambda s: void(cursor.execute(s)))


def void(_result: object) -> None:
    """Nothing, whatever a cursor returns."""


def site(uri: str, zone: str = "UTC", key: str = "uri") -> Site:
    """A site with one LMT database."""
    system = {"timezone": zone, "backend": "my-fs", "lmt": {key: uri}}
    return Site.model_validate({"root": "/", "file_systems": {"scratch": system}})


def load(
    uri: str, zone: str = "UTC", span: Span = ALL, key: str = "uri"
) -> tuple[dict[str, list[dict[str, Any]]], list[Reject]]:
    """(table to rows, rejects) of all days; every batch passes the gate."""
    where = site(uri, zone, key)
    tables: dict[str, list[dict[str, Any]]] = {}
    rejects = []
    for input in Lmt().find(where, span):
        for found in Lmt().read(input, where):
            if isinstance(found, Batch):
                data = conform(found.table, pa.table(found.data), found.table.batch_schema)
                tables.setdefault(found.table.name, []).extend(
                    in_sort_order(found.table, data, found.in_order).to_pylist()
                )
            else:
                rejects.append(found)
    return tables, rejects


def test_a_row_goes_from_a_sample_to_the_next_of_its_target(db: Db) -> None:
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:20")
    for tick, read, write in ((100, 1000, 10), (101, 1500, 10), (102, 1800, 40)):
        db.ost(7, tick, read, write)
    db.ost(3, 100, 0, 0)
    db.ost(3, 102, 0, 90)
    rows = load(db.uri)[0]["lustre_ost"]
    assert [
        (r["ost"], r["ts"].second, r["interval_s"], r["read_bytes"], r["write_bytes"], r["reset"]) for r in rows
    ] == [
        ("OST0000", 0, 5.0, 500, 0, False),
        ("OST0000", 5, 15.0, 300, 30, False),
        ("OST0001", 0, 20.0, 0, 90, False),
    ]
    assert {(r["used_bytes"], r["total_bytes"], r["used_inodes"], r["total_inodes"]) for r in rows} == {
        (4096, 10240, 40, 100)
    }


def test_the_whole_file_system_spreads_what_a_target_reports_late(db: Db) -> None:
    """A gap of one target is never a peak of the file system, and nothing is lost."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:20")
    for tick, write in ((100, 10), (101, 20), (102, 60)):
        db.ost(7, tick, 0, write)
    db.ost(3, 100, 0, 0)
    db.ost(3, 102, 0, 100)
    rows = load(db.uri)[0]["lustre_fs"]
    assert [(r["interval_s"], r["write_bytes"], r["write_bytes_before"], r["osts_missing"]) for r in rows] == [
        (5.0, 10 + 25, 0, 0),
        (15.0, 40 + 75, 35, 0),
    ]


def test_a_reset_counts_the_new_value_and_is_marked(db: Db) -> None:
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    for tick, read, write in ((100, 1000, 50), (101, 30, 60), (102, 35, 60)):
        db.ost(7, tick, read, write)
    rows = load(db.uri)[0]["lustre_ost"]
    assert [(r["read_bytes"], r["write_bytes"], r["reset"]) for r in rows] == [(30, 60, True), (5, 0, False)]


def test_days_join_without_a_seam(db: Db) -> None:
    """P2: the last row of a day ends with the first sample after it, even days later; sums are the counters' own."""
    db.ticks("2026-03-01 23:59:50", "2026-03-01 23:59:55", "2026-03-04 00:00:00", "2026-03-04 00:00:05")
    for tick, read in ((100, 100), (101, 150), (102, 1150), (103, 1200)):
        db.ost(7, tick, read, 0)
    tables, _ = load(db.uri)
    assert [(r["ts"].day, r["read_bytes"]) for r in tables["lustre_ost"]] == [(1, 50), (1, 1000), (4, 50)]
    assert [(r["ts"].day, r["read_bytes"]) for r in tables["lustre_fs"]] == [(1, 50), (1, 1000), (4, 50)]
    alone, _ = load(db.uri, span=Span(date(2026, 3, 1), date(2026, 3, 2)))
    assert [r["read_bytes"] for r in alone["lustre_ost"]] == [50, 1000]


def test_operations_are_known_by_name_and_a_pair_of_rows_counts_once(db: Db) -> None:
    """Of two targets on one host each has its own rows."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    db.add("MDS_DATA", *((mdt, tick, 12.25, 5, 3, 70, 30) for mdt in (1, 2) for tick in (100, 101, 102)))
    db.add("MDS_OPS_DATA", (1, 100, 40, 10, 0), (1, 101, 40, 14, 0), (1, 101, 40, 14, 0), (1, 102, 40, 14, 0))
    db.add(
        "MDS_OPS_DATA", (1, 101, 4, 3, 0), (1, 102, 4, 3, 0), (2, 100, 9, 5, 0), (2, 101, 9, 6, 0), (2, 102, 9, 6, 0)
    )
    tables, _ = load(db.uri)
    assert [
        (r["mdt"], r["opens"], r["statfs"], r["closes"], r["other_ops"], r["used_bytes"]) for r in tables["lustre_mdt"]
    ] == [
        ("MDT0000", 4, 0, None, [("quotactl", 3)], 3072),
        ("MDT0000", 0, 0, None, [], 3072),
        ("MDT0001", 0, 1, None, [], 3072),
        ("MDT0001", 0, 0, None, [], 3072),
    ]
    assert [(r["opens"], r["statfs"], r["mdts"], r["mdts_missing"]) for r in tables["lustre_fs"]] == [
        (4, 1, 2, 0),
        (0, 0, 2, 0),
    ]
    assert [(r["server"], r["role"], r["cpu_pct"]) for r in tables["lustre_server"]] == [("mds", "mds", 12.25)] * 2


def test_where_an_operation_stood_is_known_from_the_day_before(db: Db) -> None:
    db.ticks("2026-03-01 23:59:55", "2026-03-02 00:00:00", "2026-03-02 00:00:05")
    db.add(
        "MDS_OPS_DATA",
        (1, 100, 40, 1000, 0),
        (1, 100, 9, 1, 0),
        (1, 101, 9, 1, 0),
        (1, 102, 9, 1, 0),
        (1, 102, 40, 1003, 0),
    )
    rows = load(db.uri, span=Span(date(2026, 3, 2)))[0]["lustre_mdt"]
    assert [(r["opens"], r["reset"]) for r in rows] == [(3, False)]


def test_servers_and_routers_have_their_load(db: Db) -> None:
    """A percentage in single precision is the decimal that was stored."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.add("OSS_DATA", (1, 100, 0.612653, 98.1213), (1, 101, 1.0, 98.0))
    db.add("ROUTER_DATA", (1, 100, 500, 2.5), (1, 101, 800, 3.5))
    rows = load(db.uri)[0]["lustre_server"]
    assert [(r["server"], r["role"], r["cpu_pct"], r["mem_pct"], r["routed_bytes"]) for r in rows] == [
        ("oss1", "oss", 0.612653, 98.1213, None),
        ("rtr", "router", 2.5, None, 300),
    ]


def test_the_map_of_targets_to_servers_is_a_snapshot_of_the_day(db: Db) -> None:
    db.ticks("2026-03-01 12:00:00")
    rows = load(db.uri)[0]["lustre_target"]
    assert [(r["target"], r["server"], r["failover_server"], r["device"], r["state"]) for r in rows] == [
        ("MDT0000", "mds", None, "/dev/m", None),
        ("MDT0001", "mds", None, "/dev/n", None),
        ("OST0000", "oss1", "oss2", "/dev/a", "up"),
        ("OST0001", "oss2", None, None, "offline"),
    ]


def test_samples_without_counters_or_without_a_name_are_left_out(db: Db) -> None:
    """P6: a null counter is no sample; P5: an unknown target is named."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    for tick, read in ((100, 10), (101, None), (102, 30)):
        db.ost(7, tick, read, 0)
    db.ost(99, 100, 1, 1)
    tables, rejects = load(db.uri)
    assert [(r["interval_s"], r["read_bytes"]) for r in tables["lustre_ost"]] == [(10.0, 20)]
    assert [(r.part, r.reason) for r in rejects] == [("OST_DATA", "1 samples have an id that no name belongs to")]


@pytest.mark.parametrize(("day", "hours"), [(date(2017, 11, 5), 25), (date(2018, 3, 11), 23), (date(2018, 1, 28), 24)])
def test_days_of_a_clock_change_have_their_own_length(db: Db, day: date, hours: int) -> None:
    """P8: an autumn hour that comes twice is told apart by the order of the samples."""
    zone = ZoneInfo("America/Los_Angeles")
    start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    moments = [start + timedelta(minutes=30 * i) for i in range(2 * hours + 1)]
    db.ticks(*(m.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for m in moments))
    db.add("OST_DATA", *((7, 100 + i, 10 * i, 0, None, 1, 1, 1, 1) for i in range(len(moments))))
    tables, _ = load(db.uri, "America/Los_Angeles", Span(day, day + timedelta(days=1)))
    rows = tables["lustre_ost"]
    assert [r["ts"] for r in rows] == [m.replace(tzinfo=None) for m in moments[:-1]]
    assert {(r["interval_s"], r["read_bytes"]) for r in rows} == {(1800.0, 10)}
    assert [r["ts"] for r in tables["lustre_fs"]] == [r["ts"] for r in rows]


def test_two_samples_of_one_time_count_as_the_later_one(db: Db) -> None:
    """A collector that restarts within a tick writes the time again."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:00", "2026-03-01 12:00:05")
    for tick, read in ((100, 10), (101, 12), (102, 30)):
        db.ost(7, tick, read, 0)
    rows = load(db.uri)[0]["lustre_ost"]
    assert [(r["interval_s"], r["read_bytes"]) for r in rows] == [(5.0, 18)]


def test_days_are_inputs_and_settled_once_others_have_followed(db: Db) -> None:
    db.ticks("2026-03-01 12:00:00", "2026-03-02 12:00:00", "2026-03-04 12:00:00")
    found = list(Lmt().find(site(db.uri), Span()))
    assert [(i.day, i.settled) for i in found] == [
        (date(2026, 3, 1), True),
        (date(2026, 3, 2), True),
        (date(2026, 3, 4), False),
    ]
    assert found[0].uri == f"{db.uri}#2026-03-01"
    assert [i.day for i in Lmt().find(site(db.uri), Span(date(2026, 3, 2), date(2026, 3, 4)))] == [date(2026, 3, 2)]


def test_a_database_without_the_tables_is_rejected(db: Db) -> None:
    db.run("DROP TABLE TIMESTAMP_INFO")
    with pytest.raises(InputError, match="has no table TIMESTAMP_INFO"):
        load(db.uri)


def test_a_file_that_a_pattern_names_is_read_whole(tmp_path: Path) -> None:
    con = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    db = Db("", lambda s: void(con.execute(s)))
    db.ticks("2026-03-01 23:59:55", "2026-03-02 00:00:00", "2026-03-02 00:00:05")
    for tick, read in ((100, 10), (101, 12), (102, 30)):
        db.ost(7, tick, read, 0)
    con.close()
    rows = load(str(tmp_path / "*.sqlite3"), key="files")[0]["lustre_ost"]
    assert [r["read_bytes"] for r in rows] == [2, 18]


def test_what_is_no_database_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_text("this is text, and long enough to be read as a header of a database file\n" * 9)
    with pytest.raises(InputError, match="is not an LMT database"):
        load(str(tmp_path / "*.sqlite3"), key="files")


def test_no_message_holds_the_password(mariadb: int) -> None:
    """A server that does not answer is an error of the moment, a refused query one of the input."""
    with pytest.raises(ConnectionError, match="does not answer") as unreachable:
        Database("mysql://reader@127.0.0.1:9/filesystem_fs", PASSWORD)
    with pytest.raises(InputError, match="not an LMT database") as refused:
        Database(f"mysql://reader@127.0.0.1:{mariadb}/mysql", PASSWORD).select({"x": "integer"}, "nowhere")
    for message in (str(unreachable.value), str(refused.value)):
        assert "127.0.0.1" in message
        assert "word" not in message.removesuffix("check its uri and password")


def test_a_server_that_does_not_answer_is_found_and_not_read(mariadb: int) -> None:
    """P5: it is an input that could not be read, not none at all."""
    where = site("mysql://reader@127.0.0.1:9/filesystem_fs")
    (input,) = Lmt().find(where, ALL)
    assert (input.uri, input.day) == ("mysql://reader@127.0.0.1:9/filesystem_fs", None)
    with pytest.raises(ConnectionError):
        list(Lmt().read(input, where))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.dictionaries(
        st.tuples(st.sampled_from([3, 7]), st.integers(0, 11)), st.none() | st.integers(0, 50), max_size=20
    )
)
def test_a_day_in_pieces_has_the_rows_of_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: dict[tuple[int, int], int | None]
) -> None:
    """P2: whatever hours a target is silent for, each of its rows ends at its next sample, also of the day after."""
    monkeypatch.setattr(extractors.lmt.samples, "_PIECE_SAMPLES", 1)  # a piece an hour
    (tmp_path / "lmt.db").unlink(missing_ok=True)
    con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
    db = Db(f"sqlite:///{tmp_path}/lmt.db", lambda s: void(con.execute(s)))
    moments = [datetime(2026, 3, 1, 14) + timedelta(minutes=40 * i) for i in range(18)]  # three of the next day
    db.ticks(*map(str, moments))
    for (ost, tick), read in sorted(samples.items()):
        db.ost(ost, 100 + tick + 6 * (tick > 9), read, 0, used=tick)
    con.close()
    wanted = []
    for ost, name in ((7, "OST0000"), (3, "OST0001")):
        own = [
            (moments[tick + 6 * (tick > 9)], read, tick)
            for (target, tick), read in sorted(samples.items())
            if target == ost and read is not None
        ]
        wanted += [
            (start.replace(minute=0), name, start, end - start, now - then if now >= then else now, used * 1024)
            for (start, then, used), (end, now, _) in pairwise(own)
            if start.day == 1
        ]
    rows = load(db.uri, span=Span(date(2026, 3, 1), date(2026, 3, 2)))[0].get("lustre_ost", [])
    assert [
        (
            r["ts"].replace(minute=0),
            r["ost"],
            r["ts"],
            timedelta(seconds=r["interval_s"]),
            r["read_bytes"],
            r["used_bytes"],
        )
        for r in rows
    ] == sorted(wanted)


def test_the_first_rows_of_a_day_come_before_its_last_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractors.lmt.samples, "_PIECE_SAMPLES", 1)
    con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
    db = Db(f"sqlite:///{tmp_path}/lmt.db", lambda s: void(con.execute(s)))
    db.ticks(*(f"2026-03-01 {hour:02}:30:00" for hour in range(12)))
    for tick in range(12):
        db.ost(7, 100 + tick, tick, 0)
    where = site(db.uri)
    (input,) = Lmt().find(where, ALL)
    found = Lmt().read(input, where)
    first = next(found)
    assert isinstance(first, Batch) and [r["ts"].hour for r in first.data.to_pylist()] == [0]
    con.execute("UPDATE OST_DATA SET READ_BYTES = 1000 WHERE TS_ID = 111")
    con.close()
    rest = [row for b in found if isinstance(b, Batch) and b.table is LUSTRE_OST for row in b.data.to_pylist()]
    assert [(r["ts"].hour, r["read_bytes"]) for r in rest] == [*((hour, 1) for hour in range(1, 10)), (10, 990)]


@given(
    known=st.dictionaries(st.integers(-(2**62), 2**62) | st.integers(0, 2000), st.integers(0, 99), max_size=9),
    asked=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 2005), max_size=9),
)
def test_ids_are_looked_up_whether_they_lie_close_or_not(known: dict[int, int], asked: list[int]) -> None:
    ids = sorted(known)
    lookup = Lookup(np.array(ids, np.int64), np.array([known[i] for i in ids], np.int64))
    asked += ids
    assert lookup(np.array(asked, np.int64)).tolist() == [known.get(i, -1) for i in asked]


def test_counters_of_any_declared_kind_are_whole_numbers(db: Db) -> None:
    """Databases that others have copied declare unsigned columns, or hold text."""
    kind = "TEXT" if db.uri.startswith("sqlite") else "BIGINT UNSIGNED"
    columns = "OST_ID INTEGER, TS_ID INTEGER, READ_BYTES {0}, WRITE_BYTES {0}, PCT_CPU FLOAT, KBYTES_FREE {0}, "
    columns += "KBYTES_USED {0}, INODES_FREE {0}, INODES_USED {0}"
    db.run(f"DROP TABLE OST_DATA;\nCREATE TABLE OST_DATA ({columns.format(kind)})")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.ost(7, 100, 10**16, 1)
    db.ost(7, 101, 10**16 + 9, 4)
    (row,) = load(db.uri)[0]["lustre_ost"]
    assert (row["read_bytes"], row["write_bytes"], row["used_bytes"], row["total_inodes"]) == (9, 3, 4096, 100)


def test_a_counter_that_is_no_number_rejects_the_day(db: Db) -> None:
    """Never zero in its place (P6)."""
    if not db.uri.startswith("sqlite"):
        pytest.skip("MariaDB keeps text out of columns of numbers")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.add("OST_DATA", (7, 100, "lots", 1, None, 1, 1, 1, 1), (7, 101, 5, 1, None, 1, 1, 1, 1))
    with pytest.raises(InputError, match="is not an LMT database that can be read"):
        load(db.uri)
