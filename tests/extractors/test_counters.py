"""The laws that hold between cumulative counters and the amounts made of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.counters import Placement, amounts, listed_amounts, read_amounts, sample_order

readings = st.lists(st.integers(0, 10**16), min_size=2, max_size=30)


def _row(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)[None]


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30), st.data())
def test_amounts_over_any_span_add_up_to_the_counters_own_difference(steps: list[int], data: st.DataObject) -> None:
    """Where nothing was reset."""
    counter = np.cumsum([10**15, *steps])
    found, reset = amounts(counter[None, :-1], counter[None, 1:])
    first = data.draw(st.integers(0, len(steps)))
    last = data.draw(st.integers(first, len(steps)))
    assert not reset.any()
    assert found[0, first:last].sum() == counter[last] - counter[first]


@given(readings)
def test_no_amount_is_negative_and_a_reset_counts_what_is_known(values: list[int]) -> None:
    found, reset = amounts(_row(values[:-1]), _row(values[1:]))
    for (before, after), amount, marked in zip(pairwise(values), found[0], reset, strict=True):
        assert amount >= 0
        assert marked == (after < before)
        assert amount == (after if marked else after - before)


def test_an_idle_counter_at_zero_counted_zero() -> None:
    """P6: a counter that stands still gives zero, not null."""
    found, reset = amounts(_row([0, 0, 5]), _row([0, 5, 5]))
    assert found[0].tolist() == [0, 5, 0]
    assert not reset.any()


def test_counters_of_one_component_are_reset_together() -> None:
    found, reset = amounts(np.array([[100], [50]]), np.array([[5], [60]]))
    assert found.tolist() == [[5], [60]]
    assert reset.tolist() == [True]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 100)), min_size=0, max_size=40))
def test_samples_are_ordered_by_component_and_time(samples: list[tuple[int, int, int]]) -> None:
    """In any order; where a time occurs twice, the later row counts."""
    component = np.array([s[0] for s in samples], np.int64)
    ts = np.array([s[1] for s in samples], np.int64)
    latest = {(c, t): row for row, (c, t, _) in enumerate(samples)}
    assert sample_order(component, ts).tolist() == [latest[key] for key in sorted(latest)]


def test_samples_of_few_components_at_many_times_are_ordered_too() -> None:
    """Samples without a common grid of times."""
    rng = np.random.default_rng(7)
    component, ts = rng.integers(0, 400, 2000), rng.permutation(2000)
    order = sample_order(component, ts)
    assert order.tolist() == sorted(range(2000), key=lambda row: (component[row], ts[row]))


def _listed(rows: list[dict[str, int]], restarts: Sequence[int] = ()) -> tuple[list[dict[str, int]], list[bool]]:
    names = sorted({name for row in rows for name in row})
    readings = np.array([[row.get(n, 0) for n in names] for row in rows], np.int64).reshape(len(rows), len(names))
    listed = np.array([[n in row for n in names] for row in rows], bool).reshape(len(rows), len(names))
    found, reset = listed_amounts(readings, listed, restarts)
    return [{n: int(v) for n, v in zip(names, row, strict=True) if v} for row in found], reset.tolist()


def test_a_counter_that_is_first_listed_later_began_at_zero() -> None:
    assert _listed([{"open": 3}, {"open": 4}, {"open": 4, "mkdir": 2}]) == ([{"open": 1}, {"mkdir": 2}], [False, False])


def test_a_counter_that_a_sample_leaves_out_stands_where_it_stood() -> None:
    found, reset = _listed([{"open": 3, "link": 9}, {"open": 4}, {"open": 5, "link": 11}])
    assert found == [{"open": 1}, {"open": 1, "link": 2}]
    assert reset == [False, False]


def test_a_counter_not_listed_after_a_reset_is_at_zero() -> None:
    found, reset = _listed([{"open": 300, "link": 900}, {"open": 2}, {"open": 3, "link": 4}])
    assert found == [{"open": 2}, {"open": 1, "link": 4}]
    assert reset == [True, False]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=12))
def test_listed_counters_never_count_less_than_nothing(rows: list[dict[str, int]]) -> None:
    found, reset = _listed(rows)
    assert len(found) == len(reset) == len(rows) - 1
    assert all(value > 0 for row in found for value in row.values())


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=12),
    st.sets(st.integers(1, 11)),
)
def test_listed_counters_are_followed_sample_by_sample(rows: list[dict[str, int]], known: set[int]) -> None:
    """Amounts are the same sample by sample; a `known` reset counts even where no value fell."""
    restarts = sorted(i for i in known if i < len(rows))
    standing: dict[str, int] = {}
    wanted, resets = [], []
    for i, row in enumerate(rows):
        reset = i in restarts or any(value < standing.get(name, 0) for name, value in row.items())
        after = row if reset else standing | row
        if i:
            wanted.append({n: v - (0 if reset else standing.get(n, 0)) for n, v in after.items()})
            resets.append(reset)
        standing = after
    assert _listed(rows, restarts) == ([{n: v for n, v in row.items() if v} for row in wanted], resets)


def test_a_counter_may_be_reset_in_every_other_sample() -> None:
    """The work grows with the number of samples, not of resets."""
    count = 40_000
    readings = np.tile([[7], [3]], (count // 2, 1))
    began = time.process_time()
    found, reset = listed_amounts(readings, np.ones_like(readings, bool))
    assert time.process_time() - began < 2
    assert found[:, 0].tolist() == ([3, 4] * count)[: count - 1]
    assert reset.tolist() == ([True, False] * count)[: count - 1]


@st.composite
def placed(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edges, and intervals with amounts that lie among them, across several, or beyond."""
    edges = np.cumsum([0, *draw(st.lists(st.integers(1, 60), min_size=1, max_size=12))])
    rows = draw(
        st.lists(st.tuples(st.integers(-50, 400), st.integers(1, 300), st.integers(0, 10**12)), min_size=0, max_size=10)
    )
    start = np.array([r[0] for r in rows], np.int64)
    length = np.array([r[1] for r in rows], np.int64)
    return edges, start, start + length, np.array([r[2] for r in rows], np.int64)


@given(placed())
def test_an_amount_spread_over_steps_adds_up_to_itself(case: tuple[np.ndarray, ...]) -> None:
    edges, start, end, amount = case
    total = Placement(start, end, edges).total(amount)
    assert len(total) == len(edges) - 1
    assert total.sum() == amount.sum()
    assert (total >= 0).all()


@given(placed())
def test_spreading_gives_each_step_its_share_of_the_time(case: tuple[np.ndarray, ...]) -> None:
    """A gap's amount is never a peak: inside the edges no step gets more than its length's share, to a byte."""
    edges, start, end, amount = case
    inside = (start >= edges[0]) & (end <= edges[-1])
    start, end, amount = start[inside], end[inside], amount[inside]
    expected = np.zeros(len(edges) - 1)
    for begin, stop, value in zip(start, end, amount, strict=True):
        overlap = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], begin)
        expected += value * np.maximum(overlap, 0) / (stop - begin)
    np.testing.assert_allclose(Placement(start, end, edges).total(amount), expected, atol=len(amount) + 1)


def test_a_step_counts_the_intervals_that_cover_it() -> None:
    edges = np.array([0, 5, 10, 15])
    place = Placement(np.array([0, 5, 0]), np.array([5, 15, 15]), edges)
    assert place.count(np.array([True, True, True])).tolist() == [2, 2, 2]
    assert place.count(np.array([True, True, False])).tolist() == [1, 1, 1]


@given(st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), min_size=1, max_size=20), st.booleans())
def test_amounts_of_a_counter_that_readings_lack_add_up_from_its_first_value_to_its_last(
    steps: list[tuple[int, bool]], first: bool
) -> None:
    """P6: before its first value, and after its last one, nothing is known."""
    values = np.cumsum([10**9, *(step for step, _ in steps)])
    listed = np.array([first, *(there for _, there in steps)])
    counted, resets = listed_amounts(np.where(listed, values, 0)[:, None], listed[:, None])
    found = read_amounts(counted[:, 0].tolist(), listed.tolist(), resets.tolist(), list(range(len(values))))
    there = np.flatnonzero(listed)
    known = range(there[0], there[-1]) if len(there) else range(0)
    assert [place for place, amount in enumerate(found) if amount is not None] == list(known)
    assert sum(amount or 0 for amount in found) == (values[there[-1]] - values[there[0]] if len(there) else 0)
    assert all(amount is None or amount >= 0 for amount in found)
