"""`iolake serve`: the schedule on this machine, with a Prefect server of its own where none is named."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import click

from iolake.schemas.errors import TransientError

_START_S = 120
HEARTBEAT_S = 30
"""Seconds between two heartbeats of a run; the least that Prefect allows."""


class ServerError(TransientError):
    """The Prefect server cannot be started or reached. The text is one line for a person."""


def serve(site: Path, lake: str | None, cron: str, days: int, port: int) -> None:
    """Serve every deployment until interrupted, the nightly one by `cron`. ServerError."""
    os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", str(HEARTBEAT_S))
    with _server(port):
        from prefect import serve as serve_all
        from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
        from prefect.context import refresh_global_settings_context
        from prefect.types.entrypoint import EntrypointType

        from iolake.pipelines.schedule import DEPLOYMENTS
        from iolake.pipelines.zombies import watch_heartbeats

        refresh_global_settings_context()  # to check the schedule, Prefect was imported before there was one
        watch_heartbeats()
        parameters: dict[str, Any] = {"site": str(site), "lake": lake}
        served: list[Any] = [
            d.flow.to_deployment(
                d.name,
                cron=cron if d.name == "nightly" else d.cron,
                parameters=parameters | ({"days": days} if d.name == "nightly" else {}),
                description=d.description,
                concurrency_limit=ConcurrencyLimitConfig(
                    limit=1, collision_strategy=ConcurrencyLimitStrategy(d.collision)
                ),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
            for d in DEPLOYMENTS
        ]
        serve_all(*served, print_starting_message=False)


@contextmanager
def _server(port: int) -> Iterator[None]:
    """The server that PREFECT_API_URL names, or one that lives as long as the block."""
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    # A schedule needs a server process: the one that Prefect embeds in a flow's process has no scheduler.
    url = f"http://127.0.0.1:{port}/api"
    environment = os.environ | {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_API_URL": url,  # the page asks port 4200 otherwise
    }
    prefect = str(Path(sys.executable).with_name("prefect"))
    command = [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    # Out of the terminal's group, so that an interrupt ends the schedule first and the server after it.
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(process, url)
        os.environ["PREFECT_API_URL"] = url
        click.echo(f"the schedule and its runs: http://127.0.0.1:{port}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(_START_S * 4):
        if process.poll() is not None:
            raise ServerError(
                f"the Prefect server ended as it started; is port {url.split(':')[2][:-4]} taken? see --port"
            )
        try:
            urlopen(f"{url}/health", timeout=1)
        except (URLError, OSError):
            time.sleep(0.25)
        else:
            return
    raise ServerError(f"the Prefect server did not answer at {url} within {_START_S} s")
