"""What some nodes that mount the Storage Scale file system count there, and the files of it.

mmpmon/%Y-%m-%d.txt                     plover's first nodes: mmpmon's answers of a local day
gpfs_exporter/%Y-%m-%d.prom.gz          dunlin's first nodes: what Prometheus scraped; the first shows the space too
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from iolake.demo.formats import gpfs_exporter, mmpmon
from iolake.demo.jobs import File, Job, Run
from iolake.demo.scale_servers import INODES, ScaleTraffic, disks_at
from iolake.demo.servers import Counts, Flows, Mask, Moved
from iolake.demo.world import Cluster, ScaleSystem, World, local_days

STEP_S = 600
"""Time between two readings of a node's counters."""
SPACE_EVERY = 6
"""The exporter shows the space at each so many-th reading."""
WATCHED = (("plover", 4), ("dunlin", 4))
"""Nodes whose counters are read: by mmpmon, and by the exporter."""
_REBOOTED, _REBOOTED_AT = 1, 0.37
_UNREAD, _UNREAD_FROM, _UNREAD_STEPS = 2, 0.6, 3
"""Of the watched nodes of each cluster: number two reboots, and number three is silent for a while."""
_MOST_BEFORE = 10**13


@dataclass
class ClientTraffic:
    """What the watched nodes did, in steps of STEP_S seconds from epoch second `first` on.

    `counts` is (steps, nodes, counters) in the order of mmpmon.KEYS. `taken` and `rebooted` are (steps, nodes): whether
    the counters were read when the step began, and whether they started from zero then, after that reading.
    """

    first: int
    nodes: tuple[str, ...]
    counts: Counts
    taken: Mask
    rebooted: Mask

    def read_at_us(self, step: int, node: int) -> int:
        """The microsecond since 1970 at which a node's counters were read; the exporter's times are whole seconds."""
        late = 250_000 + 1000 * node if node < WATCHED[0][1] else 0
        return (self.first + step * STEP_S) * 1_000_000 + late

    def amounts(self, node: int) -> Iterator[tuple[int, int, bool, list[int]]]:
        """(step, step of the next reading, whether the counters restarted between, amounts) of a node's readings."""
        readings = np.flatnonzero(self.taken[:, node]).tolist()
        for step, until in pairwise(readings):
            restarts = np.flatnonzero(self.rebooted[step:until, node])
            begin = step + int(restarts[-1]) if len(restarts) else step
            yield step, until, bool(len(restarts)), self.counts[begin:until, node].sum(axis=0).tolist()


def watched_nodes(world: World) -> tuple[str, ...]:
    """Names of the nodes that are read, mmpmon's first."""
    return tuple(world.cluster(name).node_format.format(node + 1) for name, count in WATCHED for node in range(count))


def client_traffic(world: World, jobs: Iterable[Job], rng: np.random.Generator) -> ClientTraffic:
    """What the jobs did on the watched nodes, and what people do there besides."""
    first, last = world.span(world.scale)
    steps, nodes = (last - first) // STEP_S, watched_nodes(world)
    none = np.zeros((0, 0), dtype=np.int64)
    seen, flows = Moved(first, STEP_S, none, none), Flows()
    for job in jobs:
        cluster = world.cluster(job.cluster)
        for run in job.runs:
            for file in run.files:
                if file.file_system == world.scale.name:
                    _count(seen, nodes, cluster, job, run, file, flows)
    counts = flows.spread(steps, len(nodes) * len(mmpmon.KEYS)).reshape(steps, len(nodes), -1)
    counts[:, :, mmpmon.KEYS.index("dir")] += rng.poisson(0.7, counts.shape[:2])
    taken, rebooted = np.ones(counts.shape[:2], dtype=bool), np.zeros(counts.shape[:2], dtype=bool)
    for place in (0, WATCHED[0][1]):
        unread = int(steps * _UNREAD_FROM)
        taken[unread : unread + _UNREAD_STEPS, place + _UNREAD] = False
        rebooted[int(steps * _REBOOTED_AT), place + _REBOOTED] = True
    return ClientTraffic(first, nodes, counts, taken, rebooted)


def _count(seen: Moved, nodes: tuple[str, ...], cluster: Cluster, job: Job, run: Run, file: File, flows: Flows) -> None:
    """Add what one file makes each watched node count. A shared file's bytes are the nodes' in equal parts."""
    hosts = [cluster.node_format.format(node + 1) for node in job.nodes]
    if file.rank >= 0:
        hosts = [hosts[file.rank * len(hosts) // run.nprocs]]
    for place, host in enumerate(hosts):
        if host not in nodes:
            continue
        column = nodes.index(host) * len(mmpmon.KEYS)
        processes = 1 if file.rank >= 0 else _part(run.nprocs, len(hosts), place)
        during = file.writing if file.written else file.reading
        begin, end = seen.steps_of(during)
        flows.rows += [
            (begin, begin + 1, column + 2, processes * file.opens),
            (end - 1, end, column + 3, processes * file.opens),
            (end - 1, end, column + 7, int(file.written > 0)),
        ]
        for way, (length, span) in enumerate(((file.read, file.reading), (file.written, file.writing))):
            mine = _part(length, len(hosts), place)
            if mine:
                steps = seen.steps_of(span)
                flows.rows += [(*steps, column + way, mine), (*steps, column + 4 + way, -(-mine // file.transfer))]


def _part(amount: int, parts: int, place: int) -> int:
    return amount // parts + (place < amount % parts)


def write_clients(
    root: Path, world: World, clients: ClientTraffic, servers: ScaleTraffic, rng: np.random.Generator
) -> None:
    """Write the files of mmpmon and of the exporter below `root`."""
    system, values = world.scale, _counters(clients, rng)
    for name in ("mmpmon", "gpfs_exporter"):
        (root / name).mkdir(parents=True)
    by_mmpmon, by_exporter = range(WATCHED[0][1]), range(WATCHED[0][1], len(clients.nodes))
    for day, begin, end in local_days(*world.span(system), system.tz):
        steps = range((begin - clients.first) // STEP_S, (end - clients.first) // STEP_S)
        answers = "".join(_answers(system, clients, values, steps, by_mmpmon))
        (root / "mmpmon" / f"{day}.txt").write_text(answers)
        scrapes = "".join(_scrapes(servers, clients, values, steps, by_exporter))
        (root / "gpfs_exporter" / f"{day}.prom.gz").write_bytes(gzip.compress(scrapes.encode(), 6, mtime=0))


def _counters(clients: ClientTraffic, rng: np.random.Generator) -> Counts:
    """The counters at the beginning of each step: what was counted since the mount, long before, or since a reboot."""
    before = np.zeros_like(clients.counts)
    np.cumsum(clients.counts[:-1], axis=0, out=before[1:])
    values = before + rng.integers(_MOST_BEFORE // 10, _MOST_BEFORE, clients.counts.shape[1:])
    for step, node in np.argwhere(clients.rebooted).tolist():
        values[step + 1 :, node] = before[step + 1 :, node] - before[step, node]
    return np.asarray(values)


def _answers(system: ScaleSystem, clients: ClientTraffic, values: Counts, steps: range, nodes: range) -> Iterator[str]:
    cluster = f"{system.name}.example.org"
    for step in steps:
        for node in nodes:
            if clients.taken[step, node]:
                at_us, counters = clients.read_at_us(step, node), values[step, node].tolist()
                address = f"10.100.103.{node + 1}"
                yield mmpmon.fs_io_s(
                    clients.nodes[node], address, at_us, cluster, system.backend, system.nsds + 1, counters
                )


def _scrapes(
    servers: ScaleTraffic, clients: ClientTraffic, values: Counts, steps: range, nodes: range
) -> Iterator[str]:
    device = servers.system.backend
    listed = [*space_times(clients, steps)]
    for step in steps:
        for node in nodes:
            if clients.taken[step, node]:
                at_ms, counters = clients.read_at_us(step, node) // 1000, values[step, node].tolist()
                yield gpfs_exporter.perf(device, clients.nodes[node], at_ms, counters)
        at = clients.first + step * STEP_S
        if at in listed:
            yield gpfs_exporter.space(device, clients.nodes[nodes[0]], at * 1000, disks_at(servers, at), INODES)


def space_times(clients: ClientTraffic, steps: Iterable[int]) -> Iterator[int]:
    """The epoch seconds at which the exporter shows the space."""
    yield from (clients.first + step * STEP_S for step in steps if step % SPACE_EVERY == 0)
