"""Starts the `iolake` command, and handles SIGINT and SIGTERM before anything large is imported."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final

PATIENCE_S: Final = 15.0
"""Seconds from a signal to the end. A library may swallow the interrupt, or wait for threads that do not end."""
_MESSAGE: Final = "iolake: ended by {}; nothing half-done is visible, and the next run goes on from here"
_ended_by: list[int] = []
"""The signal that ends the run, once there was one."""
_line = threading.Lock()
"""Held for good by the thread that prints the line: the run's own, or the timer's."""


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
        _say()
        sys.exit(128 + _ended_by[0])


def _end(number: int, _frame: FrameType | None) -> None:
    if _ended_by:
        os._exit(128 + number)
    _ended_by.append(number)
    last = threading.Timer(PATIENCE_S, _end_at_once)
    last.daemon = True
    with contextlib.suppress(RuntimeError):  # no further thread is allowed
        last.start()
    raise KeyboardInterrupt


def _end_at_once() -> None:
    """End the process without its clean-up, which the next run does, as after SIGKILL."""
    _say()
    os._exit(128 + _ended_by[0])


def _say() -> None:
    """Print the one line, once."""
    if _line.acquire(blocking=False):
        print(_MESSAGE.format(signal.Signals(_ended_by[0]).name), file=sys.stderr, flush=True)
