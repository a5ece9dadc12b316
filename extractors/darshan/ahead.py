"""Working ahead: the next thing is made while the one before is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], most: int = 1) -> Generator[T, None, None]:
    """The same items, made in a thread of their own, at most so many before they are asked for.

    An error comes where it would have come. When this iterator ends or is closed, the thread has ended.
    """
    pool = ThreadPoolExecutor(1)
    try:
        made: deque[Future[list[T]]] = deque(pool.submit(_next, items) for _ in range(most))
        while found := made.popleft().result():
            made.append(pool.submit(_next, items))
            yield from found
    finally:
        pool.shutdown(cancel_futures=True)


def _next(items: Iterator[T]) -> list[T]:
    """The next item; nothing at the end."""
    return list(islice(items, 1))
