"""Who is at work in a lake, and whether they still live."""

from __future__ import annotations

import os
import socket
from functools import cache
from hashlib import blake2b
from pathlib import Path

_PROC = Path("/proc")


def who(pid: int | None = None) -> str:
    """A process (this one), told apart from every other: `<process table>.<pid>.<start>`, fit for a file's name."""
    pid = os.getpid() if pid is None else pid
    return f"{_process_table()}.{pid}.{_started(pid)}"


def is_gone(process: str) -> bool | None:
    """Whether the process that `who` named has ended; None where that can't be seen from here."""
    try:
        table, pid, started = process.split(".")
        return None if table != _process_table() else _started(int(pid)) != started
    except ValueError:
        return None


@cache
def _process_table() -> str:
    """The kernel and pid namespace whose pids we see: containers of one host name may have many."""
    try:
        place = (_PROC / "sys/kernel/random/boot_id").read_text() + os.readlink(_PROC / "self/ns/pid")
    except OSError:
        place = socket.gethostname()
    return blake2b(place.encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str | None:
    """When a process of this process table started, as its kernel counts; None where there is none, or a dead one."""
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
