"""Starts the `iolake` command, and handles SIGINT and SIGTERM before anything large is imported."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_MESSAGE = "iolake: ended by {}; nothing half-done is visible, and the next run goes on from here"
_ended_by: list[int] = []


def main() -> None:
    """Run the command line. A first signal ends it in order, with one line and status 130 or 143; a second at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        from iolake.pipelines.cli import main as run

        run()
    except BaseException:
        if not _ended_by:
            raise
    if _ended_by:
        # Errors after the signal, libraries' own included, follow from it.
        print(_MESSAGE.format(signal.Signals(_ended_by[0]).name), file=sys.stderr, flush=True)
        sys.exit(128 + _ended_by[0])


def _end(number: int, _frame: FrameType | None) -> None:
    if _ended_by:
        os._exit(128 + number)
    _ended_by.append(number)
    raise KeyboardInterrupt
