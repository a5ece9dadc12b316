"""DuckDB as it reads and writes catalog files: the process's own engine, files attached to it, and compact copies."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import duckdb

from iolake.schemas import ddl
from iolake.warehouse.store import Store

STORAGE_VERSION = "v1.2.0"
"""The oldest file format that has all a snapshot needs, so that DuckDB clients from 1.2 on can open one."""
BLOCK_SIZE = 16384
"""Bytes of a block, the least that DuckDB takes: a ledger's columns of few rows fill no larger one."""
_NUMBERS: Final = count()


def pack(path: Path) -> None:
    """Write a catalog anew without the blocks that its edits left free: they are half of the file."""
    engine, packed = own_engine(), path.with_suffix(".packed")
    option = f"STORAGE_VERSION '{STORAGE_VERSION}', BLOCK_SIZE {BLOCK_SIZE}"
    with attached(engine, path, "READ_ONLY") as old, attached(engine, packed, option) as new:
        engine.cursor().execute(f"COPY FROM DATABASE {old} TO {new}")
        engine.cursor().execute(f"CHECKPOINT {new}")
    packed.replace(path)


@cache
def own_engine() -> duckdb.DuckDBPyConnection:
    """The process's own DuckDB, kept because starting one takes as long as editing a snapshot."""
    engine = duckdb.connect()
    atexit.register(own_engine.cache_clear)  # one that outlives Prefect's modules is reported on stderr as leaked
    return engine


def engine_of(store: Store) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can read the lake's files; for an object store, a new one with the store's keys."""
    if store.local:
        return own_engine()
    engine = duckdb.connect()
    engine.register_filesystem(store.fs)
    return engine


@contextmanager
def attached(engine: duckdb.DuckDBPyConnection, path: Path, option: str) -> Iterator[str]:
    """Attach the database at `path` while the block runs, and yield its name."""
    name = f"c{next(_NUMBERS)}"  # short: DuckDB writes it with each view and macro
    engine.cursor().execute(f"ATTACH {ddl.literal(str(path))} AS {name} ({option})")
    try:
        yield name
    finally:
        engine.cursor().execute(f"DETACH {name}")
