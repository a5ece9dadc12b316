"""Tables are declared here, once, as data.

The Arrow schema, Parquet encodings, DuckDB types and comments, polars schema and dictionary page of a table all derive
from its declaration, so they cannot disagree.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from iolake.schemas.errors import PermanentError
from iolake.schemas.identity import Identity

if TYPE_CHECKING:
    import polars as pl

TIMESTAMP: Final = pa.timestamp("us")
"""UTC, without a zone in the type, so that every client shows the same digits (P8)."""
HOUR_US: Final = 3_600_000_000
TEXT: Final = pa.string()
MAP_COUNTS: Final = pa.map_(TEXT, pa.int64())

# Parquet encodings by pyarrow's names. DuckDB, polars and Spark read all of them.
BYTE_STREAM_SPLIT: Final = "BYTE_STREAM_SPLIT"
DELTA: Final = "DELTA_BINARY_PACKED"
PLAIN: Final = "PLAIN"
DICTIONARY: Final = "DICTIONARY"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in every layer, Arrow type, meaning, unit, origin and Parquet encoding.

    `unit` is a symbol ("B", "s", "%"), or None for names, ids and plain counts. `origin` names the field of the source
    that fills the column. `encoding` replaces the default encoding of the type. `nullable=False` marks a column that is
    always known. `backfill` is a DuckDB expression over the table's other columns: it computes the value in files
    written before the column was declared, where null would be wrong. `identifies` says whom or what the values give
    away, for an anonymised export; see `identity` for a column that does not say.
    """

    name: str
    type: pa.DataType
    doc: str
    unit: str | None = None
    origin: str | None = None
    encoding: str | None = None
    nullable: bool = True
    backfill: str | None = None
    identifies: Identity | None = None

    @property
    def identity(self) -> Identity:
        """What its values identify. Without a declaration, texts and ids are hashed: they may say anything."""
        if self.identifies is not None:
            return self.identifies
        if _has_text(self.type):
            return Identity.TEXT
        is_id = pa.types.is_integer(self.type) and re.search(r"(^|_)(id|uid|gid|pid|nid)$", self.name)
        return Identity.CODE if is_id else Identity.NOTHING

    @property
    def encodings(self) -> dict[str, str]:
        """The Parquet encoding of each leaf column, by its Parquet path."""
        return dict(_leaves(self.name, self.type, self.encoding))

    @property
    def arrow_field(self) -> pa.Field:
        """The Arrow field; doc, unit and origin are its metadata."""
        metadata = {"doc": self.doc, "unit": self.unit, "origin": self.origin}
        return pa.field(self.name, self.type, self.nullable, {k: v for k, v in metadata.items() if v})

    @property
    def comment(self) -> str:
        """The comment that SQL clients show: unit in brackets, meaning, origin.

        A counter in capitals is the source's own by its name. To name all 1,700 of them twice would take 60 kB of every
        snapshot.
        """
        unit = f"[{self.unit}] " if self.unit else ""
        is_counter = self.name.isupper() and self.origin == self.name
        origin = f" (from {self.origin})" if self.origin and not is_counter else ""
        return f"{unit}{self.doc}{origin}"


def _has_text(kind: pa.DataType) -> bool:
    """Whether any value within a type is text or bytes."""
    if pa.types.is_nested(kind):
        return any(_has_text(kind.field(at).type) for at in range(kind.num_fields))
    return not (pa.types.is_primitive(kind) or pa.types.is_null(kind))


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
        # Under zstd, these encodings are smaller and faster than a dictionary for numbers. BYTE_STREAM_SPLIT would save
        # another sixth on integers, but DuckDB before 1.3 cannot read it.
        yield path, DICTIONARY if kind == TEXT else BYTE_STREAM_SPLIT if pa.types.is_floating(kind) else PLAIN


CLUSTER: Final = Column("cluster", TEXT, "the machine that ran the job", nullable=False, identifies=Identity.SITE)
FILE_SYSTEM: Final = Column(
    "file_system", TEXT, "the site's name for the file system", nullable=False, identifies=Identity.SITE
)
ENDPOINT: Final = Column(
    "endpoint",
    TEXT,
    "the site's name for the transfer servers, archive or router",
    nullable=False,
    identifies=Identity.SITE,
)
DATE: Final = Column("date", pa.date32(), "UTC day of the row's event time", nullable=False)
TS: Final = Column("ts", TIMESTAMP, "UTC; the row covers [ts, ts + interval_s)", encoding=DELTA, nullable=False)
INTERVAL_S: Final = Column("interval_s", pa.float64(), "length that the row covers; a gap is kept in it", unit="s")
JOB_ID: Final = Column("job_id", pa.int64(), "the scheduler's raw job id", identifies=Identity.JOB)
RUN_ID_DOC: Final = "one run of a job within its cluster: each array task and each requeue has its own"
LOAD_ID: Final = Column(
    "load_id",
    TEXT,
    "the load that brought the row: joins to loads and inputs",
    nullable=False,
    identifies=Identity.CODE,
)
INPUT_ID: Final = Column(
    "input_id", TEXT, "the input that the row was read from: joins to inputs", nullable=False, identifies=Identity.CODE
)


@dataclass(frozen=True, slots=True)
class Hour:
    """Sort key: the hour of a timestamp column. As the first key it also starts a row group every hour."""

    column: str


def hour(column: Column) -> Hour:
    """Sort by the hour of `column` before the keys that follow."""
    return Hour(column.name)


class TableError(PermanentError):
    """A table's declaration contradicts itself: which table, and each problem."""

    def __init__(self, table: str, problems: Sequence[str]) -> None:
        self.table, self.problems = table, problems
        super().__init__(f"table {table}: {'; '.join(problems)}")


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the lake. The constructor raises TableError where the declaration contradicts itself.

    `keys` identify a row; the first one is the owner (`cluster`, `file_system` or `endpoint`). `columns` are the other
    columns. `partition_by` is the owner and DATE. `sort_by` names stored columns, or hours of them. `event_time` names
    the timestamp whose UTC day is `date`; with None every batch has a `date` column. `unique` keeps one row of each key
    in the whole lake, the one with the fewest nulls, where inputs overlap (two days of accounting report one job);
    without it, keys are unique within an input. The lake adds `load_id` and `input_id` to every table (P10).
    """

    name: str
    doc: str
    keys: Sequence[Column]
    columns: Sequence[Column]
    partition_by: Sequence[Column]
    sort_by: Sequence[str | Hour]
    event_time: str | None = None
    unique: bool = False

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise TableError(self.name, problems)

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(r"[A-Za-z_]\w*", self.name):
            yield "a table's name has letters, digits and _ alone"
        for part in ("keys", "columns", "partition_by"):
            if strays := [repr(c) for c in getattr(self, part) if not isinstance(c, Column)]:
                yield f"{part}: {', '.join(strays)} is not a Column"
                return
        yield from self._key_problems()
        names = [c.name for c in (*self.keys, *self.columns)]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"column {name} is declared twice"
        for name in sorted({LOAD_ID.name, INPUT_ID.name} & set(names)):
            yield f"column {name} is the lake's own; remove it"
        yield from self._sort_problems({*names} - {c.name for c in self.partition_by})
        yield from self._event_time_problems({c.name: c for c in (*self.keys, *self.columns)})

    def _key_problems(self) -> Iterator[str]:
        owners = {c.name for c in (CLUSTER, FILE_SYSTEM, ENDPOINT)}
        if not self.keys or self.keys[0].name not in owners:
            yield "the first key is the owner: CLUSTER, FILE_SYSTEM or ENDPOINT"
        elif [c.name for c in self.partition_by] != [self.keys[0].name, DATE.name]:
            yield f"partition_by is [{self.keys[0].name.upper()}, DATE]: the owner, then the day"

    def _sort_problems(self, stored: set[str]) -> Iterator[str]:
        for key in self.sort_by:
            if isinstance(key, Column):
                yield f"sort_by: write the name {key.name!r} in place of the Column"
            elif not isinstance(key, str | Hour):
                yield f"sort_by: {key!r} is neither a column's name nor hour(column)"
            elif (name := key if isinstance(key, str) else key.column) not in stored:
                near = difflib.get_close_matches(name, stored, n=1)
                yield f"sort_by: no stored column {name}" + (f"; did you mean {near[0]}?" if near else "")

    def _event_time_problems(self, columns: dict[str, Column]) -> Iterator[str]:
        if self.event_time is None:
            return
        column = columns.get(self.event_time)
        if column is None:
            near = difflib.get_close_matches(str(self.event_time), columns, n=1)
            yield f"event_time: no column {self.event_time}" + (f"; did you mean {near[0]}?" if near else "")
        elif column.type != TIMESTAMP or column.nullable:
            yield f"event_time: column {column.name} must have type TIMESTAMP and nullable=False"

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns of the Parquet files: all but the partition keys."""
        partition = {column.name for column in self.partition_by}
        own = [c for c in (*self.keys, *self.columns) if c.name not in partition]
        return (*own, LOAD_ID, INPUT_ID)

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns of the view: keys, columns, load_id and input_id, then `date`."""
        seen = {c.name: c for c in (*self.keys, *self.columns, LOAD_ID, INPUT_ID, *self.partition_by)}
        return tuple(seen.values())

    @cached_property
    def file_schema(self) -> pa.Schema:
        """The Arrow schema of a data file, with metadata."""
        return pa.schema([column.arrow_field for column in self.stored], {"doc": self.doc, "table": self.name})

    @cached_property
    def batch_schema(self) -> pa.Schema:
        """The Arrow schema of an extractor's batches: keys and columns, and `date` where there is no event time.

        The lake adds the owner's column, `load_id` and `input_id`.
        """
        own = [c for c in (*self.keys, *self.columns) if c.name != self.owner.name]
        return pa.schema([c.arrow_field for c in (own if self.event_time else [*own, DATE])])

    @property
    def owner(self) -> Column:
        """The first partition key, `cluster`, `file_system` or `endpoint`: whose data a row is."""
        return self.partition_by[0]

    def __getitem__(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.all_columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def polars_schema(self) -> pl.Schema:
        """The polars schema of the view."""
        import polars as pl

        empty = pa.schema([c.arrow_field for c in self.all_columns]).empty_table()
        frame = pl.from_arrow(empty)
        assert isinstance(frame, pl.DataFrame)
        return frame.schema
