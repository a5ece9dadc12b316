"""collectd's readings of the nodes of a cluster: disks, processors and memory."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, INTERVAL_S, PLAIN, TEXT, TS, Column, Table, hour

_NODE: Final = Column(
    "node", TEXT, "host name of the node", origin="hostname, host", nullable=False, identifies=Identity.HOST
)


def _percent(name: str, doc: str, origin: str) -> Column:
    return Column(name, pa.float64(), doc, "%", origin, PLAIN)


def _memory(name: str, doc: str, origin: str) -> Column:
    return Column(name, pa.int64(), f"{doc}, at the end of the interval", "B", origin)


NODE_DISK: Final = Table(
    "node_disk",
    "Traffic of a node's disk, one row a disk and interval.",
    keys=[
        CLUSTER,
        _NODE,
        Column(
            "device",
            TEXT,
            "disk: nvme0n1, sda, …",
            origin="plugin_instance",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        TS,
    ],
    columns=[
        INTERVAL_S,
        Column("read_bytes", pa.int64(), "read from the disk in the interval", "B", "disk_octets, read"),
        Column("write_bytes", pa.int64(), "written to the disk in the interval", "B", "disk_octets, write"),
        Column("read_ops", pa.float64(), "reads in the interval, from a rate", origin="disk_ops, read"),
        Column("write_ops", pa.float64(), "writes in the interval, from a rate", origin="disk_ops, write"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=[hour(TS), "node", "device", "ts"],
    event_time="ts",
)

NODE_CPU: Final = Table(
    "node_cpu",
    "Load of a node's processor core, one row a core and interval.",
    keys=[
        CLUSTER,
        _NODE,
        Column(
            "core", TEXT, "number of the core", origin="plugin_instance", nullable=False, identifies=Identity.NOTHING
        ),
        TS,
    ],
    columns=[
        INTERVAL_S,
        _percent("cpu_pct", "busy share of the core: 100 - idle", "idle"),
        _percent("cpu_user_pct", "share in user code", "user"),
        _percent("cpu_sys_pct", "share in the kernel", "system"),
        _percent("cpu_idle_pct", "idle share", "idle"),
        _percent("cpu_iowait_pct", "share that waits for I/O", "wait"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=[hour(TS), "node", "core", "ts"],
    event_time="ts",
)

NODE_MEMORY: Final = Table(
    "node_memory",
    "Memory of a node, one row a node and interval.",
    keys=[CLUSTER, _NODE, TS],
    columns=[
        INTERVAL_S,
        _memory("mem_used_bytes", "used memory", "used"),
        _memory("mem_free_bytes", "free memory", "free"),
        _memory("mem_cached_bytes", "memory in the page cache", "cached"),
        _memory("mem_buffered_bytes", "memory in buffers", "buffered"),
        _memory("mem_slab_bytes", "memory in kernel slabs that can be taken back", "slab_recl"),
        _memory("mem_slab_unreclaimable_bytes", "memory in slabs that can't be taken back", "slab_unrecl"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=[hour(TS), "node", "ts"],
    event_time="ts",
)
