"""Rows of text about jobs into `other_jobs`: one way for every scheduler, file and database.

A row has a value for each column of `other_jobs` that its source fills. Times are ISO 8601 with separators, with an
offset or on the cluster's own clock, or seconds since 1970; a day alone is its midnight, and fractions of a second
may follow. `timelimit_s` is seconds or [D-]HH:MM:SS; `node_list` joins names by commas, spaces, `+` or `:`, with
brackets for ranges, PBS's `/cpu` behind a name and LSF's `cpus*` before it. NA, None, null and - are null,
except as a job's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.extractors.slurm import values
from iolake.extractors.slurm.nodelist import MAX_NODES, NodeListError, expand
from iolake.extractors.slurm.zone import to_utc
from iolake.schemas.jobs import OTHER_JOBS
from iolake.schemas.table import TEXT, TIMESTAMP

REQUIRED: Final = ("scheduler_id", "start_time", "end_time")
_DERIVED: Final = ("run_id", "nodes", "time_ambiguous")
_MOST_NAMES: Final = 8_000_000
"""Node names, with repeats, in all lists of one input: what a year of a large machine has, and what fits."""
_MICRO: Final = 1_000_000
_END_OF_TIME: Final = 7_258_118_400 * _MICRO
"""The year 2200, in microseconds. A later time means no time, as 9999-12-31 does, or is an epoch not in seconds."""

_TIME: Final = (
    r"^(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?)?$"
)
_NOTHING: Final = ("NA", "N/A", "n/a", "None", "NULL", "null", "(null)", "NaN", "-", "--", r"\N")
"""How programs write that a value is not known, in any column but the job's name, which may be any text."""
_NO_VALUE: Final = (*_NOTHING, "na", "none", "nan", "NaT", "Unknown", "unknown", "None assigned", "INVALID", "[]", "()")
"""The same of columns whose values are no names: times, numbers and node lists."""
_NODE: Final = re.compile(r"(?:\[[^\]]*\]|[^\s,+:])+")


def job_table(frame: pl.DataFrame, input: Input, zone: ZoneInfo) -> Iterator[Batch | Reject]:
    """The batch of a frame's jobs, then what was left out of it; InputError where a column that all need is missing."""
    given, rejects = _usable(frame, input)
    texts = {name: _known(name, _text(column)) for name, column in given.items()}
    read, ambiguous = _typed(given, texts, frame.height, zone)
    for name, column in read.items():
        rejects += _not_understood(input, texts[name], column)
    leading = read["scheduler_id"].str.extract(r"^(\d+)").str.to_integer(strict=False)
    read["job_id"] = read["job_id"].fill_null(leading) if "job_id" in read else leading
    rejects += _add_nodes(read, texts, frame.height, input)
    read["time_ambiguous"] = ambiguous
    complete, incomplete = _complete(pl.DataFrame(read), texts, input)
    jobs, others = _distinct(complete, input)
    if jobs.height:
        yield Batch(OTHER_JOBS, _arrow(jobs, OTHER_JOBS.batch_schema))
    yield from chain(rejects, incomplete, others)


def _typed(
    given: dict[str, pl.Series], texts: dict[str, pl.Series], height: int, zone: ZoneInfo
) -> tuple[dict[str, pl.Series], pl.Series]:
    """Each column in the table's type, null where its text has another; and which rows have an ambiguous local time."""
    schema = OTHER_JOBS.batch_schema
    read: dict[str, pl.Series] = {name: texts[name] for name in texts if schema.field(name).type == TEXT}
    ambiguous = pl.Series([False]).new_from_index(0, height)
    for name, column in given.items():
        kind = schema.field(name).type
        if kind == TIMESTAMP:
            read[name], unsure = _times(column, zone)
            ambiguous |= unsure
        elif kind == pa.int64():
            read[name] = values.numbers(texts[name])
        elif kind == pa.float64():
            read[name] = values.durations(texts[name])
    return read, ambiguous


def _add_nodes(read: dict[str, pl.Series], texts: dict[str, pl.Series], height: int, input: Input) -> Iterator[Reject]:
    """Add `nodes` and `nnodes` to the columns; yield what of the node lists was not understood."""
    lists = texts.get("node_list", pl.Series("node_list", [None] * height, pl.String))
    nodes, past = _node_lists(lists)
    read["nodes"] = pl.Series(nodes, dtype=pl.List(pl.String))
    counted = read["nodes"].list.len().cast(pl.Int64)
    read["nnodes"] = read["nnodes"].fill_null(counted) if "nnodes" in read else counted
    yield from _not_understood(input, lists.head(height - past), read["nodes"].head(height - past))
    if past:
        reason = f"{past} node lists are past {_MOST_NAMES:,} names in one file; null; write a file a month or a day"
        yield Reject(input, reason, "column node_list")


def _complete(ready: pl.DataFrame, texts: dict[str, pl.Series], input: Input) -> tuple[pl.DataFrame, list[Reject]]:
    """The jobs that have what every job needs, with their run_id; and a reject for the others.

    A job that never started needs no start.
    """
    never_started = texts["start_time"].is_null() & (
        ready["submit_time"].is_not_null() if "submit_time" in ready else False
    )
    placed = pl.all_horizontal(pl.col(name).is_not_null() for name in REQUIRED)
    placed |= never_started & pl.all_horizontal(pl.col("scheduler_id", "end_time").is_not_null())
    complete = ready.filter(placed)
    began = pl.coalesce(name for name in ("start_time", "submit_time", "end_time") if name in ready)
    complete = complete.with_columns(run_id=pl.format("{}.{}", "scheduler_id", began.dt.epoch("us") // _MICRO))
    count = ready.height - complete.height
    reason = f"{count} rows lack one of {', '.join(REQUIRED)}"
    return complete, [Reject(input, reason, "rows", rows=count)] if count else []


def _distinct(complete: pl.DataFrame, input: Input) -> tuple[pl.DataFrame, list[Reject]]:
    """The first row of each run; and rejects for repeated rows and for runs that end before they start."""
    rejects: list[Reject] = []
    jobs = complete.unique("run_id", keep="first", maintain_order=True)
    if jobs.height < complete.height:
        rejects.append(
            Reject(input, f"{complete.height - jobs.height} rows repeat an earlier job and start", "repeats")
        )
    if (backwards := jobs.filter(pl.col("end_time") < pl.col("start_time"))).height:
        reason = f"{backwards.height} jobs end before they start, such as {backwards['scheduler_id'][0]!r}"
        rejects.append(Reject(input, f"{reason}; their elapsed time is null", "order"))
    return jobs, rejects


def _not_understood(input: Input, texts: pl.Series, found: pl.Series) -> Iterator[Reject]:
    """A reject for the texts of a column that nothing was found in."""
    lost = texts.filter(found.is_null() & texts.is_not_null())
    if len(lost):
        yield Reject(input, f"{len(lost)} values not understood, such as {lost[0]!r}; null", f"column {texts.name}")


def _usable(frame: pl.DataFrame, input: Input) -> tuple[dict[str, pl.Series], list[Reject]]:
    """(the columns to read by name, a reject for each other one); InputError where one that all need is missing."""
    given: dict[str, pl.Series] = {}
    rejects = []
    for column in frame:
        plain = _plain(column)
        if column.name not in OTHER_JOBS.batch_schema.names:
            reason = "is not a column of other_jobs"
        elif column.name in _DERIVED:
            reason = "is made from other columns"
        elif plain is None:
            reason = f"has the type {column.dtype}, which is not one of other_jobs'"
        else:
            given[column.name] = plain
            continue
        rejects.append(Reject(input, f"{reason}; left out", f"column {column.name}"))
    if missing := [name for name in REQUIRED if name not in given]:
        reason = f"has no column {', '.join(missing)} of text, numbers or times"
        raise InputError(input.uri, reason, "name the columns as other_jobs does")
    return given, rejects


def _plain(column: pl.Series) -> pl.Series | None:
    """A column as text, numbers or times; None where its type can't be made one of these for what it holds."""
    kind = column.dtype
    if column.name == "timelimit_s" and isinstance(kind, pl.Duration):
        return column.dt.total_microseconds() / 1e6
    if column.name == "node_list" and isinstance(kind, pl.List | pl.Array) and not kind.inner.is_nested():
        return column.cast(pl.List(pl.String), strict=False).list.join(",")
    if kind.is_nested() or isinstance(kind, pl.Duration | pl.Object):
        return None
    return column.fill_nan(None) if kind.is_float() else column


def _text(column: pl.Series) -> pl.Series:
    texts = column.cast(pl.String, strict=False).str.strip_chars()
    return texts.set(texts == "", None)


def _known(name: str, texts: pl.Series) -> pl.Series:
    """A column's texts, null where they say that nothing is known."""
    is_text = OTHER_JOBS.batch_schema.field(name).type == TEXT and name != "node_list"
    words = () if name == "job_name" else _NOTHING if is_text else _NO_VALUE
    return texts.set(texts.is_in(words), None)


def _times(column: pl.Series, zone: ZoneInfo) -> tuple[pl.Series, pl.Series]:
    """(UTC without a zone, whether it lies in the hour that autumn repeats) of a column of times."""
    given, is_local = pl.col("given"), pl.col("is_local")
    times = _instants(column).with_columns(pl.when((given >= 0) & (given < _END_OF_TIME)).then(given))
    local = times.select(pl.when(is_local & given.is_not_null()).then(given // _MICRO).otherwise(0)).to_series()
    earlier, later, shown = (pl.Series(readings) for readings in to_utc(local.to_numpy(), zone))
    times = times.with_columns(shift=(earlier - local) * _MICRO, twice=earlier != later, shown=shown)
    utc = pl.when(~is_local).then(given).when("shown").then(given + pl.col("shift"))
    found = times.select(utc=utc.cast(pl.Datetime("us")), unsure=is_local & given.is_not_null() & pl.col("twice"))
    return found["utc"], found["unsure"]


def _instants(column: pl.Series) -> pl.DataFrame:
    """`given`, microseconds since 1970, and `is_local`, whether the cluster's own clock shows them, of times."""
    frame, kind = column.to_frame("time"), column.dtype
    if isinstance(kind, pl.Date | pl.Datetime):
        return frame.select(given=pl.col("time").dt.epoch("us"), is_local=getattr(kind, "time_zone", None) is None)
    texts = _text(column).to_frame("text")
    parts = texts.select(pl.col("text").str.extract_groups(_TIME)).unnest("text")
    minute, second = pl.col("minute").fill_null("00:00"), pl.col("second").fill_null("00")
    moment = pl.concat_str("day", pl.lit("T"), minute, pl.lit(":"), second).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us"
    )
    fraction = pl.col("fraction").fill_null("").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64)
    hours, minutes = (pl.col(name).fill_null("0").cast(pl.Int64) for name in ("hours", "minutes"))
    ahead = (hours * 60 + minutes) * pl.when(pl.col("sign") == "-").then(-60).otherwise(60) * _MICRO
    dated = parts.select(
        given=moment.dt.epoch("us") + fraction - ahead, is_local=pl.col("day").is_not_null() & pl.col("zone").is_null()
    )
    epoch = texts["text"].cast(pl.Float64, strict=False) * _MICRO
    return dated.with_columns(pl.col("given").fill_null(epoch.round().cast(pl.Int64, strict=False)))


def _node_lists(texts: pl.Series) -> tuple[list[list[str] | None], int]:
    """(the nodes of each text, how many texts at the end are null because an input may have no more names)."""
    left = _MOST_NAMES
    known: dict[str | None, list[str] | None] = {None: None}
    found: list[list[str] | None] = []
    for text in texts:
        if left <= 0:
            break
        if text in known:
            cost = len(known[text] or ())
        else:
            known[text], cost = _nodes(text)
        left -= cost
        found.append(known[text])
    past = len(texts) - len(found)
    return found + [None] * past, past


def _nodes(text: str) -> tuple[list[str] | None, int]:
    """(each node once, in the order of the list, null where it is not a list of nodes; the names written out)."""
    names: dict[str, None] = {}
    written = 0
    try:
        for part in dict.fromkeys(re.sub(r"^\d+\*|/.*$", "", part) for part in _NODE.findall(text)):
            expanded = expand(part, MAX_NODES - written)
            written += len(expanded)
            names |= dict.fromkeys(expanded)
    except NodeListError:
        return None, written
    return list(names), written


def _arrow(jobs: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The jobs in the table's columns; those that the file lacks are null."""
    arrays = [
        jobs[field.name].to_arrow().cast(field.type)
        if field.name in jobs.columns
        else pa.nulls(jobs.height, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
