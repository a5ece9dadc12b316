"""Dask's workers as jobs of a real Slurm: the lake of one process, also where a job is cancelled."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from iolake.pipelines.ingest import ingest
from iolake.schemas.settings import WorkerSettings
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from tests.slurm_cluster.cluster import Cluster

pytest.importorskip("dask_jobqueue")
SOURCES = ("darshan", "slurm", "df")
TABLES = ("darshan_logs", "darshan_posix", "slurm_jobs", "lustre_df")


@pytest.fixture(autouse=True)
def slurm_commands(slurm: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SLURMCluster runs, sbatch and scancel, reaches the tests' Slurm."""
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, slurm.environment[name])


def on_slurm(centre: Path, lake: Path) -> Site:
    """The demo's site with two workers in Slurm's jobs, which know no --mem and have their scheduler on loopback."""
    site = Site.read(centre / "site.toml").model_copy(update={"root": str(centre)})
    options: dict[str, Any] = {
        "log_directory": str(lake.parent / "jobs"),
        "job_extra_directives": ["--mem=400M"],
        "job_directives_skip": ["--mem="],
        "scheduler_options": {"host": "127.0.0.1", "dashboard": False},
    }
    workers = WorkerSettings(dask="slurm", count=2, options=options)
    return site.model_copy(
        update={"lake": site.lake.model_copy(update={"uri": str(lake)}), "workers": workers},
    )


def content(lake: Path) -> dict[str, list[str]]:
    """Every row of the tables, without what names its load."""
    found = Lake(lake)
    return {t: sorted(map(repr, found.sql(f"SELECT * EXCLUDE (load_id) FROM {t}").fetchall())) for t in TABLES}


@pytest.fixture(scope="module")
def alone(demo_centre: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The content of the lake that one process makes."""
    lake = tmp_path_factory.mktemp("alone") / "lake"
    site = on_slurm(demo_centre, lake).model_copy(update={"workers": WorkerSettings()})
    ingest(site, SOURCES)
    return content(lake)


def test_workers_in_jobs_give_the_lake_of_one_process(
    demo_centre: Path, slurm: Cluster, alone: dict[str, list[str]], tmp_path: Path
) -> None:
    """P2, P9: the same rows in every table; when the run ends, its jobs end; a second run changes nothing."""
    site = on_slurm(demo_centre, tmp_path / "lake")
    ingest(site, SOURCES)
    assert content(tmp_path / "lake") == alone
    assert any((tmp_path / "jobs").iterdir()), "no job of Slurm wrote a log"
    slurm.wait(lambda: not workers(slurm), "the workers' jobs to end")
    assert ingest(site, SOURCES).snapshots == []


def test_a_cancelled_job_loses_nothing(
    demo_centre: Path, slurm: Cluster, alone: dict[str, list[str]], tmp_path: Path
) -> None:
    """P3: a worker's job is cancelled while the run goes on; the other worker reads what it had begun."""
    cancelled: list[str] = []
    canceller = threading.Thread(target=lambda: cancelled.extend(cancel_one_at_work(slurm, tmp_path / "lake")))
    canceller.start()
    ingest(on_slurm(demo_centre, tmp_path / "lake"), SOURCES)
    canceller.join()
    assert len(cancelled) == 1
    assert content(tmp_path / "lake") == alone


def workers(slurm: Cluster) -> list[str]:
    """The jobs that run a worker."""
    return slurm.run("squeue", "-h", "-t", "R", "-n", "dask-worker", "-o", "%i").split()


def cancel_one_at_work(slurm: Cluster, lake: Path) -> list[str]:
    """Cancel one of two workers' jobs while the run stages; return its id."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = workers(slurm)
        if len(found) == 2 and any((lake / "staging").glob("*")):
            slurm.run("scancel", found[0])
            return found[:1]
        time.sleep(0.05)
    return []
