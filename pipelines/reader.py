"""A process that stages what it is sent, and dies alone of an input that kills its reader."""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Final

from iolake.pipelines.limits import Limits, Use
from iolake.pipelines.stage import Unit, stage_bundle
from iolake.schemas.errors import NO_THREAD, TransientError, shortage
from iolake.schemas.site import Site
from iolake.warehouse.records import StagedUnit

_LOOK_S: Final = 0.1
"""Seconds between two looks at the memory and time that a process takes."""
_KEPT_BYTES: Final = 768 << 20
_KEPT_THREADS: Final = 200
"""A process that holds more than these after a bundle is not used for another."""
_START_S: Final = 120.0
_SIGNALS: Final = {
    signal.SIGKILL: "probably because the machine had no memory left",
    signal.SIGSEGV: "a library that reads this format crashed",
    signal.SIGABRT: "a library that reads this format gave up, perhaps for want of memory",
    signal.SIGBUS: "the file shrank while it was read, or a disk is full",
}
_NO_THREAD: Final = 75
"""The exit status of a process that got no thread."""
_READY: Final = "ready"
# Neither forked, for libraries that have threads don't survive it, nor started by multiprocessing, which runs the
# user's script again and keeps a further process.
_CODE: Final = (
    "import sys; number, *path = sys.argv[1:]; sys.path[:] = path; "
    "from iolake.pipelines.reader import serve; serve(int(number))"
)


class Died(Exception):
    """A process ended before it answered, or was ended at a limit. The text is the reason of a reject."""

    def __init__(self, reason: str, at_limit: bool = False) -> None:
        self.at_limit = at_limit
        super().__init__(reason)


class CannotStart(TransientError):
    """The machine has no room for a process that reads."""


class Reader:
    """A process that stages the bundles sent to it. CannotStart."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _CODE, str(theirs.fileno()), *sys.path]
            try:
                # In a group of its own, a terminal's interrupt ends the parent alone, which ends its readers.
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0
                )
            except OSError as error:
                ours.close()
                raise CannotStart(f"no process to read in can be started: {error.strerror}") from None
        self.line: Connection[Any, Any] = Connection(ours.detach())
        self._is_ready = False

    def stage(self, bundle: Sequence[Unit], site: Site, limits: Limits) -> list[StagedUnit]:
        """Stage a bundle in the process. Raises Died, CannotStart, and whatever the process raised."""
        self._await_ready()
        started, before = time.monotonic(), Use.of(self.process.pid)
        try:
            self.line.send((bundle, site))
            while not self.line.poll(_LOOK_S):
                use = Use.of(self.process.pid)
                use = Use(use.memory_bytes, use.cpu_s - before.cpu_s)
                if too_much := limits.exceeded(use, time.monotonic() - started):
                    raise Died(too_much, at_limit=True)
            answer, error = self.line.recv()
        except (EOFError, OSError):
            raise Died(_why(self.process.wait())) from None
        if error is not None:
            raise error
        units: list[StagedUnit] = answer
        return units

    @property
    def is_spent(self) -> bool:
        """Whether the process holds so much memory, or so many threads, that another should read the next bundle."""
        use = Use.of(self.process.pid)
        return use.memory_bytes > _KEPT_BYTES or use.threads > _KEPT_THREADS

    def kill(self) -> None:
        """Kill the process, from any thread."""
        self.process.kill()

    def end(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        self.line.close()

    def _await_ready(self) -> None:
        """Wait until the process has imported what it needs: where it dies of that, no input is to blame."""
        if self._is_ready:
            return
        try:
            if self.line.poll(_START_S) and self.line.recv() == _READY:
                self._is_ready = True
                return
            self.process.kill()
        except (EOFError, OSError):
            pass  # it ended, or ends now
        raise CannotStart(f"no process to read in can be started: {_why(self.process.wait())}")


def serve(number: int) -> None:
    """A reader's life, by the descriptor of its line: stage each bundle that comes, and answer with the staged units
    or with the error.
    """
    line: Connection[Any, Any] = Connection(number)
    try:
        Thread(target=_end_with_parent, args=(number,), daemon=True).start()
    except RuntimeError as error:
        if shortage(error) is None:
            raise
        os._exit(_NO_THREAD)
    line.send(_READY)
    while True:
        try:
            bundle, site = line.recv()
        except EOFError:
            return
        try:
            answer: tuple[list[StagedUnit] | None, BaseException | None] = (stage_bundle(bundle, site), None)
        except Exception as error:
            answer = (None, _portable(error))
        line.send(answer)


def _end_with_parent(number: int) -> None:
    """End this process when its parent ends, however that ends: nobody wants its work then."""
    closed = select.poll()
    closed.register(number, getattr(select, "POLLRDHUP", 0))
    closed.poll()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error itself where another process can have it, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _why(exit_code: int | None) -> str:
    """The reason of a reject, by the way in which its reader ended."""
    if exit_code == _NO_THREAD:
        return NO_THREAD
    if exit_code is None or exit_code >= 0:
        return f"the process that read it ended with status {exit_code}"
    known = _SIGNALS.get(signal.Signals(-exit_code)) if -exit_code in set(signal.Signals) else None
    return f"the process that read it died (signal {-exit_code})" + (f": {known}" if known else "")
