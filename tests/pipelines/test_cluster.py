"""Ingesting on Dask's workers gives the same lake, whichever process dies; errors name a worker that lacks a path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest

from iolake.extractors.base import Span
from iolake.pipelines import cluster
from iolake.pipelines.finding import find
from iolake.pipelines.ingest import ingest
from iolake.pipelines.stage import Unit
from iolake.schemas.site import Site, SiteError
from iolake.warehouse import Lake
from iolake.warehouse.records import LoadInfo

distributed = pytest.importorskip("distributed")
SOURCES = ("darshan", "slurm", "df", "targets")
TABLES = ("darshan_logs", "darshan_posix", "slurm_jobs", "lustre_df", "lustre_target")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Any]:
    """Two workers on this machine, for all tests."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found:
        yield found


def _site(centre: Path, lake: Path, dask: str | None = None) -> Site:
    site = Site.read(centre / "site.toml").model_copy(update={"root": str(centre)})
    site = site.model_copy(update={"lake": site.lake.model_copy(update={"uri": str(lake)})})
    return site if dask is None else site.with_dask(dask)


def _content(lake: Path) -> dict[str, list[str]]:
    """Every row of the tables, without the columns that name its load."""
    found = Lake(lake)
    return {
        t: sorted(map(repr, found.sql(f"SELECT * EXCLUDE (load_id) FROM {t}").fetchall())) for t in TABLES
    }  # fmt: skip


@pytest.fixture(scope="module")
def alone(demo_centre: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The content of the lake that one process makes."""
    lake = tmp_path_factory.mktemp("alone") / "lake"
    ingest(_site(demo_centre, lake), SOURCES, workers=0)
    return _content(lake)


def test_dask_gives_the_lake_of_one_process(
    demo_centre: Path, scheduler: Any, alone: dict[str, list[str]], tmp_path: Path
) -> None:
    """P2, P9: by a scheduler's address every table has the same rows; a second run changes nothing."""
    site = _site(demo_centre, tmp_path / "lake", scheduler.scheduler_address)
    ingest(site, SOURCES)
    assert _content(tmp_path / "lake") == alone
    assert ingest(site, SOURCES).snapshots == []


def test_a_killed_worker_loses_nothing(
    demo_centre: Path, scheduler: Any, alone: dict[str, list[str]], tmp_path: Path
) -> None:
    """P3: after a worker is killed, another one reads its inputs, and the run goes on."""
    (first, *_) = (worker.pid for worker in scheduler.workers.values())
    site = _site(demo_centre, tmp_path / "lake", scheduler.scheduler_address)
    killer = threading.Thread(target=_kill_when_at_work, args=(tmp_path / "lake", first))
    killer.start()
    ingest(site, SOURCES)
    killer.join()
    assert first not in {worker.pid for worker in scheduler.workers.values()}
    assert _content(tmp_path / "lake") == alone


def _kill_when_at_work(lake: Path, process: int) -> None:
    """Kill a process, or a group by its negative number, once the lake has a staged file."""
    until = time.monotonic() + 60
    while not any(lake.rglob("*.parquet")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)


def test_a_worker_that_cannot_see_a_path_is_named(
    demo_centre: Path, scheduler: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: the error names address, host and path; where no worker sees the path, the run loads nothing."""
    monkeypatch.setattr(cluster, "_witnesses", lambda _bundle: ["/scratch/not-mounted"])
    site = _site(demo_centre, tmp_path / "lake", scheduler.scheduler_address)
    with pytest.raises(cluster.CannotSee, match=r"worker tcp://\S+ on \S+ cannot see /scratch/not-mounted; mount it"):
        ingest(site, ("darshan",))
    assert "it gets no more work" in caplog.text
    monkeypatch.undo()
    ingest(site, ("df",))
    assert Lake(tmp_path / "lake").sql("SELECT count(*) > 0 FROM lustre_df").fetchall() == [(True,)]


def test_a_worker_that_sees_another_lake_stages_nothing(demo_centre: Path, scheduler: Any, tmp_path: Path) -> None:
    """P3: a folder of that name is not the lake, if it lacks the load's mark."""
    (tmp_path / "lake").mkdir()
    site = _site(demo_centre, tmp_path / "lake", scheduler.scheduler_address)
    (source, owner, day), inputs = next(iter(find(site, ("df",), Span()).items()))
    unit = Unit(LoadInfo("20260101T000000000000-00000000", "run", source, owner, day, 1), tuple(inputs))
    with distributed.Client(scheduler.scheduler_address) as client, pytest.raises(cluster.CannotSee, match="/lake; "):
        cluster.DaskWorkers(client, 2).stage([unit], site)
    assert list((tmp_path / "lake").iterdir()) == []


def test_a_scheduler_that_is_not_there_is_one_line(
    demo_centre: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P9: the error has its address and what to do next; nothing is staged."""
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with pytest.raises(cluster.WorkerLost, match=r"tcp://127.0.0.1:1"):
        ingest(_site(demo_centre, tmp_path / "lake", "tcp://127.0.0.1:1"), ("df",))
    with pytest.raises(SiteError, match=r'--dask: dask: is neither "local"'):
        _site(demo_centre, tmp_path / "lake", "kubernetes")


def test_a_scheduler_that_dies_is_one_line_and_the_next_run_completes(
    demo_centre: Path, alone: dict[str, list[str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """P3: the scheduler and its workers are killed while they stage; the same run on a new scheduler makes the lake."""
    with _scheduler_process() as (process, address):
        killer = threading.Thread(target=_kill_when_at_work, args=(tmp_path / "lake", -process))
        killer.start()
        with pytest.raises(cluster.WorkerLost, match=r"^Dask's scheduler went away; start it and run the same"):
            ingest(_site(demo_centre, tmp_path / "lake", address), SOURCES)
        killer.join()
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
    with _scheduler_process() as (_, address):
        ingest(_site(demo_centre, tmp_path / "lake", address), SOURCES)
    assert _content(tmp_path / "lake") == alone


@contextmanager
def _scheduler_process() -> Iterator[tuple[int, str]]:
    """(process group, address) of a scheduler with a worker, in processes of their own."""
    code = (
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as found:\n"
        "        print(found.scheduler_address, flush=True)\n"
        "        input()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True, start_new_session=True) as found:
        assert found.stdout
        yield found.pid, found.stdout.readline().strip()
        with suppress(ProcessLookupError):
            os.killpg(found.pid, signal.SIGKILL)
