"""Whether the process that began a load still lives."""

from __future__ import annotations

import os
from pathlib import Path


def process_started(pid: int) -> str | None:
    """When a process of this machine started, as its kernel counts; None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None if Path("/proc").is_dir() else _alive(pid)


def _alive(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""
