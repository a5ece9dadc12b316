"""The columns of slurm_jobs, slurm_steps and slurm_running out of sacct's fields.

A column's declaration says how it is read: its origin names the field, its type and unit what stands there. The
few that need more than their field have a function of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from typing import Any, Final, TypeAlias, TypeVar

import polars as pl
import pyarrow as pa

from iolake.extractors.slurm import values
from iolake.extractors.slurm.distinct import Distinct
from iolake.extractors.slurm.fields import INFINITE_32, NOTHING, RAW
from iolake.extractors.slurm.gres import gres_as_tres, with_gres
from iolake.extractors.slurm.left_out import LeftOut
from iolake.extractors.slurm.maps import Maps, count_maps, text_maps
from iolake.extractors.slurm.nodes import NodeLists, node_lists
from iolake.schemas.slurm import LIST_TEXT, MAP_TEXTS
from iolake.schemas.table import TEXT, Column, Table

_Read = TypeVar("_Read", pl.Series, Maps, NodeLists)
_Column: TypeAlias = pl.Series | NodeLists | Maps
_Special: TypeAlias = Callable[["Columns"], _Column | None]

_PEAKS: Final = {
    "rss": ("mem", "tresusagein", "rss"),
    "vm_size": ("vmem", "tresusagein", "vmsize"),
    "pages": ("pages", "tresusagein", "pages"),
    "disk_read": ("fs/disk", "tresusagein", "diskread"),
    "disk_write": ("fs/disk", "tresusageout", "diskwrite"),
    "cpu": ("cpu", "tresusagein", "cpu"),
}
"""Quantity: its key in the usage maps, which map, and its name in the fields that tell the same, but rounded."""

_NUMBERS: Final = {base: partial(values.numbers, base=base) for base in (1000, 1024)}
_IN_BYTES: Final = ("rss", "vm_size", "disk_read", "disk_write")


class Columns:
    """Reads each field of a frame of rows once, for jobs and steps together, and gives the tables their columns.

    `ready` holds the columns that are known already. `left_out` collects the values that are not understood. A field
    that the frame lacks reads as None.
    """

    def __init__(self, frame: pl.DataFrame, ready: pl.DataFrame, left_out: LeftOut | None = None) -> None:
        self.ready, self._left_out = ready, left_out
        self._texts = frame.to_dict()
        self._distinct: dict[str, Distinct] = {}
        self._values: dict[tuple[str, Callable[[pl.Series], Any]], Any] = {}
        self._columns: dict[str, _Column | None] = {}

    def table(self, table: Table, rows: pl.Series) -> pa.Table:
        """All of the table's columns, as an extractor hands them over, of the rows that the mask picks."""
        schema, height = table.batch_schema, int(rows.sum())
        nulls = {kind: pa.nulls(height, kind) for kind in set(schema.types)}
        columns = ((kind, self.column(table[name])) for name, kind in zip(schema.names, schema.types, strict=True))
        arrays = [nulls[kind] if column is None else _arrow(column, rows) for kind, column in columns]
        return pa.Table.from_arrays(arrays, schema=schema)

    def column(self, column: Column) -> _Column | None:
        """The column's values in all rows."""
        if column.name in self.ready.columns:
            return self.ready[column.name]
        if column.name not in self._columns:
            self._columns[column.name] = _SPECIAL.get(column.name, partial(_by_declaration, column))(self)
        return self._columns[column.name]

    def text(self, field: str) -> pl.Series | None:
        """The field's texts."""
        return self._texts.get(field)

    def read(self, field: str, convert: Callable[[pl.Series], _Read]) -> _Read | None:
        """The field's values; those that are not understood are null, and counted."""
        if (texts := self._texts.get(field)) is None:
            return None
        if (field, convert) not in self._values:
            found = self._values[field, convert] = convert(texts)
            self.count_unread(field, texts, found.is_null())
        result: _Read = self._values[field, convert]
        return result

    def read_texts(self, name: str, texts: pl.Series, convert: Callable[[pl.Series], _Read]) -> _Read:
        """The values of texts that several fields make up; rejects call the texts `name`."""
        self._texts[name] = texts
        found = self.read(name, convert)
        assert found is not None
        return found

    def number(self, field: str, base: int = 1024) -> pl.Series | None:
        """Int64 of a field; its plain number where there is one, else the one with a suffix."""
        return self._plain_first(field, _NUMBERS[base])

    def seconds(self, field: str) -> pl.Series | None:
        """Float64 seconds of a field; its plain number where there is one, else the one with colons."""
        return self._plain_first(field, values.durations)

    def in_map(self, field: str, key: str, convert: Callable[[pl.Series], Maps] = count_maps) -> pl.Series | None:
        """One key's values out of the field's maps."""
        maps = self.read(field, convert)
        return None if maps is None else maps.of(key)

    def distinct(self, field: str, convert: Callable[[pl.Series], pl.Series]) -> pl.Series | None:
        """The values of a field that has few distinct texts: each of them is read once."""
        if field not in self._texts:
            return None
        if field not in self._distinct:
            self._distinct[field] = Distinct.of(self._texts[field])
        return self._distinct[field].map(convert)

    def _plain_first(self, field: str, convert: Callable[[pl.Series], pl.Series]) -> pl.Series | None:
        raw = RAW.get(field)
        return first(None if raw is None else self.read(raw, convert), self.read(field, convert))

    def count_unread(self, field: str, texts: pl.Series, missing: pl.Series) -> None:
        """Note the texts that are not empty and gave no value."""
        if self._left_out is None or missing.sum() <= texts.null_count():
            return
        lost = missing & texts.is_not_null() & ~texts.is_in(NOTHING).fill_null(value=True)
        if lost.any():
            self._left_out.values(field, self._texts["#input"].filter(lost), texts.filter(lost))


def first(*columns: pl.Series | None) -> pl.Series | None:
    """Of each row, the first value that one of the columns has; None where all of them are."""
    there = [column for column in columns if column is not None]
    return reduce(lambda found, more: found.fill_null(more) if found.null_count() else found, there) if there else None


def _product(one: pl.Series | None, other: pl.Series | None) -> pl.Series | None:
    return None if one is None or other is None else one * other


def _by_declaration(column: Column, columns: Columns) -> _Column | None:
    """What the column's origin holds, by its type and unit."""
    assert column.origin is not None
    field = column.origin.lower()
    if column.type == TEXT:
        return columns.text(field)
    if column.type == pa.float64():
        return columns.seconds(field)
    if column.type == pa.int64():
        return columns.number(field, base=1000 if column.unit == "J" else 1024)
    if column.type == LIST_TEXT:
        return columns.distinct(field, lambda texts: texts.str.split(","))
    return columns.read(field, text_maps if column.type == MAP_TEXTS else count_maps)


def _state(columns: Columns) -> pl.Series | None:
    """COMPLETED, CANCELLED, …, without who did it."""
    return columns.distinct("state", lambda texts: _part(texts, " by ", 0))


def _cancelled_by(columns: Columns) -> pl.Series | None:
    return columns.distinct("state", lambda texts: values.numbers(_part(texts, " by ", 1)))


def _exit(field: str, place: int) -> _Special:
    """Status (the first) or signal (the second) of `42:0`."""
    return lambda columns: columns.distinct(field, lambda texts: values.numbers(_part(texts, ":", place)))


def _part(texts: pl.Series, separator: str, place: int) -> pl.Series:
    return texts.str.splitn(separator, 2).struct.field(f"field_{place}")


def _seconds_between(columns: Columns, since: str, until: str) -> pl.Series:
    """Float64; null where the clock was put back in between, so that the times do not determine it."""
    return _not_negative((columns.ready[until] - columns.ready[since]).dt.total_seconds().cast(pl.Float64))


def _not_negative(seconds: pl.Series) -> pl.Series:
    return seconds.set((seconds < 0).fill_null(False), None)


def _elapsed(columns: Columns) -> pl.Series | None:
    elapsed = columns.seconds("elapsed")
    if elapsed is not None and elapsed.null_count() == 0:
        return elapsed
    span = _seconds_between(columns, "start_time", "end_time")
    suspended = columns.seconds("suspended")
    return first(elapsed, span if suspended is None else _not_negative(span - suspended.fill_null(0.0)))


def _cpu_time(columns: Columns) -> pl.Series | None:
    """CPUTime is elapsed time x CPUs by its own definition; JSON leaves the product to the reader."""
    return first(columns.seconds("cputime"), _product(_elapsed(columns), _ncpus(columns)))


def _once_started(columns: Columns, counts: pl.Series | None) -> pl.Series | None:
    """The values of jobs that are known to have started; null for the others."""
    started, elapsed = columns.ready["start_time"].is_not_null(), columns.seconds("elapsed")
    if elapsed is not None:
        started |= (elapsed > 0).fill_null(False)
    return None if counts is None else counts.set(~started, None)


def _planned(columns: Columns) -> pl.Series | None:
    """Planned is the time from eligible to start; JSON leaves the difference to the reader.

    Of a job that never started, sacct gives the time up to the moment when it was asked.
    """
    return first(
        _once_started(columns, columns.seconds("planned")), _seconds_between(columns, "eligible_time", "start_time")
    )


def _planned_cpu(columns: Columns) -> pl.Series | None:
    return first(
        _once_started(columns, columns.seconds("plannedcpu")), _product(_planned(columns), columns.number("reqcpus"))
    )


def _timelimit(columns: Columns) -> pl.Series | None:
    minutes = columns.distinct("timelimitraw", lambda texts: _limit(texts) * 60)
    return first(minutes, columns.distinct("timelimit", _limit))


def _timelimit_kind(columns: Columns) -> pl.Series | None:
    return first(columns.distinct("timelimitraw", _limit_kind), columns.distinct("timelimit", _limit_kind))


def _limit(texts: pl.Series) -> pl.Series:
    return values.durations(texts.set(_no_limit(texts).is_not_null(), None))


def _limit_kind(texts: pl.Series) -> pl.Series:
    number = pl.Series(["limit"]).new_from_index(0, len(texts)).set(_limit(texts).is_null(), None)
    return _no_limit(texts).fill_null(number)


def _no_limit(texts: pl.Series) -> pl.Series:
    words = {
        **dict.fromkeys(("unlimited", "infinite", str(INFINITE_32)), "unlimited"),
        "partition_limit": "partition",
    }
    return texts.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)


def _req_mem(columns: Columns) -> pl.Series | None:
    """Memory asked for in all: ReqTRES has it, else ReqMem, which older versions give for each node or CPU.

    Those need the nodes or CPUs asked for. A value counts as not understood only where no field gives the total.
    """
    total = columns.in_map("reqtres", "mem")
    texts = columns.text("reqmem")
    if texts is None:
        return total
    nodes = _asked(columns, "node", "reqnodes", "nnodes", "allocnodes")
    cpus = _asked(columns, "cpu", "reqcpus", "ncpus", "alloccpus")
    found = first(total, values.memory(texts, nodes, cpus))
    assert found is not None
    columns.count_unread("reqmem", texts, found.is_null())
    return found


def _asked(columns: Columns, resource: str, asked: str, *got: str) -> pl.Series | None:
    """Nodes or CPUs that a job asked for; where no field says it, those that it got."""
    counts = (
        columns.number(asked),
        columns.in_map("reqtres", resource),
        *map(columns.number, got),
        columns.in_map("alloctres", resource),
    )
    return first(*(count if count is None else count.set((count == 0).fill_null(False), None) for count in counts))


def _nnodes(columns: Columns) -> pl.Series | None:
    """Allocated nodes, 0 where the job never started: NNodes counts those asked for until a job starts."""
    asked = _once_started(columns, columns.number("nnodes"))
    nodes = first(columns.number("allocnodes"), asked, columns.in_map("alloctres", "node"))
    if nodes is None or nodes.null_count():
        listed = columns.read("nodelist", node_lists)
        nodes = first(nodes, None if listed is None else listed.lengths())
    return _none_if_never_started(columns, nodes, columns.number("nnodes"))


def _ncpus(columns: Columns) -> pl.Series | None:
    """Allocated CPUs, 0 where the job never started: AllocCPUS counts those asked for until a job starts."""
    cpus = first(columns.number("alloccpus"), columns.number("ncpus"), columns.in_map("alloctres", "cpu"))
    return _none_if_never_started(columns, cpus, None)


def _none_if_never_started(columns: Columns, counts: pl.Series | None, asked: pl.Series | None) -> pl.Series | None:
    """The counts, with 0 for jobs that are known never to have started and that sacct says what they `asked` for."""
    never, unassigned = columns.ready["never_started"], columns.ready["unassigned"]
    said = first(counts, asked)
    return None if counts is None or said is None else counts.set(never & (said.is_not_null() | unassigned), 0)


def _tres(field: str, gres: str) -> Callable[[Columns], Maps | None]:
    """A map of trackable resources; GPUs and their like come from the older GRES field where the map has none."""

    def read(columns: Columns) -> Maps | None:
        texts, older = columns.text(field), columns.text(gres)
        if older is None:
            return columns.read(field, count_maps)
        listed = columns.distinct(gres, gres_as_tres)
        assert listed is not None
        columns.count_unread(gres, older.set((older == "0").fill_null(False), None), listed.is_null())
        joined = listed if texts is None else with_gres(texts, listed)
        return columns.read_texts(f"{field}+{gres}", joined, count_maps)

    return read


def _alloc_tres(columns: Columns) -> Maps | None:
    """Allocated resources; null where the job never started, for which older versions list what it asked for."""
    found = _tres("alloctres", "allocgres")(columns)
    never = columns.ready["never_started"]
    if found is None or not never.any():
        return found
    return replace(found, codes=found.codes.set(never, None))


def _peak(quantity: str, end: str) -> _Special:
    """A quantity's max, min or ave over the tasks: from the usage map, else from its own field."""
    key, usage, field = _PEAKS[quantity]
    return lambda columns: first(columns.in_map(usage + end, key), columns.number(end + field))


def _cpu_seconds(end: str) -> _Special:
    """The CPU time of a task, which the usage map has in milliseconds."""

    def read(columns: Columns) -> pl.Series | None:
        millis = columns.in_map(f"tresusagein{end}", "cpu")
        return first(None if millis is None else millis / 1000, columns.seconds(f"{end}cpu"))

    return read


def _peak_node(quantity: str, end: str) -> _Special:
    """The node of the task that had a quantity's max or min."""
    key, usage, field = _PEAKS[quantity]
    name = f"{end}{field}node"
    return lambda columns: first(columns.in_map(f"{usage}{end}node", key, text_maps), columns.text(name))


def _peak_task(quantity: str, end: str) -> _Special:
    """The number of the task that had a quantity's max or min."""
    key, usage, field = _PEAKS[quantity]
    name = f"{end}{field}task"
    return lambda columns: first(columns.in_map(f"{usage}{end}task", key), columns.number(name))


_SPECIAL: Final[dict[str, _Special]] = {
    "state": _state,
    "cancelled_by_uid": _cancelled_by,
    "exit_code": _exit("exitcode", 0),
    "exit_signal": _exit("exitcode", 1),
    "derived_exit_code": _exit("derivedexitcode", 0),
    "derived_exit_signal": _exit("derivedexitcode", 1),
    "elapsed_s": _elapsed,
    "cpu_time_s": _cpu_time,
    "planned_s": _planned,
    "planned_cpu_s": _planned_cpu,
    "timelimit_s": _timelimit,
    "timelimit_kind": _timelimit_kind,
    "req_mem_bytes": _req_mem,
    "alloc_tres": _alloc_tres,
    "req_tres": _tres("reqtres", "reqgres"),
    "nnodes": _nnodes,
    "ncpus": _ncpus,
    "nodes": lambda columns: columns.read("nodelist", node_lists),
    "ave_cpu_freq_hz": lambda columns: columns.read("avecpufreq", values.frequencies),
    "ave_cpu_s": _cpu_seconds("ave"),
    "min_cpu_s": _cpu_seconds("min"),
    "min_cpu_node": _peak_node("cpu", "min"),
    "min_cpu_task": _peak_task("cpu", "min"),
    **{f"{end}_{name}_bytes": _peak(name, end) for name in _IN_BYTES for end in ("max", "ave")},
    **{f"{end}_pages": _peak("pages", end) for end in ("max", "ave")},
    **{f"max_{name}_node": _peak_node(name, "max") for name in (*_IN_BYTES, "pages")},
    **{f"max_{name}_task": _peak_task(name, "max") for name in (*_IN_BYTES, "pages")},
}


def _arrow(column: _Column, rows: pl.Series) -> pa.Array:
    if not isinstance(column, pl.Series):
        return column.arrow(rows)
    array = column.filter(rows).to_arrow()
    return array.cast({pl.String: TEXT, pl.List: LIST_TEXT}.get(column.dtype.base_type(), array.type))
