"""Files moved into and out of a centre: GridFTP and Globus, HPSS's FTP, HSI and HTAR, and HPSS's daily report."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import DATE, DELTA, ENDPOINT, TEXT, TIMESTAMP, Column, Table

TRANSFERS: Final = Table(
    "transfers",
    "Transfers that have ended, one row a file. Rates have one unit, whatever the tool's log has: bytes per second.",
    keys=[
        ENDPOINT,
        Column(
            "transfer_id",
            TEXT,
            "the record's own id, else a hash of the log's line and, from the second equal line on, its number",
            nullable=False,
            identifies=Identity.CODE,
        ),
        Column("end_time", TIMESTAMP, "UTC; when it ended", encoding=DELTA, nullable=False),
    ],
    columns=[
        Column("start_time", TIMESTAMP, "UTC; when it began: end_time less duration_s where the log has no start"),
        Column("time_ambiguous", pa.bool_(), "true where the log leaves open which of two equal local times is meant"),
        Column("duration_s", pa.float64(), "how long it took", "s"),
        Column("tool", TEXT, "gridftp, ftp, pftp, hsi or htar", nullable=False, identifies=Identity.NOTHING),
        Column(
            "operation",
            TEXT,
            "the tool's own word: STOR, RETR, LH, …",
            origin="TYPE, OP_Cmd, opname",
            identifies=Identity.NOTHING,
        ),
        Column(
            "direction",
            TEXT,
            "in: to the endpoint; out: from it; null: it moved nothing, or within the endpoint",
            identifies=Identity.NOTHING,
        ),
        Column("succeeded", pa.bool_(), "whether the tool's code says success; null where the log has no code"),
        Column("return_code", pa.int64(), "the tool's code", origin="CODE, rc"),
        Column("bytes", pa.int64(), "bytes moved", "B", "NBYTES"),
        Column("saturated", pa.bool_(), "the log's counter was full at 2,147,483,647: bytes is a lower bound"),
        Column("bytes_per_s", pa.float64(), "rate: bytes by duration, or the log's where it has no duration", "B/s"),
        Column("path", TEXT, "the file at the endpoint", origin="FILE", identifies=Identity.PATH),
        Column(
            "file_system",
            TEXT,
            "mounted file system that holds the local file: GridFTP's path, HSI's other_path",
            identifies=Identity.SITE,
        ),
        Column("other_path", TEXT, "the file at the other side; of a rename, the new name", identifies=Identity.PATH),
        Column("file_bytes", pa.int64(), "size of a file that was removed", "B"),
        Column("node", TEXT, "server at the endpoint", origin="HOST", identifies=Identity.HOST),
        Column("peer", TEXT, "the other side: its host or address", origin="DEST, host", identifies=Identity.HOST),
        Column("user_name", TEXT, "who ran it", origin="USER", identifies=Identity.USER),
        Column("uid", pa.int64(), "user id", identifies=Identity.UID),
        Column("account", TEXT, "account charged", identifies=Identity.ACCOUNT),
        Column("task_id", TEXT, "Globus task", origin="TASKID", identifies=Identity.CODE),
        Column("streams", pa.int64(), "parallel streams", origin="STREAMS"),
        Column("stripes", pa.int64(), "servers that took part", origin="STRIPES"),
        Column("block_bytes", pa.int64(), "block size", "B", "BLOCK"),
        Column("buffer_bytes", pa.int64(), "size of the network buffer", "B", "BUFFER"),
        Column("volume", TEXT, "volume", origin="VOLUME", identifies=Identity.CODE),
        Column("latency_s", pa.float64(), "time until the first byte", "s", "access latency"),
        Column("class_of_service", pa.int64(), "HPSS class of service", origin="cos"),
    ],
    partition_by=[ENDPOINT, DATE],
    sort_by=["end_time", "transfer_id"],
    event_time="end_time",
    unique=True,
)

_DAY_TS: Final = Column("ts", TIMESTAMP, "UTC; start of the report's day", encoding=DELTA, nullable=False)
_SYSTEM: Final = Column("system", TEXT, "HPSS system: archive, hpss", nullable=False, identifies=Identity.SITE)
_GB: Final = "as printed: the report does not say whether a GB is 10^9 or 2^30 bytes"


def _gb(name: str, what: str) -> Column:
    return Column(name, pa.float64(), f"{what}, {_GB}", "GB")


def _count(name: str, doc: str) -> Column:
    return Column(name, pa.int64(), doc)


ARCHIVE_DAY: Final = Table(
    "archive_day",
    "A day's traffic of an HPSS system, one row a client, application or user: the I/O tables of the daily report.",
    keys=[
        ENDPOINT,
        _SYSTEM,
        Column(
            "grouping",
            TEXT,
            "by what: gateway, client_host, application, user",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        Column(
            "name",
            TEXT,
            "host, application or user; total for the report's own sum",
            nullable=False,
            identifies=Identity.TEXT,
        ),
        Column(
            "application", TEXT, "of a user: the application; '' elsewhere", nullable=False, identifies=Identity.PATH
        ),
        _DAY_TS,
    ],
    columns=[
        _count("users", "users"),
        _gb("io_gb", "read, written and copied"),
        _count("ops", "operations"),
        _gb("write_gb", "written"),
        _count("write_ops", "writes"),
        _gb("read_gb", "read"),
        _count("read_ops", "reads"),
        _gb("copy_gb", "copied"),
        _count("copy_ops", "copies"),
    ],
    partition_by=[ENDPOINT, DATE],
    sort_by=["ts", "system", "grouping", "name"],
    event_time="ts",
)

ARCHIVE_MIGRATION: Final = Table(
    "archive_migration",
    "Files that an HPSS system migrated to tape and purged from disk in a day, one row a storage class.",
    keys=[
        ENDPOINT,
        _SYSTEM,
        Column("storage_class", TEXT, "storage class; or total", nullable=False, identifies=Identity.SITE),
        _DAY_TS,
    ],
    columns=[
        Column("storage_class_id", pa.int64(), "number of the storage class", identifies=Identity.NOTHING),
        _count("migrated_files", "files migrated"),
        _gb("migrated_gb", "migrated"),
        Column("migration_s", pa.float64(), "time spent in migration", "s"),
        _count("purged_files", "files purged"),
        _gb("purged_gb", "purged"),
        Column("purge_s", pa.float64(), "time spent in purges", "s"),
    ],
    partition_by=[ENDPOINT, DATE],
    sort_by=["ts", "system", "storage_class"],
    event_time="ts",
)

ARCHIVE_DRIVES: Final = Table(
    "archive_drives",
    "Use of an HPSS system's tape drives in a day, one row a type of drive.",
    keys=[
        ENDPOINT,
        _SYSTEM,
        Column("drive_type", TEXT, "type of the drives", nullable=False, identifies=Identity.NOTHING),
        _DAY_TS,
    ],
    columns=[
        _count("drives", "drives of the type"),
        _count("cleans", "cleanings"),
        _count("locks", "drives locked"),
        _count("mounts", "tapes mounted"),
        Column("available_s", pa.float64(), "time available, summed over drives", "s"),
        Column("locked_s", pa.float64(), "time locked, summed over drives", "s"),
        Column("locked_pct", pa.float64(), "share of the time locked", "%"),
        Column("mounted_s", pa.float64(), "time with a tape, summed over drives", "s"),
        Column("mounted_pct", pa.float64(), "share of the time with a tape", "%"),
    ],
    partition_by=[ENDPOINT, DATE],
    sort_by=["ts", "system", "drive_type"],
    event_time="ts",
)
