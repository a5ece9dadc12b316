"""The tables of a log itself: what ran, and which file systems its machine had mounted."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, DELTA, JOB_ID, TEXT, TIMESTAMP, Column, Table

_TEXTS: Final = pa.list_(TEXT)
SORT: Final = ("job_id", "log_id")

LOG_ID: Final = Column(
    "log_id",
    TEXT,
    "the log: hash of its content, so that a copy is the same log",
    nullable=False,
    identifies=Identity.CODE,
)
FILE_SYSTEM_OF_PATH: Final = Column(
    "file_system", TEXT, "the site's name for the file system mounted there", identifies=Identity.SITE
)

DARSHAN_LOGS: Final = Table(
    "darshan_logs",
    "A Darshan log: one run of one program, as its I/O instrumentation saw it.",
    keys=[CLUSTER, LOG_ID],
    columns=[
        JOB_ID,
        Column("uid", pa.int64(), "user id that the job ran as", origin="uid", identifies=Identity.UID),
        Column(
            "user_name",
            TEXT,
            "user, from the log file's name or folders; null where the log does not tell where in the name it ends",
            identifies=Identity.USER,
        ),
        Column("exe", TEXT, "command line; empty where the log kept none", identifies=Identity.COMMAND),
        Column(
            "exe_name", TEXT, "file name of the program, without its folder and arguments", identifies=Identity.PATH
        ),
        Column("nprocs", pa.int64(), "processes of the run", origin="nprocs"),
        Column(
            "start_time",
            TIMESTAMP,
            "UTC; when the run started; null where the log has none",
            origin="start_time",
            encoding=DELTA,
        ),
        Column(
            "end_time",
            TIMESTAMP,
            "UTC; when the run ended; null where a killed process wrote none, or it lies before the start",
            origin="end_time",
            encoding=DELTA,
        ),
        Column(
            "run_time_s",
            pa.float64(),
            "length of the run, null without a start or an end; logs before 3.41 count whole seconds, both ends",
            unit="s",
        ),
        Column("log_version", TEXT, "version of the log format", nullable=False, identifies=Identity.NOTHING),
        Column(
            "lib_version",
            TEXT,
            "version of the Darshan library that wrote the log",
            origin="metadata lib_ver",
            identifies=Identity.NOTHING,
        ),
        Column("modules", _TEXTS, "modules with data in the log", nullable=False, identifies=Identity.NOTHING),
        Column(
            "partial_modules",
            _TEXTS,
            "modules that ran out of memory, so that records are missing",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        Column(
            "is_partial", pa.bool_(), "the log lacks records, of partial_modules or of modules that it does not name"
        ),
        Column(
            "module_versions",
            pa.map_(TEXT, pa.int64()),
            "version of each module's records",
            identifies=Identity.NOTHING,
        ),
        Column("mpi_hints", TEXT, "MPI-IO hints of the site or user", origin="metadata h", identifies=Identity.TEXT),
        Column("metadata", pa.map_(TEXT, TEXT), "the log's own key-value pairs", identifies=Identity.TEXT),
        Column("byte_order", TEXT, "little or big", nullable=False, identifies=Identity.NOTHING),
        Column("compression", TEXT, "zlib, bzip2, gzip or none", nullable=False, identifies=Identity.NOTHING),
        Column("file_name", TEXT, "name of the log file", nullable=False, identifies=Identity.PATH),
        Column("file_exe", TEXT, "program, as the log file's name or folders have it", identifies=Identity.PATH),
        Column(
            "file_pid",
            pa.int64(),
            "process id in the log file's name: tells a job's programs apart",
            identifies=Identity.CODE,
        ),
        Column("file_tag", pa.uint64(), "random number in the log file's name", identifies=Identity.CODE),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=SORT,
)

DARSHAN_MOUNTS: Final = Table(
    "darshan_mounts",
    "A mount point of the machine, as a log lists them.",
    keys=[CLUSTER, LOG_ID, Column("position", pa.int64(), "place in the log's list, from 0", nullable=False)],
    columns=[
        JOB_ID,
        Column("mount_point", TEXT, "where it is mounted", nullable=False, identifies=Identity.PATH),
        Column(
            "fs_type",
            TEXT,
            "type of the file system, as the machine's mount table has it",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        FILE_SYSTEM_OF_PATH,
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=SORT,
)
