"""Timing several ways to the same answer in turns, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

OURS = "iolake"
FLOOR = "floor"


class Timing(NamedTuple):
    """The best wall time, the best time of all threads, and the last answer."""

    wall_s: float
    cpu_s: float
    answer: Any


def cpu_s() -> float:
    """CPU seconds of this process so far, of all threads, and of the processes that it started and waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def in_turns(
    ways: Mapping[str, Callable[[], Any]], repeat: int, prepare: Callable[[], Any] = lambda: None
) -> dict[str, Timing]:
    """Time each way `repeat` times, one after the other in each round; `prepare` runs before a round, untimed."""
    found = {who: Timing(float("inf"), float("inf"), None) for who in ways}
    for _ in range(repeat):
        prepare()
        for who, way in ways.items():
            wall, cpu = time.perf_counter(), cpu_s()
            answer = way()
            wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
            found[who] = Timing(min(wall, found[who].wall_s), min(cpu, found[who].cpu_s), answer)
    return found


def report(name: str, found: Mapping[str, Timing]) -> None:
    """Print our figure beside each of the others; `floor.show` prints the floor."""
    ours = found[OURS]
    for who, other in found.items():
        if who not in {OURS, FLOOR}:
            print(
                f"{name:32} {ours.wall_s * 1e3:9.1f} ms   {who:16} {other.wall_s * 1e3:9.1f} ms   "
                f"ratio {ours.wall_s / other.wall_s:7.3f}   (CPU {ours.cpu_s / other.cpu_s:7.3f})",
                flush=True,
            )
