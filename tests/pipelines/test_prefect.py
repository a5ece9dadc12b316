"""The schedule, for real: a Prefect server, the deployment of prefect.yaml, a worker, a scheduled run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from iolake.warehouse import Lake, LakeError

ROOT = Path(__file__).resolve().parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))

SNAPSHOT = """BEGIN {epoch}
UUID 1K-blocks Used Available Use% Mounted on
scratch-MDT0000_UUID 1000 100 900 10% /scratch[MDT:0]
scratch-OST0000_UUID 4000 1000 3000 25% /scratch[OST:0]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose file system was seen an hour ago."""
    seen = datetime.now(UTC) - timedelta(hours=1)
    (tmp_path / f"df-{seen:%Y-%m-%d}.txt").write_text(SNAPSHOT.format(epoch=int(seen.timestamp())))
    path = tmp_path / "site.toml"
    path.write_text('[file_systems.scratch]\nmounts = ["/scratch"]\ndf = { files = "df-%Y-%m-%d.txt" }\n')
    return path


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process of a group of its own while the block runs; its whole group is ended after it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sent)
                    process.wait(timeout=5)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_server(url: str, log: Path) -> None:
    for _ in range(240):
        try:
            urlopen(f"{url}/health", timeout=1)
            return
        except (URLError, OSError):
            time.sleep(0.25)
    pytest.fail(f"the Prefect server did not start:\n{log.read_text()[-2000:]}")


def _wait_for_lake(uri: Path, log: Path) -> Lake:
    for _ in range(360):
        try:
            return Lake(uri)
        except LakeError:
            time.sleep(0.5)
    pytest.fail(f"no scheduled run loaded the lake:\n{log.read_text()[-4000:]}")


def _environment(tmp_path: Path) -> dict[str, str]:
    """What makes Prefect keep to the test's folder, and look at its schedules often."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "DO_NOT_TRACK": "1",
    }


def _check(lake: Lake) -> None:
    assert lake.sql("SELECT target, used_bytes FROM lustre_df ORDER BY target").fetchall() == [
        ("MDT0000", 100 * 1024),
        ("OST0000", 1000 * 1024),
    ]


def test_serve_runs_the_flow_on_its_schedule(site: Path, tmp_path: Path) -> None:
    """P9: `iolake serve`, with no Prefect server named, starts one and runs the flow when it is due."""
    environment = _environment(tmp_path)
    environment.pop("PREFECT_API_URL", None)
    log = tmp_path / "serve.log"
    every_15_s = "* * * * * */15"
    command = [str(Path(sys.executable).with_name("iolake")), "serve", "--site", str(site), "--cron", every_15_s]
    with _running([*command, "--port", str(_free_port())], environment, log):
        _check(_wait_for_lake(tmp_path / "lake", log))


def test_a_scheduled_run_of_the_deployment_loads_the_lake(site: Path, tmp_path: Path) -> None:
    """P9: the deployment in prefect.yaml, on a schedule, does what `iolake ingest` does."""
    api = f"http://127.0.0.1:{(port := _free_port())}/api"
    environment = _environment(tmp_path) | {
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_UI_API_URL": api,
        "IOLAKE_HOME": str(ROOT),
        "IOLAKE_SITE": str(site),
    }

    def prefect(*arguments: str) -> None:
        done = subprocess.run(
            [PREFECT, "--no-prompt", *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    server_log, worker_log = tmp_path / "server.log", tmp_path / "worker.log"
    server = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with _running(server, environment, server_log):
        _wait_for_server(api, server_log)
        prefect("work-pool", "create", "iolake", "--type", "process")
        prefect("deploy", "--all")
        # The nightly schedule stays; this one is soon enough to be watched.
        prefect("deployment", "schedule", "create", "nightly/nightly", "--interval", "15")
        worker = [PREFECT, "worker", "start", "--pool", "iolake"]
        with _running(worker, environment, worker_log):
            lake = _wait_for_lake(tmp_path / "lake", worker_log)
    _check(lake)
