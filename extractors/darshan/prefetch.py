"""Prefetch: a thread makes the next items while the caller uses the current one."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterator[T], depth: int = 1) -> Generator[T, None, None]:
    """Yield the items in order; a thread makes up to `depth` of them in advance.

    An exception from `items` is raised in place of the item that failed. The thread has ended once this generator
    is exhausted or closed.
    """
    pool = ThreadPoolExecutor(1)
    try:
        pending: deque[Future[list[T]]] = deque(pool.submit(_next, items) for _ in range(depth))
        while item := pending.popleft().result():
            pending.append(pool.submit(_next, items))
            yield from item
    finally:
        pool.shutdown(cancel_futures=True)


def _next(items: Iterator[T]) -> list[T]:
    """Return the next item in a list; an empty list at the end."""
    return list(islice(items, 1))
