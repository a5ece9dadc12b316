"""pytokio's index of Darshan logs: what each log did on each mount point, without the logs themselves."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, DELTA, JOB_ID, TEXT, TIMESTAMP, Column, Table

COUNTS: Final = (
    "opens", "stats", "reads", "writes", "seeks", "flushes", "fsyncs", "fdsyncs", "mmaps", "rw_switches", "seq_reads",
    "seq_writes", "consec_reads", "consec_writes", "file_not_aligned",
)  # fmt: skip
"""pytokio's counters of POSIX and STDIO together, by Darshan's names in lower case."""
MOMENTS: Final = (
    "open_start",
    "open_end",
    "read_start",
    "read_end",
    "write_start",
    "write_end",
    "close_start",
    "close_end",
)

DARSHAN_INDEX: Final = Table(
    "darshan_index",
    "What a Darshan log did on a mount point, POSIX and STDIO together, one row a log and mount point: the index that "
    "pytokio's index_darshanlogs makes. For logs that still exist, the tables of the logs say more.",
    keys=[
        CLUSTER,
        Column("log_name", TEXT, "file name of the log", origin="headers.filename", nullable=False,
identifies=Identity.PATH),
        Column("mount_point", TEXT, "mount point", origin="mounts.mountpt", nullable=False, identifies=Identity.PATH),
        Column("end_time", TIMESTAMP, "UTC; when the application ended", encoding=DELTA, nullable=False),
    ],
    columns=[
        Column("start_time", TIMESTAMP, "UTC; when the application began", encoding=DELTA),
        Column("file_system", TEXT, "the site's name for the file system of the mount point", identifies=Identity.SITE),
        Column("logged_file_system", TEXT, "pytokio's name for it", origin="mounts.fsname", identifies=Identity.SITE),
        JOB_ID,
        Column("uid", pa.int64(), "user id", identifies=Identity.UID),
        Column("user_name", TEXT, "user, from the log's file name", origin="headers.username",
identifies=Identity.USER),
        Column("exe", TEXT, "the application's command line", origin="headers.exe", identifies=Identity.COMMAND),
        Column("exe_name", TEXT, "name of the application", origin="headers.exename", identifies=Identity.PATH),
        Column("nprocs", pa.int64(), "processes"),
        Column("run_time_s", pa.float64(), "how long it ran", "s", "headers.walltime"),
        Column("log_version", TEXT, "version of the log's format", origin="headers.version",
identifies=Identity.NOTHING),
        Column("read_bytes", pa.int64(), "read", "B", "bytes_read"),
        Column("write_bytes", pa.int64(), "written", "B", "bytes_written"),
        *(Column(name, pa.int64(), f"{name}, POSIX and STDIO together") for name in COUNTS),
        Column("posix_records", pa.int64(), "POSIX records, one a file and process", origin="posix_files"),
        Column("stdio_records", pa.int64(), "STDIO records, one a file and process", origin="stdio_files"),
        *(
            Column(
                f"{name}_s", pa.float64(),
                f"{'first' if 'start' in name else 'last'} {name.partition('_')[0]}, after start_time; null where "
                "pytokio writes zero for it, and for no such call",
                "s", f"f_{name}_timestamp",
            )
            for name in MOMENTS
        ),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["end_time", "log_name", "mount_point"],
    event_time="end_time",
    unique=True,
)  # fmt: skip
