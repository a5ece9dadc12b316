"""Names the processes that write to a lake, and checks whether they still run."""

from __future__ import annotations

import os
import socket
from functools import cache
from hashlib import blake2b
from pathlib import Path

_PROC = Path("/proc")


def who(pid: int | None = None) -> str:
    """A unique name of a process, by default of this one: `<process table>.<pid>.<start>`, valid in a file name."""
    pid = os.getpid() if pid is None else pid
    return f"{_process_table()}.{pid}.{_started(pid)}"


def is_gone(process: str) -> bool | None:
    """Whether the process that `who` named has ended; None where this host can't see it."""
    try:
        table, pid, started = process.split(".")
        return None if table != _process_table() else _started(int(pid)) != started
    except ValueError:
        return None


@cache
def _process_table() -> str:
    """Identifies the kernel and pid namespace: containers with one host name may have several."""
    try:
        place = (_PROC / "sys/kernel/random/boot_id").read_text() + os.readlink(_PROC / "self/ns/pid")
    except OSError:
        place = socket.gethostname()
    return blake2b(place.encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str | None:
    """When a process of this process table started, in kernel ticks; None where it does not exist or has ended."""
    if not (_PROC / "self").exists():
        return "running" if _runs(pid) else None
    try:
        state, *fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else fields[18]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
