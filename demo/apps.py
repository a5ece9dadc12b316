"""The programs that people run here, and how a run of each lays its I/O out in time.

A phase lasts as long as its bytes take at the bandwidth that the processes, the stripes and the size of the
accesses allow, and longer under weather: a neighbour's storm, a failing target, a full one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from iolake.demo.jobs import Cause, Delay, File, Interface, Layout, LogFate, Run
from iolake.demo.world import FileSystem, ScaleSystem

PROCESS_BANDWIDTH = 250e6
TARGET_BANDWIDTH = 400e6
MDTEST_OPENS_PER_S = 600
MIB, GIB = 1 << 20, 1 << 30
SMALL_ACCESSES = "small accesses"
LOST_TO_SMALL_ACCESSES = 6.0
"""How much longer the same bytes take when one process moves them in small pieces."""


@dataclass(frozen=True)
class Weather:
    """A stretch of time in which a file system's targets are slower: all of them, or `osts`."""

    file_system: str
    begin: float
    end: float
    factor: float
    cause: Cause
    culprit: str
    osts: tuple[int, ...] = ()

    def slows(self, file_system: str, layout: Layout, writing: bool) -> bool:
        """Whether it slows such an access; a full target slows writes alone."""
        here = self.file_system == file_system and (not self.osts or not set(self.osts).isdisjoint(layout.osts))
        return here and self.cause != "metadata server" and (writing or self.cause != "full target")

    def lasts(self, begin: float, seconds: float) -> float:
        """How long `seconds` of full-speed work that begin at `begin` take."""
        if begin >= self.end or begin + seconds <= self.begin:
            return seconds
        before = max(self.begin - begin, 0.0)
        slow = (seconds - before) * self.factor
        room = self.end - max(begin, self.begin)
        return before + (slow if slow <= room else room + (seconds - before) - room / self.factor)


@dataclass(frozen=True)
class App:
    """A program as it is used: `reads` and `writes` are bytes of one data set; a run has several of these."""

    name: str
    exe: str
    user: str
    uid: int
    account: str
    nnodes: int
    nprocs: int
    style: Literal["shared", "per process", "one process"]
    interface: Interface
    transfer: int
    compute_s: float = 0.0
    reads: int = 0
    writes: int = 0
    stripes: int = 1
    traced: bool = False
    instrumented: bool = True
    mistake: str | None = None
    """Its mistake, where a fast program is used badly."""
    well_done: float = 1.0
    """The part of its time that moving the same bytes takes without the mistake."""
    opens: int = 1
    opening_s: float = 0.0
    """Metadata operations of a process for each data set: how often it opens a file, and how long that takes."""

    @property
    def movers(self) -> int:
        """Processes that move one of its files: all of them a shared one, unless one does it in small pieces."""
        return self.nprocs if self.style == "shared" and self.mistake != SMALL_ACCESSES else 1


_CLIMA = App(
    "clima", "/opt/apps/clima/bin/clima", "mara", 40117, "geo", nnodes=4, nprocs=64, style="shared",
    interface="MPI-IO", reads=24 * GIB, writes=96 * GIB, stripes=3, transfer=8 * MIB, compute_s=1200.0,
)  # fmt: skip
_LATTICE = App(
    "lattice", "/lagoon/qcd/bin/hmc", "jun", 40233, "qcd", nnodes=2, nprocs=16, style="per process",
    interface="POSIX", writes=4 * GIB, transfer=4 * MIB, compute_s=1800.0,
)  # fmt: skip
_GENOME = App(
    "genome", "/opt/apps/genome/bin/aligner", "ines", 40318, "bio", nnodes=1, nprocs=8, style="shared",
    interface="POSIX", reads=60 * GIB, stripes=2, transfer=MIB, compute_s=2400.0,
)  # fmt: skip
_LEARN = App(
    "learn", "/usr/bin/python3", "tobi", 40401, "ml", nnodes=2, nprocs=8, style="one process",
    interface="POSIX", reads=GIB // 4, transfer=256 * 1024, compute_s=3600.0, traced=True,
)  # fmt: skip
_POST = App(
    "post", "/home/vera/bin/post", "vera", 40502, "geo", nnodes=1, nprocs=1, style="one process",
    interface="STDIO", writes=40 * MIB, transfer=4096, compute_s=240.0,
)  # fmt: skip
_ARCHIVE = App(
    "archive", "/usr/bin/tar", "ola", 40610, "ops", nnodes=1, nprocs=1, style="one process",
    interface="POSIX", reads=2 * GIB, transfer=MIB, compute_s=30.0, instrumented=False,
)  # fmt: skip
_STORM = App(
    "storm", "/opt/apps/bench/ior", "bert", 40777, "perf", nnodes=8, nprocs=128, style="shared",
    interface="POSIX", transfer=16 * MIB,
)  # fmt: skip
_SWEEP = App(
    "sweep", "/opt/apps/sweep/bin/sweep", "yuki", 40820, "mat", nnodes=1, nprocs=16, style="per process",
    interface="POSIX", writes=256 * MIB, transfer=MIB, compute_s=600.0, opens=40, opening_s=2.0,
)  # fmt: skip
_MDTEST = App(
    "mdtest", "/opt/apps/bench/mdtest", "bert", 40777, "perf", nnodes=8, nprocs=128, style="shared",
    interface="POSIX", transfer=MIB,
)  # fmt: skip
_CLUMSY = (
    replace(_CLIMA, name="clima-debug", transfer=4097, mistake=SMALL_ACCESSES, well_done=1 / 6),
    replace(_CLIMA, name="clima-narrow", stripes=1, mistake="one target", well_done=1 / 3),
    replace(_CLIMA, name="clima-reopen", mistake="metadata operations", opens=300, opening_s=400.0),
    replace(
        _LATTICE,
        name="lattice-serial",
        style="one process",
        writes=16 * 4 * GIB,
        mistake="rank 0 alone",
        well_done=1 / 16,
    ),
)
_GROWN = (
    replace(_CLIMA, name="clima-grown", reads=2 * 24 * GIB, writes=3 * 96 * GIB),
    replace(_GENOME, name="genome-grown", reads=4 * 60 * GIB),
    replace(_ARCHIVE, name="archive-grown", reads=16 * GIB),
)
_TIDE = App(
    "tide", "/opt/apps/tide/bin/tide", "nils", 51120, "ocean", nnodes=4, nprocs=128, style="shared",
    interface="MPI-IO", reads=8 * GIB, writes=48 * GIB, transfer=8 * MIB, compute_s=900.0,
)  # fmt: skip
_DUNE = App(
    "dune", "/opt/apps/dune/bin/dune", "edda", 51244, "sand", nnodes=2, nprocs=16, style="per process",
    interface="POSIX", writes=3 * GIB, transfer=4 * MIB, compute_s=1500.0,
)  # fmt: skip
_SILT = App(
    "silt", "/opt/apps/silt/bin/silt", "rune", 51307, "mud", nnodes=1, nprocs=8, style="shared",
    interface="POSIX", reads=30 * GIB, transfer=MIB, compute_s=1800.0,
)  # fmt: skip
_SWELL = App(
    "swell", "/opt/apps/bench/ior", "lotte", 51777, "perf", nnodes=8, nprocs=256, style="shared",
    interface="POSIX", transfer=16 * MIB,
)  # fmt: skip
_DUNE_SERIAL = replace(
    _DUNE, name="dune-serial", style="one process", writes=16 * 3 * GIB, mistake="rank 0 alone", well_done=1 / 16
)
CROWD = ((_CLIMA, 0.3), (_LATTICE, 0.2), (_GENOME, 0.15), (_LEARN, 0.15), (_POST, 0.1), (_ARCHIVE, 0.1))
"""The crowd's programs on Lustre, and how often each is run."""
CROWD_ON_SCALE = ((_TIDE, 0.5), (_DUNE, 0.3), (_SILT, 0.2))
CROWD_BESIDE = ((_TIDE, 0.6), (_DUNE, 0.4))
"""That of the smaller clusters."""
APPS = {
    app.name: app
    for app in (
        *(app for app, _ in (*CROWD, *CROWD_ON_SCALE)), *_CLUMSY, *_GROWN, _DUNE_SERIAL, _SWEEP, _STORM, _MDTEST,
        _SWELL,
    )
}  # fmt: skip
GROWN = tuple(app.name for app in _GROWN)
"""Programs that move more than they used to."""
MISTAKES = {app.name: app.mistake for app in _CLUMSY}


@dataclass
class Stage:
    """One run being laid out on a file system, under some weather. `on` fixes the targets of its files.

    `tag` keeps its paths apart from other runs'. `delays` gathers what it lost.
    """

    app: App
    fs: FileSystem | ScaleSystem
    tag: str
    rng: np.random.Generator
    weather: Sequence[Weather] = ()
    on: tuple[int, ...] | None = None
    delays: list[Delay] = field(default_factory=list)

    def run(self, start: float, files: int) -> Run:
        """The run from `start` on, over `files` data sets: each is read, worked on, and written."""
        app, rng = self.app, self.rng
        now = start + 1.0 + float(rng.random())
        notes = f"/home/{app.user}/{app.name}/{self.tag}.log"
        made = [File(notes, "STDIO", 0, written=int(rng.integers(200, 9000)), writing=(now, now + 0.01), transfer=80)]
        for index in range(files):
            if app.reads and (index == 0 or app.style != "shared"):
                made += self._move(now, index, writing=False)
                now = made[-1].reading[1]
            now += app.compute_s / files * float(rng.uniform(0.6, 1.4))
            if app.writes:
                made += self._move(now, index, writing=True)
                now = made[-1].writing[1]
        arguments = f"--input {self.fs.mount}/{app.account} --run {self.tag}"
        end = now + 0.5 + float(rng.random())
        log: LogFate = "kept" if app.instrumented else "none"
        return Run(app.exe, arguments, app.nprocs, start, end, made, log, app.traced)

    def _move(self, begin: float, index: int, *, writing: bool) -> list[File]:
        """The files of one data set, moved together from `begin` on until the slowest of them is done."""
        app, fs = self.app, self.fs
        ranks = {"per process": range(app.nprocs), "one process": range(1), "shared": range(-1, 0)}[app.style]
        kind, size = ("ckpt", app.writes) if writing else ("data", app.reads)
        files: list[File] = []
        alone = took = 0.0
        worst: Weather | None = None
        opening = self._opening(begin)
        begin += opening
        for rank in ranks:
            layout = self._layout()
            length = max(1, int(size * self.rng.uniform(0.97, 1.03)))
            path = f"{fs.mount}/{app.account}/{app.user}/{self.tag}/{kind}.{index:04d}"
            if app.style == "per process":
                path += f".{rank:05d}"
            file = File(
                path, app.interface, rank, fs.name, layout, transfer=app.transfer, opens=app.opens, opening_s=opening
            )
            files.append(replace(file, written=length) if writing else replace(file, read=length))
            seconds = max(0.2, length / min(app.movers * PROCESS_BANDWIDTH, len(layout.osts) * TARGET_BANDWIDTH))
            if app.mistake == SMALL_ACCESSES:
                seconds *= LOST_TO_SMALL_ACCESSES
            alone, took = max(alone, seconds), max(took, seconds)
            for front in self.weather:
                if front.slows(fs.name, layout, writing) and (lasting := front.lasts(begin, seconds)) > took:
                    took, worst = lasting, front
        if worst is not None:
            self._lose(Delay(worst.cause, worst.culprit, took - alone))
        if app.mistake is not None:
            lost = alone * (1 - app.well_done) + app.opening_s
            self._lose(Delay("application", app.mistake, lost))
        during = (begin, begin + took)
        return [replace(file, writing=during) if writing else replace(file, reading=during) for file in files]

    def _opening(self, begin: float) -> float:
        """How long the metadata operations of a data set take from `begin` on, longer while their server is busy."""
        alone = took = self.app.opening_s
        for front in self.weather:
            if front.cause == "metadata server" and front.file_system == self.fs.name and alone:
                took = front.lasts(begin, alone)
                if took > alone:
                    self._lose(Delay(front.cause, front.culprit, took - alone))
        return took

    def _layout(self) -> Layout:
        """Where a file lies: on Storage Scale on all NSDs, from a random first one on."""
        if isinstance(self.fs, FileSystem):
            return Layout(MIB, self.on or self._allocate(self.fs))
        first = int(self.rng.integers(self.fs.nsds))
        return Layout(self.fs.block, tuple((first + k) % self.fs.nsds for k in range(self.fs.nsds)), shown=False)

    def _allocate(self, fs: FileSystem) -> tuple[int, ...]:
        """Consecutive targets from a random first one, as the round-robin allocator gives them: no full one."""
        open_to_all = [ost for ost in range(fs.working) if ost != fs.full_ost]
        first = int(self.rng.integers(len(open_to_all)))
        stripes = min(self.app.stripes, len(open_to_all))
        return tuple(open_to_all[(first + k) % len(open_to_all)] for k in range(stripes))

    def _lose(self, delay: Delay) -> None:
        """Add to what the run lost, seconds of the same cause and culprit together."""
        for at, known in enumerate(self.delays):
            if (known.cause, known.culprit) == (delay.cause, delay.culprit):
                self.delays[at] = replace(known, seconds=known.seconds + delay.seconds)
                return
        self.delays.append(delay)


def storm(fs: FileSystem, begin: float, end: float, tag: str) -> Run:
    """A benchmark that writes one file over every working target of `fs` at nine tenths of their bandwidth."""
    return stream(fs, begin, end, tag, tuple(range(fs.working)), 0.9)


def stream(fs: FileSystem, begin: float, end: float, tag: str, osts: tuple[int, ...], part: float) -> Run:
    """A benchmark that writes one file over the targets `osts` of `fs` at that part of their bandwidth."""
    app = APPS["storm"]
    layout = Layout(16 * MIB, osts)
    length = int((end - begin) * TARGET_BANDWIDTH * part) * len(osts) + 7
    path = f"{fs.mount}/{app.account}/{app.user}/{tag}/testfile"
    during = (begin + 5, end - 5)
    file = File(path, "POSIX", -1, fs.name, layout, written=length, writing=during, transfer=app.transfer)
    return Run(app.exe, f"-w -t 16m -o {path}", app.nprocs, begin, end, [file])


def mdtest(fs: FileSystem, begin: float, end: float, tag: str) -> Run:
    """A benchmark that opens, stats and closes files of one folder all the time, and moves next to nothing."""
    app = APPS["mdtest"]
    layout = Layout(MIB, (0,))
    path = f"{fs.mount}/{app.account}/{app.user}/{tag}/out"
    during = (end - 6, end - 5)
    file = File(
        path, "POSIX", -1, fs.name, layout, written=MIB, writing=during, transfer=MIB,
        opens=int((end - begin) * MDTEST_OPENS_PER_S / app.nprocs), opening_s=during[0] - begin - 5,
    )  # fmt: skip
    return Run(app.exe, f"-n 1000 -d {path}", app.nprocs, begin, end, [file])
