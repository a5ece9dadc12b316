"""The shapes that a log takes on its way into rows, whatever release wrote it.

    bytes of a file ──open──► Log ──gather──► Group ──decode──► Block ──complete──► Batch

A log is opened alone: its header is read and its regions are inflated and checked, so that a damaged one is
known before any row exists. Then the regions of many logs that have the same layout are decoded as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.table import Table

ByteOrder = Literal["little", "big"]
Content = bytes | memoryview
"""A log file's bytes; a view where the file is mapped."""
Ints = npt.NDArray[np.int64]
Values: TypeAlias = "npt.NDArray[Any] | pa.Array"


class Layout(NamedTuple):
    """What decides how a region's bytes are read: module, version of its records, byte order."""

    module: str
    version: int
    byte_order: ByteOrder


@dataclass(slots=True)
class Region:
    """One module's inflated records in one log. Of a region too large to hold, `data` is None."""

    layout: Layout
    data: bytes | None


@dataclass(slots=True)
class Head:
    """What a log says of its run. Times are Unix microseconds, UTC.

    `mounts` are (mount point, type) as listed, `modules` the versions of the modules that have data.
    """

    log_version: str
    byte_order: ByteOrder
    compression: Literal["zlib", "bzip2", "gzip", "none"]
    job_id: int | None
    uid: int | None
    nprocs: int
    start_us: int
    end_us: int
    run_time_s: float
    exe: str
    mounts: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, int] = field(default_factory=dict)
    partial_modules: tuple[str, ...] = ()


@dataclass(slots=True)
class Log:
    """An opened log. `names` is the region of record names; None where the format keeps none.

    `left_out` holds (part, reason) for what can't be read although the rest can, such as an unknown module.
    """

    head: Head
    names: Region | None
    regions: list[Region]
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """Regions of one layout from many logs: `data[i]` belongs to log number `logs[i]`; the numbers ascend."""

    layout: Layout
    logs: Ints
    data: Sequence[bytes]


@dataclass(slots=True)
class Block:
    """Rows of one table from many logs: row i belongs to log number `logs[i]`; the numbers ascend.

    `columns` holds what the records say, by the table's names; nulls are nulls already. Columns of the log itself
    (log_id, job_id, date) are added later, and so are `path` from the names region, and `mount_point` and
    `file_system` from the path, unless the block brings `mount_point` itself. Absent columns are null.
    """

    table: Table
    logs: Ints
    columns: Mapping[str, Values]


@dataclass(slots=True)
class Decoded:
    """A group's rows, and the reason for each log whose region turned out damaged; its rows are of no use."""

    blocks: list[Block]
    damaged: Mapping[int, str] = field(default_factory=dict)


Decoder = Callable[[Group], Decoded]
