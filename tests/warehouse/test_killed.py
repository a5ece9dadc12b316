"""P3: a run that is killed at any of its steps leaves a lake that reads on, and the next run completes the work."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iolake.warehouse import garbage, layout
from iolake.warehouse.lake import Lake
from tests.warehouse.killed import run
from tests.warehouse.toy import TABLES, Centre, df, rows

Kill = Callable[[str, int], bool]
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kill(centre: Centre) -> Iterator[Kill]:
    """Runs an operation in a process that dies at a step; returns whether it reached that step."""
    scratch = centre.root / "tmp"
    scratch.mkdir()
    command = [sys.executable, "-m", "tests.warehouse.killed", str(centre.root)]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as driver:
        assert driver.stdin
        assert driver.stdout
        questions, answers = driver.stdin, driver.stdout

        def ask(operation: str, step: int) -> bool:
            questions.write(f"{operation} {step}\n")
            return {"killed": True, "finished": False}[answers.readline().strip()]

        yield ask
        questions.close()


def state(lake: Lake) -> Any:
    """All rows, and how every input ended."""
    inputs = lake.sql("SELECT uri, status, rows, size_bytes, mtime, content_hash FROM inputs ORDER BY uri").fetchall()
    return [rows(lake, name) for name in TABLES], inputs


def anew(saved: Path, lake: Path) -> None:
    """Put the saved lake in the place of the one there."""
    shutil.rmtree(lake)
    gc.collect()  # a connection that is left open to a snapshot would answer for the next one of its number
    shutil.copytree(saved, lake)


def assert_tidy(centre: Centre) -> None:
    """Asserts that each file is a snapshot, the newest one's copy, or data that a snapshot names."""
    root = centre.root / "lake"
    numbers = centre.warehouse.snapshots()
    named = {f.path for n in numbers for f in Lake(root, snapshot=n).files()}
    for n in numbers:
        named |= {row[0] for row in Lake(root, snapshot=n).sql("SELECT path FROM months").fetchall()}
    there = {f.path for f in centre.warehouse.store.list()}
    assert there == named | {layout.snapshot_path(n) for n in numbers} | {layout.NEWEST}
    assert (root / layout.NEWEST).read_bytes() == (root / layout.snapshot_path(max(numbers))).read_bytes()


def first_night(centre: Centre) -> None:
    """Two inputs whose rows share a file, and a third."""
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 1, 1), df("a", 25, 2)]})
    centre.write("2017-03-20b.json", {"lustre_df": [df("b", 1, 3)], "lustre_target": [df("b", 1)]})
    centre.write("2017-03-21.json", {"lustre_df": [df("c", 26, 4)]})
    centre.ingest()


def second_night(centre: Centre) -> None:
    """A new input, a broken one, and a changed one, whose old rows leave a file that others share."""
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 2, 5)]})
    centre.write("2017-03-21.json", "broken")
    centre.write("2017-03-22.json", {"lustre_df": [df("d", 49, 6)]})


@pytest.mark.parametrize("operation", ["ingest", "compact"])
def test_killed_at_any_step(centre: Centre, kill: Kill, operation: str) -> None:
    """P3: after SIGKILL at any step the old snapshot reads on, and the next run leaves what an undisturbed one does."""
    first_night(centre)
    second_night(centre)
    if operation == "compact":
        centre.ingest()
    lake, saved = centre.root / "lake", centre.root / "saved"
    shutil.copytree(lake, saved)
    base, before = centre.warehouse.require(), state(centre.lake)
    run(operation, centre)
    after = state(centre.lake)
    assert (after == before) == (operation == "compact")
    count = len(centre.lake.files())

    for step in range(1, 1000):
        anew(saved, lake)
        killed = kill(operation, step)
        assert state(Lake(lake, snapshot=base)) == before
        assert state(centre.lake) == (before if centre.warehouse.newest() == base else after)
        garbage.recover(centre.warehouse, 24)
        run(operation, centre)
        assert state(centre.lake) == after
        assert len(centre.lake.files()) == count
        assert_tidy(centre)
        if not killed:
            assert step > 10
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("operation", ["gc", "rebuild"])
def test_killed_at_any_step_of_putting_things_in_order(centre: Centre, kill: Kill, operation: str) -> None:
    """P3: the newest snapshot still has the same rows, and running the operation again completes it."""
    first_night(centre)
    second_night(centre)
    centre.ingest()
    run("compact", centre)
    lake, saved = centre.root / "lake", centre.root / "saved"
    shutil.copytree(lake, saved)
    base, before = centre.warehouse.require(), state(centre.lake)
    run(operation, centre)
    after = state(centre.lake)
    assert after[0] == before[0]
    count = len(list(lake.rglob("*.parquet")))

    for step in range(1, 1000):
        anew(saved, lake)
        killed = kill(operation, step)
        assert state(centre.lake) == (before if centre.warehouse.newest() == base else after)
        garbage.recover(centre.warehouse, 24)
        run(operation, centre)
        assert state(centre.lake) == after
        assert len(list(lake.rglob("*.parquet"))) == count
        assert_tidy(centre)
        if not killed:
            assert step > 5
            return
    raise AssertionError("it never ends")
