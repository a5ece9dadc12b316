"""A day of an LMT database, read piece by piece."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Batch, Span
from iolake.extractors.lmt import Lmt
from iolake.extractors.lmt import samples as lmt_samples
from iolake.extractors.lmt.lookup import Lookup
from iolake.schemas.lustre import LUSTRE_OST
from tests.extractors.lmt_database import ALL, Db, load, site, void


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
    monkeypatch.setattr(lmt_samples, "_PIECE_SAMPLES", 1)  # a piece an hour
    (tmp_path / "lmt.db").unlink(missing_ok=True)
    con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
    con.execute("PRAGMA synchronous = OFF")
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
    monkeypatch.setattr(lmt_samples, "_PIECE_SAMPLES", 1)
    con = sqlite3.connect(tmp_path / "lmt.db", isolation_level=None)
    db = Db(f"sqlite:///{tmp_path}/lmt.db", lambda s: void(con.execute(s)), tmp_path / "lmt.db")
    db.ticks(*(f"2026-03-01 {hour:02}:30:00" for hour in range(12)))
    for tick in range(12):
        db.ost(7, 100 + tick, tick, 0)
    where = site(db.uri)
    (input,) = Lmt().find(where, ALL)
    found = Lmt().read(input, where)
    first = next(found)
    assert isinstance(first, Batch) and [r["ts"].hour for r in first.data.to_pylist()] == [0]
    con.close()
    change = "UPDATE OST_DATA SET READ_BYTES = 1000 WHERE TS_ID = 111"
    write = f"import sqlite3; con = sqlite3.connect({str(db.file)!r}); con.execute({change!r}); con.commit()"
    subprocess.run(
        [sys.executable, "-c", write], check=True
    )  # two SQLites of one process do not see each other's locks
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
