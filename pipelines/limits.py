"""How much memory and time reading may take, by the size of what is read.

The limits stop what no reader notices: an input that expands without end, a loop, a server that never answers. They
grow with the inputs, so that a large honest input passes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iolake.pipelines.stage import Unit
from iolake.reports.units import bytes_text

_MIB: Final = 1 << 20
_LEAST_MEMORY: Final = 1280 * _MIB
_MEMORY_A_BYTE: Final = 24
_SHARE_OF_MACHINE: Final = 0.9
_LEAST_SHARE: Final = 512 * _MIB
_LEAST_CPU_S: Final = 30.0
_CPU_S_A_MIB: Final = 8.0
_CPU_S_AN_INPUT: Final = 0.2
_LEAST_WALL_S: Final = 1800.0
_WALL_A_CPU: Final = 10.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_NO_LIMIT: Final = 1 << 62
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limits:
    """The most that reading some units may take: bytes of resident memory, seconds of CPU time, seconds."""

    memory_bytes: int
    cpu_s: float
    wall_s: float

    @classmethod
    def of(cls, units: Sequence[Unit], share_bytes: int) -> Limits:
        """The limits of some units; `share_bytes` is what the machine has for one process."""
        weight = sum(unit.weight_bytes for unit in units)
        inputs = sum(len(unit.inputs) for unit in units)
        cpu_s = _LEAST_CPU_S + _CPU_S_A_MIB * weight / _MIB + _CPU_S_AN_INPUT * inputs
        memory = min(_LEAST_MEMORY + _MEMORY_A_BYTE * weight, share_bytes)
        return cls(memory, cpu_s, _LEAST_WALL_S + _WALL_A_CPU * cpu_s)

    def exceeded(self, use: Use, seconds: float) -> str | None:
        """The limit that a process exceeds, as the reason of a reject; None within its limits."""
        if use.memory_bytes > self.memory_bytes:
            return f"reading it takes more than {bytes_text(self.memory_bytes)} of memory"
        if use.cpu_s > self.cpu_s:
            return f"reading it takes more than {self.cpu_s:.0f} s of CPU time"
        if seconds > self.wall_s:
            return f"reading it takes more than {self.wall_s:.0f} s"
        return None


@dataclass(frozen=True)
class Use:
    """The memory, CPU time and threads of a process; zero where the system does not show them."""

    memory_bytes: int = 0
    cpu_s: float = 0.0
    threads: int = 0

    @classmethod
    def of(cls, pid: int | None) -> Use:
        """The use of a living process, by Linux's /proc."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return cls()
        return cls(int(fields[21]) * _PAGE, (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[17]))


def share_of_memory(processes: int) -> int:
    """Bytes that the machine, or this process's control group, has for each of some processes."""
    return max(int(_SHARE_OF_MACHINE * min(_available(), _left_in_group())) // processes, _LEAST_SHARE)


def _available() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))


def _left_in_group() -> int:
    """What the control group (version 2, or 1) has left, with its cache counted as free."""
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return _NO_LIMIT
    left = _NO_LIMIT
    for _, controllers, path in groups:
        if controllers == "":
            names, top = ("memory.max", "memory.current", "file"), _CGROUP
        elif "memory" in controllers.split(","):
            names, top = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"), _CGROUP / "memory"
        else:
            continue
        for folder in (top / path.lstrip("/"), top):  # a container sees its own group at the top
            left = min(left, _left_in(folder, *names))
    return left


def _left_in(folder: Path, most: str, used: str, cache: str) -> int:
    try:
        limit, taken = (folder / most).read_text().strip(), int((folder / used).read_text())
        state = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return _NO_LIMIT
    return _NO_LIMIT if limit == "max" else max(int(limit) - taken + int(state.get(cache, 0)), 0)
