"""prefetch yields the same items in the same order, and leaves no thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from iolake.extractors.darshan.prefetch import prefetch


def test_items_keep_their_order() -> None:
    assert list(prefetch(iter(range(50)), 3)) == list(range(50))
    assert list(prefetch(iter([]))) == []
    assert list(prefetch(iter([0, None, []]))) == [0, None, []]


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    items = prefetch(failing(), 2)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_at_most_depth_items_are_made_in_advance() -> None:
    made = []

    def making() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            yield number

    items = prefetch(making(), 2)
    assert next(items) == 0
    assert len(made) <= 3
    assert list(items) == list(range(1, 9))


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    items = prefetch(iter(range(50)))
    next(items)
    assert threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before
