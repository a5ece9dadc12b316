"""Counts of a Lustre file system's servers: traffic, operations, load and space, by target, server and job.

Three sources fill the same tables: TTS and H5LMT files (`hdf5`), LMT databases (`lmt`) and parameter dumps
(`params`). A row of a target covers [ts, ts + interval_s): amounts are what moved in that time, gauges are as
of `ts`. `lustre_df` and `lustre_target` hold snapshots.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import (
    DATE,
    DELTA,
    FILE_SYSTEM,
    INTERVAL_S,
    JOB_ID,
    MAP_COUNTS,
    PLAIN,
    TEXT,
    TIMESTAMP,
    TS,
    Column,
    Table,
    hour,
)

MD_OP_COLUMN: Final = {
    "open": "opens", "close": "closes", "mknod": "mknods", "link": "links", "unlink": "unlinks", "mkdir": "mkdirs",
    "rmdir": "rmdirs", "rename": "renames", "getattr": "getattrs", "setattr": "setattrs", "getxattr": "getxattrs",
    "statfs": "statfs",
}  # fmt: skip
"""Lustre's name of each metadata operation that has a column of its own, to that column."""
MD_OPS: Final = tuple(MD_OP_COLUMN.values())
"""The columns of the twelve metadata operations."""
SUMMED: Final = ("read_bytes", "write_bytes", *MD_OPS)
"""The quantities of `lustre_fs`, each with a running sum beside it."""


def _amount(name: str, doc: str, unit: str | None = None, origin: str | None = None) -> Column:
    return Column(name, pa.int64(), doc, unit, origin)


def _gauge(name: str, doc: str, unit: str | None = None, origin: str | None = None) -> Column:
    return Column(name, pa.int64(), f"{doc}, at ts", unit, origin)


def _percent(name: str, doc: str, origin: str | None = None) -> Column:
    return Column(name, pa.float64(), f"{doc}, at ts", "%", origin, PLAIN)  # of few different values


def _running(name: str, unit: str | None) -> Column:
    doc = f"running sum: {name} of this input's earlier rows, so that a window's {name} is the difference of two rows; "
    return Column(f"{name}_before", pa.int64(), doc + "null where the input has none", unit, encoding=DELTA)


def _observed(kind: str) -> Column:
    doc = f"running sum: {kind}s that were not missing times interval_s, over this input's earlier rows"
    return Column(f"{kind}_seconds_before", pa.float64(), doc, "s", nullable=False)


_SNAPSHOT_TS: Final = Column("ts", TIMESTAMP, "UTC; when the snapshot was taken", encoding=DELTA, nullable=False)
_ROLE: Final = Column("role", TEXT, "ost or mdt", nullable=False, identifies=Identity.NOTHING)
_OST: Final = Column(
    "ost", TEXT, "object storage target, without the file system's prefix (OST00ad)", origin="OST_INFO.OST_NAME",
    nullable=False, identifies=Identity.TARGET
)  # fmt: skip
_MDT: Final = Column(
    "mdt", TEXT, "metadata target (MDT0000); where a source names only servers and has several, the server",
    origin="MDS_INFO.MDS_NAME", nullable=False, identifies=Identity.TARGET
)  # fmt: skip
_RESET: Final = Column(
    "reset", pa.bool_(),
    "a counter restarted in the interval: its amount is the counter's new value, a lower bound; "
    "null where the source has no counters",
)  # fmt: skip
_OTHER_OPS: Final = Column(
    "other_ops", MAP_COUNTS,
    "operations without a column, by the source's name; those that did not occur are left out, null is not collected",
identifies=Identity.NOTHING
)  # fmt: skip
_OP_TIME: Final = Column(
    "op_time_us",
    MAP_COUNTS,
    "time spent in operations, by the source's name, where it times them",
    "us",
    identifies=Identity.NOTHING,
)
_TRAFFIC: Final = (
    _amount("read_bytes", "read from the target in the interval", "B", "OST_DATA.READ_BYTES, readbytes, readrates"),
    _amount(
        "write_bytes", "written to the target in the interval", "B", "OST_DATA.WRITE_BYTES, writebytes, writerates"
    ),
    _amount("read_ops", "bulk reads in the interval", origin="readops, read_bytes samples"),
    _amount("write_ops", "bulk writes in the interval", origin="writeops, write_bytes samples"),
)
_SPACE: Final = (
    _gauge("used_bytes", "used space", "B", "KBYTES_USED, fullness/bytes"),
    Column("total_bytes", pa.int64(), "used and free space, at ts", "B", "KBYTES_USED + KBYTES_FREE, kbytestotal"),
    _gauge("available_bytes", "space that users can still fill, less than free by the reserve", "B", "kbytesavail"),
    _gauge("used_inodes", "used inodes", None, "INODES_USED, fullness/inodes"),
    Column("total_inodes", pa.int64(), "used and free inodes, at ts", None, "INODES_USED + INODES_FREE, filestotal"),
)

LUSTRE_OST: Final = Table(
    "lustre_ost",
    "Traffic and space of an object storage target, one row a target and interval.",
    keys=[FILE_SYSTEM, _OST, TS],
    columns=[INTERVAL_S, *_TRAFFIC, *_SPACE, _RESET, _OTHER_OPS, _OP_TIME],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "ost", "ts"],
    event_time="ts",
)

LUSTRE_MDT: Final = Table(
    "lustre_mdt",
    "Operations, traffic and space of a metadata target, one row a target and interval.",
    keys=[FILE_SYSTEM, _MDT, TS],
    columns=[
        INTERVAL_S,
        *(_amount(op, f"{op} in the interval", origin="MDS_OPS_DATA.SAMPLES, md_stats") for op in MD_OPS),
        *_TRAFFIC,
        *_SPACE,
        _RESET,
        _OTHER_OPS,
        _OP_TIME,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "mdt", "ts"],
    event_time="ts",
)

LUSTRE_SERVER: Final = Table(
    "lustre_server",
    "Load of a storage server, metadata server or router, one row a server and interval.",
    keys=[
        FILE_SYSTEM,
        Column(
            "server",
            TEXT,
            "host name of the server",
            origin="OSS_INFO.HOSTNAME",
            nullable=False,
            identifies=Identity.HOST,
        ),
        Column("role", TEXT, "oss, mds or router", nullable=False, identifies=Identity.NOTHING),
        TS,
    ],
    columns=[
        INTERVAL_S,
        _percent("cpu_pct", "busy share of the processors over the source's last interval", "PCT_CPU, cpuload"),
        _percent("mem_pct", "used share of the memory", "PCT_MEMORY, memused of lmt"),
        _percent("cpu_user_pct", "share of the processors in user code", "cpuuser"),
        _percent("cpu_sys_pct", "share of the processors in the kernel", "cpusys"),
        _percent("cpu_idle_pct", "idle share of the processors", "cpuidle"),
        _gauge("mem_total_bytes", "memory of the server", "B", "memtotal"),
        _gauge("mem_used_bytes", "used memory", "B", "memused"),
        _gauge("mem_free_bytes", "free memory", "B", "memfree"),
        _gauge("mem_cached_bytes", "memory in the page cache", "B", "memcached"),
        _gauge("mem_buffered_bytes", "memory in buffers", "B", "membuffered"),
        _gauge("mem_slab_bytes", "memory in kernel slabs", "B", "memslab"),
        _gauge("mem_slab_unreclaimable_bytes", "memory in slabs that can't be taken back", "B", "memslab_unrecl"),
        _amount("net_in_bytes", "received from the network in the interval", "B", "netinbytes"),
        _amount("net_out_bytes", "sent to the network in the interval", "B", "netoutbytes"),
        _amount("routed_bytes", "passed on by a router in the interval", "B", "ROUTER_DATA.BYTES"),
        _RESET,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "server", "role", "ts"],
    event_time="ts",
)

LUSTRE_FS: Final = Table(
    "lustre_fs",
    "The whole file system, one row an interval: sums over its targets, how many were missing, and running sums. "
    "Of a Storage Scale file system the NSDs that hold data count as object storage targets. "
    "An amount that a target reports for several intervals at once is spread over them by their length.",
    keys=[FILE_SYSTEM, TS],
    columns=[
        INTERVAL_S,
        Column("osts", pa.int32(), "object storage targets that the input knows", nullable=False),
        Column(
            "osts_missing",
            pa.int32(),
            "of those, how many have no byte counts for the whole interval: none, or those since a reset alone",
            nullable=False,
        ),
        Column("mdts", pa.int32(), "metadata targets that the input knows", nullable=False),
        Column(
            "mdts_missing",
            pa.int32(),
            "of those, how many have no counts for the whole interval: none, or those since a reset alone",
            nullable=False,
        ),
        _amount("read_bytes", "read in the interval, summed over the targets that have counts", "B"),
        _amount("write_bytes", "written in the interval, summed over the targets that have counts", "B"),
        *(_amount(op, f"{op} in the interval, summed over the metadata targets") for op in MD_OPS),
        *(_running(name, "B" if name.endswith("bytes") else None) for name in SUMMED),
        _observed("ost"),
        _observed("mdt"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts"],
    event_time="ts",
)

LUSTRE_JOBSTATS: Final = Table(
    "lustre_jobstats",
    "What the servers counted for a job, one row a job, target and interval in which it did something.",
    keys=[
        FILE_SYSTEM,
        Column("target", TEXT, "target, without the file system's prefix", nullable=False, identifies=Identity.TARGET),
        Column(
            "jobstats_id",
            TEXT,
            "the server's own text for the job",
            origin="job_id",
            nullable=False,
            identifies=Identity.JOB,
        ),
        TS,
    ],
    columns=[
        INTERVAL_S,
        _ROLE,
        JOB_ID,
        Column(
            "cluster",
            TEXT,
            "the job's cluster, where the server's text names it and the site's pattern finds it",
            identifies=Identity.SITE,
        ),
        Column(
            "executable",
            TEXT,
            "executable, where the server's text holds it and the site's pattern finds it",
            identifies=Identity.PATH,
        ),
        Column(
            "uid",
            pa.int64(),
            "user id, where the server's text holds it and the site's pattern finds it",
            identifies=Identity.UID,
        ),
        Column(
            "host",
            TEXT,
            "client node, where the server's text holds it and the site's pattern finds it",
            identifies=Identity.HOST,
        ),
        _amount("read_bytes", "read for the job in the interval", "B"),
        _amount("write_bytes", "written for the job in the interval", "B"),
        _amount("read_ops", "bulk reads for the job in the interval"),
        _amount("write_ops", "bulk writes for the job in the interval"),
        Column(
            "ops",
            MAP_COUNTS,
            "other operations in the interval, by Lustre's name; an absent name counted zero",
            identifies=Identity.NOTHING,
        ),
        _OP_TIME,
        Column("fresh", pa.bool_(), "the server started a new count of the job in the interval", nullable=False),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["job_id", "jobstats_id", "target", "ts"],
    event_time="ts",
)

LUSTRE_DF: Final = Table(
    "lustre_df",
    "Space of each target as a client's `lfs df` shows it, one row a target and snapshot.",
    keys=[
        FILE_SYSTEM,
        Column("target", TEXT, "target, without the file system's prefix", nullable=False, identifies=Identity.TARGET),
        _SNAPSHOT_TS,
    ],
    columns=[
        _ROLE,
        Column("total_bytes", pa.int64(), "size of the target", "B", "1K-blocks"),
        Column("used_bytes", pa.int64(), "used space", "B", "Used"),
        Column("available_bytes", pa.int64(), "space that users can still fill", "B", "Available"),
        Column("total_inodes", pa.int64(), "inodes of the target", None, "lfs df -i, Inodes"),
        Column("used_inodes", pa.int64(), "used inodes", None, "lfs df -i, IUsed"),
        Column(
            "mount_point",
            TEXT,
            "where the client mounts the file system",
            origin="Mounted on",
            identifies=Identity.PATH,
        ),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "role", "target"],
    event_time="ts",
)

LUSTRE_TARGET: Final = Table(
    "lustre_target",
    "Which server serves each target, one row a target and snapshot: a client's `lctl dl -t`, or LMT's own map.",
    keys=[
        FILE_SYSTEM,
        Column("target", TEXT, "target, without the file system's prefix", nullable=False, identifies=Identity.TARGET),
        _SNAPSHOT_TS,
    ],
    columns=[
        _ROLE,
        Column(
            "server_address",
            TEXT,
            "network address that serves the target",
            origin="NID before the @",
            identifies=Identity.HOST,
        ),
        Column(
            "network", TEXT, "Lustre network of that address", origin="NID after the @", identifies=Identity.NOTHING
        ),
        Column(
            "server",
            TEXT,
            "host name of the server",
            origin="OSS_INFO.HOSTNAME, MDS_INFO.HOSTNAME",
            identifies=Identity.HOST,
        ),
        Column(
            "failover_server", TEXT, "host that takes over", origin="OSS_INFO.FAILOVERHOST", identifies=Identity.HOST
        ),
        Column(
            "device", TEXT, "block device or data set under the target", origin="DEVICE_NAME", identifies=Identity.PATH
        ),
        Column(
            "state",
            TEXT,
            "state in lower case: up, in, at, ...",
            origin="lctl dl, second field",
            identifies=Identity.NOTHING,
        ),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "role", "target"],
    event_time="ts",
)

TABLES: Final = (
    LUSTRE_OST,
    LUSTRE_MDT,
    LUSTRE_SERVER,
    LUSTRE_FS,
    LUSTRE_JOBSTATS,
    LUSTRE_DF,
    LUSTRE_TARGET,
)
