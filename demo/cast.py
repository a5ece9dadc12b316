"""The jobs that act out the centre's troubles, each named by its role, and the weather that slows some of them."""

from __future__ import annotations

from dataclasses import replace

from iolake.demo import troubles
from iolake.demo.apps import APPS, MISTAKES, SMALL_ACCESSES, Weather, mdtest, storm
from iolake.demo.jobs import Delay, Job
from iolake.demo.schedule import FOLD_S, Schedule
from iolake.demo.servers import UNSEEN_FROM
from iolake.demo.world import Cluster, FileSystem, World, clocks_back, local_days

STORM_S = 2700
FAILING_OST = 2
FAILING_S = 7200
BUSY_FROM = 0.8
"""Where in the window lagoon's metadata server is busy."""
JOBS_A_VICTIM = 50
"""One victim of each cause for so many jobs of the crowd, and one at least."""


def weather(world: World) -> list[Weather]:
    """What makes file systems slow: two storms, a busy metadata server, a failing target, a full one, and a
    larger centre's further troubles.

    A storm's culprit is named by its role until jobs have ids.
    """
    first, last = world.window
    lagoon, fjord = world.file_systems
    fronts = [
        Weather(fs.name, at + 5, at + STORM_S - 5, 6.0, "neighbour", _storm_role(fs))
        for fs, at in ((lagoon, world.at(0.2)), (fjord, world.at(0.5)))
    ]
    begin, end = failing(world)
    fronts.append(Weather("lagoon", begin, end, 8.0, "failing target", lagoon.target(FAILING_OST), (FAILING_OST,)))
    busy = world.at(BUSY_FROM)
    fronts.append(Weather("lagoon", busy + 5, busy + STORM_S - 5, 15.0, "metadata server", _storm_role(lagoon, "busy")))
    full = fjord.full_ost
    assert full is not None, "fjord has a full target"
    fronts.append(Weather("fjord", first, last, 5.0, "full target", fjord.target(full), (full,)))
    return fronts + troubles.fronts(world)


def failing(world: World) -> tuple[int, int]:
    """Epoch seconds [begin, end) in which lagoon's failing target is slow, served by its partner's server."""
    return world.at(0.62), world.at(0.62) + FAILING_S


def enter(schedule: Schedule) -> None:
    """Add the whole cast to a schedule, number everybody, and name the culprits by cluster and job id."""
    world = schedule.world
    osprey, heron = world.clusters
    lagoon, fjord = world.file_systems
    storms = [
        _storm(schedule, heron, lagoon, world.at(0.2)),
        _storm(schedule, heron, fjord, world.at(0.5)),
    ]
    _victims(schedule)
    for cluster, fs in ((osprey, lagoon), (heron, fjord)):
        for fraction in (0.1, 0.45, 0.75):
            schedule.place(cluster, "clima", fs, world.at(fraction), role="undisturbed")
    busy = _busy(schedule, heron, lagoon)
    same_id = [troubles.requeue(schedule, heron, fjord, world.at(0.33)), _recycled(schedule, osprey, lagoon)]
    _array(schedule, osprey, lagoon)
    _heterogeneous(schedule, heron, fjord)
    _ends(schedule, osprey, lagoon)
    _logs(schedule, osprey, heron, lagoon, fjord)
    for cluster, fs in ((osprey, lagoon), (heron, fjord)):
        _midnight(schedule, cluster, fs)
        _clocks_back(schedule, cluster, fs)
    _unseen(schedule, osprey, lagoon)
    further, requeued = troubles.enter(schedule)
    same_id += requeued
    schedule.number()
    for one, other in same_id:
        other.job_id = one.job_id
    roles = [_storm_role(lagoon), _storm_role(fjord), _storm_role(lagoon, "busy")]
    named = {**dict(zip(roles, [*storms, busy], strict=True)), **further}
    culprits = {role: f"{job.cluster} {job.job_id}" for role, job in named.items()}
    for job in schedule.jobs:
        job.delays = [replace(delay, culprit=culprits.get(delay.culprit, delay.culprit)) for delay in job.delays]


def _storm_role(fs: FileSystem, kind: str = "storm") -> str:
    return f"the {kind} on {fs.name}"


def _victims(schedule: Schedule) -> None:
    """Jobs that are slow, each for one reason: more of them in a larger crowd."""
    world = schedule.world
    osprey, heron = world.clusters
    lagoon, fjord = world.file_systems
    near = tuple((FAILING_OST + k) % lagoon.working for k in range(min(3, lagoon.working)))
    count = max(1, world.jobs // JOBS_A_VICTIM)
    for k in range(count):
        later = 60 * (k % 10)
        schedule.place(osprey, "clima", lagoon, world.at(0.2) + 60 + later, role="victim of a neighbour")
        schedule.place(heron, "clima", fjord, world.at(0.5) + 60 + later, role="victim of a neighbour")
        begin = failing(world)[0] + 120 + 5 * later
        schedule.place(osprey, "clima", lagoon, begin, role="victim of a failing target", on=near)
        begin = world.at(0.3 + 0.4 * k / count)
        schedule.place(heron, "clima", fjord, begin, role="victim of a full target", on=(fjord.full_ost or 0, 2))
        begin = world.at(BUSY_FROM) + 60 + later
        schedule.place(osprey, "sweep", lagoon, begin, role="victim of a metadata server")
    for number, (app, mistake) in enumerate(MISTAKES.items()):
        role = "clumsy" if mistake == SMALL_ACCESSES else f"clumsy: {mistake}"
        for k in range(max(1, count // 3)):
            begin = world.at(0.4 + 0.02 * number + 0.3 * k / count)
            schedule.place(osprey, app, lagoon, begin, role=role)
    for k in range(2 * count + 3):
        schedule.place(osprey, "sweep", lagoon, world.at(0.06 + 0.7 * k / (2 * count + 3)), role="sweep")


def _busy(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> Job:
    """A benchmark of metadata operations that keeps the metadata server busy."""
    app, at = APPS["mdtest"], schedule.world.at(BUSY_FROM)
    nodes, end = schedule.reserve(cluster, app.nnodes), at + STORM_S + 4
    job = Job(cluster.name, 0, "mdtest", app.user, app.uid, app.account, "hero", at - 300, at, end, nodes, 7200)
    job.runs, job.role = [mdtest(fs, at + 2.25, at + STORM_S, f"mdtest-{fs.name}")], "busy"
    schedule.jobs.append(job)
    return job


def _storm(schedule: Schedule, cluster: Cluster, fs: FileSystem, at: int) -> Job:
    app = APPS["storm"]
    run = storm(fs, at + 2.25, at + STORM_S, f"storm-{fs.name}")
    nodes = schedule.reserve(cluster, app.nnodes)
    end = at + STORM_S + 4
    job = Job(cluster.name, 0, "ior", app.user, app.uid, app.account, "hero", at - 300, at, end, nodes, 7200)
    job.runs, job.role = [run], "storm"
    schedule.jobs.append(job)
    return job


def _recycled(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> tuple[Job, Job]:
    """Two jobs of different people that got one id, far apart: the counter was set back in between."""
    early = schedule.place(cluster, "lattice", fs, schedule.world.at(0.05), role="recycled")
    return early, schedule.place(cluster, "genome", fs, schedule.world.at(0.8), role="recycled")


def _array(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    at = schedule.world.at(0.15)
    for task in range(5):
        job = schedule.place(cluster, "genome", fs, at + 20 * task, role="array")
        job.array, job.submit = (1, task), at - 60
        if task == 3:
            job.state, job.exit_code = "FAILED", "1:0"


def _heterogeneous(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    at = schedule.world.at(0.25)
    for component, app in enumerate(("clima", "post")):
        job = schedule.place(cluster, app, fs, at, role="heterogeneous")
        job.het = 2, component


def _ends(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    """Jobs that do not end well: some with bytes moved and no log to tell."""
    world = schedule.world
    failed = schedule.place(cluster, "genome", fs, world.at(0.35), role="failed")
    failed.state, failed.exit_code = "FAILED", "42:0"
    timeout = schedule.place(cluster, "lattice", fs, world.at(0.47), role="timeout")
    timeout.state, timeout.runs[0].log = "TIMEOUT", "none"
    timeout.delays.append(Delay("scheduler", "timeout", (timeout.end or 0) - (timeout.start or 0)))
    killed = schedule.place(cluster, "genome", fs, world.at(0.52), role="cancelled")
    killed.state, killed.runs[0].log = f"CANCELLED by {killed.uid}", "none"
    running = schedule.place(cluster, "lattice", fs, world.window[1] - 600, role="still running")
    running.state, running.end, running.runs = "RUNNING", None, []
    never = schedule.place(cluster, "post", fs, world.at(0.56), role="cancelled before start")
    never.state, never.end, never.start = "CANCELLED by 0", never.submit + 420, None
    never.nodes, never.runs = (), []


def _logs(schedule: Schedule, osprey: Cluster, heron: Cluster, lagoon: FileSystem, fjord: FileSystem) -> None:
    """Jobs whose log is late, in the wrong day's folder, or cut short."""
    world = schedule.world
    schedule.place(osprey, "clima", lagoon, world.at(0.28), role="late log").runs[0].log = "late"
    schedule.place(heron, "genome", fjord, world.at(0.58), role="misfiled log").runs[0].log = "misfiled"
    schedule.place(heron, "lattice", lagoon, world.at(0.66), role="truncated log").runs[0].log = "truncated"


def _unseen(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    """A job that runs while nobody watches the file system."""
    first, last = schedule.world.span(fs)
    at = first + int((last - first) * UNSEEN_FROM) // 60 * 60 - 300
    schedule.place(cluster, "clima", fs, at, role="unseen")


def _midnight(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    """A job that runs over midnight, in the cluster's zone, with I/O on both sides."""
    first, last = schedule.world.window
    begins = [begin for _, begin, _ in local_days(first, last, cluster.tz) if first + 3600 < begin < last - 7200]
    for begin in begins[:1]:
        schedule.place(cluster, "clima", fs, begin - 900, role="over midnight")


def _clocks_back(schedule: Schedule, cluster: Cluster, fs: FileSystem) -> None:
    """One job whose local end is before its local start, and one that nobody can place within two hours."""
    first, last = schedule.world.window
    back = clocks_back(first, last, cluster.tz)
    if back is None or not first + FOLD_S < back < last - 3 * FOLD_S:
        return
    schedule.place(cluster, "clima", fs, back - 900, role="over the clock change")
    schedule.place(cluster, "archive", fs, back - FOLD_S + 600, role="in the doubtful hour")
