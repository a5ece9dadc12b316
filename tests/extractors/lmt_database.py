"""An LMT database that tests fill sample by sample, and the extractor's rows of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from iolake.extractors.base import Batch, Reject, Span
from iolake.extractors.lmt import Lmt
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site

SCHEMA = """
CREATE TABLE FILESYSTEM_INFO (FILESYSTEM_ID INTEGER, FILESYSTEM_NAME VARCHAR(128), SCHEMA_VERSION FLOAT);
CREATE TABLE OSS_INFO (OSS_ID INTEGER, FILESYSTEM_ID INTEGER, HOSTNAME VARCHAR(128), FAILOVERHOST VARCHAR(128));
CREATE TABLE OST_INFO (OST_ID INTEGER PRIMARY KEY, OSS_ID INTEGER, OST_NAME VARCHAR(128), HOSTNAME VARCHAR(128),
  OFFLINE TINYINT, DEVICE_NAME VARCHAR(128));
CREATE TABLE MDS_INFO (MDS_ID INTEGER PRIMARY KEY, FILESYSTEM_ID INTEGER, MDS_NAME VARCHAR(128), HOSTNAME VARCHAR(128),
  DEVICE_NAME VARCHAR(128));
CREATE TABLE ROUTER_INFO (ROUTER_ID INTEGER PRIMARY KEY, HOSTNAME VARCHAR(128));
CREATE TABLE OPERATION_INFO (OPERATION_ID INTEGER PRIMARY KEY, OPERATION_NAME VARCHAR(64), UNITS VARCHAR(16));
CREATE TABLE TIMESTAMP_INFO (TS_ID INTEGER PRIMARY KEY, TIMESTAMP DATETIME NOT NULL);
CREATE TABLE OST_DATA (OST_ID INTEGER, TS_ID INTEGER, READ_BYTES BIGINT, WRITE_BYTES BIGINT, PCT_CPU FLOAT,
  KBYTES_FREE BIGINT, KBYTES_USED BIGINT, INODES_FREE BIGINT, INODES_USED BIGINT, PRIMARY KEY (OST_ID, TS_ID));
CREATE TABLE OSS_DATA (OSS_ID INTEGER, TS_ID INTEGER, PCT_CPU FLOAT, PCT_MEMORY FLOAT, PRIMARY KEY (OSS_ID, TS_ID));
CREATE TABLE MDS_DATA (MDS_ID INTEGER, TS_ID INTEGER, PCT_CPU FLOAT, KBYTES_FREE BIGINT, KBYTES_USED BIGINT,
  INODES_FREE BIGINT, INODES_USED BIGINT, PRIMARY KEY (MDS_ID, TS_ID));
CREATE TABLE MDS_OPS_DATA (MDS_ID INTEGER, TS_ID INTEGER, OPERATION_ID INTEGER, SAMPLES BIGINT, SUM BIGINT);
CREATE TABLE ROUTER_DATA (ROUTER_ID INTEGER, TS_ID INTEGER, BYTES BIGINT, PCT_CPU FLOAT);
INSERT INTO OSS_INFO VALUES (1, 1, 'oss1', 'oss2'), (2, 1, 'oss2', NULL);
INSERT INTO OST_INFO VALUES (7, 1, 'my-fs-OST0000', 'oss1', 0, '/dev/a'), (3, 2, 'my-fs-OST0001', 'oss2', 1, NULL);
INSERT INTO MDS_INFO VALUES (1, 1, 'my-fs-MDT0000', 'mds', '/dev/m'), (2, 1, 'my-fs-MDT0001', 'mds', '/dev/n');
INSERT INTO ROUTER_INFO VALUES (1, 'rtr');
INSERT INTO OPERATION_INFO VALUES (40, 'open', 'reqs'), (4, 'quotactl', 'reqs'), (9, 'statfs', 'reqs');
"""
ALL = Span()


class Db:
    """A database under test, of either kind, with the way to fill it."""

    def __init__(self, uri: str, execute: Callable[[str], None], file: Path | None = None) -> None:
        self.uri, self._execute, self.file = uri, execute, file
        self.run(SCHEMA)

    def run(self, script: str) -> None:
        """Run statements that end in semicolons."""
        for statement in script.split(";\n"):
            if statement.strip():
                self._execute(statement)

    def add(self, table: str, *rows: tuple[Any, ...]) -> None:
        """Insert rows."""
        values = ", ".join("(" + ", ".join("NULL" if v is None else repr(v) for v in row) + ")" for row in rows)
        self.run(f"INSERT INTO {table} VALUES {values}")

    def ticks(self, *times: str) -> None:
        """Number the times of samples from 100 on."""
        self.add("TIMESTAMP_INFO", *((100 + i, t) for i, t in enumerate(times)))

    def ost(self, ost: int, tick: int, read: int | None, write: int | None, used: int = 4, free: int = 6) -> None:
        """One sample of a storage target."""
        self.add("OST_DATA", (ost, tick, read, write, None, free, used, 60, 40))


def void(_result: object) -> None:
    """Nothing, whatever a cursor returns."""


def site(uri: str, zone: str = "UTC", key: str = "uri") -> Site:
    """A site with one LMT database."""
    system = {"timezone": zone, "backend": "my-fs", "lmt": {key: uri}}
    return Site.model_validate({"root": "/", "file_systems": {"scratch": system}})


def load(
    uri: str, zone: str = "UTC", span: Span = ALL, key: str = "uri"
) -> tuple[dict[str, list[dict[str, Any]]], list[Reject]]:
    """(table to rows, rejects) of all days; every batch passes the gate."""
    where = site(uri, zone, key)
    tables: dict[str, list[dict[str, Any]]] = {}
    rejects = []
    for input in Lmt().find(where, span):
        for found in Lmt().read(input, where):
            if isinstance(found, Batch):
                data = conform(found.table, pa.table(found.data), found.table.batch_schema)
                tables.setdefault(found.table.name, []).extend(
                    in_sort_order(found.table, data, found.in_order).to_pylist()
                )
            else:
                rejects.append(found)
    return tables, rejects
