"""Asking sacct itself, a day of the cluster's own clock at a time.

Columns are named one by one, since `--format=ALL` can't be told apart by line; the delimiter is a byte that no
value holds; times are epochs. A window leaves out jobs that were cancelled before they were eligible, so those
are asked for by their state as well.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import IO, Final
from zoneinfo import ZoneInfo

from extractors.base import Input, InputError, Span
from extractors.slurm.fields import RENAMED, known
from extractors.slurm.json import read_json
from extractors.slurm.lines import Rows, read_rows
from extractors.slurm.tables import Window
from schemas.site import Source

SCHEME: Final = "sacct:"
LOOK_BACK_DAYS: Final = 7
"""A day is asked again for this long: jobs are still ended, requeued or mended in accounting afterwards."""

_DELIMITER: Final = "\x1f"


def find_days(owner: str, where: Source, zone: ZoneInfo, span: Span, now: datetime | None = None) -> Iterator[Input]:
    """An input for each day of `span` up to today.

    Without days, it is each day since the source's option `first_day`, or the last `look_back_days` where it has
    none. Days in the look-back have no mtime, so they are asked again whenever they are found; an older day has a
    fixed one, so it is asked once more when it settles, and then only if the lake does not have it.
    """
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    look_back = timedelta(days=int(where.options.get("look_back_days", LOOK_BACK_DAYS)))
    until = min(span.until or today + timedelta(days=1), today + timedelta(days=1))
    first = where.options.get("first_day") or until - timedelta(days=1) - look_back
    day = span.since or first
    while day < until:
        settled = day + look_back < today
        mtime = window(day + look_back, zone)[1].replace(tzinfo=UTC) if settled else None
        yield Input("slurm", owner, f"{SCHEME}{owner}/{day}", day, 0 if settled else None, mtime)
        day += timedelta(days=1)


def window(day: date, zone: ZoneInfo) -> Window:
    """[start, end) of a day of the zone's clock, as UTC without a zone."""
    start, end = (
        datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        for d in (day, day + timedelta(days=1))
    )
    return start, end


def ask(input: Input, where: Source, zone: ZoneInfo) -> Iterator[Rows]:
    """The rows of every job that sacct has around the input's day; InputError says how the command failed."""
    assert input.day is not None and where.command is not None
    start, end = window(input.day, zone)
    command = shlex.split(where.command)
    margin = timedelta(hours=1)
    span = [f"--starttime={start - margin:%Y-%m-%dT%H:%M:%S}", f"--endtime={end + margin:%Y-%m-%dT%H:%M:%S}"]
    if where.options.get("form") == "json":
        form, read = ["--json"], read_json
    else:
        names = [name for name in _fields(command, input.uri) if RENAMED.get(name, name) in known()]
        form, read = ["--parsable2", f"--delimiter={_DELIMITER}", f"--format={','.join(names)}"], read_rows
    for state in ([], ["--state=CANCELLED"]):
        with _run([*command, "--allusers", "--duplicates", "--noconvert", *span, *state, *form], input.uri) as output:
            yield from read(output, input.uri)


def _fields(command: list[str], uri: str) -> list[str]:
    """The fields that this version of sacct has."""
    with _run([*command, "--helpformat"], uri) as output:
        return output.read().decode().lower().split()


@contextmanager
def _run(command: list[str], uri: str) -> Iterator[IO[bytes]]:
    """The command's output, as a stream; InputError where it can't be run or fails."""
    environment = {**os.environ, "TZ": "UTC", "SLURM_TIME_FORMAT": "%s"}
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    except OSError as error:
        raise InputError(uri, f"{command[0]} can't be run: {error.strerror}", "correct command in site.toml") from None
    with process:
        assert process.stdout is not None and process.stderr is not None
        try:
            yield process.stdout
        finally:
            process.stdout.close()
            said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode != 0:
        reason = said.splitlines()[-1] if said else f"exit status {process.returncode}"
        raise InputError(uri, f"{command[0]} failed: {reason}", "run it by hand as the user that ingests")
