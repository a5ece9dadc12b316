"""The Lustre servers' traffic: every byte of the jobs on its target in its step, and that of others.

All is integers. A file's bytes on a target are spread evenly over the steps that its I/O touches, and the
remainder goes to the first of them, one byte each, so sums are exact however they are taken.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from iolake.demo.jobs import File, Interval, Job
from iolake.demo.troubles import dark, growth
from iolake.demo.world import MDT_OPS, FileSystem, World

Counts = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
PAGE = 4096
UNSEEN_FROM, UNSEEN_S = 0.41, 600
"""Where in a file system's days nobody watches any of its targets, and for how many seconds."""


@dataclass
class Moved:
    """Bytes of one file system's targets in `steps` steps of `step_s` seconds from epoch second `first` on.

    `read` and `written` are (steps, targets).
    """

    first: int
    step_s: int
    read: Counts
    written: Counts

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return int(self.read.shape[0])

    def steps_of(self, interval: Interval) -> tuple[int, int]:
        """The steps [i, j) that an interval touches, at least one."""
        begin = int((interval[0] - self.first) // self.step_s)
        end = -int(-(interval[1] - self.first) // self.step_s)
        return begin, max(end, begin + 1)

    def times(self) -> Counts:
        """Epoch second at which each step begins."""
        return self.first + np.arange(self.steps, dtype=np.int64) * self.step_s


@dataclass
class Traffic(Moved):
    """The traffic of a Lustre file system's servers; `ops` are operations (steps, metadata targets, MDT_OPS)."""

    fs: FileSystem
    ops: Counts

    @cached_property
    def used_kib(self) -> Counts:
        """KiB used on each target at the start of each step and at the end of the last: (steps + 1, targets).

        A made-up gauge: what is written grows it until a twentieth of the target is reached over the days.
        """
        grown = np.zeros((self.steps + 1, self.fs.osts), dtype=np.int64)
        np.cumsum(self.written // 1024, axis=0, out=grown[1:])
        shrink = 1 + int(grown[-1].max()) * 20 // self.fs.ost_kib
        return self._base_kib() + grown // shrink

    def _base_kib(self) -> Counts:
        """KiB used on each target when the days begin: two thirds, the full one 93 %, the idle one next to none."""
        share = np.array([0.66 + 0.013 * (ost * 5 % 9) for ost in range(self.fs.osts)])
        if self.fs.full_ost is not None:
            share[self.fs.full_ost] = 0.93
        share[-1] = 0.0001
        return (share * self.fs.ost_kib).astype(np.int64)


@dataclass
class Flows:
    """Amounts to be spread over steps: (first step, step after the last, column, amount)."""

    rows: list[tuple[int, int, int, int]] = field(default_factory=list)

    def spread(self, steps: int, columns: int) -> Counts:
        """The amounts by step and column; ValueError where one lies outside the steps."""
        change = np.zeros((steps + 1, columns), dtype=np.int64)
        if self.rows:
            begin, end, column, amount = np.array(self.rows, dtype=np.int64).T
            if begin.min() < 0 or end.max() > steps:
                raise ValueError("a job moves bytes outside the simulated days")
            each, rest = np.divmod(amount, end - begin)
            for at, by in ((begin, each + 1), (begin + rest, -1), (end, -each)):
                np.add.at(change, (at, column), by)
        return np.cumsum(change, axis=0)[:steps]


def traffic(world: World, fs: FileSystem, jobs: Iterable[Job], rng: np.random.Generator) -> Traffic:
    """Everything that happens on one file system's servers in its days."""
    first, last = world.span(fs)
    steps = (last - first) // world.step_s
    none = np.zeros((0, 0), dtype=np.int64)
    seen = Traffic(first, world.step_s, np.zeros((steps, 1), dtype=np.int64), none, fs, none)
    read, written, ops = Flows(), Flows(), Flows()
    for job in jobs:
        for run in job.runs:
            for file in run.files:
                if file.file_system == fs.name:
                    _move(seen, file, run.nprocs, read, written, ops)
    idle = np.arange(fs.osts) == fs.osts - 1
    more = growth(world, steps)
    seen.read = read.spread(steps, fs.osts) + unlogged(rng, steps, idle, 6e6, more)
    seen.written = written.spread(steps, fs.osts) + unlogged(rng, steps, idle, 9e6, more)
    own = ops.spread(steps, fs.mdts * len(MDT_OPS)).reshape(steps, fs.mdts, len(MDT_OPS))
    rates = np.array([4.0, 4.0, 1.5, 1.2, 0.1, 9.0, 1.0, 0.2, 0.0]) * world.step_s
    seen.ops = own + rng.poisson(rates, (steps, fs.mdts, len(MDT_OPS)))
    return seen


def _move(seen: Traffic, file: File, nprocs: int, read: Flows, written: Flows, ops: Flows) -> None:
    """Add one file's bytes and operations to the flows."""
    move_bytes(seen, file, read, written)
    during = file.writing if file.written else file.reading
    begin, end = seen.steps_of(during)
    mdt = metadata_target(seen.fs, file.path)
    processes = nprocs if file.rank < 0 else 1
    counts = {"open": processes, "close": processes, "getattr": processes, "mknod": int(file.written > 0)}
    for op, count in counts.items():
        if count:
            at = begin if op != "close" else end - 1
            ops.rows.append((at, at + 1, mdt * len(MDT_OPS) + MDT_OPS.index(op), count))
    if file.opens > 1:
        busy = seen.steps_of((during[0] - file.opening_s, during[0]))
        again = processes * (file.opens - 1)
        ops.rows += [(*busy, mdt * len(MDT_OPS) + MDT_OPS.index(op), again) for op in ("open", "close", "getattr")]


def move_bytes(seen: Moved, file: File, read: Flows, written: Flows) -> None:
    """Add one file's bytes on each target to the flows."""
    layout = file.layout
    assert layout is not None, "a file on a parallel file system has a layout"
    for flows, length, during in ((read, file.read, file.reading), (written, file.written, file.writing)):
        if length:
            begin, end = seen.steps_of(during)
            on_targets = zip(layout.osts, layout.bytes_on_targets(length), strict=True)
            flows.rows += [(begin, end, ost, amount) for ost, amount in on_targets if amount]


def metadata_target(fs: FileSystem, path: str) -> int:
    """Which metadata target holds a path."""
    return zlib.crc32(path.encode()) % fs.mdts


def unlogged(rng: np.random.Generator, steps: int, idle: Mask, mean: float, more: Any) -> Counts:
    """Bytes that no log records: logins, transfers, purges. In bursts of whole pages, only on busy targets."""
    bursts = rng.gamma(0.25, mean / 0.25, (steps, len(idle)))
    bursts[:, idle] = 0.0
    if more is not None:
        bursts *= more
    return (bursts / PAGE).astype(np.int64) * PAGE


@dataclass(frozen=True)
class Reset:
    """A counter that starts again from zero within a step, when a part of the step's bytes had been counted."""

    ost: int
    step: int
    part: float


@dataclass
class Faults:
    """The faults of a file system's monitoring.

    `missing` (steps + 1, targets) says which samples were not taken; `resets` when counters were cleared. Of
    Storage Scale it says so of intervals, (steps, NSDs).
    """

    missing: Mask
    resets: Sequence[Reset] = ()


def faults(seen: Traffic, world: World, *, watched_by_counters: bool) -> Faults:
    """The gaps of a file system's monitoring and, where it reads counters, their resets.

    All targets for ten minutes, and for hours in a large centre; one server's two for three minutes; single samples;
    and where counters are read, also five minutes over a local midnight, and a server that boots, so that its counters
    are cleared unseen.
    """
    steps, fs = seen.steps, seen.fs
    missing = np.zeros((steps + 1, fs.osts), dtype=bool)

    def gap(at: float | int, seconds: int, targets: slice | int) -> int:
        begin = int(steps * at) if isinstance(at, float) else at
        missing[begin : begin + max(1, seconds // seen.step_s), targets] = True
        return begin

    gap(UNSEEN_FROM, UNSEEN_S, slice(None))
    gap(0.17, 180, slice(0, 2))
    for place in (0.23, 0.57, 0.83):
        gap(place, seen.step_s, 1)
    if hours := dark(world, fs):
        gap(seen.steps_of(hours)[0], int(hours[1] - hours[0]), slice(None))
    if not watched_by_counters:
        return Faults(missing)
    over_midnight = 86400 // seen.step_s - 100 // seen.step_s
    if over_midnight + 300 // seen.step_s < steps:
        gap(over_midnight, 300, slice(None))
    boot = gap(0.71, 240, slice(0, 2))
    resets = [Reset(ost, boot + 120 // seen.step_s, 0.5) for ost in (0, 1)]
    resets.append(Reset(2, int(steps * 0.36), 0.25))
    return Faults(missing, resets)


def counters(moved: Counts, base: Sequence[int], resets: Sequence[Reset]) -> Counts:
    """The cumulative counters (steps + 1, targets) that a server shows for bytes `moved` (steps, targets).

    Sample k is taken when step k begins. `base` is what the counters show at first.
    """
    shown = np.zeros((moved.shape[0] + 1, moved.shape[1]), dtype=np.int64)
    shown[0] = base
    shown[1:] = moved.cumsum(axis=0) + shown[0]
    for reset in sorted(resets, key=lambda reset: reset.step):
        cleared = shown[reset.step, reset.ost] + int(moved[reset.step, reset.ost] * reset.part)
        shown[reset.step + 1 :, reset.ost] -= cleared
    return shown
