"""What runs at the centre: jobs, the program runs in them that Darshan sees, and the files these move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Interval = tuple[float, float]
"""Epoch seconds [begin, end)."""
Interface = Literal["POSIX", "MPI-IO", "STDIO"]
LogFate = Literal["kept", "late", "misfiled", "truncated", "none"]
Cause = Literal[
    "application", "neighbour", "failing target", "full target", "metadata server", "failed-over server",
    "hot target", "file system", "scheduler", "unwatched",
]  # fmt: skip
"""Why a job was slow, or late. "unwatched": for something that no source of data has seen."""


@dataclass(frozen=True)
class Layout:
    """How a file is striped: stripe k lies on `osts[k % len(osts)]`, as Lustre's RAID-0 layout has it.

    On Storage Scale these are the NSDs, and no client knows them (`shown`).
    """

    stripe_size: int
    osts: tuple[int, ...]
    shown: bool = True

    def bytes_on_targets(self, length: int) -> list[int]:
        """Bytes of [0, length) on each of `osts`; their sum is `length`."""
        stripes, rest = divmod(length, self.stripe_size)
        rounds, over = divmod(stripes, len(self.osts))
        whole = [(rounds + (k < over)) * self.stripe_size for k in range(len(self.osts))]
        whole[over] += rest
        return whole


@dataclass(frozen=True)
class File:
    """A file that one run moves: bytes [0, read) read in `reading`, bytes [0, written) written in `writing`.

    `rank` is the one process that does it, or -1 where all share the file. `layout` is None off the parallel file
    systems. Where `interface` is MPI-IO, the same bytes pass through POSIX below it.
    """

    path: str
    interface: Interface
    rank: int
    file_system: str | None = None
    layout: Layout | None = None
    read: int = 0
    written: int = 0
    reading: Interval = (0.0, 0.0)
    writing: Interval = (0.0, 0.0)
    transfer: int = 1 << 20
    opens: int = 1
    """How often each process that moves it opens it, and asks for its attributes."""
    opening_s: float = 0.0
    """How long each process is busy with that, before it reads or writes."""


@dataclass(frozen=True)
class Delay:
    """Seconds that a job's I/O lost, to what, and to whom: the true answer to "why was it slow?"."""

    cause: Cause
    culprit: str
    seconds: float


@dataclass
class Run:
    """One execution of a program in a job, a step of it: what one Darshan log records.

    `log` says what became of the log: "kept", "late" (delivered after the first nights), "misfiled" (in the
    next day's folder), "truncated" (can't be read), or "none" (the program is not instrumented).
    """

    exe: str
    arguments: str
    nprocs: int
    start: float
    end: float
    files: list[File]
    log: LogFate = "kept"
    traced: bool = False
    """DXT was on: each access is recorded."""
    delays: list[Delay] = field(default_factory=list)
    """What its I/O lost time to."""


@dataclass
class Job:
    """One allocation: what accounting says of it. Times are epoch seconds; None is not (yet) happened."""

    cluster: str
    job_id: int
    name: str
    user: str
    uid: int
    account: str
    partition: str
    submit: int
    start: int | None
    end: int | None
    nodes: Sequence[int]
    timelimit_s: int
    state: str = "COMPLETED"
    exit_code: str = "0:0"
    runs: list[Run] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    array: tuple[int, int] | None = None
    """(array's job id, task)."""
    het: tuple[int, int] | None = None
    """(heterogeneous job's id, component)."""
    role: str = "crowd"
    """The part it plays in the centre's mess; "crowd" plays none."""
    scheduler_id: str = ""
    """The id as a scheduler other than Slurm writes it: "90312[3].plover"."""

    @property
    def shown_id(self) -> str:
        """What the scheduler shows: of Slurm's JobID "7", "2_7", "11+0"."""
        if self.scheduler_id:
            return self.scheduler_id
        if self.array:
            return f"{self.array[0]}_{self.array[1]}"
        return f"{self.het[0]}+{self.het[1]}" if self.het else str(self.job_id)

    @property
    def io_s(self) -> float:
        """Seconds of I/O on the file systems, the delays included; files moved together count once."""
        files = [file for run in self.runs for file in run.files if file.layout]
        opening = sum({(f.reading, f.writing): f.opening_s for f in files}.values())
        return opening + sum(end - begin for begin, end in {t for f in files for t in (f.reading, f.writing)})

    @property
    def cause(self) -> str | None:
        """What cost most, where over a third of the I/O time was lost; else the scheduler, if it cost any; or None."""
        slowed = [delay for delay in self.delays if delay.cause != "scheduler"]
        if slowed and sum(delay.seconds for delay in slowed) > self.io_s / 3:
            return max(slowed, key=lambda delay: delay.seconds).cause
        return "scheduler" if len(slowed) < len(self.delays) else None
