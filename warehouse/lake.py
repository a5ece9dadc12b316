"""Reads a lake: one snapshot, through SQL or as polars frames."""

from __future__ import annotations

import difflib
import logging
import os
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from iolake.warehouse import layout
from iolake.warehouse.errors import NoLake, NoSnapshot, NoTable, SnapshotDamaged
from iolake.warehouse.scratch import scratch
from iolake.warehouse.snapshots import newest_whole, snapshots_there
from iolake.warehouse.store import Store

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from iolake.warehouse.records import DataFile, Snapshot

log = logging.getLogger("iolake")

_ANY_STALE = "FROM derived WHERE table_name = $1 AND NOT fresh LIMIT 1"
"""Finds out whether a query must compute some rows of a mart, because no file has them."""

MANY_STALE_DAYS = 31
"""Where marts of more days are stale, queries compute so much that their memory is bounded."""
MEMORY_LIMIT = "4GB"
"""What such a query may take; the rest goes to a temporary folder."""


class Macro(NamedTuple):
    """A macro of a snapshot: the question that it answers, and its call."""

    question: str
    call: str

    @classmethod
    def parse(cls, name: str, comment: str) -> Macro:
        """Parse the comment that `warehouse.views` wrote on a macro."""
        question, *lines = comment.split("\n")
        return cls(question, lines[0] if lines else name)  # a snapshot of an older iolake may have the question alone


class Lake:
    """A snapshot of the lake at `uri`: the newest, or the one with the number `snapshot`.

    Later commits do not change what it reads. A lake that was moved or is mounted elsewhere reads as well: its views
    are then recreated for the new location. Raises NoLake, NoSnapshot, SnapshotDamaged.
    """

    def __init__(self, uri: str | os.PathLike[str] = "lake", snapshot: int | None = None) -> None:
        self.uri = os.fspath(uri)
        self._store = Store(self.uri)
        there = self._there()
        if not there:
            raise NoLake(self.uri)
        if snapshot is not None and snapshot not in there:
            raise NoSnapshot(self.uri, snapshot)
        newest = newest_whole(self._store, there) if snapshot is None else snapshot
        if newest is None:
            raise SnapshotDamaged(self.uri, max(there))
        self.snapshot: int = newest
        self._con: duckdb.DuckDBPyConnection | None = None
        self._answering = Lock()
        self._moved = False
        self._stale = False
        self._copies: list[tempfile.TemporaryDirectory[str]] = []

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Open a new read-only DuckDB connection to the snapshot, with its tables, views and macros.

        TIMESTAMP values are UTC.
        """
        path = layout.snapshot_path(self.snapshot)
        con = self._open(Path(f"{self._store.root}/{path}") if self._store.local else self._local_copy(path))
        written: list[tuple[str]] = con.execute("SELECT root FROM snapshots ORDER BY number DESC LIMIT 1").fetchall()
        if written and not self._store.is_here(written[0][0]):
            self._say_moved(written[0][0])
            con.close()
            con = self._open(self._relocated(path, written[0][0]))
        self._bound(con)
        return con

    def sql(
        self, query: str | duckdb.Statement, parameters: list[Any] | dict[str, Any] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Run a query and return a DuckDB relation: `.pl()`, `.df()`, `.to_arrow_table()`; it prints as a table.

        `parameters` are bound to `$1`, `$2`, ... from a list, and to `$name` from a dict.
        """
        return self._shared().sql(query, params=parameters)

    def rows(self, query: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query and return its rows, each a dict by column; unlike `sql`, it plans the query only once."""
        with self._answering:  # the connection holds one answer, and threads may share a lake
            answer = self._shared().execute(query, parameters)
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    @property
    def root(self) -> str:
        """The location of the lake's files, as DuckDB names it."""
        return self._store.location("").rstrip("/")

    def statements(self, query: str) -> list[duckdb.Statement]:
        """Parse the statements of a text without running them. Raises DuckDB's ParserException."""
        return self._shared().extract_statements(query)

    def interrupt(self) -> None:
        """Cancel the running query, if any."""
        self._shared().interrupt()

    def scan(self, table: str) -> pl.LazyFrame:
        """A table as a polars LazyFrame of its full schema; columns that files lack are null or computed. NoTable."""
        import polars as pl

        from iolake import schemas
        from iolake.schemas.mart import Mart
        from iolake.warehouse import backfill

        declared = schemas.tables().get(table)
        if declared is None:
            raise NoTable(table, difflib.get_close_matches(table, schemas.tables()))
        schema = declared.polars_schema
        if isinstance(declared, Mart) and self.sql(_ANY_STALE, [table]).fetchall():
            computed: pl.DataFrame = self.sql(f"FROM {table}").pl()
            return computed.lazy().cast(schema)
        files = self.files(table)
        if not files:
            return pl.LazyFrame(schema=schema)
        partition = {c.name: schema[c.name] for c in declared.partition_by}
        groups: dict[tuple[str, ...], list[str]] = {}
        for file in files:
            lacking = tuple(backfill.absent(declared, file.columns))
            groups.setdefault(lacking, []).append(self._store.location(file.path))
        frames = []
        for lacking, locations in groups.items():
            frame = pl.scan_parquet(
                locations,
                schema={name: kind for name, kind in schema.items() if name not in (*partition, *lacking)},
                hive_partitioning=True,
                hive_schema=partition,
                missing_columns="insert",
                extra_columns="ignore",
                glob=False,
            )
            if lacking:
                frame = frame.map_batches(lambda rows: backfill.fill_frame(declared, rows, schema), schema=schema)
            frames.append(frame.select(schema.names()))
        return pl.concat(frames)

    def files(self, table: str | None = None) -> list[DataFile]:
        """The snapshot's data files, of one table or of all."""
        from iolake.warehouse.catalog import Catalog

        catalog = Catalog(self._shared())
        return catalog.files() if table is None else catalog.files("f.table_name = ?", [table])

    def history(self) -> list[Snapshot]:
        """The existing snapshots up to this one, in order."""
        from iolake.warehouse.records import Snapshot

        there = self._there()
        rows = self.sql(
            "SELECT number, committed_at, operation, loads, rows, size_bytes FROM snapshots ORDER BY number"
        ).fetchall()
        return [
            Snapshot(n, at, by, loads, count, size, there[n]) for n, at, by, loads, count, size in rows if n in there
        ]

    def tables(self) -> dict[str, str]:
        """Every table, view and ledger table of the snapshot, with its comment."""
        from iolake import schemas

        here = "WHERE NOT internal AND database_name = current_database() AND schema_name = 'main'"
        found = self.sql(
            f"SELECT view_name AS name, comment FROM duckdb_views() {here} "
            f"UNION ALL SELECT table_name, comment FROM duckdb_tables() {here} ORDER BY ALL"
        ).fetchall()
        declared = schemas.tables()  # the snapshot itself has no comments of a table without rows
        return {name: comment or (declared[name].doc if name in declared else "") for name, comment in found}

    def macros(self) -> dict[str, Macro]:
        """Every macro of the snapshot by name, with its question and its call."""
        found = self.sql(
            "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal "
            "AND database_name = current_database() AND schema_name = 'main' ORDER BY ALL"
        ).fetchall()
        return {name: Macro.parse(name, comment or "") for name, comment in found}

    def describe(self, table: str) -> list[tuple[str, str, str]]:
        """(column, type, comment) of each column of a table, view or macro. Raises NoTable."""
        from iolake.warehouse.meaning import columns

        if found := columns(self._shared(), table):
            return found
        raise NoTable(table, difflib.get_close_matches(table, [*self.tables(), *self.macros()]))

    def _say_moved(self, root: str) -> None:
        """Warn, once a lake, that plain clients are answered from elsewhere."""
        if not self._moved:
            self._moved = True
            log.warning(
                "%s: moved or copied from %s, which its lake.duckdb still names; `iolake relocate` mends that",
                self.uri,
                root,
            )

    def _bound(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bound the memory of a connection whose queries compute many days of marts, and say so once a lake."""
        import duckdb

        from iolake.schemas import ddl

        try:
            days = con.execute("SELECT count(DISTINCT date) FROM derived WHERE NOT fresh").fetchall()[0][0]
        except duckdb.CatalogException:  # an iolake without marts wrote it
            return
        if days <= MANY_STALE_DAYS:
            return
        has_more = "SELECT parse_formatted_bytes(current_setting('memory_limit')) > parse_formatted_bytes($1)"
        if con.execute(has_more, [MEMORY_LIMIT]).fetchall()[0][0]:
            con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        folder = scratch()
        self._copies.append(folder)
        con.execute(f"SET temp_directory = {ddl.literal(folder.name)}")
        if not self._stale:
            self._stale = True
            log.warning(
                "%s: marts of %s days are stale, so queries of them are slow and get at most %s of memory; "
                "`iolake derive` stores them",
                self.uri,
                f"{days:,}",
                MEMORY_LIMIT,
            )

    def _there(self) -> dict[int, bool]:
        """The numbers of the existing snapshots, and whether each is pinned."""
        paths = {f.path for f in self._store.list(layout.CATALOG)}
        return {number: layout.pin_path(number) in paths for number in snapshots_there(self._store)}

    def _shared(self) -> duckdb.DuckDBPyConnection:
        if self._con is None:
            self._con = self.connect()
        return self._con

    def _open(self, path: Path) -> duckdb.DuckDBPyConnection:
        import duckdb

        con = duckdb.connect(str(path), read_only=True)
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET parquet_metadata_cache = true")  # data files never change
        if not self._store.local:
            con.register_filesystem(self._store.fs)
        return con

    def _local_copy(self, path: str) -> Path:
        folder = scratch()
        self._copies.append(folder)
        copy = Path(folder.name) / Path(path).name
        self._store.copy(path, copy)
        return copy

    def _relocated(self, path: str, root: str) -> Path:
        from iolake.warehouse.catalog import Catalog
        from iolake.warehouse.placed import place

        copy = self._local_copy(path)
        copy.chmod(0o600)
        if place(copy, root, self._store.uri):
            return copy
        with Catalog.editing(copy, self._store) as catalog:
            catalog.write_views(self._store)
        return copy
