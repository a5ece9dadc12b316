"""The simulated centre: its machines, its file systems, and their sizes.

    osprey  America/Los_Angeles   Slurm   mounts lagoon
    heron   Europe/Berlin         Slurm   mounts lagoon and fjord
    plover  America/St_Johns      PBS     mounts estuary
    avocet  Asia/Kolkata          LSF     mounts estuary
    dunlin  UTC                   Flux    mounts estuary

lagoon is watched through TTS HDF5, a file a day; fjord through an LMT database. Both are Lustre; estuary is IBM Storage
Scale, and mmperfmon watches it. Europe/Berlin sets its clocks back in the night to 2025-10-26, inside the default
three days, so that fjord's database and heron's accounting have an hour that comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

MDT_OPS = ("open", "close", "mknod", "unlink", "mkdir", "getattr", "setattr", "statfs", "sync")
"""The metadata operations that happen here, by Lustre's names."""
Scheduler = Literal["slurm", "pbs", "lsf", "flux"]


@dataclass(frozen=True)
class Cluster:
    """A machine: `nodes` are named by `node_format`, and a job's bytes go to the `mounts`' file systems."""

    name: str
    zone: str
    node_format: str
    cores_per_node: int
    file_systems: tuple[str, ...]
    first_job_id: int
    scheduler: Scheduler = "slurm"

    @cached_property
    def tz(self) -> ZoneInfo:
        """The zone that its accounting and log names are written in."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True)
class FileSystem:
    """A Lustre file system. Its last target is idle: allocated to nobody, it moves no byte in all the days."""

    name: str
    backend: str
    mount: str
    zone: str
    osts: int
    mdts: int
    subnet: str
    ost_kib: int = 90_767_651_352
    full_ost: int | None = None
    """A target that is nearly full, and slow to write for that."""

    @cached_property
    def tz(self) -> ZoneInfo:
        """The zone of its servers' clocks."""
        return ZoneInfo(self.zone)

    @property
    def working(self) -> int:
        """Targets that files are put on: all but the idle last one."""
        return self.osts - 1

    @property
    def servers(self) -> int:
        """Object servers; each serves two targets."""
        return (self.osts + 1) // 2

    def target(self, ost: int) -> str:
        """The server's own name of a target: "lag01-OST000a"."""
        return f"{self.backend}-OST{ost:04x}"

    def server(self, index: int) -> str:
        """Host name of an object server; the metadata server is n003, and they follow it."""
        return f"{self.backend}n{index + 4:03d}"

    @property
    def mds(self) -> str:
        """Host name of the metadata server, which serves all of the metadata targets."""
        return f"{self.backend}n003"


@dataclass(frozen=True)
class ScaleSystem:
    """A Storage Scale file system: the blocks of each file lie on all data NSDs, one after the other.

    Each server serves some of the NSDs. `block` and sizes are in bytes.
    """

    name: str
    backend: str
    mount: str
    zone: str
    nsds: int
    servers: int
    block: int = 8 << 20
    nsd_kib: int = 61_203_283_968

    @cached_property
    def tz(self) -> ZoneInfo:
        """The zone of its servers' clocks."""
        return ZoneInfo(self.zone)

    def nsd(self, number: int) -> str:
        """Name of an NSD that holds data: "est01_d003"."""
        return f"{self.backend}_d{number:03d}"

    @property
    def metadata_nsd(self) -> str:
        """Name of the NSD that holds the metadata; the first server serves it."""
        return f"{self.backend}_m000"

    def server(self, number: int) -> str:
        """Host name of a server."""
        return f"nsd{number + 1:02d}.{self.name}.example.org"

    def server_of(self, nsd: int) -> int:
        """Number of the server that serves an NSD."""
        return nsd % self.servers


@dataclass(frozen=True)
class World:
    """The simulation's size: `days` days from `start` in each file system's own zone, at some scale.

    `osts` are the targets of lagoon; fjord has three quarters of them. `files` are the checkpoints, or data
    sets, that a run writes or reads. `step_s` is the servers' sampling step in seconds.
    """

    seed: int
    start: date
    days: int
    jobs: int
    osts: int
    files: int
    step_s: int
    clusters: tuple[Cluster, ...] = field(init=False)
    """The Slurm ones, which use Lustre."""
    file_systems: tuple[FileSystem, ...] = field(init=False)
    """Those of Lustre."""
    others: tuple[Cluster, ...] = field(init=False)
    """Clusters of other schedulers, which use `scale`."""
    scale: ScaleSystem = field(init=False)

    def __post_init__(self) -> None:
        smallest = {"days": 1, "jobs": 1, "osts": 4, "files": 1}
        for name, least in smallest.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; a centre needs {least} or more")
        if self.step_s < 5 or 3600 % self.step_s or self.step_s % 5:
            raise ValueError(f"step_s is {self.step_s}; use a multiple of 5 that divides an hour")
        clusters = (
            Cluster("osprey", "America/Los_Angeles", "nid{:05d}", 16, ("lagoon",), 48_201_100),
            Cluster("heron", "Europe/Berlin", "cn{:03d}", 16, ("lagoon", "fjord"), 7_310_200),
        )
        fewer = max(4, self.osts * 3 // 4)
        file_systems = (
            FileSystem("lagoon", "lag01", "/lagoon", "America/Los_Angeles", self.osts, 1, "10.100.101"),
            FileSystem("fjord", "fjd02", "/fjord", "Europe/Berlin", fewer, 2, "10.100.102", full_ost=1),
        )
        others = (
            Cluster("plover", "America/St_Johns", "pl{:04d}", 32, ("estuary",), 6_090_310, "pbs"),
            Cluster("avocet", "Asia/Kolkata", "av{:03d}", 32, ("estuary",), 3_620_450, "lsf"),
            Cluster("dunlin", "UTC", "dunlin{:d}", 32, ("estuary",), 1, "flux"),
        )
        object.__setattr__(self, "clusters", clusters)
        object.__setattr__(self, "file_systems", file_systems)
        object.__setattr__(self, "others", others)
        object.__setattr__(self, "scale", ScaleSystem("estuary", "est01", "/estuary", "America/St_Johns", 6, 2))

    def file_system(self, name: str) -> FileSystem:
        """The Lustre file system of that name."""
        return next(fs for fs in self.file_systems if fs.name == name)

    @property
    def storages(self) -> tuple[FileSystem | ScaleSystem, ...]:
        """The file systems of both kinds."""
        return *self.file_systems, self.scale

    def storage(self, name: str) -> FileSystem | ScaleSystem:
        """The file system of that name, of whichever kind."""
        return next(fs for fs in self.storages if fs.name == name)

    @property
    def all_clusters(self) -> tuple[Cluster, ...]:
        """The clusters of every scheduler."""
        return *self.clusters, *self.others

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name."""
        return next(c for c in self.all_clusters if c.name == name)

    def span(self, fs: FileSystem | ScaleSystem) -> tuple[int, int]:
        """Epoch seconds [first, last) of a file system's days."""
        return midnight(self.start, fs.tz), midnight(self.start + timedelta(days=self.days), fs.tz)

    @cached_property
    def window(self) -> tuple[int, int]:
        """Epoch seconds in which every file system is watched: all jobs' bytes move in it.

        The zone of `scale` lies between those of the others, so that its days hold the window.
        """
        spans = [self.span(fs) for fs in self.file_systems]
        return max(first for first, _ in spans), min(last for _, last in spans)

    def at(self, fraction: float) -> int:
        """The epoch second at a fraction of the window, on a whole minute."""
        first, last = self.window
        return first + int((last - first) * fraction) // 60 * 60


def midnight(day: date, tz: ZoneInfo) -> int:
    """The epoch second at which `day` begins in a zone."""
    return int(datetime.combine(day, time(), tz).timestamp())


def local_days(first: int, last: int, tz: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    """(day, begin, end) of each day of a zone that meets [first, last), cut to it; 23 or 25 hours where it is so."""
    day = datetime.fromtimestamp(first, tz).date()
    while (begin := midnight(day, tz)) < last:
        yield day, max(begin, first), min(midnight(day + timedelta(days=1), tz), last)
        day += timedelta(days=1)


def clocks_back(first: int, last: int, tz: ZoneInfo) -> int | None:
    """The epoch second in [first, last) at which a zone's clocks are set back, if they are."""

    def offset(at: int) -> timedelta:
        return datetime.fromtimestamp(at, tz).utcoffset() or timedelta()

    hours = range(first // 3600 * 3600, last, 3600)
    return next((hour for hour in hours if offset(hour) < offset(hour - 1)), None)


def local_text(at: float, tz: ZoneInfo) -> str:
    """A zone's wall clock, without the offset, as sacct writes it."""
    return datetime.fromtimestamp(int(at), tz).strftime("%Y-%m-%dT%H:%M:%S")
