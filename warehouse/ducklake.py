"""A snapshot for DuckLake clients: the tables of DuckLake 1.0 in the schema `ducklake` of the snapshot's own file.

A DuckLake client gets a catalog that prunes files by their statistics, reads older snapshots, and may be moved:

    ATTACH 'ducklake:lake/lake.duckdb' AS lake (METADATA_SCHEMA 'ducklake', READ_ONLY);
    FROM lake.lustre_ost AT (VERSION => 42) WHERE ts >= '2026-11-27';

Plain INSERTs write the rows, from what the ledger knows: neither iolake nor a plain client needs the extension.
DuckLake's snapshot numbers are the lake's. Older snapshots can be read back to the last change of declarations. The
source of the rules is https://ducklake.select/docs/stable/specification/introduction.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.table import DATE, Table
from iolake.warehouse.records import DataFile

if TYPE_CHECKING:
    from iolake.warehouse.catalog import Catalog

SCHEMA: Final = "ducklake"
VERSION: Final = "1.0"
_SPAN: Final = "begin_snapshot BIGINT, end_snapshot BIGINT"
_WRITTEN: Final = {
    "metadata": "key VARCHAR, value VARCHAR, scope VARCHAR, scope_id BIGINT",
    "snapshot": "snapshot_id BIGINT, snapshot_time TIMESTAMPTZ, schema_version BIGINT, next_catalog_id BIGINT, "
    "next_file_id BIGINT",
    "snapshot_changes": "snapshot_id BIGINT, changes_made VARCHAR, author VARCHAR, commit_message VARCHAR, "
    "commit_extra_info VARCHAR",
    "schema_versions": "begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT",
    "schema": f"schema_id BIGINT, schema_uuid UUID, {_SPAN}, schema_name VARCHAR, path VARCHAR, "
    "path_is_relative BOOLEAN",
    "table": f"table_id BIGINT, table_uuid UUID, {_SPAN}, schema_id BIGINT, table_name VARCHAR, path VARCHAR, "
    "path_is_relative BOOLEAN",
    "column": f"column_id BIGINT, {_SPAN}, table_id BIGINT, column_order BIGINT, column_name VARCHAR, "
    "column_type VARCHAR, initial_default VARCHAR, default_value VARCHAR, nulls_allowed BOOLEAN, "
    "parent_column BIGINT, default_value_type VARCHAR, default_value_dialect VARCHAR",
    "data_file": f"data_file_id BIGINT, table_id BIGINT, {_SPAN}, file_order BIGINT, path VARCHAR, "
    "path_is_relative BOOLEAN, file_format VARCHAR, record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, "
    "row_id_start BIGINT, partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, partial_max BIGINT",
    "file_column_stats": "data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT, "
    "value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan BOOLEAN, "
    "extra_stats VARCHAR",
    "table_stats": "table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT",
    "column_mapping": "mapping_id BIGINT, table_id BIGINT, type VARCHAR",
    "name_mapping": "mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT, "
    "parent_column BIGINT, is_partition BOOLEAN",
    "tag": f"object_id BIGINT, {_SPAN}, key VARCHAR, value VARCHAR",
    "column_tag": f"table_id BIGINT, column_id BIGINT, {_SPAN}, key VARCHAR, value VARCHAR",
}
"""The columns of tables of DuckLake 1.0, by name without its prefix."""
_LEFT_EMPTY: Final = {
    "table_column_stats": "table_id BIGINT, column_id BIGINT, contains_null BOOLEAN, contains_nan BOOLEAN, "
    "min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR",
    "delete_file": f"delete_file_id BIGINT, table_id BIGINT, {_SPAN}, data_file_id BIGINT, path VARCHAR, "
    "path_is_relative BOOLEAN, format VARCHAR, delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, "
    "encryption_key VARCHAR, partial_max BIGINT",
    "files_scheduled_for_deletion": "data_file_id BIGINT, path VARCHAR, path_is_relative BOOLEAN, "
    "schedule_start TIMESTAMPTZ",
    "file_partition_value": "data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR",
    "file_variant_stats": "data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR, "
    "shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, "
    "max_value VARCHAR, contains_nan BOOLEAN, extra_stats VARCHAR",
    "inlined_data_tables": "table_id BIGINT, table_name VARCHAR, schema_version BIGINT",
    "macro": "schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT",
    "macro_impl": "macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, sql VARCHAR, type VARCHAR",
    "macro_parameters": "macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR, "
    "parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR",
    "partition_column": "partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT, "
    "transform VARCHAR",
    "partition_info": f"partition_id BIGINT, table_id BIGINT, {_SPAN}",
    "sort_expression": "sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, dialect VARCHAR, "
    "sort_direction VARCHAR, null_order VARCHAR",
    "sort_info": f"sort_id BIGINT, table_id BIGINT, {_SPAN}",
    "view": f"view_id BIGINT, view_uuid UUID, {_SPAN}, schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, "
    "sql VARCHAR, column_aliases VARCHAR",
}
"""The tables that clients query, though iolake has no rows for them."""
_TYPES: Final = {
    pa.bool_(): "boolean",
    pa.string(): "varchar",
    pa.binary(): "blob",
    pa.float32(): "float32",
    pa.float64(): "float64",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}

Rows = list[dict[str, Any]]
Made = dict[str, Rows]
"""Rows to insert, by table."""


def tables() -> Iterator[tuple[str, list[tuple[str, str]], bool]]:
    """Each table of DuckLake: its name with the schema, its columns with their types, and whether an edit writes it."""
    for name, columns in (_WRITTEN | _LEFT_EMPTY).items():
        pairs = [column.split(" ") for column in columns.split(", ")]
        yield _named(name), [(column, kind) for column, kind in pairs], name in _WRITTEN


def update(catalog: Catalog, number: int, committed_at: datetime, operation: str, root: str) -> None:
    """Write snapshot `number` of a catalog: what its edit added begins there, and what it removed ends there.

    Where no snapshot was written yet, every file of the catalog begins.
    """
    last = catalog.rows(f"SELECT max(next_file_id), max(schema_version) FROM {_named('snapshot')}")[0]
    is_first = last[0] is None
    next_file, version = (0, number) if is_first else last
    if not is_first:
        _end(catalog, number)
    known: dict[str, int] = dict(catalog.rows(f"SELECT table_name, table_id FROM {_named('table')}"))
    added = catalog.files() if is_first else [*catalog.changes.added.values()]
    added = [f for f in added if f.table_name in schemas.tables()]
    new = sorted({f.table_name for f in added} - known.keys())
    known |= {name: at for at, name in enumerate(new, len(known) + 1)}
    mapped = {row[0] for row in catalog.rows(f"SELECT mapping_id FROM {_named('column_mapping')}")}
    rows_there = dict(
        catalog.rows(f"SELECT table_id, max(row_id_start + record_count) FROM {_named('data_file')} GROUP BY 1")
    )
    made: Made = defaultdict(list)
    if is_first:
        named = {"schema_id": 0, "schema_uuid": _uuid("main"), "schema_name": "main"}
        made["schema"].append(_within(number) | named | {"path": "", "path_is_relative": True})
    for name in new:
        _declare(made, schemas.tables()[name], known[name], number)
    for file in {f.generation: f for f in added if _mapping_id(f.generation) not in mapped}.values():
        _map(made, file, known[file.table_name])
    _add(made, added, known, next_file, number, rows_there)
    changes = [f'created_table:"main".{ddl.quote(name)}' for name in new]
    changes += [f"inserted_into_table:{known[name]}" for name in sorted({f.table_name for f in added})]
    made["snapshot"].append(
        {
            "snapshot_id": number,
            "snapshot_time": committed_at.replace(tzinfo=UTC),
            "schema_version": number if new else version,
            "next_catalog_id": len(known) + 1,
            "next_file_id": next_file + len(added),
        }
    )
    change = {"snapshot_id": number, "changes_made": ",".join(changes), "commit_message": operation}
    made["snapshot_changes"].append(change)
    for name, rows in made.items():
        _insert(catalog, name, rows)
    _count(catalog)
    place(catalog, root)


def place(catalog: Catalog, root: str) -> None:
    """Write the lake's location, the one absolute path."""
    values = {"version": VERSION, "created_by": "iolake", "data_path": f"{root.rstrip('/')}/", "encrypted": "false"}
    catalog.con.execute(f"DELETE FROM {_named('metadata')}")
    _insert(catalog, "metadata", [{"key": key, "value": value} for key, value in values.items()])


def forget(catalog: Catalog, kept: Iterable[int]) -> None:
    """Remove collected snapshots, and the files that only they name."""
    numbers = ", ".join(map(str, kept))
    for name in ("snapshot", "snapshot_changes"):
        catalog.con.execute(f"DELETE FROM {_named(name)} WHERE snapshot_id NOT IN ({numbers})")
    gone = (
        f"SELECT data_file_id FROM {_named('data_file')} d WHERE end_snapshot IS NOT NULL AND NOT EXISTS "
        f"(FROM {_named('snapshot')} s WHERE s.snapshot_id >= d.begin_snapshot AND s.snapshot_id < d.end_snapshot)"
    )
    catalog.con.execute(f"DELETE FROM {_named('file_column_stats')} WHERE data_file_id IN ({gone})")
    catalog.con.execute(f"DELETE FROM {_named('data_file')} WHERE data_file_id IN ({gone})")


def _named(name: str) -> str:
    return f"{SCHEMA}.ducklake_{name}"


def _within(number: int) -> dict[str, Any]:
    return {"begin_snapshot": number, "end_snapshot": None}


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"iolake:{name}"))


def _insert(catalog: Catalog, name: str, rows: Rows) -> None:
    if rows:
        catalog.con.register("incoming", pa.Table.from_pylist(rows))
        catalog.con.execute(f"INSERT INTO {_named(name)} BY NAME FROM incoming")
        catalog.con.unregister("incoming")


def _end(catalog: Catalog, number: int) -> None:
    """The files that the edit removed end with this snapshot."""
    removed = [(f.table_name, _below(f)) for f in catalog.changes.removed.values()]
    if not removed:
        return
    tables, paths = zip(*removed, strict=True)
    catalog.con.register("gone", pa.table({"table_name": tables, "path": paths}))
    catalog.con.execute(
        f"UPDATE {_named('data_file')} d SET end_snapshot = {number} "
        f"FROM gone JOIN {_named('table')} t USING (table_name) "
        "WHERE d.table_id = t.table_id AND d.path = gone.path AND d.end_snapshot IS NULL"
    )
    catalog.con.unregister("gone")


def _below(file: DataFile) -> str:
    """A file's path below its table."""
    return file.path.partition("/")[2]


def _declare(made: Made, table: Table, table_id: int, number: int) -> None:
    """A table from its first file on, with its columns and comments."""
    own = {"table_id": table_id} | _within(number)
    named = {"table_uuid": _uuid(table.name), "schema_id": 0, "table_name": table.name, "path": f"{table.name}/"}
    made["table"].append(own | named | {"path_is_relative": True})
    made["schema_versions"].append({"begin_snapshot": number, "schema_version": number, "table_id": table_id})
    made["column"] += [own | column for column in _columns(table)]
    made["tag"].append({"object_id": table_id, "key": "comment", "value": table.doc} | _within(number))
    ids = _ids(table)
    made["column_tag"] += [
        own | {"column_id": ids[c.name], "key": "comment", "value": c.comment} for c in table.all_columns
    ]


def _ids(table: Table) -> dict[str, int]:
    """The number of each of a table's own columns."""
    return {c["column_name"]: c["column_id"] for c in _columns(table) if c["parent_column"] is None}


def _columns(table: Table) -> Rows:
    """A row for each column and, after it, one for each type within its type."""
    rows: Rows = []

    def add(name: str, kind: pa.DataType, parent: int | None) -> None:
        number = len(rows) + 1
        is_nested = pa.types.is_nested(kind)
        rows.append(
            {
                "column_id": number,
                "column_order": number,
                "column_name": name,
                "column_type": _type(kind),
                "default_value": "NULL",
                "nulls_allowed": True,
                "parent_column": parent,
                "default_value_type": "" if is_nested else "literal",
                "default_value_dialect": "duckdb",
            }
        )
        for child, inner in _children(kind, "element"):
            add(child, inner, number)

    for column in table.all_columns:
        add(column.name, column.type, None)
    return rows


def _children(kind: pa.DataType, element: str) -> Sequence[tuple[str, pa.DataType]]:
    """The types within a type, by name; `element` is that of a LIST's."""
    if pa.types.is_map(kind):
        return [("key", kind.key_type), ("value", kind.item_type)]
    if pa.types.is_struct(kind):
        return [(f.name, f.type) for f in kind]
    return [(element, kind.value_type)] if pa.types.is_nested(kind) else []


def _type(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        return "map" if pa.types.is_map(kind) else "struct" if pa.types.is_struct(kind) else "list"
    return str(kind) if pa.types.is_integer(kind) else _TYPES[kind]


def _mapping_id(generation: str) -> int:
    """The number of a generation's mapping: of 63 bits, as the generation is a hash."""
    return int(generation, 16) >> 1


def _map(made: Made, file: DataFile, table_id: int) -> None:
    """How the columns of a generation's files are found: by name, and the partition's in the path."""
    own = {"mapping_id": _mapping_id(file.generation)}
    made["column_mapping"].append(own | {"table_id": table_id, "type": "map_by_name"})
    made["name_mapping"] += [own | row for row in _names(schemas.tables()[file.table_name], file.columns)]


def _names(table: Table, present: Sequence[str]) -> Rows:
    """A row for each column that files have, and for those of the path, in the numbers of `_columns`."""
    partition = {c.name for c in table.partition_by}
    rows: Rows = []
    number = 0

    def add(name: str, kind: pa.DataType, parent: int | None, wanted: bool, in_path: bool) -> None:
        nonlocal number
        number += 1
        own = number
        if wanted:
            rows.append(
                {
                    "column_id": own,
                    "source_name": name,
                    "target_field_id": own,
                    "parent_column": parent,
                    "is_partition": in_path,
                }
            )
        for child, inner in _children(kind, "list"):
            add(child, inner, own, wanted, False)

    for column in table.all_columns:
        in_path = column.name in partition
        add(column.name, column.type, None, in_path or column.name in present, in_path)
    return rows


def _add(
    made: Made,
    added: Sequence[DataFile],
    known: dict[str, int],
    next_file: int,
    number: int,
    next_row: dict[int, int],
) -> None:
    """Files that begin with this snapshot, with the bounds that the ledger has of them."""
    ids = {name: _ids(schemas.tables()[name]) for name in {f.table_name for f in added}}
    for at, file in enumerate(added, next_file):
        table_id = known[file.table_name]
        own = {"data_file_id": at, "table_id": table_id}
        made["data_file"].append(
            own
            | _within(number)
            | {
                "path": _below(file),
                "path_is_relative": True,
                "file_format": "parquet",
                "record_count": file.rows,
                "file_size_bytes": file.size_bytes,
                "row_id_start": next_row.get(table_id, 0),
                "mapping_id": _mapping_id(file.generation),
            }
        )
        next_row[table_id] = next_row.get(table_id, 0) + file.rows
        made["file_column_stats"] += [
            own
            | {"column_id": ids[file.table_name][column], "value_count": file.rows, "null_count": 0}
            | {"min_value": least, "max_value": most}
            for column, least, most in _bounds(file)
        ]


def _bounds(file: DataFile) -> Iterator[tuple[str, str, str]]:
    """(column, least, greatest value) of what the ledger knows of a file: its owner, day, and event times."""
    table = schemas.tables()[file.table_name]
    yield table.owner.name, file.owner, file.owner
    yield DATE.name, str(file.date), str(file.date)
    if table.event_time is not None:
        midnight = datetime(file.date.year, file.date.month, file.date.day)
        last = midnight + timedelta(days=1) - timedelta(microseconds=1)
        first = midnight if file.first_ts is None else max(file.first_ts, midnight)
        yield table.event_time, str(first), str(last if file.last_ts is None else min(file.last_ts, last))


def _count(catalog: Catalog) -> None:
    """The rows and bytes of each table."""
    rows, size = "sum(record_count)", "sum(file_size_bytes)"
    sums = f"SELECT table_id, {rows}, {rows}, {size} FROM {_named('data_file')} WHERE end_snapshot IS NULL GROUP BY 1"
    catalog.con.execute(f"DELETE FROM {_named('table_stats')}")
    catalog.con.execute(f"INSERT INTO {_named('table_stats')} {sums}")
