"""The columns of slurm_jobs, slurm_steps and slurm_running out of sacct's fields.

A column's declaration says how it is read: its origin names the field, its type and unit what stands there. The
few that need more than their field have a function of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from extractors.slurm import values
from extractors.slurm.fields import RAW
from extractors.slurm.nodes import node_names
from schemas.slurm import LIST_TEXT, MAP_TEXTS
from schemas.table import MAP_COUNTS, TEXT, Column, Table

_Values = TypeVar("_Values", pl.Series, pa.Array)
_Special: TypeAlias = Callable[["Columns"], "pl.Series | pa.Array"]

_PEAKS: Final = {
    "rss": ("mem", "tresusagein", "rss"),
    "vm_size": ("vmem", "tresusagein", "vmsize"),
    "pages": ("pages", "tresusagein", "pages"),
    "disk_read": ("fs/disk", "tresusagein", "diskread"),
    "disk_write": ("fs/disk", "tresusageout", "diskwrite"),
    "cpu": ("cpu", "tresusagein", "cpu"),
}
"""Quantity: its key in the usage maps, which map, and its name in the fields that tell the same, but rounded."""


class Columns:
    """Reads the columns of one frame of rows of sacct's fields; `ready` holds those that are known already.

    `unread` counts, for each field, the values that were not understood, with an example.
    """

    def __init__(self, frame: pl.DataFrame, ready: pl.DataFrame, unread: dict[str, tuple[int, str]]) -> None:
        self.frame, self.ready, self._unread = frame, ready, unread
        self._numbers: dict[tuple[str, int], pl.Series] = {}

    def table(self, table: Table) -> pa.Table:
        """All of the table's columns, as an extractor hands them over."""
        schema = table.batch_schema
        return pa.Table.from_arrays([_arrow(self._column(table[name])) for name in schema.names], schema=schema)

    def text(self, field: str) -> pl.Series:
        """The field's texts; null where the field is absent or says nothing."""
        if field in self.frame.columns:
            return self.frame[field]
        return pl.Series(field, [None], dtype=pl.String).new_from_index(0, self.frame.height)

    def read(self, field: str, convert: Callable[[pl.Series], _Values]) -> _Values:
        """The field's values; those that are not understood are null, and counted."""
        texts = self.text(field)
        result = convert(texts)
        if texts.null_count() < len(texts):
            nulls = pl.Series(pc.is_null(result)) if isinstance(result, pa.Array) else result.is_null()
            lost = texts.filter(nulls & texts.is_not_null())
            if len(lost):
                count, example = self._unread.get(field, (0, str(lost[0])))
                self._unread[field] = (count + len(lost), example)
        return result

    def number(self, field: str, base: int = 1024) -> pl.Series:
        """Int64 of a field; its plain number where there is one, else the one with a suffix."""
        return self._plain_first(field, base, lambda texts: values.numbers(texts, base))

    def seconds(self, field: str) -> pl.Series:
        """Float64 seconds of a field."""
        return self._plain_first(field, 60, values.durations)

    def _plain_first(self, field: str, base: int, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
        if (field, base) not in self._numbers:
            found: pl.Series = self.read(field, convert)
            if (raw := RAW.get(field)) is not None:
                plain: pl.Series = self.read(raw, convert)
                found = plain.fill_null(found)
            self._numbers[field, base] = found
        return self._numbers[field, base]

    def _column(self, column: Column) -> pl.Series | pa.Array:
        if column.name in self.ready.columns:
            return self.ready[column.name]
        if column.name in _SPECIAL:
            return _SPECIAL[column.name](self)
        return self._by_declaration(column)

    def _by_declaration(self, column: Column) -> pl.Series | pa.Array:
        """What the column's origin holds, by its type and unit."""
        assert column.origin is not None
        field = column.origin.lower()
        if not {field, RAW.get(field, field)} & set(self.frame.columns):
            return pa.nulls(self.frame.height, column.type)
        if column.type == TEXT:
            return self.text(field)
        if column.type == pa.float64():
            return self.seconds(field)
        if column.type == pa.int64():
            return self.number(field, base=1000 if column.unit == "J" else 1024)
        return self.read(field, _NESTED[column.type])


def state(columns: Columns) -> pl.Series:
    """COMPLETED, CANCELLED, …, without who did it."""
    return columns.text("state").str.splitn(" by ", 2).struct.field("field_0")


def _cancelled_by(columns: Columns) -> pl.Series:
    return columns.text("state").str.splitn(" by ", 2).struct.field("field_1").str.to_integer(strict=False)


def _exit(field: str, part: int) -> _Special:
    """Status (part 0) or signal (part 1) of `42:0`."""

    def convert(texts: pl.Series) -> pl.Series:
        return texts.str.splitn(":", 2).struct.field(f"field_{part}").str.to_integer(strict=False)

    return lambda columns: columns.read(field, convert)


def _elapsed(columns: Columns) -> pl.Series:
    told = columns.seconds("elapsed")
    if told.null_count() == 0:
        return told
    span = (columns.ready["end_time"] - columns.ready["start_time"]).dt.total_seconds().cast(pl.Float64)
    return told.fill_null(span - columns.seconds("suspended").fill_null(0.0))


def _cpu_time(columns: Columns) -> pl.Series:
    """CPUTime is elapsed time x CPUs by its own definition; JSON leaves the product to the reader."""
    return columns.seconds("cputime").fill_null(_elapsed(columns) * _ncpus(columns))


def _planned(columns: Columns) -> pl.Series:
    """Planned is the time from eligible to start; JSON leaves the difference to the reader."""
    waited = (columns.ready["start_time"] - columns.ready["eligible_time"]).dt.total_seconds()
    return columns.seconds("planned").fill_null(waited.cast(pl.Float64))


def _planned_cpu(columns: Columns) -> pl.Series:
    return columns.seconds("plannedcpu").fill_null(_planned(columns) * columns.number("reqcpus"))


def _timelimit(columns: Columns) -> pl.Series:
    def limit(texts: pl.Series) -> pl.Series:
        return values.durations(texts.set(_no_limit(texts).is_not_null(), None))

    minutes = limit(columns.text("timelimitraw"))
    return (minutes * 60).fill_null(limit(columns.text("timelimit")))


def _timelimit_kind(columns: Columns) -> pl.Series:
    texts = columns.text("timelimitraw").fill_null(columns.text("timelimit"))
    number = pl.Series(["limit"]).new_from_index(0, len(texts)).set(_timelimit(columns).is_null(), None)
    return _no_limit(texts).fill_null(number)


def _no_limit(texts: pl.Series) -> pl.Series:
    words = {"unlimited": "unlimited", "infinite": "unlimited", "partition_limit": "partition"}
    return texts.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)


def _req_mem(columns: Columns) -> pl.Series:
    asked = values.numbers(values.in_map(columns.text("reqtres"), "mem"))
    nodes, cpus = columns.number("reqnodes"), columns.number("reqcpus")
    return asked.fill_null(columns.read("reqmem", lambda texts: values.memory(texts, nodes, cpus)))


def _nnodes(columns: Columns) -> pl.Series:
    """Allocated nodes: NNodes tells those asked for until the job starts, so it counts only after that."""
    started = columns.ready["start_time"].is_not_null()
    told = columns.number("allocnodes").fill_null(columns.number("nnodes").set(~started, None))
    if told.null_count() == 0:
        return told
    listed = columns.read("nodelist", node_names)
    return told.fill_null(pl.Series(pc.list_value_length(listed)))


def _ncpus(columns: Columns) -> pl.Series:
    return columns.number("alloccpus").fill_null(columns.number("ncpus"))


def _peak(quantity: str, end: str) -> _Special:
    """A quantity's max, min or ave over the tasks: from the usage map, else from its own field."""
    key, usage, field = _PEAKS[quantity]

    def read(columns: Columns) -> pl.Series:
        exact = values.in_map(columns.text(usage + end), key)
        if quantity == "cpu":
            return values.durations(exact).fill_null(columns.seconds(f"{end}cpu"))
        return values.numbers(exact).fill_null(columns.number(end + field))

    return read


def _peak_at(quantity: str, end: str, where: str) -> _Special:
    """The node or the task that had a quantity's max or min."""
    key, usage, field = _PEAKS[quantity]

    def read(columns: Columns) -> pl.Series:
        found = values.in_map(columns.text(f"{usage}{end}{where}"), key)
        told = found.fill_null(columns.text(f"{end}{field}{where}"))
        return told if where == "node" else values.numbers(told)

    return read


_SPECIAL: Final[dict[str, _Special]] = {
    "state": state,
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
    "nnodes": _nnodes,
    "ncpus": _ncpus,
    "nodes": lambda columns: columns.read("nodelist", node_names),
    "ave_cpu_freq_hz": lambda columns: columns.number("avecpufreq", base=1000) * 1000,
    "ave_cpu_s": _peak("cpu", "ave"),
    "min_cpu_s": _peak("cpu", "min"),
    "min_cpu_node": _peak_at("cpu", "min", "node"),
    "min_cpu_task": _peak_at("cpu", "min", "task"),
    **{
        f"{end}_{quantity}{suffix}": _peak(quantity, end)
        for quantity, suffix in {
            "rss": "_bytes",
            "vm_size": "_bytes",
            "pages": "",
            "disk_read": "_bytes",
            "disk_write": "_bytes",
        }.items()
        for end in ("max", "ave")
    },
    **{
        f"max_{quantity}_{where}": _peak_at(quantity, "max", where)
        for quantity in _PEAKS
        if quantity != "cpu"
        for where in ("node", "task")
    },
}


_NESTED: Final[dict[pa.DataType, Callable[[pl.Series], pa.Array]]] = {
    MAP_COUNTS: values.count_maps,
    MAP_TEXTS: values.text_maps,
    LIST_TEXT: values.word_lists,
}


def _arrow(column: pl.Series | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    array = column.to_arrow()
    return array.cast(TEXT) if column.dtype == pl.String else array
