"""The catalog database: one snapshot's ledger, and the views over exactly its files."""

from __future__ import annotations

import atexit
import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.inputs import STATUSES, values
from iolake.schemas.ledger import FILES, GENERATIONS, INPUTS, LEDGER, LOADS, MART_READS, REJECTS, SNAPSHOTS, LedgerTable
from iolake.schemas.mart import Mart
from iolake.schemas.table import Table
from iolake.warehouse import catalog_cache, ducklake, freshness, months, views
from iolake.warehouse.records import DataFile, Load, now
from iolake.warehouse.scratch import prefix, scratch
from iolake.warehouse.spans import file_sets
from iolake.warehouse.store import Store
from iolake.warehouse.views import sql_files

STORAGE_VERSION = "v1.2.0"
"""The oldest file format that has all a snapshot needs, so that DuckDB clients from 1.2 on can open one."""
BLOCK_SIZE = 16384
"""Bytes of a block, the least that DuckDB takes: a ledger's columns of few rows fill no larger one."""
_TOUCHED = pa.schema([INPUTS.schema.field(name) for name in ("input_id", "uri", "size_bytes", "mtime")])


@dataclass
class Changes:
    """What was done to a catalog since it was opened: the loads it was given, and data files by their paths."""

    loads: int = 0
    added: dict[str, DataFile] = field(default_factory=dict)
    removed: dict[str, DataFile] = field(default_factory=dict)
    written: list[DataFile] = field(default_factory=list)
    """Files that were written for this edit; remove them if it is not published."""
    months: set[str] = field(default_factory=set)
    """The tables that gained or lost month files."""
    thresholds: bool = False
    """Whether thresholds of finding_rules changed."""

    @property
    def tables(self) -> set[str]:
        """The tables whose files changed."""
        return {f.table_name for f in (*self.added.values(), *self.removed.values())} | self.months


class Catalog:
    """A catalog file open for writing, on its way to becoming the next snapshot."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.changes = Changes()

    @classmethod
    @contextmanager
    def editing(cls, path: Path, store: Store) -> Iterator[Catalog]:
        """Open the catalog at `path` for changes, and create it if needed. It is one complete file when the block ends.

        A catalog of another iolake version, with other declarations, is recreated with the same ledger.
        """
        if not path.exists():
            shutil.copyfile(_empty(declarations()), path)
        engine = _engine(store)
        with cls._written(engine, path) as catalog:
            written = catalog.rows("SELECT declarations FROM snapshots ORDER BY number DESC LIMIT 1")
            if written in ([], [(declarations(),)]):
                yield catalog
                return
        older = path.rename(path.with_suffix(".older"))
        shutil.copyfile(_empty(declarations()), path)
        with _attached(engine, older, "READ_ONLY") as name, cls._written(engine, path) as catalog:
            catalog._take_ledger(name)
            yield catalog

    @classmethod
    @contextmanager
    def reading(cls, store: Store, path: str) -> Iterator[Catalog]:
        """The snapshot at `path` of the lake, to read its ledger."""
        with scratch() as folder:
            copy = Path(folder) / Path(path).name  # DuckDB attaches a file once, and others may read this one
            store.copy(path, copy)
            engine = _engine(store)
            with _attached(engine, copy, "READ_ONLY") as name, engine.cursor() as con:
                con.execute(f"USE {name}")
                yield cls(con)

    @classmethod
    @contextmanager
    def _written(cls, engine: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Catalog]:
        option = f"STORAGE_VERSION '{STORAGE_VERSION}'"
        if not path.exists():
            option += f", BLOCK_SIZE {BLOCK_SIZE}"
        with _attached(engine, path, option) as name, engine.cursor() as con:
            con.execute(f"USE {name}")
            con.execute("BEGIN")  # every statement of its own would wait for the disk
            yield cls(con)
            con.execute("COMMIT")
            con.execute("CHECKPOINT")

    def _take_ledger(self, older: str) -> None:
        """Copy every ledger row of another attached catalog; columns that it lacks are null."""
        for ledger in (table for table in LEDGER if table is not MART_READS):
            there = {
                row[0]
                for row in self.rows(
                    "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND table_name = ?",
                    [older, ledger.name],
                )
            }
            names = ", ".join(ddl.quote(n) for n in ledger.schema.names if n in there)
            if names:
                self.con.execute(f"INSERT INTO {ledger.name} ({names}) SELECT {names} FROM {older}.{ledger.name}")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; values are bound."""
        return self.con.execute(sql, list(parameters)).fetchall()

    def insert(self, table: LedgerTable, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows to a ledger table."""
        data = pa.Table.from_pylist(list(rows), schema=table.schema)
        if data.num_rows:
            self.con.register("incoming", data)
            self.con.execute(f"INSERT INTO {table.name} SELECT * FROM incoming")
            self.con.unregister("incoming")

    # -- files

    def files(self, where: str = "true", parameters: Sequence[Any] = ()) -> list[DataFile]:
        """The data files that a condition on `files` picks."""
        answer = self.con.execute(
            "SELECT f.* EXCLUDE (generation), column_names AS columns "
            f"FROM files f JOIN generations USING (generation) WHERE {where} ORDER BY path",
            list(parameters),
        )
        names = [column[0] for column in answer.description]  # an older snapshot has fewer
        return [DataFile(**dict(zip(names, row, strict=True))) for row in answer.fetchall()]

    def add_files(self, files: Iterable[DataFile]) -> None:
        files = list(files)
        self.add_generations(files)
        months.forget(self, files)
        self.insert(FILES, ({name: getattr(f, name) for name in FILES.schema.names} for f in files))
        self.changes.added |= {f.path: f for f in files if self.changes.removed.pop(f.path, None) is None}

    def add_generations(self, files: Iterable[DataFile]) -> None:
        known = {row[0] for row in self.rows("SELECT generation FROM generations")}
        new = {f.generation: f for f in files if f.generation not in known}
        self.insert(
            GENERATIONS,
            ({"generation": g, "table_name": f.table_name, "column_names": f.columns} for g, f in new.items()),
        )

    def remove_files(self, files: Iterable[DataFile]) -> None:
        gone = {f.path: f for f in files}
        months.forget(self, gone.values())
        self.con.execute("DELETE FROM files WHERE path IN (SELECT unnest(?))", [[*gone]])
        self.changes.removed |= {path: f for path, f in gone.items() if self.changes.added.pop(path, None) is None}

    # -- loads and inputs

    def has_load(self, load_id: str) -> bool:
        """Whether that load was published."""
        return bool(self.rows("FROM loads WHERE load_id = ?", [load_id]))

    def has(self, table: LedgerTable) -> bool:
        """Whether a snapshot has a table of the ledger: an older iolake may not have known it."""
        query = "FROM duckdb_tables() WHERE table_name = ? AND database_name = current_database()"
        return self.rows(query, [table.name]) != []

    def put_load(self, load: Load, snapshot: int) -> None:
        """Write a load into the ledger; its inputs and rejects take the place of what was known of them."""
        stamp = now()
        self._put_inputs(load)
        self._touch_inputs(load)
        of_load = {"load_id": load.info.load_id, "source": load.info.source, "owner": load.info.owner}
        self.insert(REJECTS, (values(reject) | of_load | {"rejected_at": stamp} for reject in load.rejects))
        row = of_load | {
            "day": load.info.day,
            "run_id": load.info.run_id,
            "extractor_version": load.info.extractor_version,
            "started_at": load.info.started_at,
            "committed_at": stamp,
            "snapshot": snapshot,
            "found": load.found,
            "rows": load.rows,
            "size_bytes": sum(f.size_bytes for f in load.files),
        }
        self.insert(LOADS, [row | {status: load.count(status) for status in STATUSES}])
        self.changes.loads += 1

    def _put_inputs(self, load: Load) -> None:
        """Write a load's inputs in place of their rows and rejects."""
        ids = [r.input_id for r in load.inputs]
        rejected = [r.input_id for r in load.inputs if r.status == "rejected"]
        # A rejected new content leaves the rows of the old one, which are still the old load's.
        kept = {
            input_id: {"load_id": load_id, "rows": rows, "content_hash": content}
            for input_id, load_id, rows, content in self.rows(
                "SELECT input_id, load_id, rows, content_hash FROM inputs "
                "WHERE rows > 0 AND input_id IN (SELECT unnest(?))",
                [rejected],
            )
        }
        self.con.execute("DELETE FROM inputs WHERE input_id IN (SELECT unnest(?))", [ids])
        self.con.execute("DELETE FROM rejects WHERE input_id IN (SELECT unnest(?))", [ids])
        by_load = {"load_id": load.info.load_id, "extractor_version": load.info.extractor_version}
        self.insert(INPUTS, (values(record) | by_load | kept.get(record.input_id, {}) for record in load.inputs))

    def forget_rejected(self, gone: Sequence[tuple[str, str]]) -> bool:
        """Drop inputs, by id and load, that are still rejected without rows, with their rejects; whether any were."""
        ids, loads = [input_id for input_id, _ in gone], [load_id for _, load_id in gone]
        gone_now = self.rows(
            "DELETE FROM inputs WHERE status = 'rejected' AND coalesce(rows, 0) = 0 "
            "AND input_id IN (SELECT unnest(?)) AND load_id IN (SELECT unnest(?)) RETURNING input_id",
            [ids, loads],
        )
        self.con.execute("DELETE FROM rejects WHERE input_id IN (SELECT unnest(?))", [[id_ for (id_,) in gone_now]])
        return bool(gone_now)

    def _touch_inputs(self, load: Load) -> None:
        """Write the new uri, size and time of inputs whose content the lake has."""
        if load.touched:
            touched = pa.Table.from_pylist([values(record) for record in load.touched], schema=_TOUCHED)
            self.con.register("touched", touched)
            self.con.execute(
                "UPDATE inputs SET uri = touched.uri, size_bytes = touched.size_bytes, mtime = touched.mtime "
                "FROM touched WHERE inputs.input_id = touched.input_id"
            )
            self.con.unregister("touched")

    # -- snapshots and views

    def put_snapshot(self, number: int, operation: str, store: Store) -> None:
        """Write the views over the files as they are now, and the row of the snapshot that this will be."""
        self.write_views(store)
        rows, size = self.rows("SELECT coalesce(sum(rows), 0), coalesce(sum(size_bytes), 0) FROM files")[0]
        stamp = now()
        ducklake.update(self, number, stamp, operation, store.uri)
        self.insert(
            SNAPSHOTS,
            [
                {
                    "number": number,
                    "committed_at": stamp,
                    "operation": operation,
                    "loads": self.changes.loads,
                    "files_added": len(self.changes.added),
                    "files_removed": len(self.changes.removed),
                    "rows": int(rows),
                    "size_bytes": int(size),
                    "root": store.uri,
                    "iolake_version": version("iolake"),
                    "declarations": declarations(),
                }
            ],
        )

    def write_views(self, store: Store) -> None:
        """Write the storage views of changed tables, and all of them where declarations or location changed."""
        root = store.uri
        months.remove_lost(self, store)
        last = self.rows("SELECT root, declarations FROM snapshots ORDER BY number DESC LIMIT 1")
        everything = last != [] and last != [(root, declarations())]
        derived = freshness.update(self, sql_files(), declarations())
        tables = [table for table in schemas.tables().values() if not isinstance(table, Mart)]
        for table in (*tables, *freshness.marts()):  # a mart's view reads tables, where these lie now
            if everything or table.name in self.changes.tables or table.name in derived:
                self.write_storage_view(table, root)

    def _declare(self) -> None:
        """Write the readers' views with their comments, and what sql/ has. Storage views must be there."""
        for table in schemas.tables().values():
            for statement in ddl.create_view(table):
                self.con.execute(statement)
        self._write_sql()

    def write_storage_view(self, table: Table, root: str) -> None:
        computed = freshness.live(table, self) if isinstance(table, Mart) else []
        sets = file_sets(table, self.files("f.table_name = ?", [table.name]), root, months.of(self, table.name))
        create, drop = ddl.stand_ins(ddl.typed_columns(table), table.model if isinstance(table, Mart) else None)
        self.con.execute(";\n".join([*create, ddl.create_storage_view(table, sets, computed), *drop]))
        self.con.execute(f"DELETE FROM {ddl.STORAGE}.job_days WHERE table_name = ?", [table.name])
        if any(one.by_job for one in sets):
            self.con.execute(
                f"INSERT INTO {ddl.STORAGE}.job_days "
                "SELECT table_name, owner, date, min(first_job_id), max(last_job_id) FROM files "
                "WHERE table_name = ? AND first_job_id IS NOT NULL GROUP BY ALL ORDER BY ALL",
                [table.name],
            )

    def _write_sql(self) -> None:
        known = views.table_comments()
        for name, text in sql_files().items():
            try:
                self.con.execute(text)
                for statement in views.comment_statements(self.con, name, text, known):
                    self.con.execute(statement)
            except duckdb.Error as error:
                raise views.SqlError(name, str(error)) from error


def pack(path: Path) -> None:
    """Write a catalog anew without the blocks that its edits left free: they are half of the file."""
    engine, packed = _own_engine(), path.with_suffix(".packed")
    option = f"STORAGE_VERSION '{STORAGE_VERSION}', BLOCK_SIZE {BLOCK_SIZE}"
    with _attached(engine, path, "READ_ONLY") as old, _attached(engine, packed, option) as new:
        engine.cursor().execute(f"COPY FROM DATABASE {old} TO {new}")
        engine.cursor().execute(f"CHECKPOINT {new}")
    packed.replace(path)


@cache
def _own_engine() -> duckdb.DuckDBPyConnection:
    """The process's own DuckDB, kept because starting one takes as long as editing a snapshot."""
    engine = duckdb.connect()
    atexit.register(_own_engine.cache_clear)  # one that outlives Prefect's modules is reported on stderr as leaked
    return engine


def _engine(store: Store) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can read the lake's files; for an object store, a new one with the store's keys."""
    if store.local:
        return _own_engine()
    engine = duckdb.connect()
    engine.register_filesystem(store.fs)
    return engine


@contextmanager
def _attached(engine: duckdb.DuckDBPyConnection, path: Path, option: str) -> Iterator[str]:
    """Attach the database at `path` while the block runs, and yield its name."""
    name = f"catalog_{secrets.token_hex(4)}"
    engine.cursor().execute(f"ATTACH {ddl.literal(str(path))} AS {name} ({option})")
    try:
        yield name
    finally:
        engine.cursor().execute(f"DETACH {name}")


@cache
def _empty(declared: str) -> Path:
    """A catalog without loads, which new lakes start from; thousands of comments take seconds, so it is made once."""
    folder = Path(tempfile.mkdtemp(prefix=prefix()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "empty.duckdb"
    catalog_cache.fetch_or_make(declared, path, _write_empty)
    return path


def _write_empty(path: Path) -> None:
    with Catalog._written(_own_engine(), path) as catalog:
        catalog.con.execute(f"CREATE SCHEMA {ddl.STORAGE}")
        catalog.con.execute(ddl.CREATE_JOB_DAYS)
        for ledger in LEDGER:
            for statement in ddl.create_ledger_table(ledger):
                catalog.con.execute(statement)
        catalog.insert(MART_READS, freshness.origins())
        for table in schemas.tables().values():
            catalog.con.execute(ddl.create_storage_view(table, []))
        catalog._declare()
        for statement in ducklake.create():
            catalog.con.execute(statement)


def declarations() -> str:
    """Hash of all that views depend on, except the files."""
    return _hash(tuple(schemas.tables().values()))


@cache
def _hash(tables: tuple[Table, ...]) -> str:
    digest = hashlib.blake2b(ddl.CREATE_JOB_DAYS.encode(), digest_size=8)
    for ledger in LEDGER:
        digest.update("".join(ddl.create_ledger_table(ledger)).encode())
    for table in tables:
        digest.update("".join([ddl.create_storage_view(table, []), *ddl.create_view(table)]).encode())
    for name, text in sql_files().items():
        digest.update(f"{name}\0{text}".encode())
    digest.update("".join(ducklake.create()).encode())
    return digest.hexdigest()
