"""LMT databases, filled here sample by sample: SQLite everywhere, MariaDB where its server is installed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from iolake.extractors.base import InputError, Span
from iolake.extractors.lmt import Lmt
from iolake.extractors.lmt.database import Database
from iolake.extractors.mysql import try_to_connect
from tests.extractors.conftest import PASSWORD
from tests.extractors.lmt_database import ALL, Db, load, site, void


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
    """P8: the order of the samples separates the two passes of the autumn hour."""
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


def test_a_file_without_a_database_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_text("this is text, and long enough to be read as a header of a database file\n" * 9)
    with pytest.raises(InputError, match="is not an LMT database"):
        load(str(tmp_path / "*.sqlite3"), key="files")


def test_no_message_holds_the_password(mariadb: int) -> None:
    """A server that does not answer is a transient error; a refused query is the input's."""
    with pytest.raises(ConnectionError, match="does not answer") as unreachable:
        try_to_connect("mysql://reader@127.0.0.1:9/filesystem_fs", "scratch", "lmt")
    with pytest.raises(InputError, match="not an LMT database") as refused:
        Database(f"mysql://reader@127.0.0.1:{mariadb}/mysql", PASSWORD).select({"x": "integer"}, "nowhere")
    for message in (str(unreachable.value), str(refused.value)):
        assert "127.0.0.1" in message
        assert "word" not in message.removesuffix("check its uri and password")


def test_a_server_that_does_not_answer_is_found_and_not_read(mariadb: int) -> None:
    """P5: the database is found as an input that cannot be read."""
    where = site("mysql://reader@127.0.0.1:9/filesystem_fs")
    (input,) = Lmt().find(where, ALL)
    assert (input.uri, input.day) == ("mysql://reader@127.0.0.1:9/filesystem_fs", None)
    assert input.unreadable == "the database server does not answer; check that it runs and can be reached"
    with pytest.raises(ConnectionError):
        list(Lmt().read(input, where))


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


def test_a_counter_without_a_number_rejects_the_day(db: Db) -> None:
    """Never zero in its place (P6)."""
    if not db.uri.startswith("sqlite"):
        pytest.skip("MariaDB keeps text out of columns of numbers")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.add("OST_DATA", (7, 100, "lots", 1, None, 1, 1, 1, 1), (7, 101, 5, 1, None, 1, 1, 1, 1))
    with pytest.raises(InputError, match="OST_DATA holds a value of another kind than its column"):
        load(db.uri)
