"""What Lustre's servers and clients also report: histograms, exports, quota, recovery, changelogs, OSP, services, LNet.

Each row is a snapshot at `ts`. Counts are those since `start_time`, or since the counter was last cleared where the
server prints no start: the difference of two snapshots is what happened in between, unless the later count is smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import DATE, DELTA, FILE_SYSTEM, TEXT, TIMESTAMP, Column, Table

_N: Final = pa.int64()
_TS: Final = Column("ts", TIMESTAMP, "UTC; when the snapshot was taken", encoding=DELTA, nullable=False)
_DUMP: Final = Column(
    "dump",
    TEXT,
    "name of the file that holds the snapshot: one server's dump; `file:host` where lines begin with a host",
    nullable=False,
    identifies=Identity.PATH,
)
_START: Final = Column("start_time", TIMESTAMP, "UTC; since when the server counts; null where it does not say")
_TARGET: Final = Column(
    "target", TEXT, "target, without the file system's prefix (OST0000)", nullable=False, identifies=Identity.TARGET
)


def _key(name: str, doc: str, identifies: Identity) -> Column:
    return Column(name, TEXT, doc, nullable=False, identifies=identifies)


def _count(name: str, doc: str, unit: str | None = None, origin: str | None = None) -> Column:
    return Column(name, _N, doc, unit, origin)


def _table(name: str, doc: str, keys: Sequence[Column], columns: Sequence[Column]) -> Table:
    """A table of snapshots of one owner, sorted by its keys and then by time."""
    return Table(
        name,
        doc,
        keys=[FILE_SYSTEM, *keys, _TS, _DUMP],
        columns=columns,
        partition_by=[FILE_SYSTEM, DATE],
        sort_by=[*(key.name for key in keys), "ts"],
        event_time="ts",
    )


LUSTRE_BRW: Final = _table(
    "lustre_brw",
    "Histograms of bulk reads and writes of a target (brw_stats): sizes, pages, fragments, in flight, I/O time.",
    [
        _TARGET,
        _key(
            "histogram",
            "what is counted, by Lustre's name: pages per bulk r/w, disk I/O size, I/O time, ...",
            identifies=Identity.NOTHING,
        ),
        Column("bucket", _N, "upper end of the range that the row counts, in `unit`", nullable=False),
    ],
    [
        Column(
            "unit", TEXT, "unit of `bucket`: B, ms, us, pages, or null for a plain count", identifies=Identity.NOTHING
        ),
        _count("reads", "reads in the range since start_time"),
        _count("writes", "writes in the range since start_time"),
        _START,
    ],
)
LUSTRE_REQUEST: Final = _table(
    "lustre_request",
    "Histograms of requests: of a client's connections (rpc_stats), of a mount (extents_stats), of one client on a"
    " target (brw_stats of its export).",
    [
        _key("component", "whose: osc.fs-OST0000-osc-…, llite.fs-…, obdfilter.….exports.NID", identifies=Identity.SITE),
        _key("histogram", "what is counted, by Lustre's name: pages per rpc, ...", identifies=Identity.NOTHING),
        Column("bucket", _N, "upper end of the range that the row counts, in `unit`", nullable=False),
    ],
    [
        Column("unit", TEXT, "unit of `bucket`: B, ms, pages, or null for a plain count", identifies=Identity.NOTHING),
        _count("reads", "reads in the range since start_time"),
        _count("writes", "writes in the range since start_time; of a metadata connection the requests that modify"),
        _START,
    ],
)  # fmt: skip
LUSTRE_EXPORT: Final = _table(
    "lustre_export",
    "A client that has a target connected, by its network identifier.",
    [
        _TARGET,
        _key("nid", "network identifier of the client (192.168.0.100@o2ib)", identifies=Identity.HOST),
        _key("uuid", "the client's UUID", identifies=Identity.CODE),
    ],
    [],
)
LUSTRE_QUOTA: Final = _table(
    "lustre_quota",
    "Limits of a user, group or project, and the space granted to it, as the quota master has them.",
    [
        _key(
            "pool",
            "quota pool: dt-0x0 for space on OSTs, md-0x0 for inodes on MDTs, or a pool's own name",
            identifies=Identity.SITE,
        ),
        _key("quota_type", "user, group or project", identifies=Identity.NOTHING),
        Column("id", _N, "its number; 0 has the defaults", nullable=False, identifies=Identity.UID),
    ],
    [
        _count("hard_bytes", "hard limit of space; 0 means no limit", "B", "limits hard"),
        _count("soft_bytes", "soft limit of space; 0 means no limit", "B", "limits soft"),
        _count("granted_bytes", "space granted to targets", "B", "limits granted"),
        _count("hard_inodes", "hard limit of inodes; 0 means no limit", None, "limits hard"),
        _count("soft_inodes", "soft limit of inodes; 0 means no limit", None, "limits soft"),
        _count("granted_inodes", "inodes granted to targets", None, "limits granted"),
        Column(
            "grace_s", _N, "grace period, or the moment when it ends", "s", "limits time", identifies=Identity.MOMENT
        ),
    ],
)
LUSTRE_USAGE: Final = _table(
    "lustre_usage",
    "Space and inodes that a user, group or project uses on a target.",
    [
        _TARGET,
        _key("quota_type", "user, group or project", identifies=Identity.NOTHING),
        Column("id", _N, "its number", nullable=False, identifies=Identity.UID),
    ],
    [
        _count("used_bytes", "used space", "B", "usage kbytes"),
        _count("used_inodes", "used inodes", None, "usage inodes"),
    ],
)
LUSTRE_RECOVERY: Final = _table(
    "lustre_recovery",
    "State of a target's recovery after a restart or failover.",
    [_TARGET],
    [
        Column(
            "status", TEXT, "INACTIVE, RECOVERING, COMPLETE, WAITING, ...", origin="status", identifies=Identity.NOTHING
        ),
        Column("recovery_start", TIMESTAMP, "UTC; when it began", origin="recovery_start"),
        _count("duration_s", "how long it took", "s", "recovery_duration"),
        _count("remaining_s", "time until clients that are missing are evicted", "s", "time_remaining"),
        _count("completed_clients", "clients that have recovered", None, "completed_clients"),
        _count("connected_clients", "clients that have connected again", None, "connected_clients"),
        _count("evicted_clients", "clients that were evicted", None, "evicted_clients"),
        _count("clients", "clients that had the target connected before", None, "completed_clients, connected_clients"),
        _count("replayed_requests", "requests that were replayed", None, "replayed_requests"),
    ],
)
LUSTRE_CHANGELOG: Final = _table(
    "lustre_changelog",
    "A reader of a metadata target's changelog, and how far it lags behind.",
    [
        _key("mdt", "metadata target (MDT0000)", identifies=Identity.TARGET),
        _key("reader", "the reader's id (cl1); - for a target without any", identifies=Identity.NOTHING),
    ],
    [
        _count("current_index", "index of the newest record", None, "current_index"),
        _count("reader_index", "index of the last record that the reader cleared", None, "index"),
        _count("idle_s", "how long the reader has cleared none", "s", "(idle)"),
    ],
)
LUSTRE_OSP: Final = _table(
    "lustre_osp",
    "State of a metadata target's connection to another target (OSP), from which objects are allocated.",
    [_key("mdt", "metadata target that connects", identifies=Identity.TARGET), _TARGET],
    [
        Column("active", pa.bool_(), "whether the target is in use", origin="active"),
        _count("max_create_count", "objects that may be created ahead; 0 takes the target out of allocation"),
        Column(
            "settings",
            pa.map_(TEXT, TEXT),
            "the connection's other parameters, by Lustre's names",
            identifies=Identity.TEXT,
        ),
    ],
)
LUSTRE_OPERATION: Final = _table(
    "lustre_operation",
    "Latencies and queues by operation: of services, metadata targets, disk file systems, and client mounts (llite).",
    [
        _key("component", "what counts: ost.OSS.ost_io, mdt.fs-MDT0000, llite.fs-…, ...", identifies=Identity.SITE),
        _key("operation", "Lustre's name", identifies=Identity.NOTHING),
    ],
    [
        Column(
            "unit", TEXT, "unit of the smallest, largest and sum: usecs, reqs, bytes, ...", identifies=Identity.NOTHING
        ),
        _count("samples", "how often it was done since start_time"),
        Column("least", pa.float64(), "smallest value, in `unit`"),
        Column("most", pa.float64(), "largest value, in `unit`"),
        Column("sum", pa.float64(), "sum of the values, in `unit`"),
        Column("sum_of_squares", pa.float64(), "sum of the squares of the values"),
        _START,
    ],
)
LUSTRE_SETTING: Final = _table(
    "lustre_setting",
    "A parameter with one value, or with a value for each of several names: locks, grants, memory, health, imports, and"
    " whatever has no table of its own.",
    [_key("component", "what it belongs to (ldlm.namespaces.filter-fs-OST0000_UUID); server for the server itself",
identifies=Identity.SITE),
     _key("parameter", "the parameter's name; of a list a name in it follows: max_cached_mb.used_mb",
identifies=Identity.NOTHING)],
    [_count("number", "its value where that is a whole number"), Column("text", TEXT, "its value otherwise",
identifies=Identity.TEXT)],
)  # fmt: skip
LNET_INTERFACE: Final = _table(
    "lnet_interface",
    "A local network interface of LNet, as `lnetctl net show` prints it.",
    [_key("nid", "network identifier (172.16.0.24@tcp)", identifies=Identity.HOST)],
    [
        Column("network", TEXT, "network type", origin="net type", identifies=Identity.NOTHING),
        Column("status", TEXT, "up or down", origin="status", identifies=Identity.NOTHING),
        Column("interfaces", pa.list_(TEXT), "devices below it", origin="interfaces", identifies=Identity.NOTHING),
        _count("send_count", "messages sent"),
        _count("recv_count", "messages received"),
        _count("drop_count", "messages dropped"),
        _count("health_value", "health, 1000 at best", None, "health value"),
        Column(
            "counters",
            pa.map_(TEXT, _N),
            "all its numbers, by section and name (health stats.timeouts)",
            identifies=Identity.NOTHING,
        ),
    ],
)
LNET_STATS: Final = _table(
    "lnet_stats",
    "Messages and bytes of a node's LNet, as `lnetctl stats show` prints them.",
    [],
    [
        _count("send_count", "messages sent"),
        _count("recv_count", "messages received"),
        _count("drop_count", "messages dropped"),
        _count("send_bytes", "sent", "B", "send_length"),
        _count("recv_bytes", "received", "B", "recv_length"),
        _count("drop_bytes", "dropped", "B", "drop_length"),
        _count("errors", "errors"),
        Column("counters", pa.map_(TEXT, _N), "all numbers, by LNet's names", identifies=Identity.NOTHING),
    ],
)

STATE_TABLES: Final = (
    LUSTRE_BRW,
    LUSTRE_REQUEST,
    LUSTRE_EXPORT,
    LUSTRE_QUOTA,
    LUSTRE_USAGE,
    LUSTRE_RECOVERY,
    LUSTRE_CHANGELOG,
    LUSTRE_OSP,
    LUSTRE_OPERATION,
    LUSTRE_SETTING,
    LNET_INTERFACE,
    LNET_STATS,
)
