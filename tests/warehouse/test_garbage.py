"""Garbage collection: what it removes, and what it keeps."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from iolake.warehouse import garbage, heartbeat, layout, warehouse
from iolake.warehouse.errors import LoadLost, NoLake, NoSnapshot
from iolake.warehouse.lake import Lake
from iolake.warehouse.processes import is_gone, who
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.toy import Centre, df, expected, rows

DAY_S = 86400


def three_snapshots(centre: Centre) -> None:
    """Three snapshots, each with one data file that replaces the last one's; two were superseded 40 days ago."""
    for used in range(3):
        centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, used)]})
        centre.ingest()
    for number in range(3):
        age(centre, f"catalog/{number:08d}.duckdb", 40)


def age(centre: Centre, path: str, days: float) -> None:
    then = time.time() - days * DAY_S
    os.utime(centre.root / "lake" / path, (then, then))


def data_files(centre: Centre) -> set[str]:
    return {f.path for f in centre.warehouse.store.list() if f.path.endswith(".parquet")}


def test_snapshots_past_the_retention_go_with_the_files_that_only_they_name(centre: Centre) -> None:
    three_snapshots(centre)
    for path in data_files(centre):
        age(centre, path, 2)
    gone = garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=24)
    assert (gone.snapshots, gone.files) == (2, 2)
    assert gone.size_bytes > 0
    assert [s.number for s in centre.lake.history()] == [2]
    assert data_files(centre) == {f.path for f in centre.lake.files()}
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 2))


def test_the_newest_snapshot_stays_however_old(centre: Centre) -> None:
    three_snapshots(centre)
    for number in range(3):
        age(centre, f"catalog/{number:08d}.duckdb", 400)
    garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=24)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 2))


def test_a_snapshot_that_was_the_newest_until_now_stays(centre: Centre) -> None:
    """P3: retention runs from when a snapshot was superseded, so a reader of a quiet lake keeps its files."""
    three_snapshots(centre)
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 3)]})
    centre.ingest()
    reader = Lake(centre.root / "lake", snapshot=2)
    for path in data_files(centre):
        age(centre, path, 60)
    garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=24)
    assert [s.number for s in centre.lake.history()] == [2, 3]
    assert rows(reader) == expected("lustre_df", df("a", 1, 2))


def test_a_pinned_snapshot_stays_with_its_files(centre: Centre) -> None:
    three_snapshots(centre)
    centre.warehouse.pin(0)
    assert [(s.number, s.pinned) for s in centre.lake.history()] == [(0, True), (1, False), (2, False)]
    garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=0)
    assert [s.number for s in centre.lake.history()] == [0, 2]
    assert rows(Lake(centre.root / "lake", snapshot=0)) == expected("lustre_df", df("a", 1, 0))
    centre.warehouse.unpin(0)
    garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=0)
    assert [s.number for s in centre.lake.history()] == [2]
    assert data_files(centre) == {f.path for f in centre.lake.files()}


def test_only_a_snapshot_that_is_there_can_be_pinned(centre: Centre) -> None:
    three_snapshots(centre)
    with pytest.raises(NoSnapshot, match="snapshot 7"):
        centre.warehouse.pin(7)


def test_a_young_file_may_be_somebody_s_work(centre: Centre) -> None:
    three_snapshots(centre)
    gone = garbage.collect(centre.warehouse, retention_days=30, orphan_age_hours=24)
    assert (gone.snapshots, gone.files) == (2, 0)
    assert len(data_files(centre)) == 3


def orphan(centre: Centre, process: str) -> tuple[Path, Path]:
    """A file that a load staged long ago, and the mark that its process left."""
    path = "lustre_df/file_system=scratch/date=2017-03-20/20170320T000000-0badcafe-a.parquet"
    with centre.warehouse.store.create(path) as file:
        file.write(b"staged")
    age(centre, path, 2)
    centre.warehouse.store.put(process.encode(), "staging/20170320T000000-0badcafe")
    return centre.root / "lake" / path, centre.root / "lake" / "staging" / "20170320T000000-0badcafe"


def test_a_load_at_work_keeps_its_files_however_old(centre: Centre) -> None:
    three_snapshots(centre)
    staged, mark = orphan(centre, who())
    garbage.recover(centre.warehouse, 0)
    garbage.collect(centre.warehouse, 0, 0)
    assert staged.exists()
    assert mark.exists()


def test_what_a_dead_process_staged_goes_at_once(centre: Centre) -> None:
    """P3: its process is known to be dead, so the file goes whatever its age."""
    three_snapshots(centre)
    before = rows(centre.lake)
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = who(dead.pid)
    assert is_gone(name) is False
    dead.kill()
    dead.wait()
    staged, mark = orphan(centre, name)
    assert garbage.recover(centre.warehouse, 24).files == 1
    assert not staged.exists()
    assert not mark.exists()
    assert rows(centre.lake) == before


def test_a_process_elsewhere_is_given_time(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "WATCH_S", 0.1)
    three_snapshots(centre)
    table, pid, started = who().split(".")
    elsewhere = f"0{table[1:]}.{pid}.{started}" if table[0] != "0" else f"1{table[1:]}.{pid}.{started}"
    assert is_gone(elsewhere) is None
    staged, mark = orphan(centre, elsewhere)
    garbage.recover(centre.warehouse, 24)
    assert staged.exists()
    age(centre, "staging/20170320T000000-0badcafe", 2)
    garbage.recover(centre.warehouse, 24)
    assert not staged.exists()
    assert not mark.exists()


def test_a_process_that_is_dead_but_not_yet_buried_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = who(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name) is True
    child.wait()


def test_a_pid_that_was_used_again_is_another_process() -> None:
    table, pid, started = who().split(".")
    assert is_gone(f"{table}.{pid}.{int(started) - 1}") is True
    assert is_gone(who()) is False


def test_there_must_be_a_lake(centre: Centre) -> None:
    with pytest.raises(NoLake):
        garbage.collect(centre.warehouse, 30, 24)


ELSEWHERE = "000000000000.1.1"


def test_a_load_elsewhere_that_beats_lives_whatever_the_clocks_say(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3: a mark of two days ago, and an orphan age of 0, but the heart beats while it is watched."""
    monkeypatch.setattr(heartbeat, "_threads", [])  # the heartbeat of an earlier test may sleep for longer
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    monkeypatch.setattr(heartbeat, "WATCH_S", 0.5)
    three_snapshots(centre)
    staged, mark = orphan(centre, ELSEWHERE)
    age(centre, "staging/20170320T000000-0badcafe", 2)
    heartbeat.start(centre.warehouse.store, mark.name)
    try:
        time.sleep(0.1)
        garbage.recover(centre.warehouse, 0)
        assert staged.exists()
        assert mark.exists()
    finally:
        heartbeat.stop(centre.warehouse.store, mark.name)
    garbage.recover(centre.warehouse, 0)
    assert not staged.exists()
    assert not mark.exists()
    assert not [*centre.warehouse.store.list(layout.BEATS), *centre.warehouse.store.list(layout.ABORTS)]


@pytest.mark.parametrize("moment", ["before its check", "after its check", "after its commit"])
def test_an_abort_and_a_commit_exclude_each_other(centre: Centre, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """P1, P3, P7: if another host takes a running load for dead, the load raises LoadLost or keeps its files."""
    monkeypatch.setattr(heartbeat, "WATCH_S", 0.0)
    monkeypatch.setattr(warehouse, "who", lambda: ELSEWHERE)
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 0)]})
    centre.ingest()
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    done: list[str] = []

    def once(at: str) -> None:
        if at == moment and not done:
            done.append(at)
            garbage.recover(Warehouse(centre.warehouse.uri), 0)

    check, refresh = Warehouse._check_marks, Warehouse.refresh_newest

    def checked(self: Warehouse, load_ids: Iterable[str]) -> None:
        ids = [*load_ids]
        if ids:
            once("before its check")
        check(self, ids)
        if ids:
            once("after its check")

    def refreshed(self: Warehouse) -> None:
        once("after its commit")
        refresh(self)

    monkeypatch.setattr(Warehouse, "_check_marks", checked)
    monkeypatch.setattr(Warehouse, "refresh_newest", refreshed)
    if moment == "after its commit":
        centre.ingest()
    else:
        with pytest.raises(LoadLost):
            centre.ingest()
    assert done == [moment]
    assert {f.path for f in centre.lake.files()} <= data_files(centre)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, int(moment == "after its commit")))
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 1))
