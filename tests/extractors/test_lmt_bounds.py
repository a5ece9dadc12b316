"""LMT databases that would cost more than a day of one does."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from iolake.extractors.base import InputError
from iolake.extractors.lmt.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one time."""
    made = sqlite3.connect(tmp_path / "lmt.db")
    made.execute("CREATE TABLE TIMESTAMP_INFO (TS_ID INTEGER, TIMESTAMP TEXT)")
    made.execute("INSERT INTO TIMESTAMP_INFO VALUES (1, '2026-03-01 00:00:05')")
    made.commit()
    made.close()
    return tmp_path / "lmt.db"


def test_queries_leave_no_threads_behind(path: Path) -> None:
    """Else a worker that reads many days has no threads left, and good files are rejected."""
    database = Database(f"sqlite://{path}")
    database.days()
    before = len(os.listdir("/proc/self/task"))
    for _ in range(20):
        assert len(Database(f"sqlite://{path}").days()) == 1
    assert len(os.listdir("/proc/self/task")) <= before


def test_a_view_without_an_end_is_refused(path: Path) -> None:
    """P5: a query of SQLite cannot be interrupted."""
    made = sqlite3.connect(path)
    made.execute(
        "CREATE VIEW OST_DATA AS WITH RECURSIVE r(TS_ID) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT * FROM r"
    )
    made.close()
    with pytest.raises(InputError, match="the view OST_DATA is recursive, and may have no end"):
        Database(f"sqlite://{path}").days()


def test_a_text_of_any_length_is_cut(path: Path) -> None:
    """P5: names and times are short."""
    made = sqlite3.connect(path)
    made.execute("CREATE TABLE OST_INFO (OST_ID INTEGER, OST_NAME TEXT)")
    made.execute("INSERT INTO OST_INFO VALUES (1, ?)", ["x" * (1 << 25)])
    made.commit()
    made.close()
    found = Database(f"sqlite://{path}").rows("OST_INFO", {"OST_NAME": "text"}, "OST_ID = 1")
    assert len(found["OST_NAME"][0].as_py()) == 4096
