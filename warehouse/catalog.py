"""The catalog database: one snapshot's ledger, and the views over exactly its files."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from iolake import schemas
from iolake.schemas import ddl
from iolake.schemas.inputs import STATUSES, InputRecord, values
from iolake.schemas.ledger import FILES, GENERATIONS, INPUTS, LEDGER, LOADS, MART_READS, REJECTS, SNAPSHOTS, LedgerTable
from iolake.schemas.table import Table
from iolake.warehouse import catalog_cache, ducklake, freshness, months, small_tables, snapshot_views, views
from iolake.warehouse.engines import BLOCK_SIZE, STORAGE_VERSION, attached, engine_of, own_engine
from iolake.warehouse.near_files import NearFiles
from iolake.warehouse.records import Changes, DataFile, Load, now
from iolake.warehouse.scratch import prefix, scratch
from iolake.warehouse.store import Store

_TOUCHED = pa.schema([INPUTS.schema.field(name) for name in ("input_id", "uri", "size_bytes", "mtime")])


class Catalog:
    """A catalog file open for writing, on its way to becoming the next snapshot."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._waiting: dict[str, tuple[LedgerTable, list[dict[str, Any]]]] = {}
        self._generations: set[str] = set()
        self.changes = Changes()
        self.near_files = NearFiles(self)
        self.month_files: list[DataFile] | None = None
        """The month files, once an edit asked for them: each load of a commit does."""

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection. The ledger has every inserted row by then: one INSERT for many loads takes as long as one."""
        waiting, self._waiting = self._waiting, {}
        for table, rows in waiting.values():
            self._con.register("incoming", pa.Table.from_pylist(rows, schema=table.schema))
            self._con.execute(f"INSERT INTO {table.name} SELECT * FROM incoming")
            self._con.unregister("incoming")
        return self._con

    @classmethod
    @contextmanager
    def editing(cls, path: Path, store: Store, private: bool = False) -> Iterator[Catalog]:
        """Open the catalog at `path` for changes, and create it if needed. It is one complete file when the block ends.

        A catalog of another iolake version, with other declarations, is recreated with the same ledger. A private one,
        which is edited on and not published, keeps its tables as tables.
        """
        if not path.exists():
            shutil.copyfile(_empty(declarations()), path)
        engine = engine_of(store)
        with cls._written(engine, path) as catalog:
            last = catalog.rows("SELECT declarations FROM snapshots ORDER BY number DESC LIMIT 1")
            if last in ([], [(declarations(),)]):
                with catalog._tables(private):
                    yield catalog
                return
        older = path.rename(path.with_suffix(".older"))
        shutil.copyfile(_empty(declarations()), path)
        with (
            attached(engine, older, "READ_ONLY") as name,
            cls._written(engine, path) as catalog,
            catalog._tables(private),
        ):
            catalog._take_ledger(name)
            yield catalog

    @classmethod
    @contextmanager
    def reading(cls, store: Store, path: str) -> Iterator[Catalog]:
        """The snapshot at `path` of the lake, to read its ledger."""
        with scratch() as folder:
            copy = Path(folder) / Path(path).name  # DuckDB attaches a file once, and others may read this one
            store.copy(path, copy)
            engine = engine_of(store)
            with attached(engine, copy, "READ_ONLY") as name, engine.cursor() as con:
                con.execute(f"USE {name}")
                yield cls(con)

    @classmethod
    @contextmanager
    def _written(cls, engine: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Catalog]:
        option = f"STORAGE_VERSION '{STORAGE_VERSION}'"
        if not path.exists():
            option += f", BLOCK_SIZE {BLOCK_SIZE}"
        with attached(engine, path, option) as name, engine.cursor() as con:
            con.execute(f"USE {name}")
            con.execute("BEGIN")  # every statement of its own would wait for the disk
            catalog = cls(con)
            yield catalog
            catalog.con.execute("COMMIT")
            con.execute("CHECKPOINT")

    @contextmanager
    def _tables(self, stay: bool = False) -> Iterator[None]:
        """Have the ledger as tables in the block, not as views."""
        small_tables.to_tables(self._con)
        yield
        if not stay:
            small_tables.to_views(self.con)

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
        if new := list(rows):
            self._waiting.setdefault(table.name, (table, []))[1].extend(new)

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
        self.near_files.add(files)
        self.changes.added |= {f.path: f for f in files if self.changes.removed.pop(f.path, None) is None}

    def add_generations(self, files: Iterable[DataFile]) -> None:
        new = {f.generation: f for f in files}
        if new.keys() - self._generations:
            self._generations |= {row[0] for row in self.rows("SELECT generation FROM generations")}
        new = {generation: f for generation, f in new.items() if generation not in self._generations}
        self._generations |= new.keys()
        self.insert(
            GENERATIONS,
            ({"generation": g, "table_name": f.table_name, "column_names": f.columns} for g, f in new.items()),
        )

    def remove_files(self, files: Iterable[DataFile]) -> None:
        gone = {f.path: f for f in files}
        months.forget(self, gone.values())
        self.con.execute("DELETE FROM files WHERE path IN (SELECT unnest(?))", [[*gone]])
        self.near_files.remove(gone.values())
        self.changes.removed |= {path: f for path, f in gone.items() if self.changes.added.pop(path, None) is None}

    # -- loads and inputs

    def published(self, load_ids: Iterable[str]) -> set[str]:
        """Those of some loads that were published."""
        query = "SELECT load_id FROM loads WHERE load_id IN (SELECT unnest(?))"
        return {row[0] for row in self.rows(query, [[*load_ids]])}

    def known(self, input_ids: Iterable[str]) -> set[str]:
        """Those of some inputs that the ledger has a row or rejects of."""
        query = "FROM {} WHERE input_id IN (SELECT unnest($1))"
        union = " UNION ".join(f"SELECT input_id {query.format(table.name)}" for table in (INPUTS, REJECTS))
        return {row[0] for row in self.rows(union, [[*input_ids]])}

    def has(self, table: LedgerTable) -> bool:
        """Whether a snapshot has a table of the ledger: an older iolake may not have known it."""
        query = "FROM information_schema.tables WHERE table_name = ? AND table_catalog = current_database()"
        return self.rows(query, [table.name]) != []

    def put_load(self, load: Load, snapshot: int, all_new: bool = False) -> None:
        """Write a load into the ledger; its inputs and rejects take the place of what was known of them.

        `all_new` promises that the ledger has none of its inputs.
        """
        stamp = now()
        self._put_inputs(load, all_new)
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

    def _put_inputs(self, load: Load, all_new: bool) -> None:
        """Write a load's inputs in place of their rows and rejects."""
        kept = {} if all_new else self._take_out(load.inputs)
        by_load = {"load_id": load.info.load_id, "extractor_version": load.info.extractor_version}
        self.insert(INPUTS, (values(record) | by_load | kept.get(record.input_id, {}) for record in load.inputs))

    def _take_out(self, inputs: Sequence[InputRecord]) -> dict[str, dict[str, Any]]:
        """Delete inputs and their rejects. Return what stays true of each that is rejected now and has rows."""
        ids = [r.input_id for r in inputs]
        rejected = [r.input_id for r in inputs if r.status == "rejected"]
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
        return kept

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
        """Write the views of changed tables, and of all of them where declarations or location changed."""
        snapshot_views.write(self, store, declarations())


@cache
def _empty(declared: str) -> Path:
    """A catalog without loads, which new lakes start from; thousands of comments take seconds, so it is made once."""
    folder = Path(tempfile.mkdtemp(prefix=prefix()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "empty.duckdb"
    catalog_cache.fetch_or_make(declared, path, _write_empty)
    return path


def _write_empty(path: Path) -> None:
    with Catalog._written(own_engine(), path) as catalog:
        for schema in (ddl.STORAGE, ducklake.SCHEMA):
            catalog.con.execute(f"CREATE SCHEMA {schema}")
        catalog.con.execute(ddl.CREATE_JOB_DAYS)
        for statement in small_tables.create():
            catalog.con.execute(statement)
        snapshot_views.declare(catalog)
        with catalog._tables():
            catalog.insert(MART_READS, freshness.origins())


def declarations() -> str:
    """Hash of all that views depend on, except the files."""
    return _hash(tuple(schemas.tables().values()))


@cache
def _hash(tables: tuple[Table, ...]) -> str:
    digest = hashlib.blake2b(ddl.CREATE_JOB_DAYS.encode(), digest_size=8)
    digest.update("".join([*small_tables.create(), *ddl.create_text_view("name", "query")]).encode())
    letters = ddl.letters_of(tables)
    digest.update(ddl.create_nothing(letters).encode())
    for table in tables:
        digest.update("".join([ddl.create_empty_view(table, letters), *ddl.create_view(table)]).encode())
    for name, text in views.sql_files().items():
        digest.update(f"{name}\0{text}".encode())
    return digest.hexdigest()
