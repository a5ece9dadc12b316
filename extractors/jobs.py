"""Jobs that Slurm did not run: a NERSC jobs database, and CSV or Parquet files of any other scheduler.

A file has a column for each column of `other_jobs` that the site can fill, by the same name: `scheduler_id`,
`start_time` and `end_time` at least. Times are ISO 8601, with an offset or on the cluster's own clock, or epochs;
`timelimit_s` is seconds or [D-]HH:MM:SS; `node_list` joins names by commas, spaces, `+` or `:`, with brackets
for ranges, PBS's `/cpu` behind a name and LSF's `cpus*` before it. Further columns are left out and named.
"""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import fsspec
import polars as pl
import pyarrow as pa

from extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from extractors.files import find_files
from extractors.lookback import bounds, find_days
from extractors.slurm import values
from extractors.slurm.nodelist import NodeListError, expand
from extractors.slurm.zone import to_utc
from schemas.jobs import OTHER_JOBS
from schemas.site import OwnerKind, Site, Source, password
from schemas.table import TEXT, TIMESTAMP, Table

_SUMMARY: Final = {"stepid": "scheduler_id", "start": "start_time", "completion": "end_time", "numnodes": "nnodes"}
"""Columns of a NERSC jobs database's table `summary`, beside `hostname`, the machine."""

_REQUIRED: Final = ("scheduler_id", "start_time", "end_time")
_NODE: Final = re.compile(r"(?:\[[^\]]*\]|[^\s,+:])+")


class Jobs(Extractor):
    """`files` (CSV or Parquet), or the `uri` of a NERSC jobs database: sqlite:///file, mysql://user@host/name.

    Option `hostname` is the cluster's name in that database, where it is not the site's.
    """

    source = "jobs"
    version = 1
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar[list[Table]] = [OTHER_JOBS]

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Files by the site's patterns, an SQLite file as a whole, and a MySQL database a day after the other."""
        yield from find_files(site, self.owner, self.source, span)
        for name, where, zone in site.sources(self.owner, self.source):
            uri = site.resolve(where.uri or "")
            if uri.startswith("sqlite:///"):
                path = Path(uri.removeprefix("sqlite:///"))
                told = path.stat() if path.exists() else None
                mtime = datetime.fromtimestamp(told.st_mtime, UTC) if told else None
                yield Input(self.source, name, uri, None, told.st_size if told else None, mtime)
            elif where.uri is not None:
                yield from find_days(self.source, name, f"{uri}#", where, zone, span)

    def hash(self, input: Input, site: Site) -> str | None:
        """Of a file's content; a server's answer has none before it is read."""
        if "#" in input.uri and urlsplit(input.uri).scheme != "":
            return None
        return super().hash(replace(input, uri=input.uri.removeprefix("sqlite:///")), site)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """`other_jobs`; rejects name the columns, rows and values that were left out."""
        where, zone = next((w, z) for name, w, z in site.sources(self.owner, self.source) if name == input.owner)
        frame = _file(input.uri) if where.uri is None else _summary(input, where, zone)
        yield from _tables(frame, input, zone)


def _file(uri: str) -> pl.DataFrame:
    """A CSV or Parquet file; of CSV all columns are text."""
    with fsspec.open(uri, "rb", compression="infer") as file:
        content = file.read()
    try:
        if content.startswith(b"PAR1"):
            return pl.read_parquet(io.BytesIO(content))
        return pl.read_csv(io.BytesIO(content), infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = f"is neither CSV nor Parquet: {str(error).splitlines()[0]}"
        raise InputError(uri, reason, "write one line or row a job, with a header") from None


def _summary(input: Input, where: Source, zone: ZoneInfo) -> pl.DataFrame:
    """The jobs of the input's cluster, and on a server of its day, in a NERSC jobs database."""
    host = str(where.options.get("hostname", input.owner))
    columns = ", ".join(_SUMMARY)
    if input.uri.startswith("sqlite:///"):
        path = input.uri.removeprefix("sqlite:///")
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as database:
                rows = database.execute(f"SELECT {columns} FROM summary WHERE hostname = ?", (host,)).fetchall()
        except sqlite3.Error as error:
            raise InputError(input.uri, f"is not a NERSC jobs database: {error}", "check the uri") from None
    else:
        rows = _ask(input, columns, host, zone)
    names = list(_SUMMARY.values())
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row", strict=False)


def _ask(input: Input, columns: str, host: str, zone: ZoneInfo) -> list[Any]:
    import pymysql

    assert input.day is not None
    since, until = (t.replace(tzinfo=UTC).timestamp() for t in bounds(input.day, zone))
    parts = urlsplit(input.uri.partition("#")[0])
    sql = f"SELECT {columns} FROM summary WHERE hostname = %s AND completion >= %s AND completion < %s ORDER BY stepid"
    try:
        with (
            pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=unquote(parts.username or ""),
                password=password(input.owner, input.source) or "",
                database=unquote(parts.path.strip("/")),
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, (host, int(since), int(until)))
            return list(cursor.fetchall())
    except pymysql.OperationalError as error:
        raise ConnectionError(f"{parts.hostname}: {error.args[-1]}") from None
    except pymysql.MySQLError as error:
        raise InputError(input.uri, f"is not a NERSC jobs database: {error.args[-1]}", "check the uri") from None


def _tables(frame: pl.DataFrame, input: Input, zone: ZoneInfo) -> Iterator[Batch | Reject]:
    """The batch of a frame's jobs, then what was left out of it; InputError where a column that all need is missing."""
    if missing := [name for name in _REQUIRED if name not in frame.columns]:
        raise InputError(input.uri, f"has no column {', '.join(missing)}", "name the columns as other_jobs does")
    schema = OTHER_JOBS.batch_schema
    rejects = [
        Reject(input, "is not a column of other_jobs; left out", f"column {name}")
        for name in frame.columns
        if name not in schema.names
    ]
    given = {name: frame[name] for name in frame.columns if name in schema.names}
    texts = {name: _text(column) for name, column in given.items()}
    read: dict[str, pl.Series] = {name: texts[name] for name in texts if schema.field(name).type == TEXT}
    ambiguous = pl.Series([False]).new_from_index(0, frame.height)
    for name, column in given.items():
        kind = schema.field(name).type
        if kind == TIMESTAMP:
            read[name], unsure = _times(column, zone)
            ambiguous |= unsure
        elif kind == pa.int64():
            read[name] = values.numbers(texts[name])
        elif kind == pa.float64():
            read[name] = values.durations(texts[name])
    for name, column in read.items():
        if lost := int((column.is_null() & texts[name].is_not_null()).sum()):
            example = texts[name].filter(column.is_null() & texts[name].is_not_null())[0]
            rejects.append(Reject(input, f"{lost} values not understood, such as {example!r}; null", f"column {name}"))
    leading = read["scheduler_id"].str.extract(r"^(\d+)").str.to_integer(strict=False)
    read["job_id"] = read["job_id"].fill_null(leading) if "job_id" in read else leading
    lists = texts["node_list"].to_list() if "node_list" in texts else [None] * frame.height
    read["nodes"] = pl.Series([_nodes(text) for text in lists], dtype=pl.List(pl.String))
    counted = read["nodes"].list.len().cast(pl.Int64)
    read["nnodes"] = read["nnodes"].fill_null(counted) if "nnodes" in read else counted
    read["time_ambiguous"] = ambiguous
    ready = pl.DataFrame(read)
    placed = pl.all_horizontal(pl.col(name).is_not_null() for name in _REQUIRED)
    complete = ready.filter(placed)
    if complete.height < ready.height:
        count = ready.height - complete.height
        rejects.append(Reject(input, f"{count} rows lack one of {', '.join(_REQUIRED)}", "rows"))
    jobs = complete.unique(["scheduler_id", "start_time"], keep="first", maintain_order=True)
    if jobs.height < complete.height:
        rejects.append(
            Reject(input, f"{complete.height - jobs.height} rows repeat an earlier job and start", "repeats")
        )
    if jobs.height:
        yield Batch(OTHER_JOBS, _arrow(jobs, schema))
    yield from rejects


def _text(column: pl.Series) -> pl.Series:
    texts = column.cast(pl.String, strict=False).str.strip_chars()
    return texts.set(texts == "", None)


def _times(column: pl.Series, zone: ZoneInfo) -> tuple[pl.Series, pl.Series]:
    """(UTC without a zone, whether it lies in the hour that autumn repeats) of a column of times."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.cast_time_unit(
            "us"
        ), column.is_null() & False
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.to_string("%Y-%m-%dT%H:%M:%S")
    texts = _text(column)
    zoned = texts.str.replace(r"Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", strict=False, time_unit="us")
    seconds, is_local = values.times(texts)
    earlier, later, shown = (pl.Series(a) for a in to_utc(seconds.fill_null(0).to_numpy(), zone))
    local = earlier.set(~shown | seconds.is_null(), None)
    utc = pl.select(pl.when(is_local).then(local).otherwise(seconds)).to_series() * 1_000_000
    return (
        zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None).fill_null(utc.cast(pl.Datetime("us"))),
        is_local & (earlier != later),
    )


def _nodes(text: str | None) -> list[str] | None:
    """Each node once, in the order of the list; null where it is not a list of nodes."""
    if text is None:
        return None
    try:
        parts = (re.sub(r"^\d+\*|/.*$", "", part) for part in _NODE.findall(text))
        return list(dict.fromkeys(name for part in parts for name in expand(part)))
    except NodeListError:
        return None


def _arrow(jobs: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The jobs in the table's columns; those that the file lacks are null."""
    arrays = [
        jobs[field.name].to_arrow().cast(field.type)
        if field.name in jobs.columns
        else pa.nulls(jobs.height, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
