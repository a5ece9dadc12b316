"""A NERSC jobs database: the table `summary` of an SQLite file or of a MySQL server."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import polars as pl
import pymysql
from pymysql.cursors import SSCursor

from iolake.extractors.base import Input, InputError, quoted
from iolake.extractors.lookback import bounds
from iolake.extractors.mysql import refusal
from iolake.schemas.site import Source, password

_SUMMARY: Final = {"stepid": "scheduler_id", "start": "start_time", "completion": "end_time", "numnodes": "nnodes"}
"""Columns of `summary`, beside `hostname`, the machine."""
_COLUMNS: Final = ", ".join(_SUMMARY)
_NOT_ONE: Final = "is not a NERSC jobs database that can be read"
_CHECK: Final = "check the uri, and that summary has the columns hostname, stepid, start, completion and numnodes"
_MOST_ROWS: Final = 10_000_000
_MOST_SECONDS: Final = 60.0
_LONGEST_VALUE: Final = 1 << 20
_NAMED: Final = 5
"""How many machines a reason names."""
_SECONDS: Final = re.compile(r"-?\d{1,10}(\.\d+)?")
"""A time in seconds, before the year 2286; milliseconds and dates have more digits."""
_CONNECT_S: Final = 10
_ANSWER_S: Final = 30
_SILENT_FOR_S: Final = 300.0
"""Seconds for which a server that did not answer is not asked again: otherwise each day would wait that long."""
_silent: dict[tuple[str | None, int], tuple[float, str]] = {}


def read_summary(input: Input, where: Source, zone: ZoneInfo) -> pl.DataFrame:
    """The jobs of the input's cluster, of a server those that ended on the input's day."""
    host = str(where.options.get("hostname", input.owner))
    path = input.uri.removeprefix("sqlite:///")
    if path != input.uri or "://" not in input.uri:
        rows = _ask_sqlite(input, path, host)
    else:
        rows = _ask_mysql(input, host, zone)
    names = list(_SUMMARY.values())
    texts = [tuple(None if value is None else str(value) for value in row) for row in rows]
    return pl.DataFrame(texts, schema=dict.fromkeys(names, pl.String), orient="row")


def _ask_sqlite(input: Input, path: str, host: str) -> list[Any]:
    """All rows; InputError where the file is something else, or where a view in it gives no end of rows."""
    deadline = time.monotonic() + _MOST_SECONDS
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
            database.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
            found = database.execute(f"SELECT {_COLUMNS} FROM summary WHERE hostname = ?", (host,))
            rows = found.fetchmany(_MOST_ROWS + 1)
            others = (
                [] if rows else database.execute(f"SELECT DISTINCT hostname FROM summary LIMIT {_NAMED}").fetchall()
            )
    except sqlite3.Error as error:
        if time.monotonic() > deadline:
            reason = f"takes longer than {_MOST_SECONDS:.0f} s to read"
            raise InputError(input.uri, reason, "check that summary is a table, not a view") from None
        raise InputError(input.uri, f"{_NOT_ONE}{quoted(error)}", _CHECK) from None
    if len(rows) > _MOST_ROWS:
        raise InputError(input.uri, f"has more than {_MOST_ROWS:,} jobs in summary", "check that it is a table")
    if others:
        raise _of_others(input, others, host)
    return rows


def _of_others(input: Input, machines: Sequence[Sequence[Any]], host: str) -> InputError:
    """The error for a database whose jobs are all of other machines."""
    names = ", ".join(str(name)[:50] for (name,) in machines)
    return InputError(input.uri, f"has jobs of {names}, none of {host}", 'write options = { hostname = "..." }')


def _ask_mysql(input: Input, host: str, zone: ZoneInfo) -> list[Any]:
    """The rows of a day; ConnectionError where the server can't be reached or doesn't answer."""
    assert input.day is not None
    since, until = (t.replace(tzinfo=UTC).timestamp() for t in bounds(input.day, zone))
    parts = urlsplit(input.uri.partition("#")[0])
    sql = f"SELECT {_COLUMNS} FROM summary WHERE hostname = %s AND completion >= %s AND completion < %s ORDER BY stepid"
    server = parts.hostname, parts.port or 3306
    try:
        with (
            _answering(server),
            pymysql.connect(
                host=parts.hostname,
                port=server[1],
                user=unquote(parts.username or ""),
                password=password(input.owner, input.source) or "",
                database=unquote(parts.path.strip("/")),
                connect_timeout=_CONNECT_S,
                read_timeout=_ANSWER_S,
                write_timeout=_ANSWER_S,
                cursorclass=SSCursor,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, (host, int(since), int(until)))
            rows = list(cursor.fetchmany(_MOST_ROWS + 1))
            if not rows:
                _explain_none(input, host, cursor)
    except pymysql.OperationalError as error:
        if refused := refusal(input.uri, input.owner, input.source, error):
            raise refused from None
        raise ConnectionError(_no_answer(parts.hostname, error)) from None
    except pymysql.MySQLError as error:
        raise InputError(input.uri, f"{_NOT_ONE}{quoted(error.args[-1])}", _CHECK) from None
    if len(rows) > _MOST_ROWS:
        raise InputError(input.uri, f"has more than {_MOST_ROWS:,} jobs on one day", "check that summary is a table")
    return rows


def _explain_none(input: Input, host: str, cursor: SSCursor) -> None:
    """InputError where the table shows why a day has no jobs: its machines are others, or its times no seconds."""
    cursor.execute("SELECT completion FROM summary WHERE hostname = %s AND completion IS NOT NULL LIMIT 1", (host,))
    if found := cursor.fetchall():
        ((time,),) = found
        if not _SECONDS.fullmatch(str(time)):
            reason = f"has completion times such as {str(time)[:50]!r}, which are not seconds since 1970"
            raise InputError(input.uri, reason, "make a view whose times are UNIX_TIMESTAMP(...)")
        return
    cursor.execute("SELECT DISTINCT hostname FROM summary WHERE completion IS NOT NULL LIMIT %s", (_NAMED,))
    if machines := cursor.fetchall():
        raise _of_others(input, machines, host)


@contextmanager
def _answering(server: tuple[str | None, int]) -> Iterator[None]:
    """Fails at once where the server did not answer a moment ago; notes it where it doesn't now."""
    since, why = _silent.get(server, (0.0, ""))
    if why and time.monotonic() - since < _SILENT_FOR_S:
        raise ConnectionError(why)
    _silent.pop(server, None)
    started = time.monotonic()
    try:
        yield
    except pymysql.OperationalError as error:
        if time.monotonic() - started >= _CONNECT_S - 1:
            _silent[server] = time.monotonic(), _no_answer(server[0], error)
        raise


def _no_answer(host: str | None, error: pymysql.OperationalError) -> str:
    return f"the database server {host} does not answer{quoted(error.args[-1])}; check that it runs and can be reached"
