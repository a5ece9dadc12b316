"""The layouts of Darshan 1 and 2 logs: which version has which header and counters, and what each counter is now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from iolake.extractors.darshan.decoded import ByteOrder
from iolake.schemas.darshan_legacy import COMBINERS, SIZES

PRE_RELEASE: Final = 199
"""What 2.0.0-pre1 wrote. It calls itself 2.00, but its job has no id and its records lack the ranks' extremes."""


class LegacyCounter(NamedTuple):
    """One counter of a record: its name without "CP_", the column that it fills, and the version that brought it.

    `column` is None where the record decides, or several counters together.
    """

    name: str
    column: str | None
    since: int


def _to(prefix: str, names: str, *, old: str = "", since: int = 121) -> list[LegacyCounter]:
    """Counters that fill the columns of their names, with `prefix` in place of `old`."""
    return [LegacyCounter(name, prefix + name.removeprefix(old), since) for name in names.split()]


def _sized(prefix: str, pattern: str) -> list[LegacyCounter]:
    names = (pattern.format(operation, size) for operation in ("READ", "WRITE") for size in SIZES)
    return _to(prefix, " ".join(names))


RANK_EXTREMES: Final = ("FASTEST_RANK", "FASTEST_RANK_BYTES", "SLOWEST_RANK", "SLOWEST_RANK_BYTES")
RANK_TIMES: Final = ("F_FASTEST_RANK_TIME", "F_SLOWEST_RANK_TIME")

INTEGERS: Final = (
    *_to("MPIIO_", "INDEP_OPENS COLL_OPENS INDEP_READS INDEP_WRITES COLL_READS COLL_WRITES"),
    *_to("MPIIO_", "SPLIT_READS SPLIT_WRITES NB_READS NB_WRITES SYNCS"),
    *_to("POSIX_", "POSIX_READS POSIX_WRITES POSIX_OPENS POSIX_SEEKS POSIX_STATS POSIX_MMAPS", old="POSIX_"),
    *_to("STDIO_", "POSIX_FREADS POSIX_FWRITES POSIX_FOPENS POSIX_FSEEKS", old="POSIX_F"),
    *_to("POSIX_", "POSIX_FSYNCS POSIX_FDSYNCS", old="POSIX_"),
    LegacyCounter("INDEP_NC_OPENS", "PNETCDF_FILE_INDEP_OPENS", 122),
    LegacyCounter("COLL_NC_OPENS", "PNETCDF_FILE_COLL_OPENS", 122),
    LegacyCounter("HDF5_OPENS", "H5F_OPENS", 122),
    *_to("CP_", " ".join(f"COMBINER_{name}" for name in COMBINERS)),
    *_to("MPIIO_", "HINTS VIEWS"),
    LegacyCounter("MODE", None, 121),
    *_to("POSIX_", "BYTES_READ BYTES_WRITTEN MAX_BYTE_READ MAX_BYTE_WRITTEN CONSEC_READS CONSEC_WRITES"),
    *_to("POSIX_", "SEQ_READS SEQ_WRITES RW_SWITCHES"),
    *_to("POSIX_", "MEM_NOT_ALIGNED MEM_ALIGNMENT FILE_NOT_ALIGNED FILE_ALIGNMENT"),
    *_to("POSIX_", "MAX_READ_TIME_SIZE MAX_WRITE_TIME_SIZE", since=122),
    *_sized("POSIX_", "SIZE_{}_{}"),
    *_sized("MPIIO_", "SIZE_{}_AGG_{}"),
    *_sized("CP_", "EXTENT_{}_{}"),
    *_to("POSIX_", "STRIDE1_STRIDE STRIDE2_STRIDE STRIDE3_STRIDE STRIDE4_STRIDE"),
    *_to("POSIX_", "STRIDE1_COUNT STRIDE2_COUNT STRIDE3_COUNT STRIDE4_COUNT"),
    *_to("POSIX_", "ACCESS1_ACCESS ACCESS2_ACCESS ACCESS3_ACCESS ACCESS4_ACCESS"),
    *_to("POSIX_", "ACCESS1_COUNT ACCESS2_COUNT ACCESS3_COUNT ACCESS4_COUNT"),
    *_to("CP_", "DEVICE SIZE_AT_OPEN", since=123),
    *(LegacyCounter(name, None, 200) for name in RANK_EXTREMES),
)
FLOATS: Final = (
    LegacyCounter("F_OPEN_TIMESTAMP", "POSIX_F_OPEN_START_TIMESTAMP", 121),
    *_to("POSIX_", "F_READ_START_TIMESTAMP F_WRITE_START_TIMESTAMP"),
    LegacyCounter("F_CLOSE_TIMESTAMP", "POSIX_F_CLOSE_END_TIMESTAMP", 121),
    *_to("POSIX_", "F_READ_END_TIMESTAMP F_WRITE_END_TIMESTAMP"),
    *_to("POSIX_F_", "F_POSIX_READ_TIME F_POSIX_WRITE_TIME F_POSIX_META_TIME", old="F_POSIX_"),
    *_to("MPIIO_F_", "F_MPI_META_TIME F_MPI_READ_TIME F_MPI_WRITE_TIME", old="F_MPI_"),
    *_to("POSIX_", "F_MAX_READ_TIME F_MAX_WRITE_TIME", since=122),
    *(LegacyCounter(name, None, 200) for name in RANK_TIMES),
    *(LegacyCounter(name, None, 200) for name in ("F_VARIANCE_RANK_TIME", "F_VARIANCE_RANK_BYTES")),
)
"""Every counter in the order of the newest records. Older ones are these without what came later."""


@dataclass(frozen=True)
class Format:
    """Where the parts of a log lie: job, then metadata, then command line and mounts, then the first record."""

    job_bytes: int
    metadata_bytes: int
    first_record: int

    @property
    def exe_at(self) -> int:
        """Where the command line begins."""
        return self.job_bytes + self.metadata_bytes


_ONE: Final = Format(28, 0, 1024)
_TWO: Final = Format(56, 64, 1024)
PRE_RELEASE_WITHOUT_JOB_ID: Final = Format(48, 0, 1024)
LONG_METADATA: Final = Format(56, 1024, 4096)
SHORT_METADATA: Final = Format(56, 64, 4096)

FORMATS: Final = {
    121: _ONE,
    122: _ONE,
    123: _ONE,
    124: _ONE,
    PRE_RELEASE: Format(56, 0, 1024),
    200: Format(56, 0, 1024),
    201: _TWO,
    202: _TWO,
    203: _TWO,
    204: SHORT_METADATA,
    205: LONG_METADATA,
    206: LONG_METADATA,
}


def counters_of(version: int) -> tuple[list[LegacyCounter], list[LegacyCounter]]:
    """The integers and floats that the records of a version hold, in their order."""
    return [c for c in INTEGERS if c.since <= version], [c for c in FLOATS if c.since <= version]


@cache
def record_type(version: int, byte_order: ByteOrder) -> np.dtype[Any]:
    """numpy's view of one record: hash, rank, counters, fcounters, and the bytes of the path's end.

    A 1.x record is a structure of 32-bit PowerPC, padded to 8 bytes; 2.x records need no padding.
    """
    order = "<" if byte_order == "little" else ">"
    integers, floats = map(len, counters_of(version))
    old = version < PRE_RELEASE
    counters_at = 16 if old else 32
    fcounters_at = counters_at + 8 * integers
    end = fcounters_at + 8 * floats
    return np.dtype(
        {
            "names": ["hash", "rank", "counters", "fcounters", "suffix"],
            "formats": [
                order + "u8",
                order + ("i4" if old else "i8"),
                (order + "i8", (integers,)),
                (order + "f8", (floats,)),
                ("u1", (12 if old else 16,)),
            ],
            "offsets": [0, 8, counters_at, fcounters_at, end if old else 16],
            "itemsize": end + 16 if old else end,
        }
    )
