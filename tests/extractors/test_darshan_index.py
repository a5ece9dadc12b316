"""pytokio's index of Darshan logs."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import InputError, Span
from iolake.extractors.darshan_index import DarshanIndex
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

SCHEMA = """
CREATE TABLE mounts (fs_id INTEGER PRIMARY KEY, mountpt CHAR UNIQUE, fsname CHAR);
CREATE TABLE headers (log_id INTEGER PRIMARY KEY, filename CHAR UNIQUE, end_time INTEGER, exe CHAR, exename CHAR,
  jobid CHAR, nprocs INTEGER, start_time INTEGER, uid INTEGER, username CHAR, version CHAR, walltime INTEGER);
CREATE TABLE summaries (log_id INTEGER, fs_id INTEGER, bytes_read INTEGER, bytes_written INTEGER, opens INTEGER,
  posix_files INTEGER, f_open_start_timestamp REAL, f_read_end_timestamp REAL);
INSERT INTO mounts VALUES (1, '/scratch', 'scratchy'), (2, '/home', NULL);
INSERT INTO headers VALUES
  (7, 'a.darshan', 1514938780, '/bin/x -a', 'x', '0042', 64, 1514938700, 501, 'glock', '3.10', 80),
  (8, 'b.darshan', NULL, 'y', 'y', 'none', 1, NULL, -1, NULL, '3.10', 2);
INSERT INTO summaries VALUES
  (7, 1, 100, 7, 3, 128, 0.0, 1.5), (7, 2, 0, NULL, -1, 1, 0.25, -1.0), (8, 1, 1, 1, 1, 1, 1, 1);
"""


def database(path: Path, script: str = SCHEMA) -> bytes:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path.read_bytes()


def site(root: Path) -> Site:
    mounts = {"scratch3": {"mounts": ["/scratch"]}}
    owner = {"timezone": "America/Los_Angeles", "darshan_index": {"files": "*.db"}}
    return Site.model_validate({"root": str(root), "file_systems": mounts, "clusters": {"cori": owner}})


def test_a_summary_is_a_row_with_its_log_and_mount_point(tmp_path: Path) -> None:
    """P6 and P8: zero for a first moment may mean no such call, and is null; times are seconds since 1970."""
    database(tmp_path / "a.db")
    rows, rejects, _ = everything(DarshanIndex(), site(tmp_path))
    scratch, home = rows["darshan_index"]
    known = {name: value for name, value in scratch.items() if value is not None}
    assert known == {
        "log_name": "a.darshan", "mount_point": "/scratch", "end_time": datetime(2018, 1, 3, 0, 19, 40),
        "start_time": datetime(2018, 1, 3, 0, 18, 20), "file_system": "scratch3", "logged_file_system": "scratchy",
        "job_id": 42, "uid": 501, "user_name": "glock", "exe": "/bin/x -a", "exe_name": "x", "nprocs": 64,
        "run_time_s": 80.0, "log_version": "3.10", "read_bytes": 100, "write_bytes": 7, "opens": 3,
        "posix_records": 128, "read_end_s": 1.5,
    }  # fmt: skip
    names = ("file_system", "write_bytes", "opens", "open_start_s", "read_end_s")
    assert [home[name] for name in names] == [None, None, None, 0.25, None]
    assert rejects == {"summaries": "1 summaries have no log name, mount point or end time"}


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + b"x" * 5000])
def test_a_file_without_an_index_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(InputError, match="is not an index of index_darshanlogs"):
        list(DarshanIndex().read(next(DarshanIndex().find(site(tmp_path), Span())), site(tmp_path)))


def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path) -> None:
    """300 random damages."""
    content = database(tmp_path / "a.db")
    count = int(os.environ.get("IOLAKE_FUZZ", "300"))
    assert survives(DarshanIndex(), site(tmp_path), tmp_path / "a.db", content, count) > 0


def test_an_index_that_another_one_repeats_gives_the_same_rows(tmp_path: Path) -> None:
    """P2: the table keeps one row a log and mount point."""
    database(tmp_path / "a.db")
    database(tmp_path / "b.db")
    rows: Any = everything(DarshanIndex(), site(tmp_path))[0]["darshan_index"]
    assert rows[:2] == rows[2:]
    assert DarshanIndex.tables[0].unique
