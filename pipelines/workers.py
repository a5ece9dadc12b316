"""Runs the processes that read and stage in parallel, and rejects an input on which one of them dies."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, Protocol

from iolake.pipelines.limits import Limits, Use, share_of_memory
from iolake.pipelines.stage import Unit, rejected, stage_bundle
from iolake.schemas.errors import TransientError
from iolake.schemas.site import Site
from iolake.warehouse.records import StagedUnit

_LOOK_S: Final = 0.1
"""Seconds between two looks at the memory and time that a process takes."""
_KEPT_BYTES: Final = 768 << 20
_KEPT_THREADS: Final = 200
"""A process that holds more than these after a bundle is not used for another: connectorx leaves six a query."""
_SIGNALS: Final = {
    signal.SIGKILL: "probably because the machine had no memory left",
    signal.SIGSEGV: "a library that reads this format crashed",
    signal.SIGABRT: "a library that reads this format gave up, perhaps for want of memory",
    signal.SIGBUS: "the file shrank while it was read, or a disk is full",
}


class WorkersClosed(TransientError):
    """The run ends: nothing more is read."""


class _Died(Exception):
    """A process ended before it answered, or was ended at a limit. The text is the reason of a reject."""

    def __init__(self, reason: str, at_limit: bool = False) -> None:
        self.at_limit = at_limit
        super().__init__(reason)


class _Reader:
    """A process that stages the bundles sent to it."""

    def __init__(self) -> None:
        # Never forked: libraries that have threads don't survive it.
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def stage(self, bundle: Sequence[Unit], site: Site, limits: Limits) -> list[StagedUnit]:
        """Stage a bundle in the process. Raises _Died, and whatever the process raised."""
        started, before = time.monotonic(), Use.of(self.process.pid)
        try:
            self.line.send((bundle, site))
            while not self.line.poll(_LOOK_S):
                use = Use.of(self.process.pid)
                use = Use(use.memory_bytes, use.cpu_s - before.cpu_s)
                if too_much := limits.exceeded(use, time.monotonic() - started):
                    raise _Died(too_much, at_limit=True)
            answer, error = self.line.recv()
        except (EOFError, OSError):
            self.process.join()
            raise _Died(_why(self.process.exitcode)) from None
        if error is not None:
            raise error
        units: list[StagedUnit] = answer
        return units

    @property
    def is_spent(self) -> bool:
        """Whether the process holds so much memory, or so many threads, that another should read the next bundle."""
        use = Use.of(self.process.pid)
        return use.memory_bytes > _KEPT_BYTES or use.threads > _KEPT_THREADS

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join()


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
        self._idle: SimpleQueue[_Reader | None] = SimpleQueue()
        self._readers: set[_Reader] = set()
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
        except _Died as error:
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
                reader.process.kill()

    def _apart(self, bundle: Sequence[Unit], site: Site, died: _Died) -> list[StagedUnit]:
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
            except _Died as error:
                died = error
            finally:
                self._end(reader)
        return self._apart(bundle, site, died)

    def _start(self) -> _Reader:
        with self._lock:
            if self._closed:
                raise WorkersClosed("the run was ended while it read")
            reader = _Reader()
            self._readers.add(reader)
            return reader

    def _end(self, reader: _Reader) -> None:
        reader.end()
        with self._lock:
            self._readers.discard(reader)


@contextmanager
def workers_for(work: Sequence[Sequence[Unit]], workers: int | None, apart: bool = False) -> Iterator[Workers | None]:
    """`workers` processes, by default one a core, but no more than there is work. They end with the block.

    None where one would do: then this process reads, and shares the fate of what it reads; not so with `apart`.
    """
    count = min(workers or os.cpu_count() or 1, len(work))
    if count < (1 if apart else 2):
        yield None
        return
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
        futures = {threads.submit(pool.stage, bundle, site): bundle for bundle in work}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            if futures:
                pool.close()


def _why(exit_code: int | None) -> str:
    """The reason of a reject, by the way in which its reader ended."""
    if exit_code is None or exit_code >= 0:
        return f"the process that read it ended with status {exit_code}"
    known = _SIGNALS.get(signal.Signals(-exit_code)) if -exit_code in set(signal.Signals) else None
    return f"the process that read it died (signal {-exit_code})" + (f": {known}" if known else "")


def _serve(line: Connection[Any, Any]) -> None:
    """A reader's life: stage each bundle that comes, and answer with the staged units or with the error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts the whole group; the parent ends its readers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    while True:
        try:
            bundle, site = line.recv()
        except EOFError:
            return
        try:
            answer: tuple[list[StagedUnit] | None, BaseException | None] = (stage_bundle(bundle, site), None)
        except Exception as error:
            answer = (None, _portable(error))
        line.send(answer)


def _portable(error: Exception) -> Exception:
    """The error itself where another process can have it, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """End this process when its parent ends, for whatever reason: nobody would receive its work."""
    parent = multiprocessing.parent_process()
    assert parent

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
