"""Reading and staging on Dask's workers: on this machine, on a scheduler's, or as jobs of the centre's own Slurm.

Workers read inputs and stage files; the run that asked for it publishes them. They need to see inputs and lake under
the same paths, which is checked before anything is staged.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from iolake.pipelines.stage import Unit, stage_bundle
from iolake.schemas.errors import PermanentError, TransientError
from iolake.schemas.settings import WorkerSettings
from iolake.schemas.site import Site
from iolake.warehouse import layout
from iolake.warehouse.records import StagedUnit
from iolake.warehouse.store import Store

log = logging.getLogger("iolake")

CONNECT_S = 30
_START_S: Final = 300
"""How long the first worker may take: a job of a busy Slurm waits."""


class NoDask(PermanentError):
    """Dask is not installed, or is not what site.toml says."""


class WorkerLost(TransientError):
    """Workers died of a bundle, or the scheduler went away; what was published is whole."""


class CannotSee(PermanentError):
    """A worker does not see a path that this machine sees."""

    def __init__(self, worker: str, host: str, path: str) -> None:
        self.worker, self.host, self.path = worker, host, path
        super().__init__(f"Dask's worker {worker} on {host} cannot see {path}; mount it there, or leave the node out")

    def __reduce__(self) -> tuple[type[CannotSee], tuple[str, str, str]]:
        return type(self), (self.worker, self.host, self.path)


class DaskWorkers:
    """Stages bundles on Dask's workers, each for a thread that waits for it."""

    def __init__(self, client: Any, count: int) -> None:
        self.count = count
        self.broken_loads: set[str] = set()
        """The loads that a dead worker may have left files of."""
        self._client = client
        self._blind: dict[str, CannotSee] = {}
        self._lock = Lock()

    def stage(self, bundle: Sequence[Unit], site: Site) -> list[StagedUnit]:
        """Stage a bundle; many threads may call it. Raises WorkerLost, and CannotSee where no worker sees all.

        Commands and databases are asked from here, where their passwords are. A worker that cannot see a path is
        named once and gets no more work.
        """
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        if any(_is_asked(unit, site) for unit in bundle):
            return stage_bundle(bundle, site)
        paths = _witnesses(bundle)
        while True:
            future = self._client.submit(stage_where_seen, bundle, site, paths, pure=False, workers=self._seeing())
            try:
                units: list[StagedUnit] = future.result()
                return units
            except CannotSee as error:
                self._leave_out(error)
            except KilledWorker as error:
                self.broken_loads |= {unit.load.load_id for unit in bundle}
                names = ", ".join(dict.fromkeys(i.uri for unit in bundle for i in unit.inputs[:1]))
                raise WorkerLost(f"Dask's workers died while they read {names} and others: {error}") from None
            except (CancelledError, CommClosedError, TimeoutError, OSError) as error:
                log.debug("Dask's client: %s", error)
                raise WorkerLost("Dask's scheduler went away; start it and run the same command again") from None

    def close(self) -> None:
        """Ask for nothing more."""
        self._client.close(timeout=5)

    def _leave_out(self, error: CannotSee) -> None:
        with self._lock:
            if error.worker not in self._blind:
                log.error("%s; it gets no more work", error)
            self._blind[error.worker] = error
        self._seeing()

    def _seeing(self) -> list[str] | None:
        """The workers that may get work; None means all. Raises CannotSee if no worker is left."""
        if not self._blind:
            return None
        there = set(self._client.scheduler_info(n_workers=-1)["workers"])
        if not (left := sorted(there - self._blind.keys())):
            raise next(iter(self._blind.values()))
        return left


def stage_where_seen(bundle: Sequence[Unit], site: Site, paths: Sequence[str]) -> list[StagedUnit]:
    """Call `stage_bundle` on a worker. Raises CannotSee where it lacks a load's mark in the lake or one of `paths`."""
    store = Store(site.lake_uri)
    for load_id in {unit.load.load_id for unit in bundle}:
        # Without the mark it is another folder of the same name, and what is staged there would be lost.
        if not store.exists(layout.staging_path(load_id)):
            raise _cannot_see(store.uri)
    for path in paths:
        if not os.path.exists(path):
            raise _cannot_see(path)
    return stage_bundle(bundle, site)


def _cannot_see(path: str) -> CannotSee:
    from distributed import get_worker

    return CannotSee(get_worker().address, socket.gethostname(), path)


def _is_asked(unit: Unit, site: Site) -> bool:
    """Whether a unit's source is a command or a database."""
    return not any(
        owner.sources[unit.load.source].files
        for owners in (site.clusters, site.file_systems, site.endpoints)
        for name, owner in owners.items()
        if name == unit.load.owner and unit.load.source in owner.sources
    )


def _witnesses(bundle: Sequence[Unit]) -> list[str]:
    """A path in each folder of the inputs, as far as this machine sees them."""
    found: dict[str, str] = {}
    for input in (i for unit in bundle for i in unit.inputs):
        path = re.split(r"[*?\[#%]", input.uri.removeprefix("file://"))[0]
        if path.startswith("/"):
            seen = path if path == input.uri else os.path.dirname(path)
            if os.path.exists(seen):
                found.setdefault(os.path.dirname(path), seen)
    return sorted(found.values())


@contextmanager
def dask_workers(settings: WorkerSettings, count: int | None) -> Iterator[DaskWorkers]:
    """Dask's workers as site.toml's [workers] or --dask name them, while the block runs. NoDask, WorkerLost."""
    try:
        from distributed import Client
    except ImportError:
        raise NoDask("reading on Dask's workers needs pip install 'iolake[dask]'") from None
    many = count or settings.count or os.cpu_count() or 1
    with _without_its_log(), _cluster(settings, many) as cluster:
        try:
            client = Client(cluster, timeout=CONNECT_S)
            client.wait_for_workers(1, timeout=_START_S)
        except (OSError, TimeoutError) as error:
            raise WorkerLost(
                f"Dask {settings.dask}: no worker came ({' '.join(str(error).split())}); is the scheduler there?"
            ) from None
        with client:
            yield DaskWorkers(client, max(many, sum(client.nthreads().values())))


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep Dask from printing tracebacks of connections that break; the error that iolake raises names each."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@contextmanager
def _cluster(settings: WorkerSettings, count: int) -> Iterator[Any]:
    """Yield a cluster that ends with the block, or the address of one that already runs."""
    assert settings.dask is not None
    if "://" in settings.dask:
        yield settings.dask
        return
    # One thread a worker: the readers of formats are not all safe for several.
    options: Mapping[str, Any] = settings.options
    if settings.dask == "local":
        from distributed import LocalCluster

        with LocalCluster(n_workers=count, **{"threads_per_worker": 1, "dashboard_address": None, **options}) as local:
            yield local
        return
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise NoDask("Dask on Slurm needs pip install 'iolake[dask]'") from None
    fitting = {"cores": 1, "processes": 1, "memory": "4GiB", "log_directory": str(Path.home() / ".iolake-dask")}
    with SLURMCluster(**{**fitting, **options}) as jobs:
        jobs.scale(n=count)
        yield jobs
