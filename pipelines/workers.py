"""The processes that read and stage side by side."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread

from iolake.pipelines.stage import Unit


@contextmanager
def workers_for(work: Sequence[Sequence[Unit]], workers: int | None) -> Iterator[Executor | None]:
    """A pool of `workers` processes, by default one a core; None where the work is not worth starting one.

    Leaving it does not wait for idle processes to end: there is a snapshot to publish meanwhile.
    """
    workers = min(workers or os.cpu_count() or 1, len(work))
    if workers <= 1:
        yield None
        return
    # Never forked: libraries that have threads don't survive it.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """See to it that this process dies when its parent does, however that ends: nobody wants its work then."""
    parent = multiprocessing.parent_process()
    assert parent

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
