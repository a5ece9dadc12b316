"""DuckDB's statements for a table: its types, the view over its files, and the comments that clients show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import pyarrow as pa

from iolake.schemas.ledger import LedgerTable
from iolake.schemas.table import Hour, Table

_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
}


def duckdb_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type; KeyError for a type that no table uses."""
    if pa.types.is_map(kind):
        return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.item_type)})"
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{quote(f.name)} {duckdb_type(f.type)}' for f in kind)})"
    return _TYPES[kind]


STORAGE = "storage"
"""The schema of what views of `main` read: table macros that name files, and the queries of sql/ as text.

A view in `main` has the comments and stays. A second view in place of the macro would hold each column's name and type
again, and its own statement as text.
"""


@dataclass(frozen=True)
class FileSet:
    """Data files with the same columns: the names of these, and the files' locations.

    `first_day` and `last_day` are given where the files hold rows of those days alone: what a query asks by event time
    or date then rules out the whole set as it is planned, before any file is opened. With `by_job`, job_days holds
    the least and greatest job id of each owner and day of the files: a query of one job opens those of its days alone.
    With `by_month` the files have `date` as a column, and lie in folders of months.
    """

    columns: tuple[str, ...]
    files: Sequence[str]
    first_day: date | None = None
    last_day: date | None = None
    by_job: bool = False
    by_month: bool = False


def create_storage_macro(table: Table, sets: Sequence[FileSet], computed: Sequence[str] = ()) -> str:
    """CREATE MACRO over files, by the columns that they have: one read for each set, united.

    `computed` are SELECTs of rows that lie in no file, with all columns of the table in order. There must be a set or
    one of them: a table without rows has no macro, see `create_empty_view`.
    """
    rows = "\nUNION ALL BY NAME\n".join([*(_read(table, one) for one in sets), *computed])
    return f"CREATE OR REPLACE MACRO {STORAGE}.{quote(table.name)}() AS TABLE\n{rows}"


READ: Final = "read_parquet"
"""The table function by which storage macros read files."""


def typed_columns(table: Table) -> list[tuple[str, str]]:
    """(name, DuckDB's type) of each column of a table's view."""
    return [(c.name, duckdb_type(c.type)) for c in table.all_columns]


def stand_ins(columns: Sequence[tuple[str, str]], model: str | None = None) -> tuple[list[str], list[str]]:
    """Statements that create and drop macros in place of what a storage macro reads, with its (name, type) columns.

    DuckDB opens the files of a macro to create it, and plans the models that it calls, all for the types of its
    columns, which are known. A temporary macro comes before the function of its name, and the statement that the
    catalog keeps has the name alone.
    """
    nulls = ", ".join(f"NULL::{kind} AS {quote(name)}" for name, kind in columns)
    calls = {READ: "(files, hive_partitioning := NULL, hive_types := NULL, union_by_name := NULL)"}
    if model:
        calls[model] = "(in_owner, since, until, first, last)"
    return (
        [f"CREATE OR REPLACE TEMP MACRO {name}{call} AS TABLE SELECT {nulls}" for name, call in calls.items()],
        [f"DROP MACRO TABLE temp.main.{name}" for name in calls],
    )


def create_view(table: Table) -> list[str]:
    """The statements that make the table's view for readers, with the comments of the table and each column."""
    name = quote(table.name)
    return [
        f"CREATE OR REPLACE VIEW {name} AS FROM {STORAGE}.{name}()",
        f"COMMENT ON VIEW {name} IS {literal(table.doc)}",
        *(f"COMMENT ON COLUMN {name}.{quote(c.name)} IS {literal(c.comment)}" for c in table.all_columns),
    ]


def _read(table: Table, files: FileSet) -> str:
    present = set(files.columns)
    partition = {c.name for c in table.partition_by}
    columns = ", ".join(
        quote(c.name)
        if c.name in present or c.name in partition
        else f"({c.backfill or 'NULL'})::{duckdb_type(c.type)} AS {quote(c.name)}"
        for c in table.all_columns
    )
    folders = {c.name: duckdb_type(c.type) for c in table.partition_by}
    if files.by_month:
        folders = {table.owner.name: folders[table.owner.name], "month": "VARCHAR"}
    types = ", ".join(f"{quote(name)}: {kind}" for name, kind in folders.items())
    paths = ",\n  ".join(literal(file) for file in files.files)
    read = f"{READ}([\n  {paths}\n], hive_partitioning = true, hive_types = {{{types}}}, union_by_name = false)"
    return f"SELECT {columns}\nFROM {_by_job(table, read) if files.by_job else read}{_within(table, files)}"


CREATE_JOB_DAYS = (
    f"CREATE TABLE {STORAGE}.job_days "
    "(table_name VARCHAR, owner VARCHAR, date DATE, first_job_id BIGINT, last_job_id BIGINT)"
)
"""The bounds by which the reads of tables with many files find the days of a job."""


def _by_job(table: Table, read: str) -> str:
    """The rows of files, joined with the bounds of their day, which are true of every row.

    From `job_id = x` DuckDB derives `x <= last_job_id`, reads the few days that are left of job_days, and opens the
    files of those alone. It derives one such bound for each join, and only where the bound is written before job_id.
    """
    owner = quote(table.owner.name)

    def days_of(rows: str) -> str:
        return f"b.table_name = {literal(table.name)} AND b.owner = {rows}.{owner} AND b.date = {rows}.date"

    up_to = f"SELECT r.* FROM {read} r, {STORAGE}.job_days b WHERE {days_of('r')} AND b.last_job_id >= r.job_id"
    return (
        f"(\n  SELECT u.* FROM (\n  {up_to}\n  ) u, {STORAGE}.job_days b\n"
        f"  WHERE {days_of('u')} AND b.first_job_id <= u.job_id\n)"
    )


def _within(table: Table, files: FileSet) -> str:
    """A condition that holds for every row of the files: its time is within their days."""
    if files.first_day is None or files.last_day is None:
        return ""
    if isinstance(table.sort_by[0], Hour):
        assert table.event_time is not None
        time, end = quote(table.event_time), files.last_day + timedelta(days=1)
        return f"\nWHERE {time} >= TIMESTAMP '{files.first_day}' AND {time} < TIMESTAMP '{end}'"
    return f"\nWHERE date >= DATE '{files.first_day}' AND date <= DATE '{files.last_day}'"


NOTHING: Final = f"{STORAGE}.nothing"
"""A view without rows that has a column of each type; the views of `create_empty_view` read it."""


def letters(kinds: Iterable[str]) -> dict[str, str]:
    """A short column name for each type."""
    return {kind: f"{chr(ord('a') + at % 26)}{at // 26 or ''}" for at, kind in enumerate(dict.fromkeys(kinds))}


def letters_of(tables: Iterable[Table]) -> dict[str, str]:
    """The name in NOTHING of each type that these tables have."""
    return letters(kind for table in tables for _, kind in typed_columns(table))


def create_nothing(letters: Mapping[str, str]) -> str:
    """The statement that makes NOTHING."""
    columns = ", ".join(f"NULL::{kind} AS {letter}" for kind, letter in letters.items())
    return f"CREATE VIEW {NOTHING} AS SELECT {columns} WHERE false"


def create_empty_view(table: Table, letters: Mapping[str, str]) -> str:
    """The statement that makes the view of a table without rows: its columns and their types, without comments.

    Most tables of a lake have no rows, so this decides the size of a small lake's snapshot.
    """
    query = f"SELECT {','.join(letters[kind] for _, kind in typed_columns(table))} FROM {NOTHING}"
    return create_named_view(quote(table.name), [c.name for c in table.all_columns], query)


def create_named_view(view: str, names: Iterable[str], query: str) -> str:
    """The statement that makes a view which names the columns of a query.

    The snapshot has each name once: DuckDB keeps the query as it is, and no text of a statement that is explained.
    """
    columns = ", ".join(map(quote, names))
    return f"EXPLAIN ANALYZE CREATE OR REPLACE VIEW {view} ({columns}) AS FROM query({literal(query)})"


def create_text_view(name: str, query: str) -> list[str]:
    """The statements that make a view whose query is kept as text: its parse tree takes three times as much."""
    return [
        f"CREATE OR REPLACE MACRO {STORAGE}.{quote(name)}() AS TABLE FROM query({literal(query)})",
        f"CREATE OR REPLACE VIEW {quote(name)} AS FROM {STORAGE}.{quote(name)}()",
    ]


def quote(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string in single quotes, for the few statements that take no parameters (CREATE VIEW, COMMENT)."""
    return "'" + text.replace("'", "''") + "'"


def comment_on(kind: str, table: LedgerTable) -> list[str]:
    """The comments on a table of the ledger and its columns; `kind` is TABLE or VIEW."""
    return [
        f"COMMENT ON {kind} {table.name} IS {literal(table.doc)}",
        *(f"COMMENT ON COLUMN {table.name}.{quote(c.name)} IS {literal(c.comment)}" for c in table.columns),
    ]
