"""`iolake demo` runs the flow on a temporary Prefect server, and prints what its reader can use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging
import sys
from pathlib import Path
from iolake.pipelines.walkthrough import prepare_server

prepare_server(Path(sys.argv[1]))
from prefect.logging.configuration import setup_logging

setup_logging()
logging.getLogger("sqlalchemy.pool.impl").error("a connection was cut off")
logging.getLogger("iolake").warning("an input was rejected")
"""


def test_the_server_of_the_demo_prints_our_warnings_and_no_errors_of_its_libraries(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "an input was rejected" in done.stderr
    assert "cut off" not in done.stderr
