"""A Prefect server for tests: `iolake serve` with a server of its own, and what its API says of runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
T = TypeVar("T")
PATIENCE_S = 240


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own group while the block runs; its whole group is killed afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sent)
                    process.wait(timeout=10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A running `iolake serve`: its folder with site.toml, its address, its environment and log."""

    folder: Path
    port: int
    environment: dict[str, str]
    log: Path

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def ask(self, path: str, body: Any = None) -> Any:
        """The API's answer to a GET, or to a POST of `body`. It asks again while the server's SQLite is busy: 503."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.api + path, data, {"Content-Type": "application/json"})
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except HTTPError as error:
                if error.code != 503 or time.monotonic() > until:
                    raise
                time.sleep(1)

    def wait(self, look: Callable[[], T | None], what: str) -> T:
        """Calls `look` until it returns something, and returns that."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                if found := look():
                    return found
            except OSError:
                pass
            time.sleep(0.5)
        pytest.fail(f"waited {PATIENCE_S} s for {what}:\n{self.log.read_text()[-3000:]}")

    def runs(self, **where: Any) -> list[dict[str, Any]]:
        """Flow runs that have started, the newest first."""
        has_started = {"start_time": {"is_null_": False}}
        answer: list[dict[str, Any]] = self.ask(
            "/flow_runs/filter", {"flow_runs": has_started | where, "sort": "START_TIME_DESC"}
        )
        return answer

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"/flow_runs/{run_id}")
        return found

    def task_names(self, run_id: str) -> list[str]:
        """The names of a run's tasks, in order."""
        tasks = self.ask("/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [run_id]}}})
        return sorted(t["name"] for t in tasks)

    def artifact(self, run_id: str, kind: str = "table") -> dict[str, Any]:
        """A run's artifact of a kind."""
        where = {"flow_run_id": {"any_": [run_id]}, "type": {"any_": [kind]}}
        (found,) = self.ask("/artifacts/filter", {"artifacts": where})
        return dict(found)

    def deployments(self) -> dict[str, dict[str, Any]]:
        """What is deployed, by name."""
        return {d["name"]: d for d in self.ask("/deployments/filter", {})}


@contextmanager
def serving(folder: Path, site: Path, *options: str) -> Iterator[Served]:
    """`iolake serve` of a site, up and with its deployments registered."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("IOLAKE", "PREFECT"))} | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1S",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    served = Served(folder, free_port(), environment, folder / "serve.log")
    command = [str(BIN / "iolake"), "serve", "--site", str(site), "--port", str(served.port), *options]
    with running(command, environment, served.log):
        served.wait(lambda: len(served.deployments()) >= 6, "the deployments")
        yield served
