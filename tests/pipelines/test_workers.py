"""The processes that read and stage import little, and end with their parent."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from iolake.warehouse.processes import is_gone

CHECKOUT = Path(__file__).resolve().parents[2]
_MAIN = """
import os, signal, sys, time
from iolake.pipelines.workers import Workers
from iolake.warehouse.processes import who

class Sleep:
    def __reduce__(self):
        return time.sleep, (60,)

if __name__ == "__main__":
    reader = Workers(1)._start()
    print(who(reader.process.pid), flush=True)
    if sys.argv[1] == "busy":
        reader.line.send(Sleep())
        time.sleep(2)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("worker", ["busy", "idle"])
def test_workers_end_with_their_parent(tmp_path: Path, worker: str) -> None:
    """P3: workers stop whether their parent was killed or ended normally."""
    (tmp_path / "main.py").write_text(_MAIN)
    run = subprocess.run(
        [sys.executable, str(tmp_path / "main.py"), worker], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (run.returncode == 0) == (worker == "idle"), run.stderr
    (process,) = run.stdout.split()
    deadline = time.monotonic() + 20
    while not is_gone(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_gone(process)


def test_a_worker_imports_no_other_sources_libraries() -> None:
    """Every worker pays for its imports at each start, so it imports no query engine and no other format's reader."""
    code = "import sys, iolake.pipelines.stage as s; s.registry.extractors()['darshan']; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    others = {"duckdb", "polars", "h5py", "connectorx", "prefect", "pandas"}.intersection(run.stdout.split())
    assert not others
