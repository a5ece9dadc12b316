"""The arithmetic that the simulated centre's books rest on, against the slow and plain way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iolake.demo.apps import Weather
from iolake.demo.jobs import Layout
from iolake.demo.jobstats import Flow
from iolake.demo.servers import Flows, Reset, counters


@dataclass
class CumulativeCounter:
    """A server's counter that is bumped byte by byte, and cleared."""

    value: int = 0


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 200))
def test_striping_puts_each_byte_where_its_stripe_lies(stripe_size: int, count: int, length: int) -> None:
    plain = [0] * count
    for offset in range(length):
        plain[offset // stripe_size % count] += 1
    assert Layout(stripe_size, tuple(range(count))).bytes_on_targets(length) == plain


flows = st.tuples(st.integers(0, 8), st.integers(1, 6), st.integers(0, 2), st.integers(0, 10**13))


@given(st.lists(flows, max_size=6))
def test_spreading_over_steps_keeps_every_byte_and_agrees_with_each_flows_own_course(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    steps = 14
    rows = [(begin, begin + length, column, amount) for begin, length, column, amount in drawn]
    spread = Flows(rows).spread(steps, 3)
    assert spread.min(initial=0) >= 0
    for column in range(3):
        mine = [Flow(begin, end, amount, False) for begin, end, at, amount in rows if at == column]
        course = [sum(flow.until(step) for flow in mine) for step in range(steps + 1)]
        assert course[0] == 0
        assert course[-1] == sum(flow.amount for flow in mine)
        assert np.diff(course).tolist() == spread[:, column].tolist()


@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=12),
    st.integers(0, 10**9),
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from([0.0, 0.25, 0.5])), max_size=3, unique_by=lambda r: r[0]),
)
def test_a_cleared_counter_shows_what_came_after(moved: list[int], base: int, drawn: list[tuple[int, float]]) -> None:
    resets = [Reset(0, step, part) for step, part in drawn if step < len(moved)]
    counter = CumulativeCounter(base)
    plain = [base]
    for step, amount in enumerate(moved):
        part = next((reset.part for reset in resets if reset.step == step), None)
        if part is None:
            counter.value += amount
        else:
            counter.value = amount - int(amount * part)
        plain.append(counter.value)
    assert counters(np.array(moved)[:, None], [base], resets)[:, 0].tolist() == plain


@given(st.floats(0, 100), st.floats(0.1, 100), st.floats(0, 100), st.floats(0.1, 100), st.floats(1, 10))
def test_under_weather_the_same_work_gets_done(
    begin: float, seconds: float, front: float, length: float, factor: float
) -> None:
    """Time in the weather counts for a part of itself, time outside of it in full."""
    weather = Weather("fs", front, front + length, factor, "neighbour", "x")
    end = begin + weather.lasts(begin, seconds)
    inside = max(0.0, min(end, front + length) - max(begin, front))
    assert abs((end - begin - inside) + inside / factor - seconds) < 1e-6
