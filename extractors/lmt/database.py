"""Asking an LMT database, MySQL, MariaDB or SQLite, for Arrow tables of whole numbers, decimals and text."""

from __future__ import annotations

import errno
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import adbc_driver_sqlite.dbapi as sqlite
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.base import InputError, quoted
from iolake.extractors.counters import Ints
from iolake.extractors.lmt.asking import ask
from iolake.extractors.lmt.lookup import Lookup

Kind = Literal["integer", "decimal", "text"]
_ARROW: Final = {"integer": pa.int64(), "decimal": pa.float64(), "text": pa.string()}
# SQLite's columns may hold anything, and the driver infers types from the first values, which must not be null: a
# stand-in that is no value replaces NULL. Texts are names and times; longer ones are cut. MySQL keeps percentages in
# single precision: by way of text they become the decimal that was stored, not its nearest binary neighbour.
_CASTS: Final = {
    "sqlite": {
        "integer": "IFNULL({}, -9223372036854775808)",
        "decimal": "IFNULL(CAST({} AS REAL), 9e999)",
        "text": "IFNULL(SUBSTR(CAST({} AS TEXT), 1, 4096), CHAR(1))",
    },
    "mysql": {"integer": "{}", "decimal": "CONCAT({}) + 0e0", "text": "CAST({} AS CHAR)"},
}
_STAND_INS: Final = {"integer": -(2**63), "decimal": float("inf"), "text": "\x01"}
_MOST_SECONDS: Final = 20.0
_MOST_TEXTS: Final = 1_000_000
_SHORTAGE: Final = re.compile(
    r"resource temporarily unavailable|failed to spawn thread|cannot allocate|out of memory|no space left"
    r"|too many (?:open files|conn)|database is locked|disk i/o error"
    r"|timed out|connection (?:reset|refused)|lost connection",
    re.IGNORECASE,
)
"""Words in the driver's message that mean a temporary lack of the machine, network or server."""
_AMBIGUOUS_JUMP: Final = np.timedelta64(10, "m")
_TIME: Final = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"
_EARLIEST, _LATEST = np.datetime64("1971"), np.datetime64("9999")  # a time outside of these is missing


class Database:
    """One LMT database. `uri` is sqlite:///file or mysql://user@host/name; the password is passed separately.

    InputError where there is no such file. A server is not asked before the first query.
    """

    def __init__(self, uri: str, password: str | None = None) -> None:
        self.uri = uri
        parts = urlsplit(uri)
        self.dialect = parts.scheme
        if self.dialect not in _CASTS:
            raise InputError(uri, "is neither mysql:// nor sqlite:///", "correct the uri in site.toml")
        if self.dialect == "sqlite" and not Path(uri.removeprefix("sqlite://")).is_file():
            raise InputError(uri, "the file does not exist", "correct the path in site.toml")
        if password is not None:
            host = f"{parts.username or ''}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
            uri = urlunsplit(parts._replace(netloc=host))
        if self.dialect == "sqlite":  # read-only, or the driver makes a new file
            uri = f"file:///{quote(uri.removeprefix('sqlite://').lstrip('/'))}?mode=ro"
        self._connection = uri
        self._views_checked = False
        self.missing: set[str] = set()
        """The requested tables, and columns as TABLE.COLUMN, that the database lacks."""

    def select(self, columns: Mapping[str, Kind], rest: str) -> pa.Table:
        """`SELECT columns FROM rest`, each column of the kind asked for; InputError where the database refuses."""
        casts = _CASTS[self.dialect]
        wanted = ", ".join(f"{casts[kind].format(name)} AS {name.rpartition('.')[2]}" for name, kind in columns.items())
        schema = pa.schema([(name.rpartition(".")[2], _ARROW[kind]) for name, kind in columns.items()])
        try:
            found = self._answer(f"SELECT {wanted} FROM {rest}", set(columns.values()) == {"text"})
            found = found.cast(schema) if found.num_rows else schema.empty_table()
        except pa.ArrowInvalid as error:
            reason = f"{rest.split(maxsplit=1)[0]} holds a value of another kind than its column{quoted(error)}"
            raise InputError(self.uri, reason, "correct it, or set it to NULL") from None
        except (OSError, MemoryError, InputError):
            raise
        except Exception as error:
            if _SHORTAGE.search(str(error)):
                raise OSError(errno.EAGAIN, self._reason(str(error))) from None
            raise self._failure(str(error)) from None
        return _with_nulls(found, columns) if self.dialect == "sqlite" else found

    def _answer(self, query: str, all_text: bool) -> pa.Table:
        """The driver's answer; SQLite has a driver of its own.

        Answers of text, which are small and which `find` asks for, are bounded in time: ADBC cannot be interrupted.
        """
        if self.dialect == "mysql":
            return ask(self._connection, query)
        self._refuse_endless_views()
        if all_text:
            return self._answer_in_time(query)
        with sqlite.connect(self._connection) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()

    def _answer_in_time(self, query: str) -> pa.Table:
        deadline = time.monotonic() + _MOST_SECONDS
        with closing(sqlite3.connect(self._connection, uri=True)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
            try:
                cursor = connection.execute(query)
                rows = cursor.fetchmany(_MOST_TEXTS + 1)
            except sqlite3.OperationalError:
                if time.monotonic() <= deadline:
                    raise
                reason = f"takes longer than {_MOST_SECONDS:.0f} s to read"
                raise InputError(self.uri, reason, "check that its tables are no views") from None
        if len(rows) > _MOST_TEXTS:
            raise InputError(self.uri, f"has more than {_MOST_TEXTS:,} names", "check that its tables are no views")
        names = [column[0] for column in cursor.description]
        return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})

    def _refuse_endless_views(self) -> None:
        """Raise InputError where a view may have no end; a query cannot be interrupted."""
        if self._views_checked:
            return
        with closing(sqlite3.connect(self._connection, uri=True)) as connection:
            for name, text in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"):
                if re.search(r"\bRECURSIVE\b|\bGENERATE_SERIES\b", text or "", re.IGNORECASE):
                    raise InputError(self.uri, f"the view {name} is recursive, and may have no end", "make it a table")
        self._views_checked = True

    def _failure(self, message: str) -> InputError:
        problem = f"is not an LMT database that can be read{quoted(self._reason(message))}"
        return InputError(self.uri, problem, "check its uri and password")

    def _reason(self, message: str) -> str:
        """The first line of the driver's error, without the connection's text, which holds the password."""
        return message.replace(self._connection, self.uri).splitlines()[0] if message else "the driver failed"

    @cached_property
    def columns(self) -> dict[str, set[str]]:
        """The columns of each table and view, all in capitals; InputError where they are not LMT's."""
        if self.dialect == "sqlite":
            tables = "sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view')"
            found = self.select({"m.tbl_name": "text", "c.name": "text"}, tables)
        else:
            tables = "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
            found = self.select({"TABLE_NAME": "text", "COLUMN_NAME": "text"}, tables)
        columns: dict[str, set[str]] = {}
        for table, column in zip(*(part.to_pylist() for part in found.columns), strict=True):
            columns.setdefault(table.upper(), set()).add(column.upper())
        if "TIMESTAMP_INFO" not in columns:
            raise InputError(self.uri, "has no table TIMESTAMP_INFO", "check that it is an LMT database")
        return columns

    def has(self, table: str, columns: Iterable[str]) -> bool:
        """Whether there is a table or view with some columns; the absent ones are added to `missing`."""
        if table not in self.columns:
            self.missing.add(table)
            return False
        absent = set(columns) - self.columns[table]
        self.missing |= {f"{table}.{column}" for column in absent}
        return not absent

    def rows(self, table: str, columns: Mapping[str, Kind], where: str) -> pa.Table:
        """Columns of the chosen rows of a table, which has at least one of them; the others are null."""
        held = {name: kind for name, kind in columns.items() if self.has(table, [name])}
        found = self.select(held, f"{table} WHERE {where}")
        for place, (name, kind) in enumerate(columns.items()):
            if name not in held:
                found = found.add_column(place, name, pa.nulls(len(found), _ARROW[kind]))
        return found

    def days(self) -> list[date]:
        """The days, in the zone of the database, that have samples; InputError where there are samples of no day."""
        source = "(SELECT DISTINCT SUBSTR(TIMESTAMP, 1, 10) AS DAY FROM TIMESTAMP_INFO) AS d ORDER BY DAY"
        self.has("TIMESTAMP_INFO", ())
        texts = self.select({"DAY": "text"}, source)["DAY"]
        local = _moments(pc.binary_join_element_wise(texts, "00:00:00", " "))
        days: list[date] = local[~np.isnat(local)].astype("datetime64[D]").tolist()
        if len(texts) and not days:
            reason = f"TIMESTAMP_INFO holds no time such as 2018-01-28 00:00:05, but {texts[-1]}"
            raise InputError(self.uri, reason, "make them DATETIME")
        return days

    def ticks(self, day: date, zone: ZoneInfo) -> Ticks:
        """The times of the day's samples."""
        found = self._stored(f"TIMESTAMP >= '{day}' AND TIMESTAMP < '{day + timedelta(days=1)}'")
        return Ticks(found.ids, _to_utc(found.local, zone), found.unnumbered)

    def tick_beside(self, ticks: Ticks, side: Literal["before", "after"], zone: ZoneInfo) -> Ticks:
        """The last time before `ticks` or the first one after, or none."""
        beyond = f"TS_ID < {ticks.ids.min()}" if side == "before" else f"TS_ID > {ticks.ids.max()}"
        next_id = f"SELECT {'MAX' if side == 'before' else 'MIN'}(TS_ID) FROM TIMESTAMP_INFO WHERE {beyond}"
        for where in (f"TS_ID = ({next_id})", beyond):  # all of them only where the next one has no time
            ids = self._stored(where).ids
            if len(ids):
                break
        return self.ticks_by_id(ids[-1:] if side == "before" else ids[:1], zone)

    def ticks_by_id(self, ids: Ints, zone: ZoneInfo) -> Ticks:
        """The times of some ids. The day's other times decide which run of a repeated hour each belongs to."""
        found = self._stored(f"TS_ID IN ({listed(ids)})")
        us = _to_utc(found.local, zone)
        for day in {m.date() for m in found.local.tolist() if _offset(m, zone, 0) != _offset(m, zone, 1)}:
            of_day = self.ticks(day, zone).us_of(found.ids)
            us = np.where(of_day < 0, us, of_day)
        return Ticks(found.ids, us)

    def untimed(self, first_id: int, last_id: int) -> int:
        """How many ids, from the first to the last, have no time."""
        return self._stored(f"TS_ID BETWEEN {first_id} AND {last_id}").untimed

    def timed(self, where: str) -> str:
        """A query for the ids, of those that are `where`, that have a time."""
        every = self.select({"TS_ID": "integer"}, f"TIMESTAMP_INFO WHERE TS_ID {where}")["TS_ID"].to_numpy()
        untimed = np.setdiff1d(every, self._stored(f"TS_ID {where}").ids)
        return f"SELECT TS_ID FROM TIMESTAMP_INFO WHERE TS_ID {where} AND TS_ID NOT IN (-1, {listed(untimed)})"

    def _stored(self, where: str) -> _Stored:
        """The rows of TIMESTAMP_INFO that are `where`, by id."""
        found = self.select({"TS_ID": "integer", "TIMESTAMP": "text"}, f"TIMESTAMP_INFO WHERE {where} ORDER BY TS_ID")
        local = _moments(found["TIMESTAMP"])
        numbered, timed = found["TS_ID"].is_valid().to_numpy(), ~np.isnat(local)
        ids = found["TS_ID"].filter(pa.array(numbered & timed)).to_numpy()
        return _Stored(ids, local[numbered & timed], int((numbered & ~timed).sum()), int((~numbered).sum()))


class _Stored(NamedTuple):
    """Ids and local times, and how many more ids have no time, and how many rows no id."""

    ids: Ints
    local: np.ndarray
    untimed: int
    unnumbered: int


def listed(ids: Ints) -> str:
    """Ids as SQL lists them."""
    return ", ".join(str(i) for i in ids) or "NULL"


def _moments(texts: pa.ChunkedArray) -> np.ndarray:
    """Times as MySQL writes them, to the second; NaT for any other text."""
    shaped = pc.fill_null(pc.match_substring_regex(texts, _TIME), False)
    moments = pc.if_else(shaped, pc.utf8_slice_codeunits(texts, 0, 19), "NaT").to_pylist()
    try:
        local = np.array(moments, "datetime64[s]")
    except ValueError:
        local = np.array([_moment(text) for text in moments], "datetime64[s]")
    local[(local < _EARLIEST) | (local >= _LATEST)] = "NaT"
    return local


def _moment(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "s")
    except ValueError:  # a day or an hour that does not exist
        return np.datetime64("NaT", "s")


def _with_nulls(found: pa.Table, columns: Mapping[str, Kind]) -> pa.Table:
    """The table with nulls in place of their stand-ins."""
    for i, kind in enumerate(columns.values()):
        absent = pc.equal(found[i], pa.scalar(_STAND_INS[kind], _ARROW[kind]))
        if pc.any(absent).as_py():
            found = found.set_column(i, found.field(i), pc.if_else(absent, pa.scalar(None, _ARROW[kind]), found[i]))
    return found


class Ticks:
    """Ids of sample times, rising, and the times in UTC microseconds; `us_of` gives those of ids in any order.

    `unnumbered` more times have no id.
    """

    def __init__(self, ids: Ints, us: Ints, unnumbered: int = 0) -> None:
        self.ids, self.us, self.unnumbered = ids, us, unnumbered
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
