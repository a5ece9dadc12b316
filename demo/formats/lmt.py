"""An LMT database, schema 1.1, as SQLite: info tables, and cumulative counters and gauges by sample.

Times are the servers' wall clock without a zone, so in autumn an hour of them comes twice and only TS_ID tells
the two apart. Columns have no types, as in the SQLite copies that are passed around.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[Any]]

_SCHEMA = """
CREATE TABLE FILESYSTEM_INFO (FILESYSTEM_ID, FILESYSTEM_NAME, FILESYSTEM_MOUNT_NAME, SCHEMA_VERSION, PRIMARY KEY(FILESYSTEM_ID));
CREATE TABLE OSS_INFO (OSS_ID, FILESYSTEM_ID, HOSTNAME, FAILOVERHOST, PRIMARY KEY(OSS_ID, HOSTNAME));
CREATE TABLE OST_INFO (OST_ID, OSS_ID, OST_NAME, HOSTNAME, OFFLINE, DEVICE_NAME, PRIMARY KEY(OST_ID));
CREATE TABLE MDS_INFO (MDS_ID, FILESYSTEM_ID, MDS_NAME, HOSTNAME, DEVICE_NAME, PRIMARY KEY(MDS_ID));
CREATE TABLE OPERATION_INFO (OPERATION_ID, OPERATION_NAME, UNITS, PRIMARY KEY(OPERATION_ID));
CREATE TABLE TIMESTAMP_INFO (TS_ID, TIMESTAMP, PRIMARY KEY(TS_ID));
CREATE TABLE OST_DATA (OST_ID, TS_ID, READ_BYTES, WRITE_BYTES, PCT_CPU, KBYTES_FREE, KBYTES_USED, INODES_FREE, INODES_USED,
  PRIMARY KEY(OST_ID, TS_ID));
CREATE TABLE OSS_DATA (OSS_ID, TS_ID, PCT_CPU, PCT_MEMORY, PRIMARY KEY(OSS_ID, TS_ID));
CREATE TABLE MDS_DATA (MDS_ID, TS_ID, PCT_CPU, KBYTES_FREE, KBYTES_USED, INODES_FREE, INODES_USED, PRIMARY KEY(MDS_ID, TS_ID));
CREATE TABLE MDS_OPS_DATA (MDS_ID, TS_ID, OPERATION_ID, SAMPLES, SUM, SUMSQUARES);
"""  # noqa: E501


@dataclass(frozen=True)
class Servers:
    """The info tables' content: `osts` are (name, index of its server), `mdts` names, all served by `mds`."""

    file_system: str
    mount: str
    servers: Sequence[str]
    osts: Sequence[tuple[str, int]]
    mds: str
    mdts: Sequence[str]
    operations: Sequence[str]


@dataclass(frozen=True)
class Samples:
    """What was sampled: row k of each table's columns belongs to the sample named by its `ts_id` column.

    `timestamps` are (TS_ID, wall clock); `tables` maps a data table to its columns by name, as arrays of one length.
    """

    timestamps: Iterable[tuple[int, str]]
    tables: Mapping[str, Mapping[str, Numbers]]


def write(path: Path, servers: Servers, samples: Samples) -> None:
    """Write the database; ids are places in the sequences, counted from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        db.execute("BEGIN")
        db.execute("INSERT INTO FILESYSTEM_INFO VALUES (1, ?, ?, 1.1)", (servers.file_system, servers.mount))
        hosts = [(at, 1, host, None) for at, host in enumerate(servers.servers, 1)]
        db.executemany("INSERT INTO OSS_INFO VALUES (?, ?, ?, ?)", hosts)
        osts = [
            (at, oss + 1, name, servers.servers[oss], 0, f"/dev/md{at}")
            for at, (name, oss) in enumerate(servers.osts, 1)
        ]
        db.executemany("INSERT INTO OST_INFO VALUES (?, ?, ?, ?, ?, ?)", osts)
        mdts = [(at, 1, name, servers.mds, f"/dev/md{60 + at}") for at, name in enumerate(servers.mdts, 1)]
        db.executemany("INSERT INTO MDS_INFO VALUES (?, ?, ?, ?, ?)", mdts)
        operations = [(at, name, "reqs") for at, name in enumerate(servers.operations, 1)]
        db.executemany("INSERT INTO OPERATION_INFO VALUES (?, ?, ?)", operations)
        db.executemany("INSERT INTO TIMESTAMP_INFO VALUES (?, ?)", samples.timestamps)
        for table, columns in samples.tables.items():
            names, places = ", ".join(columns), ", ".join("?" * len(columns))
            rows = zip(*(column.tolist() for column in columns.values()), strict=True)
            db.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)
            # MySQL keeps one for the foreign key that TS_ID is
            db.execute(f"CREATE INDEX {table}_TS_ID ON {table} (TS_ID)")
        db.execute("COMMIT")
