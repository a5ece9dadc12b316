"""Things made ahead are those that would have been made, in their order, and no thread stays behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from iolake.extractors.darshan.ahead import ahead


def test_the_items_come_in_their_order() -> None:
    assert list(ahead(iter(range(50)), 3)) == list(range(50))
    assert list(ahead(iter([]))) == []
    assert list(ahead(iter([0, None, []]))) == [0, None, []]


def test_an_error_comes_behind_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    items = ahead(failing(), 2)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_no_more_than_so_many_are_made_before_they_are_asked_for() -> None:
    made = []

    def making() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            yield number

    items = ahead(making(), 2)
    assert next(items) == 0
    assert len(made) <= 3
    assert list(items) == list(range(1, 9))


def test_no_thread_outlives_it() -> None:
    before = threading.active_count()
    items = ahead(iter(range(50)))
    next(items)
    assert threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before
