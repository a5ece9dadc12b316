"""The truth about the simulated centre: what really happened there, to check a lake against.

truth.json holds jobs, logs and expected rejects; truth.npz holds every file system's traffic by step and target.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from iolake.demo.jobs import File, Job, Run
from iolake.demo.scale_clients import ClientTraffic, watched_nodes
from iolake.demo.scale_servers import ScaleTraffic
from iolake.demo.servers import Faults, Moved, Reset, Traffic
from iolake.demo.surroundings import Surroundings
from iolake.demo.world import Cluster, World

_MOVED = ("read", "written", "ops")
_ON_SCALE = ("read", "written", "metadata", "cpu", "free", "net")
_ON_CLIENTS = ("counts", "taken", "rebooted")


class FileTruth(TypedDict):
    """A file that a run moved. `rank` -1 is all of them; `osts` and `stripe_size` are null off Lustre."""

    path: str
    interface: str
    rank: int
    file_system: str | None
    read_bytes: int
    write_bytes: int
    osts: list[int] | None
    stripe_size: int | None


class LogTruth(TypedDict):
    """A Darshan log. `path` is relative to the centre; `fate` is kept, late, misfiled or truncated."""

    path: str
    fate: str
    cluster: str
    job_id: int
    job_start: int
    start: float
    end: float
    nprocs: int
    exe: str
    traced: bool
    files: list[FileTruth]


class JobTruth(TypedDict):
    """A run of a job; times are epoch seconds. `moved` has, by file system, bytes [read, written].

    `on_targets` has them by file system and target: (target, read, written), of those that moved any.
    `steps` are the numbered steps, (begin, end, tasks). `doubtful` says that its local times lie in the hour
    that comes twice and nothing tells which. `cause` is why it was slow, null if it was not; `delays` are
    (cause, culprit, seconds), all that it lost.
    """

    cluster: str
    scheduler: str
    job_id: int
    shown_id: str
    name: str
    user: str
    uid: int
    account: str
    partition: str
    timelimit_s: int
    cores: int
    submit: int
    start: int | None
    end: int | None
    state: str
    exit_code: str
    nodes: list[str]
    role: str
    moved: dict[str, list[int]]
    on_targets: dict[str, list[tuple[int, int, int]]]
    steps: list[tuple[int, int, int]]
    doubtful: bool
    cause: str | None
    delays: list[tuple[str, str, float]]
    io_s: float


@dataclass
class Truth:
    """The whole truth. `rejects` are paths that can't be read.

    `traffic` and `faults` are by Lustre file system; `scale` and `scale_faults` are those of Storage Scale,
    `scale_clients` what nodes count that mount it.
    """

    world: World
    jobs: list[JobTruth]
    logs: list[LogTruth]
    rejects: list[str]
    traffic: dict[str, Traffic]
    faults: dict[str, Faults]
    scale: ScaleTraffic
    scale_faults: Faults
    scale_clients: ClientTraffic
    around: Surroundings

    def moved(self, file_system: str) -> tuple[Moved, Faults]:
        """Bytes of a file system's targets, of whichever kind it is, and what monitoring missed."""
        if file_system == self.world.scale.name:
            return self.scale, self.scale_faults
        return self.traffic[file_system], self.faults[file_system]

    def write(self, root: Path) -> None:
        """Write truth.json and truth.npz into the centre's folder."""
        scale = {key: getattr(self.world, key) for key in ("seed", "days", "jobs", "osts", "files", "step_s")}
        content = {
            "world": {**scale, "start": self.world.start.isoformat()},
            "jobs": self.jobs,
            "logs": self.logs,
            "rejects": self.rejects,
            "around": self.around,
            "resets": {name: [asdict(reset) for reset in faults.resets] for name, faults in self.faults.items()},
        }
        (root / "truth.json").write_text(json.dumps(content, ensure_ascii=False))
        arrays: dict[str, Any] = {}
        for name, seen in self.traffic.items():
            arrays |= {f"{name}.{part}": getattr(seen, part) for part in _MOVED}
            arrays[f"{name}.missing"] = self.faults[name].missing
        name = self.world.scale.name
        arrays |= {f"{name}.{part}": getattr(self.scale, part) for part in _ON_SCALE}
        arrays |= {f"{name}.missing": self.scale_faults.missing, f"{name}.step_s": np.array(self.scale.step_s)}
        arrays |= {f"{name}.clients.{part}": getattr(self.scale_clients, part) for part in _ON_CLIENTS}
        np.savez_compressed(root / "truth.npz", **arrays)

    @classmethod
    def read(cls, root: Path) -> Truth:
        """The truth of the centre in that folder."""
        content = json.loads((root / "truth.json").read_text())
        scale = content["world"]
        world = World(**{**scale, "start": date.fromisoformat(scale["start"])})
        traffic, faults = {}, {}
        with np.load(root / "truth.npz") as arrays:
            for fs in world.file_systems:
                read, written, ops = (arrays[f"{fs.name}.{part}"] for part in _MOVED)
                traffic[fs.name] = Traffic(world.span(fs)[0], world.step_s, read, written, fs, ops)
                resets = [Reset(**reset) for reset in content["resets"][fs.name]]
                faults[fs.name] = Faults(arrays[f"{fs.name}.missing"], resets)
            system = world.scale
            step_s = int(arrays[f"{system.name}.step_s"])
            read, written, *others = (arrays[f"{system.name}.{part}"] for part in _ON_SCALE)
            scale = ScaleTraffic(world.span(system)[0], step_s, read, written, system, *others)
            scale_faults = Faults(arrays[f"{system.name}.missing"])
            counted = (arrays[f"{system.name}.clients.{part}"] for part in _ON_CLIENTS)
            clients = ClientTraffic(world.span(system)[0], watched_nodes(world), *counted)
        books = content["jobs"], content["logs"], content["rejects"]
        return cls(world, *books, traffic, faults, scale, scale_faults, clients, content["around"])


def job_truth(cluster: Cluster, job: Job, fold: int | None) -> JobTruth:
    """One job's truth; `fold` is when the cluster's clocks are set back, if they are."""
    moved: dict[str, list[int]] = {}
    for run in job.runs:
        for file in run.files:
            if file.file_system:
                sums = moved.setdefault(file.file_system, [0, 0])
                sums[0] += file.read
                sums[1] += file.written
    return JobTruth(
        cluster=job.cluster,
        scheduler=cluster.scheduler,
        job_id=job.job_id,
        shown_id=job.shown_id,
        name=job.name,
        user=job.user,
        uid=job.uid,
        account=job.account,
        partition=job.partition,
        timelimit_s=job.timelimit_s,
        cores=cluster.cores_per_node * len(job.nodes),
        submit=job.submit,
        start=job.start,
        end=job.end,
        state=job.state,
        exit_code=job.exit_code,
        nodes=[cluster.node_format.format(node + 1) for node in job.nodes],
        role=job.role,
        moved=moved,
        on_targets={name: _on_targets(job, name) for name in moved},
        steps=[(int(run.start), int(run.end), run.nprocs) for run in job.runs],
        doubtful=_doubtful(job, fold),
        cause=job.cause,
        delays=[(delay.cause, delay.culprit, delay.seconds) for delay in job.delays],
        io_s=job.io_s,
    )


def _on_targets(job: Job, file_system: str) -> list[tuple[int, int, int]]:
    """(target, bytes read, bytes written) of a job on a file system."""
    read: Counter[int] = Counter()
    written: Counter[int] = Counter()
    for file in (file for run in job.runs for file in run.files if file.file_system == file_system):
        assert file.layout is not None, "a file on a parallel file system has a layout"
        for sums, length in ((read, file.read), (written, file.written)):
            for ost, amount in zip(file.layout.osts, file.layout.bytes_on_targets(length), strict=True):
                sums[ost] += amount
    return [(ost, read[ost], written[ost]) for ost in sorted(read | written)]


def log_truth(job: Job, run: Run, path: str) -> LogTruth:
    """One log's truth."""
    assert job.start is not None, "a job with a log has begun"
    return LogTruth(
        path=path,
        fate=run.log,
        cluster=job.cluster,
        job_id=job.job_id,
        job_start=job.start,
        start=run.start,
        end=run.end,
        nprocs=run.nprocs,
        exe=run.exe,
        traced=run.traced,
        files=[_file_truth(file) for file in run.files],
    )


def _file_truth(file: File) -> FileTruth:
    return FileTruth(
        path=file.path,
        interface=file.interface,
        rank=file.rank,
        file_system=file.file_system,
        read_bytes=file.read,
        write_bytes=file.written,
        osts=list(file.layout.osts) if file.layout and file.layout.shown else None,
        stripe_size=file.layout.stripe_size if file.layout and file.layout.shown else None,
    )


def _doubtful(job: Job, fold: int | None) -> bool:
    """Whether all its times lie in one pass of the hour that comes twice: then either pass fits them."""
    if fold is None or job.start is None or job.end is None:
        return False
    passes = {(at - fold) // 3600 for at in (job.submit, job.start, job.end)}
    return len(passes) == 1 and passes <= {-1, 0}
