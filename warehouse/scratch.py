"""Temporary folders named after their process, so that the next run can remove those of killed processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from iolake.warehouse.processes import is_gone, who

_PREFIX: Final = "iolake-"


def prefix() -> str:
    """The beginning of the name of a temporary folder of this process."""
    return f"{_PREFIX}{who()}-"


def scratch(folder: Path | str | None = None) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder, in `folder` or in the usual place."""
    return tempfile.TemporaryDirectory(prefix=prefix(), dir=folder, ignore_cleanup_errors=True)


def collect() -> int:
    """Remove this user's temporary folders of processes that ended without doing so; their number."""
    count = 0
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            process = entry.name.removeprefix(_PREFIX).split("-")[0]
            if entry.name.startswith(_PREFIX) and is_gone(process) and entry.stat().st_uid == os.getuid():
                shutil.rmtree(entry.path, ignore_errors=True)
                count += 1
    return count
