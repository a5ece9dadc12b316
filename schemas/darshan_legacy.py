"""Counters of Darshan 1 and 2 that Darshan 3 dropped.

The rest of such a log is in Darshan 3's tables, under Darshan 3's counters: `darshan_logs`, `darshan_mounts`,
`darshan_posix`, `darshan_mpiio`, `darshan_stdio`, `darshan_h5f` and `darshan_pnetcdf_file`.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.darshan import COPY, FILE_SYSTEM_OF_PATH, LOG_ID, MOUNT_POINT, PATH_SUFFIX, RANK, RECORD_ID
from iolake.schemas.table import CLUSTER, DATE, JOB_ID, Column, Table

SIZES: Final = ("0_100", "100_1K", "1K_10K", "10K_100K", "100K_1M", "1M_4M", "4M_10M", "10M_100M", "100M_1G", "1G_PLUS")
COMBINERS: Final = (
    "NAMED",
    "DUP",
    "CONTIGUOUS",
    "VECTOR",
    "HVECTOR_INTEGER",
    "HVECTOR",
    "INDEXED",
    "HINDEXED_INTEGER",
    "HINDEXED",
    "INDEXED_BLOCK",
    "STRUCT_INTEGER",
    "STRUCT",
    "SUBARRAY",
    "DARRAY",
    "F90_REAL",
    "F90_COMPLEX",
    "F90_INTEGER",
    "RESIZED",
)


def _column(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, pa.int64(), doc, unit=unit, origin=name)


DARSHAN_LEGACY: Final = Table(
    "darshan_legacy",
    "What a Darshan 1 or 2 log says of a file beyond the counters of Darshan 3; every record of such a log is here.",
    keys=[CLUSTER, LOG_ID, RECORD_ID, RANK, COPY],
    columns=[
        JOB_ID,
        PATH_SUFFIX,
        MOUNT_POINT,
        FILE_SYSTEM_OF_PATH,
        *(
            _column(f"CP_COMBINER_{name}", "MPI-IO calls whose datatype was made by this MPI type constructor")
            for name in COMBINERS
        ),
        *(
            _column(
                f"CP_EXTENT_{operation}_{size}",
                f"MPI-IO {operation.lower()}s of a datatype whose extent is in that range of bytes",
            )
            for operation in ("READ", "WRITE")
            for size in SIZES
        ),
        _column(
            "CP_DEVICE",
            "the mount that the file lies on: its device number before 2.2.6, then the hash of its mount point",
        ),
        _column("CP_SIZE_AT_OPEN", "size of the file when it was first opened; null where it was not asked for", "B"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=("job_id", "log_id"),
)
