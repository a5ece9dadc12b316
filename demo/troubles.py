"""Further troubles of a larger centre: causes that are hard to tell apart, and noise that must not be blamed.

A centre of `LARGE` jobs and two days or more has them. Each seed draws its own times, targets and strengths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from iolake.demo.apps import APPS, GROWN, MISTAKES, Weather, stream
from iolake.demo.jobs import Delay, File, Interval, Job, Run
from iolake.demo.schedule import Schedule
from iolake.demo.world import Cluster, FileSystem, World

LARGE = 500
HOUR = 3600
CROWD = 5
"""Neighbours that are modest one by one and fill a file system together."""
JOBS_A_VICTIM = 60


@dataclass(frozen=True)
class Troubles:
    """When and where each trouble of lagoon is: epoch seconds [begin, end), and how many times slower I/O is in it."""

    failover: Interval
    failed_server: int
    failover_factor: float
    crowd: Interval
    crowd_factor: float
    unlogged: Interval
    unlogged_factor: float
    hot: Interval
    hot_ost: int
    hot_factor: float
    dark: Interval
    dark_factor: float

    def slowed_by_failover(self, fs: FileSystem) -> tuple[int, ...]:
        """The targets of the failed server, and of the one that serves them beside its own."""
        partner = (self.failed_server + 1) % fs.servers
        return tuple(
            ost for server in (self.failed_server, partner) for ost in (2 * server, 2 * server + 1) if ost < fs.working
        )


@lru_cache
def troubles(world: World) -> Troubles | None:
    """The troubles that the world's seed draws; None for a small centre."""
    if world.jobs < LARGE or world.days < 2:
        return None
    rng = np.random.default_rng([world.seed, 15])
    lagoon = world.file_systems[0]

    def begins(fraction: float, hours: float) -> Interval:
        at = world.at(fraction + float(rng.uniform(-0.012, 0.012)))
        return at, at + round(hours * HOUR)

    def times_slower() -> float:
        return float(rng.uniform(3.0, 8.0))

    return Troubles(
        failover=begins(0.31, 1.5),
        failed_server=int(rng.integers(max(1, lagoon.servers - 2))),
        failover_factor=times_slower(),
        crowd=begins(0.46, 2),
        crowd_factor=times_slower(),
        unlogged=begins(0.57, 0.75),
        unlogged_factor=times_slower(),
        hot=begins(0.71, 1.5),
        hot_ost=int(rng.integers(lagoon.working)),
        hot_factor=times_slower(),
        dark=begins(0.86, 2),
        dark_factor=times_slower(),
    )


def fronts(world: World) -> list[Weather]:
    """What slows a large centre's lagoon besides the weather of every centre."""
    found = troubles(world)
    if found is None:
        return []
    lagoon = world.file_systems[0]
    name = lagoon.name
    taken_over = ", ".join(lagoon.target(2 * found.failed_server + k) for k in range(2))
    return [
        Weather(
            name, *found.failover, found.failover_factor, "failed-over server", taken_over,
            found.slowed_by_failover(lagoon),
        ),
        Weather(name, *found.crowd, found.crowd_factor, "file system", name),
        Weather(name, *found.unlogged, found.unlogged_factor, "neighbour", "the unlogged storm"),
        Weather(name, *found.hot, found.hot_factor, "hot target", "the heater", (found.hot_ost,)),
        Weather(name, *found.dark, found.dark_factor, "unwatched", "what nobody saw"),
    ]  # fmt: skip


def dark(world: World, fs: FileSystem) -> Interval | None:
    """Epoch seconds in which nobody watches a file system's servers for hours."""
    found = troubles(world)
    return found.dark if found and fs.name == world.file_systems[0].name else None


def enter(schedule: Schedule) -> tuple[dict[str, Job], list[tuple[Job, Job]]]:
    """Add a large centre's cast; culprits by the role that fronts name them by, and pairs of jobs that share an id."""
    world = schedule.world
    found = troubles(world)
    if found is None:
        return {}, []
    rng = np.random.default_rng([world.seed, 16])
    osprey, heron = world.clusters
    lagoon, fjord = world.file_systems
    everywhere = tuple(range(lagoon.working))
    culprits = {
        "the unlogged storm": _streams(schedule, heron, lagoon, found.unlogged, everywhere, 0.9),
        "the heater": _streams(schedule, heron, lagoon, found.hot, (found.hot_ost,), 0.9),
    }
    culprits["the unlogged storm"].runs[0].log = "none"
    for number in range(CROWD):
        _streams(schedule, osprey, lagoon, found.crowd, everywhere, 0.9 / CROWD, f"crowd{number}")
    for number, at in enumerate((0.3, 0.38, 0.6)):  # on fjord, where they slow nobody
        span = world.at(at), world.at(at) + 3 * HOUR
        _streams(schedule, heron, fjord, span, tuple(range(fjord.working)), 0.15, f"modest{number}")
    _victims(schedule, found, rng)
    _clumsy(schedule)
    _grown(schedule, rng)
    return culprits, _scheduled(schedule, rng)


def _streams(
    schedule: Schedule,
    cluster: Cluster,
    fs: FileSystem,
    during: Interval,
    osts: tuple[int, ...],
    part: float,
    name: str = "ior",
) -> Job:
    """A job that writes to `osts` all the time, at that part of their bandwidth."""
    app, (begin, end) = APPS["storm"], during
    run = stream(fs, begin + 2.25, end, f"{name}-{fs.name}-{int(begin)}", osts, part)
    if name != "ior":
        run = Run(f"/opt/apps/{name}/bin/{name}", run.arguments, run.nprocs, run.start, run.end, run.files)
    nodes = schedule.reserve(cluster, app.nnodes)
    start, stop = int(begin), int(end) + 4
    job = Job(
        cluster.name, 0, name, app.user, app.uid, app.account, "hero", start - 300, start, stop, nodes, 6 * HOUR
    )  # fmt: skip
    job.runs, job.role = [run], "neighbour"
    schedule.jobs.append(job)
    return job


def _victims(schedule: Schedule, found: Troubles, rng: np.random.Generator) -> None:
    """Jobs that each trouble slows."""
    world = schedule.world
    osprey = world.clusters[0]
    lagoon = world.file_systems[0]
    slowed = found.slowed_by_failover(lagoon)
    count = world.jobs // JOBS_A_VICTIM
    for k in range(count):
        first = slowed[k % len(slowed)]
        taken = tuple((first + n) % lagoon.working for n in range(2 if k % 3 else 3))
        beside = (found.hot_ost, (found.hot_ost + 1) % lagoon.working)
        for app, during, role, on in (
            (("clima", "genome", "genome")[k % 3], found.failover, "victim of a failed-over server", taken),
            (("lattice", "genome")[k % 2], found.crowd, "victim of a file system", None),
            (("lattice", "genome")[k % 2], found.unlogged, "victim of a neighbour", None),
            ("genome", found.hot, "victim of a hot target", beside),
            ("lattice", found.dark, "victim of nobody knows what", None),
        ):
            room = max(0.0, during[1] - during[0] - HOUR)
            begin = int(during[0]) + 60 + int(rng.uniform(0, max(600.0, room)))
            schedule.place(osprey, app, lagoon, begin, role=role, on=on)


def _clumsy(schedule: Schedule) -> None:
    """Programs used badly in hours when nothing else slows them."""
    world = schedule.world
    for number, app in enumerate(MISTAKES):
        for k in range(2):
            at = world.at(0.04 + 0.035 * number + 0.015 * k)
            schedule.place(world.clusters[0], app, world.file_systems[0], at, role="clumsy in quiet hours")


def _grown(schedule: Schedule, rng: np.random.Generator) -> None:
    """Jobs that take longer than their kind because they move more: nothing is wrong with them."""
    world = schedule.world
    for app in GROWN:
        for _ in range(world.jobs // JOBS_A_VICTIM // 2):
            at = world.at(float(rng.uniform(0.05, 0.9)))
            schedule.place(world.clusters[0], app, world.file_systems[0], at, role="grown")


def _scheduled(schedule: Schedule, rng: np.random.Generator) -> list[tuple[Job, Job]]:
    """Jobs that lost time to the scheduler: waited long, went back to the queue, or ran out of time while writing."""
    world = schedule.world
    same_id = []
    sides = list(zip(world.clusters, world.file_systems, strict=True))
    for k in range(world.jobs // JOBS_A_VICTIM):
        cluster, fs = sides[k % 2]
        at = world.at(float(rng.uniform(0.4, 0.9)))
        app = ("clima", "lattice", "genome")[k % 3]
        job = schedule.place(cluster, app, fs, at, role="waited")
        job.submit = at - int(rng.uniform(6, 20) * HOUR)
        job.delays.append(Delay("scheduler", "waited", at - job.submit))
        same_id.append(requeue(schedule, cluster, fs, world.at(float(rng.uniform(0.05, 0.85)))))
        out_of_time(schedule, cluster, fs, world.at(float(rng.uniform(0.05, 0.85))))
    return same_id


def requeue(schedule: Schedule, cluster: Cluster, fs: FileSystem, at: int) -> tuple[Job, Job]:
    """A node dies in a job's second run; the job goes back to the queue under its id and does all again."""
    first = schedule.place(cluster, "lattice", fs, at, role="requeued", runs=2)
    lost = first.runs.pop()
    first.end = int(lost.start + 30)
    first.state, first.delays = "REQUEUED", list(first.runs[0].delays)
    again = schedule.place(cluster, "lattice", fs, first.end + 240, role="requeued", runs=2)
    again.submit = first.end + 1
    for job in (first, again):
        job.delays.append(Delay("scheduler", "requeued", first.end - at))
    return first, again


def out_of_time(schedule: Schedule, cluster: Cluster, fs: FileSystem, at: int) -> None:
    """A job that is killed at its limit while it writes: it leaves no log."""
    job = schedule.place(cluster, "clima", fs, at, role="out of time")
    run = job.runs[0]
    begin, end = max(file.writing for file in run.files if file.layout)
    limit = int((begin + end) / 2 - at) // 60 * 60
    cut = max(at + limit, begin + 1)
    kept = []
    for file in run.files:
        if not file.layout or file.writing[1] <= cut:
            kept.append(file)
        elif file.writing[0] < cut:
            part = (cut - file.writing[0]) / (file.writing[1] - file.writing[0])
            kept.append(_shortened(file, part, cut))
    run.files, run.end, run.log = kept, cut, "none"
    job.end, job.timelimit_s, job.state, job.exit_code = int(cut) + 2, limit, "TIMEOUT", "0:15"
    job.delays.append(Delay("scheduler", "timeout", job.end - at))


def _shortened(file: File, part: float, cut: float) -> File:
    return replace(file, written=max(1, int(file.written * part)), writing=(file.writing[0], cut))


def served_by(world: World, fs: FileSystem, ost: int, at: int) -> int | None:
    """The server that serves a target of a failed one at an epoch second; None where its own does."""
    found = troubles(world)
    if found is None or fs.name != world.file_systems[0].name or not found.failover[0] <= at < found.failover[1]:
        return None
    return (ost // 2 + 1) % fs.servers if ost // 2 == found.failed_server else None


def growth(world: World, steps: int) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """By how much the traffic that no log records is larger in each step (steps, 1) than a small
    centre's, which has none of it: more each day.
    """
    if troubles(world) is None:
        return None
    days = np.arange(steps) * world.step_s / 86400
    return np.asarray(10 * (1 + days))[:, None]
