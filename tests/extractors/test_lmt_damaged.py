"""LMT databases in which something is wrong: what is good is loaded, and what is not is named."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import InputError, Reject, Span
from iolake.extractors.lmt import Lmt
from iolake.extractors.lmt import samples as lmt_samples
from tests.extractors.lmt_database import ALL, Db, load, site, void

NO_TIME = "rows have no id, or no time such as 2018-01-28 00:00:05"
NO_NAME = "samples have an id that no name belongs to"
NO_TABLE = "the database has no such table"
GARBAGE = [
    None,
    "0000-00-00 00:00:00",
    "9999-12-31 23:59:59",
    "2026-02-30 00:00:00",
    "1772366400",
    "yesterday",
    "",
    "{day}",
    "{day} 25:00:00",
    "{day}T00:00",
]
"""What a table of times may hold instead; `day` is one that has samples."""


def said(rejects: list[Reject]) -> list[tuple[str, str]]:
    return [(reject.part, reject.reason) for reject in rejects]


def loosen(db: Db, times: str) -> None:
    """Let the table of times hold anything: `times` is the kind of its times."""
    db.run(f"DROP TABLE TIMESTAMP_INFO;\nCREATE TABLE TIMESTAMP_INFO (TS_ID INTEGER, TIMESTAMP {times})")


def scratch(folder: Path, name: str = "lmt.db") -> Db:
    """An empty SQLite database."""
    (folder / name).unlink(missing_ok=True)
    con = sqlite3.connect(folder / name, isolation_level=None)
    con.execute("PRAGMA synchronous = OFF")
    return Db(f"sqlite:///{folder}/{name}", lambda s: void(con.execute(s)), folder / name)


@pytest.mark.parametrize("bad", [None, "0000-00-00 00:00:00"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_invalid_time_costs_only_its_own_samples(db: Db, bad: str | None, place: int) -> None:
    """P5: MySQL itself writes the zero date; the rows around it join."""
    loosen(db, "DATETIME")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10", "2026-03-01 12:00:15")
    db.add("TIMESTAMP_INFO", (99, bad)) if place == 0 else db.run(
        f"UPDATE TIMESTAMP_INFO SET TIMESTAMP = {bad!r} WHERE TS_ID = 10{place}".replace("None", "NULL")
    )
    for tick in range(99, 104):
        db.ost(7, tick, 10 * tick, 0)
    tables, rejects = load(db.uri)
    good = [tick for tick in range(4) if tick != place or place == 0]
    assert [(r["ts"].second, r["interval_s"], r["read_bytes"]) for r in tables["lustre_ost"]] == [
        (5 * start, 5.0 * (end - start), 10 * (end - start)) for start, end in pairwise(good)
    ]
    assert said(rejects) == [("TIMESTAMP_INFO", f"1 {NO_TIME}")]


def test_a_time_without_an_id_is_left_out(db: Db) -> None:
    loosen(db, "DATETIME")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.add("TIMESTAMP_INFO", (None, "2026-03-01 12:00:10"))
    db.ost(7, 100, 5, 0)
    db.ost(7, 101, 9, 0)
    tables, rejects = load(db.uri)
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [4]
    assert said(rejects) == [("TIMESTAMP_INFO", f"1 {NO_TIME}")]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ticks=st.lists(st.integers(1, 9) | st.sampled_from(GARBAGE), min_size=1, max_size=12).filter(
        lambda ticks: any(isinstance(tick, int) for tick in ticks)
    ),
    silent=st.sets(st.integers(0, 11)),
)
def test_valid_times_among_invalid_ones_give_their_rows(
    tmp_path: Path, ticks: list[int | str | None], silent: set[int]
) -> None:
    """P2, P5: rows of some days with garbage between them; each invalid time is rejected once."""
    db = scratch(tmp_path)
    loosen(db, "TEXT")
    now, good = datetime(2026, 3, 1), {}
    for place, tick in enumerate(ticks):
        if isinstance(tick, int):
            now += timedelta(hours=3 * tick)
            good[place] = now
        text = str(now) if isinstance(tick, int) else tick and tick.format(day=now.date() if good else "0000-01-01")
        db.add("TIMESTAMP_INFO", (place, text))
        if place not in silent:
            db.ost(7, place, place, 0)
    tables, rejects = load(db.uri)
    sampled = [place for place in good if place not in silent]
    assert [(r["ts"], r["interval_s"], r["read_bytes"]) for r in tables.get("lustre_ost", [])] == [
        (good[a], (good[b] - good[a]).total_seconds(), b - a) for a, b in pairwise(sampled)
    ]
    assert [(r["ts"], r["interval_s"]) for r in tables["lustre_fs"]] == [
        (a, (b - a).total_seconds()) for a, b in pairwise(good.values())
    ]
    assert {reject.part for reject in rejects} <= {"TIMESTAMP_INFO"}
    assert sum(int(reject.reason.split()[0]) for reject in rejects) == len(ticks) - len(good)


def test_times_that_are_all_none_reject_the_database_and_nothing_else(db: Db) -> None:
    """P5: whole numbers may count from any moment, in any zone; they are not guessed."""
    loosen(db, "INTEGER")
    db.add("TIMESTAMP_INFO", (100, 1772366400), (101, 1772366405))
    where = site(db.uri)
    (input,) = Lmt().find(where, ALL)
    with pytest.raises(InputError, match="but 1772366405; make them DATETIME"):
        list(Lmt().read(input, where))


def test_a_day_without_a_time_costs_a_file_that_day(tmp_path: Path) -> None:
    db = scratch(tmp_path, "a.sqlite3")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-02 25:00:00")
    db.ost(7, 100, 5, 0)
    db.ost(7, 101, 9, 0)
    tables, rejects = load(str(tmp_path / "*.sqlite3"), key="files")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [4]
    assert said(rejects) == [("2026-03-02", "has no samples of 2026-03-02"), ("TIMESTAMP_INFO", f"1 {NO_TIME}")]


def test_an_operation_without_an_amount_is_not_listed(db: Db) -> None:
    """P6: it stands where it stood."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    db.add("MDS_OPS_DATA", *((1, 100 + i, 40, opens, 0) for i, opens in enumerate((10, None, 30))))
    db.add("MDS_OPS_DATA", *((1, 100 + i, 9, 5 + i, 0) for i in range(3)))
    tables, rejects = load(db.uri)
    assert [(r["opens"], r["statfs"], r["reset"]) for r in tables["lustre_mdt"]] == [(0, 1, False), (20, 1, False)]
    assert rejects == []


def test_samples_without_an_id_are_left_out_and_counted(db: Db) -> None:
    """P5: of metadata servers, which are read as servers and as targets, once."""
    if not db.uri.startswith("sqlite"):
        for table, id in (("OST_DATA", "OST_ID"), ("OSS_DATA", "OSS_ID"), ("MDS_DATA", "MDS_ID")):
            db.run(f"ALTER TABLE {table} DROP PRIMARY KEY, MODIFY {id} INTEGER NULL")
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    db.add("OST_DATA", *((7, 100 + i, 10 * i, 0, None, 1, 1, 1, 1) for i in range(3)))
    db.add("MDS_DATA", *((1, 100 + i, 2.5, 5, 3, 70, 30) for i in range(3)))
    db.add("MDS_OPS_DATA", *((1, 100 + i, 40, 10 * i, 0) for i in range(3)))
    clean, _ = load(db.uri)
    db.add("OST_DATA", (None, 101, 10, 0, None, 1, 1, 1, 1), (None, 102, 10, 0, None, 1, 1, 1, 1))
    db.add("MDS_DATA", (None, 101, 2.5, 5, 3, 70, 30))
    db.add("OSS_DATA", (None, 101, 2.5, 5))
    db.add("MDS_OPS_DATA", (None, 101, 40, 5, 0), (1, 101, None, 5, 0), (1, 101, 77, 5, 0))
    tables, rejects = load(db.uri)
    assert tables == clean
    assert sorted(said(rejects)) == [
        ("MDS_DATA", f"1 {NO_NAME}"),
        ("MDS_OPS_DATA", f"3 {NO_NAME}"),
        ("OSS_DATA", f"1 {NO_NAME}"),
        ("OST_DATA", f"2 {NO_NAME}"),
    ]


def test_a_negative_counter_is_not_a_sample(db: Db) -> None:
    """No amount is negative, and invalid counts add nothing, also at the end of a day."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10", "2026-03-02 00:00:00")
    db.add("TIMESTAMP_INFO", (104, "2026-03-02 00:00:05"))
    for i, reading in enumerate((100, -5, 300, -1, 400)):
        db.ost(7, 100 + i, reading, 0)
        db.add("MDS_OPS_DATA", (1, 100 + i, 40, reading, 0))
        db.add("ROUTER_DATA", (1, 100 + i, reading, 2.5))
    tables, rejects = load(db.uri)
    long = 12 * 3600 - 5.0
    assert [(r["interval_s"], r["read_bytes"], r["reset"]) for r in tables["lustre_ost"]] == [
        (10.0, 200, False),
        (long, 100, False),
    ]
    assert [(r["interval_s"], r["opens"], r["reset"]) for r in tables["lustre_mdt"]] == [
        (10.0, 200, False),
        (long, 100, False),
    ]
    assert [(r["interval_s"], r["routed_bytes"]) for r in tables["lustre_server"]] == [(10.0, 200), (long, 100)]
    one = "1 samples have a negative counter"
    assert Counter(said(rejects)) == {("OST_DATA", one): 2, ("MDS_OPS_DATA", one): 2, ("ROUTER_DATA", one): 2}


def test_a_target_with_several_ids_is_where_the_last_of_them_says(db: Db) -> None:
    """A target has the samples of all its ids; an id without a name belongs to no target."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    db.add("OST_INFO", (9, 2, "my-fs-OST0000", "oss2", 0, "/dev/b"), (1, 2, None, "oss2", 0, None))
    db.add("MDS_INFO", (4, 1, "my-fs-MDT0000", "mds2", "/dev/m"))
    db.ost(7, 100, 10, 0)
    db.ost(7, 101, 20, 0)
    db.ost(9, 102, 25, 0)
    db.add("MDS_OPS_DATA", (1, 100, 40, 10, 0), (4, 101, 40, 12, 0))
    tables, rejects = load(db.uri)
    assert [(r["target"], r["server"], r["device"]) for r in tables["lustre_target"]] == [
        ("MDT0000", "mds2", "/dev/m"),
        ("MDT0001", "mds", "/dev/n"),
        ("OST0000", "oss2", "/dev/b"),
        ("OST0001", "oss2", None),
    ]
    assert [(r["ost"], r["read_bytes"]) for r in tables["lustre_ost"]] == [("OST0000", 10), ("OST0000", 5)]
    assert [(r["mdt"], r["opens"]) for r in tables["lustre_mdt"]] == [("MDT0000", 2)]
    assert rejects == []


def whole(db: Db) -> None:
    """Three samples of everything."""
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05", "2026-03-01 12:00:10")
    for tick in (100, 101, 102):
        db.ost(7, tick, tick, 0)
        db.add("OSS_DATA", (1, tick, 0.5, 98.0))
        db.add("MDS_DATA", (1, tick, 12.25, 5, 3, 70, 30))
        db.add("MDS_OPS_DATA", (1, tick, 40, tick, 0))
        db.add("ROUTER_DATA", (1, tick, 5 * tick, 2.5))


LOST_WITH = {
    "OST_INFO": {"lustre_ost", "lustre_fs", "lustre_target"},
    "OST_DATA": {"lustre_ost", "lustre_fs"},
    "OSS_INFO": {"lustre_server", "lustre_target"},
    "OSS_DATA": {"lustre_server"},
    "MDS_INFO": {"lustre_mdt", "lustre_server", "lustre_fs", "lustre_target"},
    "MDS_DATA": {"lustre_mdt", "lustre_server"},
    "MDS_OPS_DATA": {"lustre_mdt", "lustre_fs"},
    "OPERATION_INFO": {"lustre_mdt", "lustre_fs"},
    "ROUTER_INFO": {"lustre_server"},
    "ROUTER_DATA": {"lustre_server"},
}


@pytest.mark.parametrize("gone", LOST_WITH)
def test_a_missing_table_is_named_and_costs_only_its_own_data(db: Db, gone: str) -> None:
    """P5: all else is as it was."""
    whole(db)
    full, _ = load(db.uri)
    db.run(f"DROP TABLE {gone}")
    tables, rejects = load(db.uri)
    assert (gone, NO_TABLE) in said(rejects)
    assert {name for name in full if tables.get(name) != full[name]} == LOST_WITH[gone]
    roles = {"OSS": "oss", "MDS": "mds", "ROU": "router"}
    left = {row["role"] for row in tables["lustre_server"]}
    assert left == {"oss", "mds", "router"} - ({roles.get(gone[:3])} if "lustre_server" in LOST_WITH[gone] else set())


@pytest.mark.parametrize("gone", ["MDS_OPS_DATA", "OPERATION_INFO"])
def test_a_metadata_target_without_operations_has_its_space(db: Db, gone: str) -> None:
    """P6: its operations are not known, which is not none."""
    whole(db)
    db.run(f"DROP TABLE {gone}")
    tables, _ = load(db.uri)
    assert [(r["mdt"], r["ts"].second, r["interval_s"], r["opens"], r["used_bytes"]) for r in tables["lustre_mdt"]] == [
        ("MDT0000", 0, 5.0, None, 3072),
        ("MDT0000", 5, 5.0, None, 3072),
    ]


def test_a_database_without_routers_lacks_nothing(db: Db) -> None:
    whole(db)
    db.run("DROP TABLE ROUTER_INFO;\nDROP TABLE ROUTER_DATA")
    assert load(db.uri)[1] == []


def test_a_missing_column_is_named_and_null(db: Db) -> None:
    whole(db)
    full, _ = load(db.uri)
    for table, column in (("OST_INFO", "HOSTNAME"), ("OSS_DATA", "PCT_MEMORY"), ("OST_DATA", "INODES_USED")):
        db.run(f"ALTER TABLE {table} DROP COLUMN {column}")
    tables, rejects = load(db.uri)
    assert said(rejects) == [
        (column, "the database has no such column")
        for column in ("OSS_DATA.PCT_MEMORY", "OST_DATA.INODES_USED", "OST_INFO.HOSTNAME")
    ]
    nulls = {
        "lustre_ost": {"used_inodes", "total_inodes"},
        "lustre_server": {"mem_pct"},
        "lustre_target": {"server", "failover_server"},
    }
    for name, rows in full.items():
        for row, found in zip(rows, tables[name], strict=True):
            of_ost = name != "lustre_target" or row["role"] == "ost"
            assert found == row | (dict.fromkeys(nulls.get(name, ())) if of_ost else {})


def test_samples_without_their_counter_are_named_and_left_out(db: Db) -> None:
    whole(db)
    db.run("ALTER TABLE OST_DATA DROP COLUMN READ_BYTES")
    tables, rejects = load(db.uri)
    assert said(rejects) == [("OST_DATA.READ_BYTES", "the database has no such column")]
    assert "lustre_ost" not in tables
    assert len(tables["lustre_mdt"]) == 2


def test_views_are_read_as_tables(db: Db) -> None:
    """Centres give views to those who may read a part of the database."""
    whole(db)
    full, _ = load(db.uri)
    for table in ("TIMESTAMP_INFO", *LOST_WITH):
        db.run(f"ALTER TABLE {table} RENAME TO OWN_{table};\nCREATE VIEW {table} AS SELECT * FROM OWN_{table}")
    assert load(db.uri) == (full, [])


@pytest.mark.parametrize(
    "name", ["a b.sqlite3", "a#b.sqlite3", "a?b.sqlite3", "a%20b.sqlite3", "a#2026-03-01.sqlite3", "ü&+.sqlite3"]
)
@pytest.mark.parametrize("key", ["uri", "files"])
def test_a_file_of_any_name_is_read_and_no_other_made(tmp_path: Path, name: str, key: str) -> None:
    whole(scratch(tmp_path, name))
    where = f"sqlite:///{tmp_path}/{name}" if key == "uri" else str(tmp_path / "*.sqlite3")
    tables, rejects = load(where, key=key)
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [1, 1]
    assert rejects == []
    assert [path.name for path in tmp_path.iterdir()] == [name]


AUTUMN = ["2017-11-04 23:30", "2017-11-05 00:30", "2017-11-05 01:30", "2017-11-05 01:00", "2017-11-05 01:30"]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)])
def test_a_target_that_is_silent_into_an_hour_that_comes_twice_has_its_own_time(
    db: Db, monkeypatch: pytest.MonkeyPatch, first: int, last: int
) -> None:
    """P8: also where only its own sample is looked up, from the day before or from another part of the day."""
    monkeypatch.setattr(lmt_samples, "_PIECE_SAMPLES", 1)
    db.ticks(*(f"{tick}:00" for tick in AUTUMN))
    for tick in (first, last):
        db.ost(7, 100 + tick, tick, 0)
    rows = load(db.uri, "America/Los_Angeles")[0]["lustre_ost"]
    minutes = [0, 60, 120, 150, 180]  # since the first
    assert [(r["interval_s"], r["read_bytes"]) for r in rows] == [
        (60.0 * (minutes[last] - minutes[first]), last - first)
    ]


def test_the_last_step_of_a_day_ends_with_the_first_run_of_an_hour_after_midnight(db: Db) -> None:
    """P8: in Havana the clock goes back from one to midnight."""
    db.ticks("2017-11-04 23:30:00", "2017-11-05 00:30:00", "2017-11-05 00:00:00", "2017-11-05 00:30:00")
    db.ost(7, 100, 0, 0)
    db.ost(7, 102, 1, 0)
    day = Span(date(2017, 11, 4), date(2017, 11, 5))
    tables, _ = load(db.uri, "America/Havana", day)
    assert [r["interval_s"] for r in tables["lustre_fs"]] == [3600.0]
    assert [r["interval_s"] for r in tables["lustre_ost"]] == [5400.0]


def test_a_view_that_takes_for_ever_is_named_and_find_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: `find` asks for the days in the calling process; a join of joins is no recursion, and has no end either."""
    monkeypatch.setattr("iolake.extractors.lmt.database._MOST_SECONDS", 0.3)
    db = scratch(tmp_path)
    many = ", ".join(f"(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) t{i}" for i in range(30))
    db.run(
        f"DROP TABLE TIMESTAMP_INFO;\nCREATE VIEW TIMESTAMP_INFO AS SELECT 1 AS TS_ID, '2026' AS TIMESTAMP FROM {many}"
    )
    where = site(db.uri)
    (input,) = Lmt().find(where, ALL)
    with pytest.raises(InputError, match=r"takes longer than 0 s to read; check that its tables are no views"):
        list(Lmt().read(input, where))


def test_a_count_of_thousands_of_digits_names_its_table(tmp_path: Path) -> None:
    db = scratch(tmp_path)
    db.ticks("2026-03-01 12:00:00", "2026-03-01 12:00:05")
    db.ost(7, 100, 5, 0)
    db.run(f"UPDATE OST_DATA SET READ_BYTES = '{'9' * 4300}'")
    where = site(db.uri)
    (input,) = Lmt().find(where, ALL)
    with pytest.raises(InputError, match="OST_DATA holds a value of another kind than its column"):
        list(Lmt().read(input, where))
