"""A Delta log over a snapshot's own data files, for engines that read Delta Lake.

No file is copied: the log of a table lies in <table>/_delta_log, and names files by their path below the table. Clients
may only read it: one that writes or vacuums would remove files of the lake. The source of the rules is
https://github.com/delta-io/delta/blob/master/PROTOCOL.md; delta-rs writes the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from iolake import schemas
from iolake.schemas.locations import MissingExtra
from iolake.schemas.table import Table
from iolake.warehouse.lake import Lake
from iolake.warehouse.listing import ListedFile, list_files
from iolake.warehouse.store import Store

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG: Final = "_delta_log"
_SNAPSHOT: Final = "iolake_snapshot"


@dataclass(frozen=True)
class Logged:
    """A table's log: where it lies, how many files and rows it names, and its version."""

    table: str
    location: str
    files: int
    rows: int
    version: int
    computed: int
    """Partitions of a mart that are not derived yet: their rows are in no file."""
    left_out: tuple[str, ...]
    """Columns of a type that Delta Lake lacks."""


def export_delta(lake: Lake, tables: Sequence[str] = ()) -> Iterator[Logged]:
    """Write the log of each of `tables`, or of all that have files, for the lake's snapshot. NoTable, MissingExtra.

    Each table changes in one step. A log that names the snapshot's files already stays as it is.
    """
    try:
        import deltalake  # noqa: F401
    except ImportError:
        raise MissingExtra("a Delta log", "iolake[delta]") from None
    store = Store(lake.uri)
    for name in tables or schemas.tables():
        listed = list_files(lake, name)
        if not listed.files and not tables:
            continue
        table = schemas.tables()[name]
        made = _write(store, f"{lake.root}/{name}", table, listed.files, lake.snapshot)
        left_out = tuple(c.name for c in table.all_columns if not _has_type(c.type))
        rows = sum(f.rows for f in listed.files)
        yield Logged(name, f"{lake.root}/{name}", len(listed.files), rows, made.version(), listed.computed, left_out)


def delta_schema(table: Table) -> pa.Schema:
    """The columns that a log declares: those of the table but unsigned 64-bit integers, which Delta Lake lacks."""
    return pa.schema([pa.field(c.name, c.type) for c in table.all_columns if _has_type(c.type)])


def _has_type(kind: pa.DataType) -> bool:
    return bool(kind != pa.uint64())


def _write(store: Store, uri: str, table: Table, files: Sequence[ListedFile], snapshot: int) -> DeltaTable:
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import RemoveAction, create_table_with_add_actions

    schema = Schema.from_arrow(delta_schema(table))
    partition = [c.name for c in table.partition_by]
    commit = CommitProperties(custom_metadata={_SNAPSHOT: str(snapshot)})
    if DeltaTable.is_deltatable(uri):
        there = DeltaTable(uri)
        if there.schema().to_json() == schema.to_json():
            known = set(pa.table(there.get_add_actions(flatten=True))["path"].to_pylist())
            wanted = {_below(f, uri): f for f in files}
            now = int(time.time() * 1000)
            actions: list[Any] = [_add(table, path, f) for path, f in wanted.items() if path not in known]
            actions += [RemoveAction(path, True, now) for path in sorted(known - wanted.keys())]
            if actions:
                there.create_write_transaction(actions, "append", schema, partition, commit_properties=commit)
            return DeltaTable(uri)
        for file in [*store.list(f"{table.name}/{LOG}")]:  # other columns now: a log of its own
            store.remove(file.path)
    create_table_with_add_actions(
        uri,
        schema,
        [_add(table, _below(f, uri), f) for f in files],
        partition_by=partition,
        name=table.name,
        description=table.doc,
        commit_properties=commit,
    )
    return DeltaTable(uri)


def _below(file: ListedFile, uri: str) -> str:
    return file.location.removeprefix(f"{uri}/")


def _add(table: Table, path: str, file: ListedFile) -> Any:
    """A file with its partition, and the bounds that the ledger has of its event times."""
    from deltalake.transaction import AddAction

    stats: dict[str, Any] = {"numRecords": file.rows}
    if table.event_time and file.first_ts and file.last_ts:
        least, most = (t.isoformat(timespec="microseconds") for t in (file.first_ts, file.last_ts))
        times = {"minValues": {table.event_time: least}, "maxValues": {table.event_time: most}}
        stats |= times | {"nullCount": {table.event_time: 0}}
    partition = {table.owner.name: file.owner, table.partition_by[1].name: file.date.isoformat()}
    return AddAction(path, file.size_bytes, partition, 0, True, json.dumps(stats))
