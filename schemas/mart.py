"""A mart: a declared table that a SQL model of sql/ fills from the lake's own tables, by owner and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import DATE, LOAD_ID, RUN_ID_DOC, TEXT, Column, Table

RUN_ID = Column("run_id", TEXT, RUN_ID_DOC, nullable=False, identifies=Identity.JOB)


@dataclass(frozen=True)
class Read:
    """A table that a mart's model reads.

    A partition of the mart depends on those days of the table whose event times overlap its own, the latter widened
    by `slack_days` on both sides. `same_owner` is False where all owners' days count: a cluster's jobs touch every
    file system. With `day_only` only the partition's own day and `slack_days` around it count, however far back its
    rows reach. With `as_of` the table has snapshots, and each row of the mart rests on the newest one at its start,
    or on the first one where none is as old: these days count, however long ago, and the model may read them beside the
    days from `first` to `last`.
    """

    table: str
    same_owner: bool = True
    slack_days: int = 1
    day_only: bool = False
    as_of: bool = False


@dataclass(frozen=True, eq=False)
class Mart(Table):
    """A table whose partitions derive from other tables of the same snapshot.

    The table macro `<name>_model(in_owner, since, until, first, last)` of sql/ is its model: it returns the rows of the
    days `since` to `until` of one owner, and reads no day but `first` to `last` of any table that it does not read
    `as_of`. A null parameter does not restrict. `rows_of` names the tables whose days are the mart's partitions: a day
    without any of them has no rows. `reads` names every table and mart that the model reads.
    """

    rows_of: Sequence[str] = ()
    reads: Sequence[Read] = ()

    @property
    def model(self) -> str:
        """The name of the table macro that returns its rows."""
        return f"{self.name}_model"

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """The columns inside the Parquet files: everything but the partition keys."""
        partition = {column.name for column in self.partition_by}
        return (*(c for c in (*self.keys, *self.columns) if c.name not in partition), LOAD_ID)

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """What a reader sees: keys, columns, the derivation that wrote the row, then `date`."""
        seen = {c.name: c for c in (*self.keys, *self.columns, LOAD_ID, *self.partition_by)}
        return tuple(seen.values())

    @cached_property
    def batch_schema(self) -> pa.Schema:
        """Arrow schema of a partition's rows: keys, columns and `date`, without the owner."""
        own = {c.name: c for c in (*self.keys, *self.columns, DATE) if c.name != self.owner.name}
        return pa.schema([c.arrow_field for c in own.values()])
