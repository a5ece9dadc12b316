"""Darshan's tables: what each job's I/O libraries counted, one row a log, or a record of a module.

Counters keep Darshan's names. A counter is null where the log's module version does not have it, and where its value
is below zero: Darshan writes -1 for what it could not record, and no counter can be negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from iolake.schemas.darshan import autoperf, counters
from iolake.schemas.darshan.counter import Counter
from iolake.schemas.darshan.logs import DARSHAN_LOGS as DARSHAN_LOGS
from iolake.schemas.darshan.logs import DARSHAN_MOUNTS as DARSHAN_MOUNTS
from iolake.schemas.darshan.logs import FILE_SYSTEM_OF_PATH as FILE_SYSTEM_OF_PATH
from iolake.schemas.darshan.logs import LOG_ID as LOG_ID
from iolake.schemas.darshan.logs import SORT
from iolake.schemas.identity import Identity
from iolake.schemas.table import (
    CLUSTER,
    DATE,
    DELTA,
    DICTIONARY,
    JOB_ID,
    TEXT,
    TIMESTAMP,
    Column,
    Table,
)

_TYPES: Final = {"i8": pa.int64(), "u8": pa.uint64(), "f8": pa.float64()}
_IDENTIFIES: Final = {
    "H5D_FILE_REC_ID": Identity.RECORD,
    "PNETCDF_VAR_FILE_REC_ID": Identity.RECORD,
    "BGQ_CSJOBID": Identity.CODE,
}
"""What the counters that are not counts identify; all others identify nothing."""

RECORD_ID: Final = Column(
    "record_id",
    pa.uint64(),
    "hash of the record's name, the same in every log",
    origin="id",
    nullable=False,
    identifies=Identity.RECORD,
)
RANK: Final = Column("rank", pa.int64(), "MPI rank; -1: one record for all ranks", origin="rank", nullable=False)
COPY: Final = Column(
    "copy",
    pa.int64(),
    "place among the log's records of the same file and rank, from 0; above 0 only in logs that darshan-merge made",
    encoding=DICTIONARY,
    nullable=False,
)
PATH: Final = Column(
    "path", TEXT, "the file's name as the job gave it; null where the log does not say", identifies=Identity.PATH
)
PATH_SUFFIX: Final = Column(
    "path_suffix", TEXT, "end of the path, all that logs before Darshan 3 keep", identifies=Identity.PATH
)
MOUNT_POINT: Final = Column(
    "mount_point",
    TEXT,
    "longest mount point that holds the path, of the log's and the site's",
    identifies=Identity.PATH,
)


def _columns(listed: Sequence[Counter]) -> list[Column]:
    return [
        Column(c.name, _TYPES[c.kind], c.doc, unit=c.unit, origin=c.name, identifies=_IDENTIFIES.get(c.name))
        for c in listed
    ]


def _records(
    name: str,
    doc: str,
    columns: Sequence[Column],
    *,
    keys: Sequence[Column] = (),
    where: Sequence[Column] = (PATH, MOUNT_POINT, FILE_SYSTEM_OF_PATH),
) -> Table:
    """A table of a module's records: one row for each log, record, rank and copy, and each of `keys` within these."""
    return Table(
        name,
        doc,
        keys=[CLUSTER, LOG_ID, RECORD_ID, RANK, COPY, *keys],
        columns=[JOB_ID, *where, *columns],
        partition_by=[CLUSTER, DATE],
        sort_by=SORT,
    )


DARSHAN_POSIX: Final = _records(
    "darshan_posix",
    "What POSIX calls did to a file.",
    [PATH_SUFFIX, *_columns(counters.POSIX)],
)
DARSHAN_MPIIO: Final = _records(
    "darshan_mpiio",
    "What MPI-IO calls did to a file.",
    [PATH_SUFFIX, *_columns(counters.MPIIO)],
)
DARSHAN_STDIO: Final = _records(
    "darshan_stdio", "What stdio streams did to a file.", [PATH_SUFFIX, *_columns(counters.STDIO)]
)
DARSHAN_H5F: Final = _records("darshan_h5f", "What HDF5 did to a file.", [PATH_SUFFIX, *_columns(counters.H5F)])
DARSHAN_H5D: Final = _records("darshan_h5d", "What HDF5 did to a dataset.", _columns(counters.H5D))
DARSHAN_PNETCDF_FILE: Final = _records(
    "darshan_pnetcdf_file",
    "What PnetCDF did to a file.",
    [PATH_SUFFIX, *_columns(counters.PNETCDF_FILE)],
)
DARSHAN_PNETCDF_VAR: Final = _records(
    "darshan_pnetcdf_var", "What PnetCDF did to a variable.", _columns(counters.PNETCDF_VAR)
)
DARSHAN_BGQ: Final = _records(
    "darshan_bgq", "The part of a Blue Gene/Q that a run had.", _columns(counters.BGQ), where=[PATH]
)

_UUIDS = [
    Column("pool_uuid", TEXT, "UUID of the DAOS pool", origin="pool_uuid", identifies=Identity.CODE),
    Column("container_uuid", TEXT, "UUID of the DAOS container", origin="cont_uuid", identifies=Identity.CODE),
]
DARSHAN_DFS: Final = _records(
    "darshan_dfs", "What DAOS file system calls did to a file.", [*_UUIDS, *_columns(counters.DFS)]
)
DARSHAN_DAOS: Final = _records(
    "darshan_daos",
    "What DAOS calls did to an object.",
    [
        *_UUIDS,
        Column(
            "object_id_high", pa.uint64(), "upper half of the object's id", origin="oid_hi", identifies=Identity.CODE
        ),
        Column(
            "object_id_low", pa.uint64(), "lower half of the object's id", origin="oid_lo", identifies=Identity.CODE
        ),
        *_columns(counters.DAOS),
    ],
)
DARSHAN_MDHIM: Final = _records(
    "darshan_mdhim",
    "What a run asked of the MDHIM key-value store.",
    [
        *_columns(counters.MDHIM),
        Column(
            "server_operations", pa.list_(pa.int64()), "operations sent to each server", identifies=Identity.NOTHING
        ),
    ],
    where=[PATH],
)
DARSHAN_APMPI: Final = _records(
    "darshan_apmpi",
    "Calls, bytes and time of MPI operations in one process.",
    [
        Column("node_name", TEXT, "the node that the process ran on", origin="node_name", identifies=Identity.HOST),
        Column("sync_measured", pa.bool_(), "whether waiting was measured apart", origin="sync_flag"),
        Column(
            "MPI_TOTAL_COMM_TIME_VARIANCE",
            pa.float64(),
            "variance of MPI time over the run's processes, the same in each row of the log",
            unit="s^2",
        ),
        Column(
            "MPI_TOTAL_COMM_SYNC_TIME_VARIANCE",
            pa.float64(),
            "variance of MPI waiting time over the run's processes, the same in each row of the log",
            unit="s^2",
        ),
        *_columns(autoperf.APMPI),
    ],
    where=[PATH],
)
DARSHAN_APXC: Final = _records(
    "darshan_apxc",
    "Network counters of one Cray XC router while the run lasted.",
    [
        *(
            Column(f"APXC_{name}", pa.int64(), doc)
            for name, doc in {
                "GROUP": "group that the router is in",
                "CHASSIS": "chassis that the router is in",
                "BLADE": "blade that the router is on",
                "NODE": "node at the router",
                "GROUPS": "groups that the run spans, the same in each row of the log",
                "CHASSIS_COUNT": "chassis that the run spans, the same in each row of the log",
                "BLADES": "blades that the run spans, the same in each row of the log",
                "MEMORY_MODE": "Xeon Phi memory mode, as a number; bit 31: not the same on every node",
                "CLUSTER_MODE": "Xeon Phi cluster mode, as a number; bit 31: not the same on every node",
            }.items()
        ),
        Column("APXC_APPID", pa.uint64(), "the launcher's application id", identifies=Identity.CODE),
        *_columns(autoperf.APXC),
    ],
    where=[PATH],
)

DARSHAN_LUSTRE: Final = _records(
    "darshan_lustre",
    "A component of a file's Lustre layout; a file without composite layout has one.",
    [
        Column(
            "stripe_size", pa.int64(), "stripe size", unit="B", origin="LUSTRE_COMP_STRIPE_SIZE, LUSTRE_STRIPE_SIZE"
        ),
        Column(
            "stripe_count",
            pa.int64(),
            "targets that the component is striped over",
            origin="LUSTRE_COMP_STRIPE_COUNT, LUSTRE_STRIPE_WIDTH",
        ),
        Column(
            "osts",
            pa.list_(pa.int64()),
            "indices of these targets, in stripe order",
            origin="ost_ids",
            identifies=Identity.NOTHING,
        ),
        Column("stripe_pattern", pa.int64(), "Lustre's pattern flags", origin="LUSTRE_COMP_STRIPE_PATTERN"),
        Column("component_flags", pa.int64(), "Lustre's component flags", origin="LUSTRE_COMP_FLAGS"),
        Column("extent_start", pa.int64(), "first byte", unit="B", origin="LUSTRE_COMP_EXT_START"),
        Column("extent_end", pa.int64(), "end; -1: to the end of the file", unit="B", origin="LUSTRE_COMP_EXT_END"),
        Column(
            "mirror_id",
            pa.int64(),
            "mirror that the component belongs to",
            origin="LUSTRE_COMP_MIRROR_ID",
            identifies=Identity.NOTHING,
        ),
        Column("pool", TEXT, "OST pool; empty: none", origin="pool_name", identifies=Identity.SITE),
        Column("stripe_offset", pa.int64(), "target asked for first; -1: any", origin="LUSTRE_STRIPE_OFFSET"),
        Column("file_system_osts", pa.int64(), "object storage targets of the file system", origin="LUSTRE_OSTS"),
        Column("file_system_mdts", pa.int64(), "metadata targets of the file system", origin="LUSTRE_MDTS"),
    ],
    keys=[
        Column(
            "component",
            pa.int64(),
            "place in the file's layout, from 0; the row of an empty layout has 0, and no stripe_count",
            encoding=DICTIONARY,
            nullable=False,
        )
    ],
)
DARSHAN_HEATMAP: Final = _records(
    "darshan_heatmap",
    "Bytes that one rank moved through one I/O library in one time bin.",
    [
        Column("ts", TIMESTAMP, "UTC; the bin covers [ts, ts + interval_s); null without start_time", encoding=DELTA),
        Column("start_s", pa.float64(), "start of the bin, from the job's start", unit="s"),
        Column("interval_s", pa.float64(), "length of the bin", unit="s", origin="bin_width_seconds"),
        Column("read_bytes", pa.int64(), "read in the bin", unit="B", origin="HEATMAP_READ_BIN"),
        Column("write_bytes", pa.int64(), "written in the bin", unit="B", origin="HEATMAP_WRITE_BIN"),
    ],
    keys=[Column("bin", pa.int64(), "place of the bin, from 0", encoding=DELTA, nullable=False)],
    where=[
        Column(
            "module",
            TEXT,
            "the library: POSIX, MPI-IO, STDIO, DFS, DAOS",
            origin="id, name of the record",
            identifies=Identity.NOTHING,
        )
    ],
)
DARSHAN_DXT: Final = Table(
    "darshan_dxt",
    "A traced read or write.",
    keys=[
        CLUSTER,
        LOG_ID,
        Column(
            "module",
            TEXT,
            "DXT_POSIX or DXT_MPIIO: the library that was traced",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
        Column("record", pa.int64(), "place of the trace's record, from 0", encoding=DICTIONARY, nullable=False),
        Column("segment", pa.int64(), "place in the record: writes, then reads", encoding=DELTA, nullable=False),
    ],
    columns=[
        JOB_ID,
        RECORD_ID,
        PATH,
        MOUNT_POINT,
        FILE_SYSTEM_OF_PATH,
        RANK,
        Column("hostname", TEXT, "the node that the process ran on", origin="hostname", identifies=Identity.HOST),
        Column("shared", pa.bool_(), "whether several ranks opened the file", origin="shared_record"),
        Column("operation", TEXT, "read or write", nullable=False, identifies=Identity.NOTHING),
        Column("offset", pa.int64(), "first byte; null where the trace has none", unit="B", encoding=DELTA),
        Column("length", pa.int64(), "bytes moved", unit="B", encoding=DICTIONARY),
        Column("ts", TIMESTAMP, "UTC; when it started; null without start_time", encoding=DELTA),
        Column("start_s", pa.float64(), "start, from the job's start", unit="s"),
        Column("end_s", pa.float64(), "end, from the job's start", unit="s"),
        Column("thread_id", pa.uint64(), "thread, where the trace has it", identifies=Identity.NOTHING),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=SORT,
)

TABLES: Final = (
    DARSHAN_LOGS,
    DARSHAN_MOUNTS,
    DARSHAN_POSIX,
    DARSHAN_MPIIO,
    DARSHAN_STDIO,
    DARSHAN_H5F,
    DARSHAN_H5D,
    DARSHAN_PNETCDF_FILE,
    DARSHAN_PNETCDF_VAR,
    DARSHAN_BGQ,
    DARSHAN_DFS,
    DARSHAN_DAOS,
    DARSHAN_MDHIM,
    DARSHAN_APMPI,
    DARSHAN_APXC,
    DARSHAN_LUSTRE,
    DARSHAN_HEATMAP,
    DARSHAN_DXT,
)
