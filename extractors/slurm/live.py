"""Asking sacct itself, a day of the cluster's own clock at a time.

Columns are named one by one, since the lines of `--format=ALL` can't be split; the delimiter is a byte that no
value holds; times are epochs. A window leaves out jobs that were cancelled before they were eligible, so those
are asked for by their state as well.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, Final
from zoneinfo import ZoneInfo

from iolake.extractors.base import Input, InputError
from iolake.extractors.lookback import bounds
from iolake.extractors.slurm.fields import FREE_TEXT, IDS, RENAMED, known
from iolake.extractors.slurm.json import read_json
from iolake.extractors.slurm.lines import Rows, read_rows
from iolake.schemas.site import Source

SCHEME: Final = "sacct:"
_DELIMITER: Final = "\x1f"


def ask(input: Input, where: Source, zone: ZoneInfo) -> Iterator[Rows]:
    """The rows of every job that sacct has around the input's day; OSError says how the command failed."""
    assert input.day is not None and where.command is not None
    start, end = bounds(input.day, zone)
    command = shlex.split(where.command)
    margin = timedelta(hours=1)
    span = [f"--starttime={start - margin:%Y-%m-%dT%H:%M:%S}", f"--endtime={end + margin:%Y-%m-%dT%H:%M:%S}"]
    if where.options.get("form") == "json":
        # With a time format of its own, `sacct --json` misreads the window: it prints and parses the times by it.
        form, read, environment = ["--json"], read_json, {"TZ": "UTC"}
    else:
        names = [name for name in _fields(command) if RENAMED.get(name, name) in known()]
        # Ids first and times last: a newline in a row's first or last field would look like its end.
        names.sort(key=lambda name: (name not in IDS, name not in FREE_TEXT))
        form, read = ["--parsable2", f"--delimiter={_DELIMITER}", f"--format={','.join(names)}"], read_rows
        environment = {"TZ": "UTC", "SLURM_TIME_FORMAT": "%s"}
    for state in ([], ["--state=CANCELLED"]):
        arguments = ["--allusers", "--duplicates", "--noconvert", *span, *state, *form]
        with _run([*command, *arguments], environment) as output:
            yield from read(output, input.uri)


def _fields(command: list[str]) -> list[str]:
    """The fields that this version of sacct has."""
    with _run([*command, "--helpformat"], {}) as output:
        return output.read().decode().lower().split()


@contextmanager
def _run(command: list[str], environment: dict[str, str]) -> Iterator[IO[bytes]]:
    """The command's output, as a stream; OSError where it can't be run or fails: another try may do better."""
    inherited = {name: value for name, value in os.environ.items() if name != "SLURM_TIME_FORMAT"}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=complaints, env={**inherited, **environment}
            )
        except OSError as error:
            raise OSError(f"{command[0]} can't be run: {error.strerror}; is it installed, and in PATH?") from None
        unread: InputError | None = None
        cut_off = b""
        with process:
            assert process.stdout is not None
            try:
                yield process.stdout
            except InputError as error:  # what a command that fails has written is often not to be read
                unread, cut_off = error, process.stdout.read(1)
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace").strip()
    code = process.returncode
    if code != 0 and not cut_off:
        how = f"exit status {code}" if code > 0 else f"ended by signal {-code}"
        raise OSError(f"{command[0]} failed: {said.splitlines()[-1] if said else how}")
    if unread is not None:
        raise unread
