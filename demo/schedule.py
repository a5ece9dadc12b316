"""When the centre's jobs run, and where: a crowd that queues for nodes, and a cast that acts out the troubles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from iolake.demo.apps import APPS, CROWD, App, Stage, Weather
from iolake.demo.jobs import Job, Run
from iolake.demo.world import Cluster, FileSystem, ScaleSystem, World, clocks_back

FOLD_S = 3600
"""How long the clocks are set back, in seconds."""


NODE_SECONDS = 8000
"""The share of a cluster's nodes that a job of the crowd takes, rounded up."""


@dataclass
class Schedule:
    """The jobs of all clusters as they come to be. `weather` is what slows them."""

    world: World
    rng: np.random.Generator
    weather: list[Weather] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    _reserved: dict[str, int] = field(default_factory=dict)

    @cached_property
    def crowd_nodes(self) -> int:
        """Nodes of a cluster that the crowd queues for, so many that queues are short; those of the cast come after."""
        first, last = self.world.window
        return max(24, self.world.jobs * NODE_SECONDS // (last - first))

    def reserve(self, cluster: Cluster, count: int) -> range:
        """Nodes that nobody else uses."""
        first = self._reserved.get(cluster.name, self.crowd_nodes)
        self._reserved[cluster.name] = first + count
        return range(first, first + count)

    def fill(self, count: int) -> None:
        """Submit `count` jobs of the crowd to the clusters that use Lustre."""
        share = np.array([0.6, 0.4])
        for cluster, mine in zip(self.world.clusters, _split(count, share), strict=True):
            self.queue(cluster, mine, CROWD, self.world.window)

    def queue(
        self, cluster: Cluster, count: int, programs: Sequence[tuple[App, float]], during: tuple[int, int]
    ) -> None:
        """Submit jobs of these programs to a cluster in epoch seconds `during`; run them first come, first served.

        A job that would run past its end is still running then: its record has no end, and no I/O is known.
        """
        world, rng = self.world, self.rng
        first, last = during
        often = [share for _, share in programs]
        free = np.full(self.crowd_nodes, first, dtype=np.int64)
        submits = np.sort(rng.integers(first, first + int((last - first) * 0.93), count))
        for number, drawn in enumerate(submits):
            app, _ = programs[int(rng.choice(len(programs), p=often))]
            fs = world.storage(str(rng.choice(cluster.file_systems[::-1], p=_preference(cluster))))
            submit = self._clear_of_fold(cluster, int(drawn))
            nodes = np.argpartition(free, app.nnodes - 1)[: app.nnodes]
            start = max(submit + int(rng.integers(2, 90)), int(free[nodes].max()) + 5)
            start = self._clear_of_fold(cluster, start)
            runs = 2 if rng.random() < 0.15 else 1
            tag = f"{cluster.name}{number:06d}"
            job = self._play(cluster, app, fs, start, tag, sorted(nodes.tolist()), runs=runs)
            job.submit = submit
            if job.end is None or job.end > last - 60:
                job = replace(job, end=None, state="RUNNING", runs=[], delays=[])
            free[nodes] = job.end if job.end is not None else last
            self.jobs.append(job)

    def place(
        self,
        cluster: Cluster,
        app_name: str,
        fs: FileSystem | ScaleSystem,
        start: int,
        *,
        role: str,
        on: tuple[int, ...] | None = None,
        runs: int = 1,
    ) -> Job:
        """One job of the cast, on nodes of its own, from `start` on."""
        app = APPS[app_name]
        tag = f"{role.replace(' ', '-')}-{len(self.jobs):04d}"
        job = self._play(cluster, app, fs, start, tag, self.reserve(cluster, app.nnodes), on=on, runs=runs)
        job.role = role
        self.jobs.append(job)
        return job

    def _play(
        self,
        cluster: Cluster,
        app: App,
        fs: FileSystem | ScaleSystem,
        start: int,
        tag: str,
        nodes: Sequence[int],
        *,
        on: tuple[int, ...] | None = None,
        runs: int = 1,
    ) -> Job:
        stages = [Stage(app, fs, f"{tag}-{k}", self.rng, self.weather, on) for k in range(runs)]
        done: list[Run] = []
        now = start + 2.0 + float(self.rng.random())
        for stage in stages:
            done.append(stage.run(now, self.world.files))
            done[-1].delays = stage.delays
            now = done[-1].end + 1.0 + float(self.rng.random())
        end = int(now) + 3
        limit = ((end - start) * 2 // 1800 + 1) * 1800
        job = Job(
            cluster.name, 0, app.name, app.user, app.uid, app.account, "regular", start - 30, start, end, nodes, limit
        )
        job.runs = done
        job.delays = [delay for run in done for delay in run.delays]
        return job

    def _clear_of_fold(self, cluster: Cluster, at: int) -> int:
        """`at`, or if the wall clock shows it twice, as long after that hour as it was into it.

        The crowd's times can thus be read back without doubt; the cast brings the doubtful ones.
        """
        back = clocks_back(*self.world.window, cluster.tz)
        if back is None or not back - FOLD_S <= at < back + FOLD_S:
            return at
        return at + 2 * FOLD_S

    def number(self) -> None:
        """Give the jobs their ids: in the order of submission on each cluster, an array's tasks together.

        As Slurm has it, an array's last task keeps the array's own id; elsewhere all tasks have it. A job with a number
        already keeps it.
        """
        self.jobs.sort(key=lambda job: (job.cluster, job.submit, job.array or (0, 0), job.het or (0, 0)))
        for cluster in self.world.all_clusters:
            fresh = cluster.first_job_id
            groups: dict[int, tuple[int, int]] = {}
            for job in self.jobs:
                if job.cluster != cluster.name or job.job_id:
                    continue
                if job.array:
                    group, task = job.array
                    if group not in groups:
                        size = sum(1 for other in self.jobs if other.array and other.array[0] == group)
                        groups[group] = fresh, size
                        fresh += size if cluster.scheduler == "slurm" else 1
                    master, size = groups[group]
                    job.array = master, task
                    shared = cluster.scheduler != "slurm" or task == size - 1
                    job.job_id = master if shared else master + 1 + task
                    continue
                job.job_id = fresh
                fresh += 1
                if job.het:
                    group, component = job.het
                    master, _ = groups.setdefault(group, (job.job_id, 0))
                    job.het = master, component


def _split(count: int, share: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    first = round(count * float(share[0]))
    return [first, count - first]


def _preference(cluster: Cluster) -> list[float]:
    """How often a cluster's jobs use its file systems, the last of them first."""
    return [1.0] if len(cluster.file_systems) == 1 else [0.7, 0.3]
