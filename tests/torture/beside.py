"""Reads a lake while something else happens to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def reading(check: Callable[[], object], pause_s: float = 0) -> Iterator[None]:
    """Call `check` over and over while the block runs; raises the first error that it raised."""
    ended = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        while not ended.is_set():
            try:
                check()
            except BaseException as error:
                problems.append(error)
                return
            time.sleep(pause_s)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if problems:
        raise problems[0]
