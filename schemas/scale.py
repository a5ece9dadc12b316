"""IBM Storage Scale (GPFS): servers, NSDs, clients, capacity, disks and settings.

`mmperfmon query` reports, mmpmon, the Prometheus text of GPFS exporters, and the commands mmdf, mmlsdisk and mmlsfs
fill these tables. As in the Lustre tables, a row covers [ts, ts + interval_s) and holds amounts, not rates;
mmperfmon itself labels an interval by its end.
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
    PLAIN,
    TEXT,
    TIMESTAMP,
    TS,
    Column,
    Table,
    hour,
)


def _amount(name: str, doc: str, unit: str | None = None, origin: str | None = None) -> Column:
    return Column(name, pa.int64(), f"{doc} in the interval", unit, origin)


def _size(name: str, doc: str, origin: str | None = None) -> Column:
    return Column(name, pa.int64(), doc, "B", origin)


def _percent(name: str, doc: str, origin: str) -> Column:
    return Column(name, pa.float64(), doc, "%", origin, PLAIN)


_SNAPSHOT_TS: Final = Column("ts", TIMESTAMP, "UTC; when the snapshot was taken", encoding=DELTA, nullable=False)
_METRICS: Final = Column(
    "metrics",
    pa.map_(TEXT, pa.float64()),
    "further sensors by the tool's own name, in the tool's own units; null where it has no others",
    identifies=Identity.NOTHING,
)
_SERVER: Final = Column(
    "server", TEXT, "host name of the server", origin="legend, first field", nullable=False, identifies=Identity.HOST
)
_NSD: Final = Column(
    "nsd",
    TEXT,
    "network shared disk",
    origin="legend of GPFSNSDDisk, nsdName",
    nullable=False,
    identifies=Identity.TARGET,
)

SCALE_SERVER: Final = Table(
    "scale_server",
    "Load, memory and network traffic of a Storage Scale node, one row a node and interval.",
    keys=[FILE_SYSTEM, _SERVER, TS],
    columns=[
        INTERVAL_S,
        Column(
            "role",
            TEXT,
            "nsd, mds, protocol, …: from site.toml's options.servers; nsd where it names none",
            identifies=Identity.NOTHING,
        ),
        _percent(
            "cpu_pct", "busy share of the processors: 100 - idle, or user + system", "cpu_idle, cpu_user, cpu_sys"
        ),
        _percent("cpu_user_pct", "share of the processors in user code", "cpu_user"),
        _percent("cpu_sys_pct", "share of the processors in the kernel", "cpu_sys, cpu_system"),
        _percent("cpu_idle_pct", "idle share of the processors", "cpu_idle"),
        _percent("cpu_iowait_pct", "share of the processors that wait for I/O", "cpu_iowait"),
        _percent("mem_pct", "used share of the memory", "mem_total, mem_free"),
        _size("mem_total_bytes", "memory of the server", "mem_total, mem_memtotal"),
        _size("mem_used_bytes", "memory in use, caches included", "mem_total - mem_free"),
        _size("mem_free_bytes", "free memory", "mem_free, mem_memfree"),
        _size("mem_cached_bytes", "memory in the page cache", "mem_cached"),
        _size("mem_buffered_bytes", "memory in buffers", "mem_buffers"),
        _amount("net_in_bytes", "received from the network, all interfaces but lo,", "B", "net_r"),
        _amount("net_out_bytes", "sent to the network, all interfaces but lo,", "B", "net_s"),
        _METRICS,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "server", "ts"],
    event_time="ts",
)

SCALE_NETWORK: Final = Table(
    "scale_network",
    "Traffic of a Storage Scale node's network interface, one row an interface and interval.",
    keys=[
        FILE_SYSTEM,
        _SERVER,
        Column(
            "interface",
            TEXT,
            "network interface: lo, eth0, …",
            origin="legend of Network",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        TS,
    ],
    columns=[
        INTERVAL_S,
        _amount("net_in_bytes", "received", "B", "net_r"),
        _amount("net_out_bytes", "sent", "B", "net_s"),
        _METRICS,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "server", "interface", "ts"],
    event_time="ts",
)

SCALE_NSD: Final = Table(
    "scale_nsd",
    "Traffic of a network shared disk through one of its servers, one row a server, NSD and interval.",
    keys=[FILE_SYSTEM, _SERVER, _NSD, TS],
    columns=[
        INTERVAL_S,
        Column(
            "role",
            TEXT,
            "data or metadata, from site.toml's options.luns; null where no pattern matches",
            identifies=Identity.NOTHING,
        ),
        _amount("read_bytes", "read from the NSD", "B", "gpfs_nsdds_bytes_read"),
        _amount("write_bytes", "written to the NSD", "B", "gpfs_nsdds_bytes_written"),
        _amount("read_ops", "reads from the NSD", None, "gpfs_nsdds_read_ops"),
        _amount("write_ops", "writes to the NSD", None, "gpfs_nsdds_write_ops"),
        _METRICS,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "server", "nsd", "ts"],
    event_time="ts",
)

SCALE_CLIENT: Final = Table(
    "scale_client",
    "What the programs of a node did on a Storage Scale file system, one row a node and interval.",
    keys=[
        FILE_SYSTEM,
        Column("node", TEXT, "host name of the node", origin="_nn_, legend", nullable=False, identifies=Identity.HOST),
        TS,
    ],
    columns=[
        INTERVAL_S,
        _amount("read_bytes", "read by programs, from disk or cache,", "B", "_br_, gpfs_fis_bytes_read"),
        _amount("write_bytes", "written by programs, to disk or cache,", "B", "_bw_, gpfs_fis_bytes_written"),
        _amount("read_ops", "read calls", None, "_rdc_, gpfs_fis_read_calls"),
        _amount("write_ops", "write calls", None, "_wc_, gpfs_fis_write_calls"),
        _amount("opens", "open calls, creations included,", None, "_oc_, gpfs_fis_open_calls"),
        _amount("closes", "close calls", None, "_cc_, gpfs_fis_close_calls"),
        _amount("readdirs", "readdir calls", None, "_dir_, gpfs_fis_readdir_calls"),
        _amount("inode_updates", "inodes written to disk", None, "_iu_, gpfs_fis_inodes_written"),
        _amount("disk_read_bytes", "read from disks", "B", "gpfs_fs_bytes_read"),
        _amount("disk_write_bytes", "written to disks", "B", "gpfs_fs_bytes_written"),
        _amount("disk_read_ops", "reads from disks", None, "gpfs_fs_read_ops"),
        _amount("disk_write_ops", "writes to disks", None, "gpfs_fs_write_ops"),
        Column(
            "reset",
            pa.bool_(),
            "the counters restarted in the interval: amounts are their new values, lower bounds; "
            "null where the source has no counters",
        ),
        _METRICS,
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=[hour(TS), "node", "ts"],
    event_time="ts",
)

SCALE_CAPACITY: Final = Table(
    "scale_capacity",
    "Space and inodes of a Storage Scale file system, one row a snapshot: the totals of mmdf or of an exporter.",
    keys=[FILE_SYSTEM, _SNAPSHOT_TS],
    columns=[
        _size("total_bytes", "size of all disks", "fsTotal fsSize, gpfs_fs_size_bytes"),
        _size("used_bytes", "space in use", "fsSize - freeBlocks"),
        _size("free_bytes", "free space in full blocks", "fsTotal freeBlocks, gpfs_fs_free_bytes"),
        _size("fragment_bytes", "free space in fragments", "fsTotal freeFragments"),
        _size("data_total_bytes", "size of the disks that hold data", "data totalData"),
        _size("data_free_bytes", "free space in full blocks of the disks that hold data", "data freeBlocks"),
        _size("metadata_total_bytes", "size of the disks that hold metadata", "metadata totalMetadata"),
        _size(
            "metadata_free_bytes", "free space in full blocks of the disks that hold metadata", "metadata freeBlocks"
        ),
        Column("used_inodes", pa.int64(), "used inodes", origin="usedInodes"),
        Column("free_inodes", pa.int64(), "free inodes of those allocated", origin="freeInodes"),
        Column("allocated_inodes", pa.int64(), "inodes that have space on disk", origin="allocatedInodes"),
        Column("total_inodes", pa.int64(), "most inodes that the file system may have", origin="maxInodes"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts"],
    event_time="ts",
)

SCALE_POOL: Final = Table(
    "scale_pool",
    "Space of a storage pool, one row a pool and snapshot.",
    keys=[
        FILE_SYSTEM,
        Column("pool", TEXT, "storage pool", origin="poolName, pool_name", nullable=False, identifies=Identity.SITE),
        _SNAPSHOT_TS,
    ],
    columns=[
        _size("total_bytes", "size of the pool's disks", "poolSize, gpfs_fs_pool_total_bytes"),
        _size("used_bytes", "space in use", "poolSize - freeBlocks"),
        _size("free_bytes", "free space in full blocks", "freeBlocks, gpfs_fs_pool_free_bytes"),
        _size("fragment_bytes", "free space in fragments", "freeFragments"),
        _size("metadata_total_bytes", "size of the pool's disks for metadata", "gpfs_pool_meta_size_bytes"),
        _size("metadata_free_bytes", "free space of the pool's disks for metadata", "gpfs_pool_meta_free_bytes"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "pool"],
    event_time="ts",
)

SCALE_DISK: Final = Table(
    "scale_disk",
    "State and space of a network shared disk, one row an NSD and snapshot: mmdf tells the space, mmlsdisk the state.",
    keys=[FILE_SYSTEM, _NSD, _SNAPSHOT_TS],
    columns=[
        Column("pool", TEXT, "storage pool", origin="storagePool", identifies=Identity.SITE),
        Column("holds_data", pa.bool_(), "file data may be stored on the disk", origin="data"),
        Column("holds_metadata", pa.bool_(), "metadata may be stored on the disk", origin="metadata"),
        Column(
            "failure_group",
            TEXT,
            "disks of one failure group fail together",
            origin="failureGroup",
            identifies=Identity.NOTHING,
        ),
        _size("total_bytes", "size of the disk", "diskSize, diskSizeKB"),
        _size("used_bytes", "space in use", "diskSize - freeBlocks"),
        _size("free_bytes", "free space in full blocks", "freeBlocks"),
        _size("fragment_bytes", "free space in fragments", "freeFragments"),
        Column("status", TEXT, "ready, suspended, being emptied, …", origin="status", identifies=Identity.NOTHING),
        Column(
            "availability",
            TEXT,
            "up, down, recovering, unrecovered",
            origin="availability",
            identifies=Identity.NOTHING,
        ),
        Column(
            "disk_id", pa.int64(), "number of the disk in the file system", origin="diskID", identifies=Identity.NOTHING
        ),
        Column("disk_uid", TEXT, "unique identifier of the NSD", origin="diskUID", identifies=Identity.CODE),
        Column("driver_type", TEXT, "driver: nsd", origin="driverType", identifies=Identity.NOTHING),
        Column("sector_bytes", pa.int64(), "sector size", "B", "sectorSize"),
        Column(
            "remarks",
            TEXT,
            "desc where the disk holds a file system descriptor",
            origin="remarks",
            identifies=Identity.TEXT,
        ),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "nsd"],
    event_time="ts",
)

SCALE_SETTING: Final = Table(
    "scale_setting",
    "Attributes of a Storage Scale file system, one row an attribute and snapshot: `mmlsfs -Y`.",
    keys=[
        FILE_SYSTEM,
        Column(
            "attribute",
            TEXT,
            "name of the attribute: blockSize, …",
            origin="fieldName",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        Column("place", pa.int32(), "0, or 1, 2, … where an attribute is listed several times", nullable=False),
        _SNAPSHOT_TS,
    ],
    columns=[
        Column(
            "value", TEXT, "value of the attribute, as the command prints it", origin="data", identifies=Identity.TEXT
        ),
        Column(
            "remarks",
            TEXT,
            "the command's remark: to which pool the value applies, …",
            origin="remarks",
            identifies=Identity.TEXT,
        ),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "attribute", "place"],
    event_time="ts",
)
