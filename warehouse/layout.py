"""The names of things in a lake.

<table>/<owner key>=<value>/date=YYYY-MM-DD/<load>-<file>.parquet    data, never changed once written
<table>/<owner key>=<value>/month=YYYY-MM/<load>-<file>.parquet      a month file: rows of a month's data files again
catalog/00000042.duckdb                                               snapshot 42
catalog/00000042.pinned                                               keeps snapshot 42 for good
staging/<load>                                                        a load at work: the process that began it
beats/<load>                                                          its heartbeat: another value every few seconds
probes/<random>                                                       whether an object store has conditional PUT
aborts/<load>                                                         it seemed dead, and must not be published
lake.duckdb                                                           the newest snapshot, for any client
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from iolake.schemas.table import Table

NEWEST = "lake.duckdb"
CATALOG = "catalog"
STAGING = "staging"
BEATS = "beats"
ABORTS = "aborts"
PROBES = "probes"
_SNAPSHOT = re.compile(rf"{CATALOG}/(\d{{8}})\.duckdb")
_DATA = re.compile(r"[^/]+/[^/]+=[^/]+/(?P<span>date|month)=[^/]+/(?P<load>[^/-]+(?:-[^/-]+)*?)-\w+\.parquet")


def data_path(table: Table, owner: str, day: date, load_id: str, file: str) -> str:
    """Where a load's data file of a partition lies; `file` is its name within the load."""
    value = quote(owner, safe="")
    return f"{table.name}/{table.owner.name}={value}/date={day.isoformat()}/{load_id}-{file}.parquet"


def month_path(table: Table, owner: str, month: date, load_id: str, file: str) -> str:
    """Where a month file lies; `file` is its name within the load."""
    value = quote(owner, safe="")
    return f"{table.name}/{table.owner.name}={value}/month={month:%Y-%m}/{load_id}-{file}.parquet"


def is_month(path: str) -> bool:
    """Whether a path is that of a month file."""
    match = _DATA.fullmatch(path)
    return match is not None and match["span"] == "month"


def load_of(path: str) -> str | None:
    """The load that wrote a data file or a month file; None for any other path."""
    match = _DATA.fullmatch(path)
    return match["load"] if match else None


def partition_of(path: str) -> tuple[str, date]:
    """(owner, day) of a data file."""
    _, owner, day, _ = path.split("/")
    return unquote(owner.partition("=")[2]), date.fromisoformat(day.removeprefix("date="))


def snapshot_path(number: int) -> str:
    return f"{CATALOG}/{number:08d}.duckdb"


def pin_path(number: int) -> str:
    return f"{CATALOG}/{number:08d}.pinned"


def snapshot_number(path: str) -> int | None:
    """The number of a snapshot's path; None for any other path."""
    match = _SNAPSHOT.fullmatch(path)
    return int(match[1]) if match else None


def staging_path(load_id: str) -> str:
    """The mark of a load at work."""
    return f"{STAGING}/{load_id}"


def marked_load(path: str) -> str:
    """The load of a mark."""
    return path.removeprefix(f"{STAGING}/")


def beat_path(load_id: str) -> str:
    """The heartbeat of a load at work."""
    return f"{BEATS}/{load_id}"


def abort_path(load_id: str) -> str:
    """The record that a load must not be published."""
    return f"{ABORTS}/{load_id}"


def probe_path(name: str) -> str:
    """An object that a writer puts twice."""
    return f"{PROBES}/{name}"
