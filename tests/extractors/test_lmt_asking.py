"""Asking MySQL: by processes that end, and never for ever."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from iolake.extractors.base import Outcome
from iolake.extractors.lmt import Lmt, asking
from iolake.extractors.lmt.database import Database
from tests.extractors.conftest import PASSWORD
from tests.extractors.lmt_database import ALL, Db, site


def test_threads_of_the_process_and_below_stay_few_whatever_the_number_of_queries(db: Db) -> None:
    """P5: connectorx leaves six threads behind for each; at 4,096 of a machine good databases were refused."""
    if not db.uri.startswith("mysql"):
        pytest.skip("SQLite is not read by connectorx")
    connection = Database(db.uri, PASSWORD)._connection
    most, here = 0, len(os.listdir("/proc/self/task"))
    for number in range(45):
        assert asking.ask(connection, f"SELECT {number} AS n").column("n").to_pylist() == [number]
        most = max(most, _threads_below())
    assert most < 7 * asking._MOST_QUERIES
    assert len(os.listdir("/proc/self/task")) <= here + 4


def test_a_server_that_says_nothing_ends_each_input_in_time_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: the error is one line without the password, and the next run tries again."""
    monkeypatch.setattr("iolake.extractors.mysql.PATIENCE_S", 1)
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            kept.append(server.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    where = site(f"mysql://reader@127.0.0.1:{server.getsockname()[1]}/lmt")
    started = time.monotonic()
    inputs = list(Lmt().find(where, ALL))
    reject, outcome = Lmt().read_many(inputs, where)
    assert isinstance(outcome, Outcome) and outcome.status == "rejected"
    assert reject.transient and "the database server does not answer" in reject.reason  # type: ignore[union-attr]
    assert time.monotonic() - started < 10


def test_a_query_that_is_never_answered_ends(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: the server is alive and busy for ever; the process that waits is ended, and the next query is answered."""
    if not db.uri.startswith("mysql"):
        pytest.skip("SQLite is not read by connectorx")
    connection = Database(db.uri, PASSWORD)._connection
    asking.ask(connection, "SELECT 1 AS n")
    monkeypatch.setattr(asking, "_ANSWER_S", 1)
    with pytest.raises(OSError, match="says nothing for 1 s"):
        asking.ask(connection, "SELECT SLEEP(60) AS n")
    monkeypatch.undo()
    assert len(asking.ask(connection, "SELECT 1 AS n")) == 1


def _threads_below() -> int:
    """The threads of all children of this process."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            count += int(fields[17]) if int(fields[1]) == os.getpid() else 0
    return count
