"""The jobs of the clusters that use Storage Scale: a crowd on each, and a cast that acts out what may be slow there.

They have a random generator and a schedule of their own, so that the jobs on Lustre stay what they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iolake.demo.apps import APPS, CROWD_BESIDE, CROWD_ON_SCALE, MIB, TARGET_BANDWIDTH, Weather
from iolake.demo.jobs import Delay, File, Job, Layout, Run
from iolake.demo.schedule import Schedule
from iolake.demo.world import Cluster, World, local_days

STORM_AT, STORM_S = 0.36, 1800
_STORM = "the storm on estuary"
_LEAST_CROWD = 6
_FIRST_FLUX_MS = 3_600_000
DAY_S = 86_400


def play(world: World, rng: np.random.Generator) -> list[Job]:
    """All jobs of `world.others`, numbered, each with what it lost and to whom."""
    at = world.at(STORM_AT)
    front = Weather(world.scale.name, at + 5, at + STORM_S - 5, 6.0, "neighbour", _STORM)
    schedule = Schedule(world, rng, [front])
    plover, avocet, dunlin = world.others
    schedule.queue(plover, max(_LEAST_CROWD, world.jobs // 10), CROWD_ON_SCALE, world.window)
    for cluster in (avocet, dunlin):
        schedule.queue(cluster, max(_LEAST_CROWD, world.jobs // 20), CROWD_BESIDE, _day(world))
    storm = _storm(schedule, plover)
    _on_pbs(schedule, plover)
    _on_lsf(schedule, avocet)
    _on_flux(schedule, dunlin)
    same_id = [_rerun(schedule, plover)]
    schedule.number()
    for one, other in same_id:
        other.job_id = one.job_id
    for job in schedule.jobs:
        job.delays = [replace(d, culprit=f"plover {storm.job_id}") if d.culprit == _STORM else d for d in job.delays]
        _name(world.cluster(job.cluster), job, world.window[0])
    return schedule.jobs


def _day(world: World) -> tuple[int, int]:
    """Epoch seconds of the one day of UTC in which the smaller clusters run: the second, in a centre that has two."""
    first, last = world.window
    begin = (first // DAY_S + 1) * DAY_S
    return (begin, begin + DAY_S) if begin + DAY_S <= last else (first, min(begin, last))


def _name(cluster: Cluster, job: Job, began: int) -> None:
    """Write the id as its scheduler does. Flux numbers jobs by the time of their submission."""
    task = f"[{job.array[1]}]" if job.array else ""
    if cluster.scheduler == "flux":
        job.job_id = (job.submit - began) * 1000 + _FIRST_FLUX_MS << 24 | job.job_id
        job.scheduler_id = str(job.job_id)
    else:
        job.scheduler_id = f"{job.job_id}{task}" + (f".{cluster.name}" if cluster.scheduler == "pbs" else "")


def _storm(schedule: Schedule, cluster: Cluster) -> Job:
    """A benchmark that writes one file to all NSDs at nine tenths of their bandwidth."""
    world, app = schedule.world, APPS["swell"]
    fs, begin = world.scale, world.at(STORM_AT)
    end = begin + STORM_S
    path = f"{fs.mount}/{app.account}/{app.user}/swell/testfile"
    layout = Layout(fs.block, tuple(range(fs.nsds)), shown=False)
    length = int((STORM_S - 2.25) * TARGET_BANDWIDTH * 0.9) * fs.nsds + 11
    file = File(
        path, "POSIX", -1, fs.name, layout, written=length, writing=(begin + 7.25, end - 5), transfer=16 * MIB
    )  # fmt: skip
    nodes = schedule.reserve(cluster, app.nnodes)
    job = Job(cluster.name, 0, "ior", app.user, app.uid, app.account, "hero", begin - 300, begin, end + 4, nodes, 3600)
    job.runs, job.role = [Run(app.exe, f"-w -t 16m -o {path}", app.nprocs, begin + 2.25, end, [file])], "storm on Scale"
    schedule.jobs.append(job)
    return job


def _on_pbs(schedule: Schedule, plover: Cluster) -> None:
    world = schedule.world
    estuary, storm = world.scale, world.at(STORM_AT)
    for later in (60, 240):
        schedule.place(plover, "tide", estuary, storm + later, role="victim of a neighbour on Scale")
    for fraction in (0.08, 0.2, 0.62, 0.8):
        schedule.place(plover, "tide", estuary, world.at(fraction), role="undisturbed on Scale")
    for fraction in (0.12, 0.7):
        schedule.place(plover, "dune", estuary, world.at(fraction), role="undisturbed on Scale")
    schedule.place(plover, "tide", estuary, world.at(0.55), role="undisturbed on Scale")
    schedule.place(plover, "dune-serial", estuary, world.at(0.46), role="imbalance on Scale")
    begin = world.at(0.1)
    for task in range(2):  # one after the other: a log tells its array's id alone
        job = schedule.place(plover, "silt", estuary, begin, role="array on PBS")
        job.array, job.submit = (11, task), world.at(0.1) - 60
        begin = (job.end or begin) + 30
    failed = schedule.place(plover, "silt", estuary, world.at(0.3), role="failed on PBS")
    failed.state, failed.exit_code = "FAILED", "42:0"
    killed = schedule.place(plover, "silt", estuary, world.at(0.5), role="cancelled on PBS")
    killed.state, killed.exit_code, killed.runs[0].log = "CANCELLED", "0:15", "none"
    running = schedule.place(plover, "dune", estuary, world.window[1] - 600, role="still running on PBS")
    running.state, running.end, running.runs = "RUNNING", None, []
    never = schedule.place(plover, "silt", estuary, world.at(0.58), role="deleted on PBS")
    never.state, never.start, never.end, never.nodes, never.runs = "DELETED", None, None, (), []
    midnights = [begin for _, begin, _ in local_days(*world.window, plover.tz)]
    for begin in [at for at in midnights if world.window[0] + 3600 < at < world.window[1] - 7200][:1]:
        schedule.place(plover, "tide", estuary, begin - 700, role="over midnight on PBS")


def _rerun(schedule: Schedule, plover: Cluster) -> tuple[Job, Job]:
    """A job that PBS starts again under its id, after a node died in its second run of the program."""
    world = schedule.world
    first = schedule.place(plover, "dune", world.scale, world.at(0.66), role="rerun on PBS", runs=2)
    lost = first.runs.pop()
    first.end, first.state, first.exit_code = int(lost.start + 30), "REQUEUED", "-"
    first.delays = list(first.runs[0].delays)
    again = schedule.place(plover, "dune", world.scale, first.end + 240, role="rerun on PBS", runs=2)
    again.submit = first.submit
    return first, again


def _on_lsf(schedule: Schedule, avocet: Cluster) -> None:
    estuary = schedule.world.scale
    begin, end = _day(schedule.world)
    at = begin + (end - begin) // 5
    for element in range(1, 3):
        job = schedule.place(avocet, "silt", estuary, at, role="array on LSF")
        job.array, job.submit = (12, element), begin + (end - begin) // 5 - 60
        at = (job.end or at) + 30
    failed = schedule.place(avocet, "dune", estuary, begin + (end - begin) // 2, role="failed on LSF")
    failed.state, failed.exit_code = "FAILED", "3:0"
    never = schedule.place(avocet, "silt", estuary, begin + (end - begin) // 3, role="killed before start on LSF")
    never.state, never.exit_code, never.end = "CANCELLED", "130:0", never.submit + 420
    never.start, never.nodes, never.runs = None, (), []


def _on_flux(schedule: Schedule, dunlin: Cluster) -> None:
    estuary = schedule.world.scale
    begin, end = _day(schedule.world)
    failed = schedule.place(dunlin, "silt", estuary, begin + (end - begin) // 5, role="failed on Flux")
    failed.state, failed.exit_code = "FAILED", "1:0"
    late = schedule.place(dunlin, "dune", estuary, begin + (end - begin) // 2, role="timeout on Flux")
    late.state, late.exit_code, late.runs[0].log = "TIMEOUT", "0:15", "none"
    late.timelimit_s = (late.end or 0) - (late.start or 0)
    late.delays.append(Delay("scheduler", "timeout", late.timelimit_s))
    never = schedule.place(dunlin, "silt", estuary, begin + (end - begin) // 3, role="cancelled before start on Flux")
    never.state, never.exit_code, never.end = "CANCELLED", "-", never.submit + 300
    never.start, never.nodes, never.runs = None, (), []
    running = schedule.place(dunlin, "tide", estuary, end - 500, role="still running on Flux")
    running.state, running.end, running.runs = "RUNNING", None, []
