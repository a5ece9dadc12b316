"""Asking an LMT database, MySQL, MariaDB or SQLite, for Arrow tables of whole numbers, decimals and text."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import connectorx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extractors.base import InputError
from extractors.counters import Ints
from extractors.lmt.lookup import Lookup

Kind = Literal["integer", "decimal", "text"]
_ARROW: Final = {"integer": pa.int64(), "decimal": pa.float64(), "text": pa.string()}
# SQLite's columns may hold anything, and connectorx goes by the first value, which must not be null: NULL travels as a
# value that can't be. MySQL keeps percentages in single precision: by way of text they become
# the decimal that was stored, not its nearest binary neighbour.
_CASTS: Final = {
    "sqlite": {
        "integer": "IFNULL({}, -9223372036854775808)",
        "decimal": "IFNULL(CAST({} AS REAL), 9e999)",
        "text": "IFNULL(CAST({} AS TEXT), CHAR(1))",
    },
    "mysql": {"integer": "{}", "decimal": "CONCAT({}) + 0e0", "text": "CAST({} AS CHAR)"},
}
_STAND_INS: Final = {"integer": -(2**63), "decimal": float("inf"), "text": "\x01"}
_PATIENCE_S: Final = 5.0
_AMBIGUOUS_JUMP: Final = np.timedelta64(10, "m")


class Database:
    """One LMT database. `uri` is sqlite:///file or mysql://user@host/name; the password comes apart from it.

    InputError where there can't be such a database, ConnectionError where its server does not answer.
    """

    def __init__(self, uri: str, password: str | None = None) -> None:
        self.uri = uri
        parts = urlsplit(uri)
        self.dialect = parts.scheme
        if self.dialect not in _CASTS:
            raise InputError(uri, "is neither mysql:// nor sqlite:///", "correct the uri in site.toml")
        if self.dialect == "sqlite" and not Path(uri.removeprefix("sqlite://")).is_file():
            raise InputError(uri, "there is no such file", "correct the path in site.toml")
        if self.dialect == "mysql":  # the driver would try for half a minute
            try:
                socket.create_connection((parts.hostname or "localhost", parts.port or 3306), _PATIENCE_S).close()
            except OSError as error:
                raise ConnectionError(error.errno, f"{uri}: the database server does not answer") from None
        if password is not None:
            host = f"{parts.username or ''}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
            uri = urlunsplit(parts._replace(netloc=host))
        self._connection = uri

    def select(self, columns: Mapping[str, Kind], rest: str) -> pa.Table:
        """`SELECT columns FROM rest`, each column of the kind asked for; InputError where the database refuses."""
        casts = _CASTS[self.dialect]
        wanted = ", ".join(f"{casts[kind].format(name)} AS {name.rpartition('.')[2]}" for name, kind in columns.items())
        schema = pa.schema([(name.rpartition(".")[2], _ARROW[kind]) for name, kind in columns.items()])
        try:
            found = connectorx.read_sql(self._connection, f"SELECT {wanted} FROM {rest}", return_type="arrow")
            found = found.cast(schema) if found.num_rows else schema.empty_table()
        except BaseException as error:  # connectorx panics with a BaseException of its own
            if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
                raise
            raise self._failure(str(error)) from None
        return _with_nulls(found, columns) if self.dialect == "sqlite" else found

    def _failure(self, message: str) -> InputError:
        """What to say of the driver's error, without the connection's text, which holds the password."""
        reason = message.replace(self._connection, self.uri).splitlines()[0] if message else "the driver failed"
        return InputError(self.uri, f"is not an LMT database that can be read: {reason}", "check its uri and password")

    @cached_property
    def tables(self) -> frozenset[str]:
        """Names of the database's tables, in capitals; InputError where it is not LMT's."""
        if self.dialect == "sqlite":
            found = self.select({"name": "text"}, "sqlite_master WHERE type = 'table'")
        else:
            found = self.select({"TABLE_NAME": "text"}, "information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
        names = frozenset(name.upper() for name in found[0].to_pylist())
        if "TIMESTAMP_INFO" not in names:
            raise InputError(self.uri, "has no table TIMESTAMP_INFO", "check that it is an LMT database")
        return names

    def days(self, since: date | None, until: date | None) -> list[date]:
        """The days, in the zone of the database, of which [since, until) has samples."""
        bounds = [f"TIMESTAMP >= '{since.isoformat()}'"] if since else []
        bounds += [f"TIMESTAMP < '{until.isoformat()}'"] if until else []
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        source = f"(SELECT DISTINCT SUBSTR(TIMESTAMP, 1, 10) AS DAY FROM TIMESTAMP_INFO{where}) AS d ORDER BY DAY"
        assert "TIMESTAMP_INFO" in self.tables
        return [date.fromisoformat(day) for day in self.select({"DAY": "text"}, source)["DAY"].to_pylist()]

    def ticks(self, day: date, zone: ZoneInfo) -> Ticks:
        """The times of the day's samples."""
        after = day + timedelta(days=1)
        where = f"TIMESTAMP >= '{day.isoformat()}' AND TIMESTAMP < '{after.isoformat()}'"
        return self._ticks(where, zone)

    def tick_after(self, ticks: Ticks, zone: ZoneInfo) -> Ticks:
        """The first time after `ticks`, or none."""
        return self._ticks(f"TS_ID = (SELECT MIN(TS_ID) FROM TIMESTAMP_INFO WHERE TS_ID > {ticks.ids.max()})", zone)

    def ticks_by_id(self, ids: Ints, zone: ZoneInfo) -> Ticks:
        """The times of some ids."""
        return self._ticks(f"TS_ID IN ({', '.join(str(int(i)) for i in ids) or 'NULL'})", zone)

    def _ticks(self, where: str, zone: ZoneInfo) -> Ticks:
        found = self.select({"TS_ID": "integer", "TIMESTAMP": "text"}, f"TIMESTAMP_INFO WHERE {where} ORDER BY TS_ID")
        try:
            local = np.array([t[:19] for t in found["TIMESTAMP"].to_pylist()], "datetime64[s]")
        except (ValueError, TypeError):
            raise InputError(self.uri, "TIMESTAMP_INFO holds a time that is none", "repair the table") from None
        return Ticks(found["TS_ID"].to_numpy(), _to_utc(local, zone))


def _with_nulls(found: pa.Table, columns: Mapping[str, Kind]) -> pa.Table:
    """The table with nulls where their stand-ins are."""
    for i, kind in enumerate(columns.values()):
        absent = pc.equal(found[i], pa.scalar(_STAND_INS[kind], _ARROW[kind]))
        if pc.any(absent).as_py():
            found = found.set_column(i, found.field(i), pc.if_else(absent, pa.scalar(None, _ARROW[kind]), found[i]))
    return found


class Ticks:
    """Ids of sample times, rising, and the times in UTC microseconds; `us_of` gives those of ids in any order."""

    def __init__(self, ids: Ints, us: Ints) -> None:
        self.ids, self.us = ids, us
        self.us_of = Lookup(ids, us)

    def __len__(self) -> int:
        return len(self.ids)


def _to_utc(local: np.ndarray, zone: ZoneInfo) -> Ints:
    """Local times in the order in which they were written, as UTC microseconds.

    Where a clock is put back the same hour comes twice: times are of its second run once they have jumped back.
    """
    if not len(local):
        return np.empty(0, np.int64)
    naive = local.astype("datetime64[us]").astype(np.int64)
    ends = [_offset(moment, zone, 0) for moment in (local.min().item(), local.max().item())]
    second = np.maximum.accumulate(np.r_[False, np.diff(local) < -_AMBIGUOUS_JUMP])
    if ends[0] == ends[1] and not second.any():
        return naive - ends[0]
    moments = zip(local.tolist(), second.tolist(), strict=True)
    return naive - np.array([_offset(moment, zone, int(fold)) for moment, fold in moments], np.int64)


def _offset(moment: datetime, zone: ZoneInfo, fold: int) -> int:
    """Microseconds that the zone's clock is ahead of UTC at a local time."""
    offset = moment.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)
