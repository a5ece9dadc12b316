"""The declaration of a table, and everything that is derived from it.

A table is declared once, as data. Its Arrow schema, Parquet encodings, DuckDB types and comments, polars
schema and page in the data dictionary all come from that declaration, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    import polars as pl

TIMESTAMP: Final = pa.timestamp("us")
"""UTC, without a zone in the type, so that every client shows the same digits (P8)."""
HOUR_US: Final = 3_600_000_000
TEXT: Final = pa.string()
MAP_COUNTS: Final = pa.map_(TEXT, pa.int64())

# Parquet encodings by the names pyarrow knows; all of them are read by DuckDB, polars and Spark.
BYTE_STREAM_SPLIT: Final = "BYTE_STREAM_SPLIT"
DELTA: Final = "DELTA_BINARY_PACKED"
PLAIN: Final = "PLAIN"
DICTIONARY: Final = "DICTIONARY"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in every layer, Arrow type, meaning, unit, origin and Parquet encoding.

    `unit` is a unit's symbol ("B", "s", "%") or None for names, ids and plain counts. `origin` is the field
    of the source that fills it. `encoding` is for what is smaller in another than its type's. `nullable` is False
    for columns that are always known. `backfill` is a DuckDB expression over the table's other columns: it gives the
    value in files that were written before the column was declared, where null would be wrong.
    """

    name: str
    type: pa.DataType
    doc: str
    unit: str | None = None
    origin: str | None = None
    encoding: str | None = None
    nullable: bool = True
    backfill: str | None = None

    @property
    def encodings(self) -> dict[str, str]:
        """The Parquet encoding of each leaf, by its path as Parquet names it."""
        return dict(_leaves(self.name, self.type, self.encoding))

    @property
    def arrow_field(self) -> pa.Field:
        """The Arrow field, with the declaration's texts as field metadata."""
        metadata = {"doc": self.doc, "unit": self.unit, "origin": self.origin}
        return pa.field(self.name, self.type, self.nullable, {k: v for k, v in metadata.items() if v})

    @property
    def comment(self) -> str:
        """One line for a SQL client: unit in brackets, meaning, origin."""
        unit = f"[{self.unit}] " if self.unit else ""
        origin = f" (from {self.origin})" if self.origin else ""
        return f"{unit}{self.doc}{origin}"


def _leaves(path: str, kind: pa.DataType, encoding: str | None = None) -> Iterator[tuple[str, str]]:
    if pa.types.is_map(kind):
        yield from _leaves(f"{path}.key_value.key", kind.key_type)
        yield from _leaves(f"{path}.key_value.value", kind.item_type)
    elif pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    elif encoding:
        yield path, encoding
    else:
        # Under zstd, numbers are smaller and faster written so than with a dictionary. Integers would be a sixth
        # smaller yet in BYTE_STREAM_SPLIT, but DuckDB before 1.3 reads none in it.
        yield path, DICTIONARY if kind == TEXT else BYTE_STREAM_SPLIT if pa.types.is_floating(kind) else PLAIN


CLUSTER: Final = Column("cluster", TEXT, "the machine that ran the job", nullable=False)
FILE_SYSTEM: Final = Column("file_system", TEXT, "the site's name for the file system", nullable=False)
ENDPOINT: Final = Column(
    "endpoint", TEXT, "the site's name for the transfer servers, archive or router", nullable=False
)
DATE: Final = Column("date", pa.date32(), "UTC day of the row's event time", nullable=False)
TS: Final = Column("ts", TIMESTAMP, "UTC; the row covers [ts, ts + interval_s)", encoding=DELTA, nullable=False)
INTERVAL_S: Final = Column("interval_s", pa.float64(), "length that the row covers; a gap is kept in it", unit="s")
JOB_ID: Final = Column("job_id", pa.int64(), "the scheduler's raw job id")
RUN_ID_DOC: Final = "one run of a job within its cluster: each array task and each requeue has its own"
LOAD_ID: Final = Column("load_id", TEXT, "the load that brought the row: joins to loads and inputs", nullable=False)
INPUT_ID: Final = Column("input_id", TEXT, "the input that the row was read from: joins to inputs", nullable=False)


@dataclass(frozen=True, slots=True)
class Hour:
    """Sort key: the hour of a timestamp column. Leading a sort order, it also makes one row group an hour."""

    column: str


def hour(column: Column) -> Hour:
    """Sort by the hour of `column` before what follows."""
    return Hour(column.name)


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the lake.

    `keys` identify a row, the owner (`cluster`, `file_system` or `endpoint`) first; a key column is not null unless it
    says `nullable`. `columns` are the rest. `event_time` names the column whose UTC day is `date`; None means
    that every batch brings `date` itself. `unique` keeps one row a key in the whole lake, the fullest one,
    where inputs overlap (a job that two days' accounts tell of); elsewhere keys are unique within an input.
    Every table also gets `load_id` and `input_id` (P10).
    """

    name: str
    doc: str
    keys: Sequence[Column]
    columns: Sequence[Column]
    partition_by: Sequence[Column]
    sort_by: Sequence[str | Hour]
    event_time: str | None = None
    unique: bool = False

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns inside the Parquet files: everything but the partition keys."""
        partition = {column.name for column in self.partition_by}
        own = [c for c in (*self.keys, *self.columns) if c.name not in partition]
        return (*own, LOAD_ID, INPUT_ID)

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """What a reader sees: keys, columns, provenance, then `date`."""
        seen = {c.name: c for c in (*self.keys, *self.columns, LOAD_ID, INPUT_ID, *self.partition_by)}
        return tuple(seen.values())

    @cached_property
    def file_schema(self) -> pa.Schema:
        """Arrow schema of a data file, with field metadata."""
        return pa.schema([column.arrow_field for column in self.stored], {"doc": self.doc, "table": self.name})

    @cached_property
    def batch_schema(self) -> pa.Schema:
        """Arrow schema of what an extractor hands over: keys and columns, and `date` where there is no event time.

        The owner's column, `load_id` and `input_id` are added on the way into the lake.
        """
        own = [c for c in (*self.keys, *self.columns) if c.name != self.owner.name]
        return pa.schema([c.arrow_field for c in (own if self.event_time else [*own, DATE])])

    @property
    def owner(self) -> Column:
        """The column that says whose data it is, `cluster`, `file_system` or `endpoint`: the first partition key."""
        return self.partition_by[0]

    def __getitem__(self, name: str) -> Column:
        """The column of that name; KeyError where the table has none."""
        for column in self.all_columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def polars_schema(self) -> pl.Schema:
        """The polars schema of what a reader sees."""
        import polars as pl

        empty = pa.schema([c.arrow_field for c in self.all_columns]).empty_table()
        frame = pl.from_arrow(empty)
        assert isinstance(frame, pl.DataFrame)
        return frame.schema
