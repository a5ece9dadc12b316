"""The shapes that a log takes on its way into rows, whatever release wrote it.

    bytes of a file ──open──► Log ──gather──► Group ──decode──► Block ──complete──► Batch

A log is opened alone: its header is read and its regions are inflated and checked, so that a damaged one is
known before any row exists. Then the regions of many logs that have the same layout, which were laid end to end
as the logs were opened, are decoded as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.base import InputError
from iolake.schemas.table import Table

ByteOrder = Literal["little", "big"]
Content = bytes | memoryview
"""A log file's bytes; a view where the file is mapped."""
Bytes: TypeAlias = "bytes | bytearray | memoryview"
Ints = npt.NDArray[np.int64]
Values: TypeAlias = "npt.NDArray[Any] | pa.Array"


NAMES: Final = "names"
"""The module in the layout of the region of record names."""


class Layout(NamedTuple):
    """Determines how a region's bytes are decoded: module, version of its records, byte order."""

    module: str
    version: int
    byte_order: ByteOrder


@dataclass(slots=True)
class Region:
    """One module's inflated records in one log. `data` is None for a region that is too large for memory.

    `at` is its first byte in the file; None where the file is compressed as a whole.
    """

    layout: Layout
    data: Bytes | None
    at: int | None = None


def region_error(uri: str, module: str, at: int | None, problem: object) -> InputError:
    """The error for a log whose region, of a module or the names, does not match its layout."""
    where = "" if at is None else f"{module} region at byte {at}: "
    return InputError(uri, f"{where}{problem}", "copy the log again")


@dataclass(slots=True)
class Head:
    """The head of a log: what it says about its run. Times are Unix microseconds, UTC; None where the log has none.

    `mounts` are (mount point, type) as listed, `modules` the versions of the modules that have data. `is_partial`
    means that records are missing: those of `partial_modules`, or of modules that the log does not name.
    """

    log_version: str
    byte_order: ByteOrder
    compression: Literal["zlib", "bzip2", "gzip", "none"]
    job_id: int | None
    uid: int | None
    nprocs: int | None
    start_us: int | None
    end_us: int | None
    run_time_s: float | None
    exe: str
    mounts: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, int] = field(default_factory=dict)
    partial_modules: tuple[str, ...] = ()
    is_partial: bool = False


class RunSpan(NamedTuple):
    """When a run began and ended, in Unix microseconds; None where unknown."""

    start_us: int | None
    end_us: int | None

    @property
    def known(self) -> bool:
        """Whether both ends are known."""
        return self.start_us is not None and self.end_us is not None


def run_span(start_us: int, end_us: int) -> RunSpan:
    """The span of a run by its log, in which a time that was never written is 0, or below.

    A killed process writes no end. An end before the start is wrong, because the start is written first.
    """
    return RunSpan(start_us if start_us > 0 else None, end_us if end_us > 0 and end_us >= start_us else None)


def recorded(number: int | None) -> int | None:
    """A number of a log's head, null where -1 or another number below zero says that it was not recorded."""
    return number if number is not None and number >= 0 else None


@dataclass(slots=True)
class Log:
    """An opened log. `names` is the region of record names; None where the format keeps none.

    `left_out` holds (part, reason) for what can't be read although the rest can, such as an unknown module.
    """

    head: Head
    names: Region | None
    regions: list[Region]
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether a region was too large to hold."""
        return any(region.data is None for region in self.all_regions)

    @property
    def all_regions(self) -> list[Region]:
        """The regions of the modules, and that of the names."""
        return [*self.regions, self.names] if self.names else self.regions


@dataclass(slots=True)
class Group:
    """Regions of one layout from many logs, end to end: `lengths[i]` bytes of `data` belong to log number `logs[i]`."""

    layout: Layout
    logs: Ints
    lengths: Ints
    data: Bytes

    @classmethod
    def of(cls, layout: Layout, logs: Ints, regions: Sequence[Bytes]) -> Group:
        """The group of these regions."""
        lengths = np.fromiter(map(len, regions), np.int64, len(regions))
        return cls(layout, logs, lengths, regions[0] if len(regions) == 1 else b"".join(regions))

    @property
    def regions(self) -> list[memoryview]:
        """The bytes of each region."""
        ends = np.cumsum(self.lengths)
        view = memoryview(self.data)
        return [view[start:end] for start, end in zip(ends - self.lengths, ends, strict=True)]

    def take(self, places: Ints) -> Group:
        """The regions at these places, in this order."""
        regions = self.regions
        return Group.of(self.layout, self.logs[places], [regions[place] for place in places])

    def of_logs(self, wanted: npt.NDArray[np.bool_]) -> Group:
        """The regions of the logs that are `wanted`, which are then numbered anew."""
        group = self.take(np.flatnonzero(wanted[self.logs]))
        return replace(group, logs=(np.cumsum(wanted) - 1)[group.logs])

    def in_order(self) -> Group:
        """The same regions in the order of their logs."""
        if (self.logs[1:] >= self.logs[:-1]).all():
            return self
        return self.take(np.argsort(self.logs, kind="stable"))


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
    """A group's rows, and the reason for each log whose region is damaged; discard the rows of such a log."""

    blocks: list[Block]
    damaged: Mapping[int, str] = field(default_factory=dict)


Decoder = Callable[[Group], Decoded]
