"""Runs the processes that read and stage in parallel, and rejects an input on which one of them dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock
from typing import Protocol

from iolake.pipelines.limits import Limits, share_of_memory
from iolake.pipelines.reader import Died, Reader
from iolake.pipelines.stage import Unit, rejected, stage_bundle
from iolake.schemas.errors import TransientError
from iolake.schemas.site import Site
from iolake.warehouse.records import StagedUnit


class WorkersClosed(TransientError):
    """The run ends: nothing more is read."""


class Pool(Protocol):
    """Who stages bundles side by side: the processes of this machine, or those of a cluster."""

    count: int
    broken_loads: set[str]

    def stage(self, bundle: Sequence[Unit], site: Site) -> list[StagedUnit]:
        """Stage a bundle; many threads may call it."""

    def close(self) -> None:
        """End at once, also what is at work."""


class Workers:
    """Up to `count` processes; each stages one bundle at a time for a thread that waits for it.

    A process that dies, or takes more memory or time than its bundle's limits, takes nothing with it: the bundle is
    halved until the input that did it is alone, each half in a fresh process, and that input is rejected (P5).
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.broken_loads: set[str] = set()
        """The loads that a dead process may have left files of."""
        self._share = share_of_memory(count)
        self._idle: SimpleQueue[Reader | None] = SimpleQueue()
        self._readers: set[Reader] = set()
        self._closed = False
        self._lock, self._alone = Lock(), Lock()
        for _ in range(count):
            self._idle.put(None)

    def stage(self, bundle: Sequence[Unit], site: Site) -> list[StagedUnit]:
        """Stage a bundle in a process; many threads may call it. Raises WorkersClosed."""
        reader = self._idle.get()
        try:
            reader = reader or self._start()
            units = reader.stage(bundle, site, Limits.of(bundle, self._share))
            if reader.is_spent:
                self._end(reader)
                reader = None
            return units
        except Died as error:
            died = error
            if reader:
                self._end(reader)
            reader = None
        finally:
            self._idle.put(reader)
        is_alone = len(bundle) == len(bundle[0].inputs) == 1
        if is_alone and not died.at_limit:  # it may have died for what the others took
            return self._fresh(bundle, site)
        return self._apart(bundle, site, died)

    def close(self) -> None:
        """End every process, also one at work."""
        with self._lock:
            self._closed = True
            for reader in self._readers:
                reader.kill()

    def _apart(self, bundle: Sequence[Unit], site: Site, died: Died) -> list[StagedUnit]:
        """Stage a bundle on which a process died, by halves, and finally input by input."""
        if self._closed:
            raise WorkersClosed("the run was ended while it read")
        self.broken_loads |= {unit.load.load_id for unit in bundle}
        if len(bundle) > 1:
            middle = len(bundle) // 2
            return [*self._fresh(bundle[:middle], site), *self._fresh(bundle[middle:], site)]
        (unit,) = bundle
        if len(unit.inputs) > 1:
            middle = len(unit.inputs) // 2
            halves = (Unit(unit.load, unit.inputs[:middle]), Unit(unit.load, unit.inputs[middle:]))
            return [staged for half in halves for staged in self._fresh([half], site)]
        return [rejected(unit, str(died), site)]

    def _fresh(self, bundle: Sequence[Unit], site: Site) -> list[StagedUnit]:
        """Stage a bundle in a new process. Only one such runs at a time, so that its memory can be measured."""
        with self._alone:
            reader = self._start()
            try:
                return reader.stage(bundle, site, Limits.of(bundle, self._share))
            except Died as error:
                died = error
            finally:
                self._end(reader)
        return self._apart(bundle, site, died)

    def _start(self) -> Reader:
        with self._lock:
            if self._closed:
                raise WorkersClosed("the run was ended while it read")
            reader = Reader()
            self._readers.add(reader)
            return reader

    def _end(self, reader: Reader) -> None:
        reader.end()
        with self._lock:
            self._readers.discard(reader)


@contextmanager
def workers_for(work: Sequence[Sequence[Unit]], workers: int | None) -> Iterator[Workers | None]:
    """`workers` processes, by default one a core, but no more than there is work. They end with the block.

    None where there is no work, or where `workers` is 0: then this process reads, and shares the fate of its inputs.
    """
    if not work or workers == 0:
        yield None
        return
    count = min(workers or os.cpu_count() or 1, len(work))
    pool = Workers(count)
    try:
        yield pool
    finally:
        pool.close()


def staged(
    work: Sequence[Sequence[Unit]], site: Site, pool: Pool | None
) -> Iterator[tuple[Sequence[Unit], list[StagedUnit]]]:
    """Yield each bundle and its staged units as workers finish it; without a pool, this process stages them."""
    if pool is None:
        yield from ((bundle, stage_bundle(bundle, site)) for bundle in work)
        return
    # polars handles SIGINT so that system calls go on: without this, the wait below would not end before a bundle does.
    signal.siginterrupt(signal.SIGINT, True)
    with ThreadPoolExecutor(pool.count) as threads:
        futures: dict[Future[list[StagedUnit]], Sequence[Unit]] = {}
        try:
            for bundle in work:  # within the try: a signal may come between two of them
                futures[threads.submit(pool.stage, bundle, site)] = bundle
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            if futures:
                pool.close()
