"""Runs an operation on a toy lake in a child that kills itself at one of its steps: `python -m tests.warehouse.killed`.

The steps are those at which a lake's folder changes: a file opened, half of its first bytes written, and before
one is linked, renamed or removed; what is between two of them leaves the folder as the second finds it. For
each "<operation> <step>" that it reads it answers "killed" or "finished".
"""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake import schemas
from iolake.pipelines import registry
from iolake.pipelines.ingest import ingest
from iolake.pipelines.repair import repair
from iolake.warehouse import garbage, months, store, views
from iolake.warehouse.compact import compact
from iolake.warehouse.rebuild import rebuild
from tests.warehouse.toy import TABLES, TOYS, Centre

CLOSED = date(2017, 5, 10)


class Steps:
    """Counts the steps of this process, and kills it when the last one is reached."""

    def __init__(self, last: int) -> None:
        self._last, self._count = last, itertools.count(1)

    def step(self) -> None:
        if next(self._count) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call with a step before it."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return call(*args, **kwargs)

        return counted

    def opened(self, path: Any, mode: str) -> io.FileIO:
        """A new file that can be left empty, or with half of its first bytes."""
        steps = self

        class Torn(io.FileIO):
            def write(self, content: Any) -> int:
                half = len(content) // 2
                if self.tell() == 0:
                    super().write(content[:half])
                    steps.step()
                    super().write(content[half:])
                    return len(content)
                return super().write(content) or 0

        file = Torn(path, mode.replace("b", ""))
        self.step()
        return file


def run(operation: str, centre: Centre) -> None:
    operations: dict[str, Callable[[], Any]] = {
        "ingest": centre.ingest,
        "compact": lambda: compact(centre.warehouse, CLOSED),
        "gc": lambda: garbage.collect(centre.warehouse, retention_days=0, orphan_age_hours=0),
        "rebuild": lambda: rebuild(centre.warehouse),
        "repair": lambda: repair(centre.warehouse, centre.site),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(months, "LEAST_FILES", 1)  # a compaction writes month files as well
        here = partial(ingest, workers=0)  # the toy sources exist in this process only
        patch.setattr("iolake.pipelines.repair.ingest", here)
        operations[operation]()


def run_until(step: int, operation: str, centre: Centre) -> None:
    """Run the operation, and kill this process at a step."""
    steps = Steps(step)
    vars(store)["open"] = steps.opened
    os.cpu_count = lambda: 1
    os.link, os.replace = steps.before(os.link), steps.before(os.replace)
    os.unlink, os.remove = steps.before(os.unlink), steps.before(os.remove)
    run(operation, centre)


def main() -> None:
    centre = Centre(Path(sys.argv[1]))
    vars(registry)["extractors"] = lambda: TOYS
    vars(schemas)["tables"] = lambda: TABLES
    vars(views)["sql_files"] = dict
    pa.array([1])  # pyarrow imports much at its first use
    for line in sys.stdin:
        operation, step = line.split()
        child = os.fork()
        if not child:
            run_until(int(step), operation, centre)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError(f"{operation} failed at step {step}")
        print("killed" if os.WIFSIGNALED(status) else "finished", flush=True)


if __name__ == "__main__":
    main()
