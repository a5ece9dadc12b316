"""The troubles of a larger centre: each often enough to judge verdicts by, and none in a small one."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest

from iolake.demo import cast
from iolake.demo.centre import START
from iolake.demo.jobs import Cause, Job
from iolake.demo.monitoring import address
from iolake.demo.schedule import Schedule
from iolake.demo.troubles import LARGE, troubles
from iolake.demo.world import World


def jobs_of(world: World) -> list[Job]:
    """What runs there; no file is written."""
    schedule = Schedule(world, np.random.default_rng(1), cast.weather(world))
    schedule.fill(world.jobs)
    cast.enter(schedule)
    return schedule.jobs


@pytest.fixture(scope="module")
def large() -> tuple[World, list[Job]]:
    world = World(7, START, 2, 600, 8, 2, 60)
    return world, jobs_of(world)


def test_a_large_centre_has_ten_jobs_at_least_of_each_cause(large: tuple[World, list[Job]]) -> None:
    """Verdicts are judged by causes that each occur ten times or more."""
    causes = Counter(job.cause for job in large[1] if job.end is not None)
    assert {cause for cause in get_args(Cause) if causes[cause] < 10} == set()
    assert causes[None] > sum(causes.values()) / 2


def test_a_small_centre_has_none_of_them() -> None:
    small = World(7, START, 2, LARGE - 1, 8, 2, 60), World(7, START, 1, LARGE, 8, 2, 60)
    assert [troubles(world) for world in small] == [None, None]
    few = {job.cause for job in jobs_of(World(7, START, 2, 40, 6, 1, 60))}
    assert not few & {"failed-over server", "hot target", "file system", "unwatched"}


def test_a_job_out_of_time_is_killed_at_its_limit_while_it_writes(large: tuple[World, list[Job]]) -> None:
    """Slurm's limits are whole minutes, and a killed program leaves no log."""
    ended = [job for job in large[1] if job.role == "out of time"]
    assert len(ended) == 10
    for job in ended:
        (run,) = job.runs
        assert job.start is not None
        assert job.end is not None
        assert (job.state, run.log, job.timelimit_s % 60) == ("TIMEOUT", "none", 0)
        assert 0 <= job.end - job.start - job.timelimit_s <= 60
        assert any(file.writing[1] == run.end for file in run.files)


def test_all_targets_of_a_failed_server_are_served_by_the_next_one_and_no_others(
    large: tuple[World, list[Job]],
) -> None:
    world = large[0]
    lagoon, found = world.file_systems[0], troubles(world)
    assert found is not None
    during, before = int(found.failover[0]), int(found.failover[0]) - 1
    moved = [
        ost for ost in range(lagoon.osts) if address(world, lagoon, ost, during) != address(world, lagoon, ost, before)
    ]
    assert moved == [2 * found.failed_server, 2 * found.failed_server + 1]


def test_a_job_that_came_back_has_its_own_delays_and_those_of_the_scheduler(large: tuple[World, list[Job]]) -> None:
    """What slowed a run that was lost does not count for the one before it."""
    for job in (job for job in large[1] if job.role == "requeued"):
        assert job.delays[-1].cause == "scheduler"
        assert [delay.seconds for delay in job.delays[:-1]] == [d.seconds for run in job.runs for d in run.delays]
