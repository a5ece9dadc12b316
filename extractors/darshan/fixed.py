"""Modules whose records all have one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.darshan.columns import (
    RANK,
    RECORD_ID,
    arrow,
    columns,
    in_columns,
    record_order,
    stored_words,
    texts,
)
from iolake.extractors.darshan.decoded import Block, Bytes, Decoded, Group, Ints, Layout
from iolake.schemas import darshan
from iolake.schemas.darshan import autoperf, counters
from iolake.schemas.darshan.counter import Counter, of_version
from iolake.schemas.table import Table

_UUIDS: Final = 4
"""Words of the two UUIDs, of the pool and of the container, behind the counters of DAOS modules."""


@dataclass(frozen=True)
class FixedModule:
    """A module whose records have one length: its table, its counters, and the other words of its records.

    `padded` lists the versions that have an unused word before the counters, `tail` is the number of words after
    them, and `header` the number of words before a region's first record.
    """

    table: Table
    newest: int
    counters: tuple[Counter, ...]
    padded: frozenset[int] = frozenset()
    tail: int = 0
    header: int = 0
    kind: Literal["fixed"] = "fixed"

    def named(self, version: int) -> Sequence[Counter | None]:
        """The counter in each word of a record; None for a word without one."""
        pad = [None] if version in self.padded else []
        return [RECORD_ID, RANK, *pad, *of_version(self.counters, version), *[None] * self.tail]

    def record_bytes(self, version: int) -> tuple[int, int]:
        """(bytes before a region's first record, bytes of a record)."""
        return 8 * self.header, 8 * len(self.named(version))

    def shape(self, layout: Layout) -> None:
        """No shape: `record_bytes` gives the length of every record."""

    def decode(self, group: Group, before: int = 0, done: int = 0) -> Decoded:
        """Decode the group's records as one block; opening the logs has checked their lengths."""
        named = self.named(group.layout.version)
        stored, counts = stored_words(group.data, group.layout.byte_order), group.lengths // 8
        headers = np.empty((len(counts), 0), dtype=np.int64)
        if self.header:
            first = np.cumsum(counts) - counts
            places = first[:, None] + np.arange(self.header)
            headers, stored = stored[places].astype(np.int64), np.delete(stored, places.ravel())
        region = np.repeat(np.arange(len(counts)), (counts - self.header) // len(named))
        logs = group.logs[region]
        records = stored.reshape(-1, len(named))
        order, copies = record_order(logs, records[:, 0].astype(np.int64), records[:, 1].astype(np.int64))
        held = _columns(group.layout, in_columns(records, order), headers[region[order]])
        return Decoded([Block(self.table, logs[order], held | {"copy": pa.array(copies)})])


_ROUTER: Final = tuple(Counter(f"APXC_{name}", "i8", None, "", 1, 1) for name in ("GROUP", "CHASSIS", "BLADE", "NODE"))
MODULES: Final = {
    "POSIX": FixedModule(darshan.DARSHAN_POSIX, 4, counters.POSIX),
    "MPI-IO": FixedModule(darshan.DARSHAN_MPIIO, 3, counters.MPIIO),
    "STDIO": FixedModule(darshan.DARSHAN_STDIO, 2, counters.STDIO),
    "H5F": FixedModule(darshan.DARSHAN_H5F, 3, counters.H5F),
    "H5D": FixedModule(darshan.DARSHAN_H5D, 2, counters.H5D),
    "PNETCDF_FILE": FixedModule(darshan.DARSHAN_PNETCDF_FILE, 3, counters.PNETCDF_FILE),
    "PNETCDF_VAR": FixedModule(darshan.DARSHAN_PNETCDF_VAR, 1, counters.PNETCDF_VAR),
    "BG/Q": FixedModule(darshan.DARSHAN_BGQ, 2, counters.BGQ, padded=frozenset({1})),
    "DFS": FixedModule(darshan.DARSHAN_DFS, 1, counters.DFS, tail=_UUIDS),
    "DAOS": FixedModule(darshan.DARSHAN_DAOS, 1, counters.DAOS, tail=_UUIDS + 2),
    "APMPI": FixedModule(darshan.DARSHAN_APMPI, 1, autoperf.APMPI, tail=16, header=6),
    "APXC": FixedModule(darshan.DARSHAN_APXC, 1, (*_ROUTER, *autoperf.APXC), header=9),
}
"""Modules whose records have one length, by name."""


class RecordBuffer:
    """Collects one region's records, in pieces as they are inflated, and returns them in their table's order.

    Most counters are zero in every record of a log. The buffer holds only the others: `_used` lists their words, in
    the order in which they first occurred, so an earlier piece has fewer of them.
    """

    def __init__(self, layout: Layout, most_bytes: int) -> None:
        """A buffer of at most `most_bytes`."""
        self._layout, self._most_bytes = layout, most_bytes
        module = MODULES[layout.module]
        self._before, self._words = module.header, len(module.named(layout.version))
        self._used = np.arange(2)  # record id and rank
        self._pieces: list[Ints] = []
        self._header = np.empty(0, np.int64)
        self._order = self._copies = np.empty(0, np.int64)
        self.size_bytes = 0

    def add(self, piece: Bytes) -> bool:
        """Add whole records that follow the region's header. Returns False once the buffer is full."""
        stored = stored_words(piece, self._layout.byte_order)
        self._header = stored[: self._before].astype(np.int64)
        records = stored[self._before :].reshape(-1, self._words)
        occurring = np.bitwise_or.reduce(records, axis=0).astype(bool)
        occurring[self._used] = False
        if occurring.any():
            self._used = np.append(self._used, np.flatnonzero(occurring))
        self._pieces.append(records[:, self._used])
        self.size_bytes += self._pieces[-1].nbytes
        return self.size_bytes <= self._most_bytes

    def arrange(self) -> None:
        """Compute the order of the records in their table."""
        nothing = np.empty(0, np.int64)
        ids, ranks = (np.concatenate([nothing, *(piece[:, word] for piece in self._pieces)]) for word in (0, 1))
        self._order, self._copies = record_order(np.zeros(len(ids), np.int64), ids, ranks)

    def blocks(self, block_bytes: int) -> Iterator[Block]:
        """Yield the arranged records in blocks of `block_bytes`, and empty the buffer."""
        records = self._joined()
        step = max(block_bytes // (8 * self._words), 1)
        for start in range(0, len(self._order), step):
            here = self._order[start : start + step]
            zeros = np.zeros(len(here), dtype=np.int64)
            by_column = [zeros] * self._words
            for place, values in zip(self._used, in_columns(records, here), strict=True):
                by_column[place] = values
            headers = np.broadcast_to(self._header, (len(here), self._before))
            held = _columns(self._layout, by_column, headers)
            held["copy"] = pa.array(self._copies[start : start + step])
            yield Block(MODULES[self._layout.module].table, zeros, held)

    def _joined(self) -> Ints:
        """The records as rows of the used words."""
        records = np.zeros((sum(map(len, self._pieces)), len(self._used)), dtype=np.int64)
        end = len(records)
        while self._pieces:
            piece = self._pieces.pop()
            records[end - len(piece) : end, : piece.shape[1]] = piece
            end -= len(piece)
        return records


def _columns(layout: Layout, by_column: Ints | Sequence[Ints], headers: Ints) -> dict[str, pa.Array]:
    """The columns of records, given with the header of each record's region."""
    module = MODULES[layout.module]
    held = columns(by_column, module.named(layout.version))
    match layout.module:
        case "PNETCDF_FILE" if "PNETCDF_FILE_INDEP_OPENS" in held:
            opens = pc.add(held["PNETCDF_FILE_INDEP_OPENS"], held["PNETCDF_FILE_COLL_OPENS"])
            held["PNETCDF_FILE_OPENS"] = pc.if_else(pc.less(opens, 0), None, opens)  # past the end of 64 bits
        case "DFS" | "DAOS":
            held |= _daos_ids(layout, np.array(by_column[-module.tail :]))
        case "APMPI":
            held |= _mpi_header(layout, headers)
            held["node_name"] = texts(_bytes(layout, np.array(by_column[-module.tail :]).T))
        case "APXC":
            held |= _router_header(headers)
    return held


def _bytes(layout: Layout, places: Ints) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Words back as the bytes of the file; a row a record."""
    order = "<i8" if layout.byte_order == "little" else ">i8"
    return np.ascontiguousarray(places).astype(order).view(np.uint8)


def _daos_ids(layout: Layout, tail: Ints) -> dict[str, pa.Array]:
    uuids = _bytes(layout, tail[:_UUIDS].T)
    held = {"pool_uuid": _uuids(uuids[:, :16]), "container_uuid": _uuids(uuids[:, 16:])}
    for name, values in zip(("object_id_high", "object_id_low"), tail[_UUIDS:], strict=False):
        held[name] = arrow(values, "u8")
    return held


def _uuids(fields: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    distinct, which = np.unique(np.ascontiguousarray(fields).view("V16").ravel(), return_inverse=True)
    return pa.array([str(UUID(bytes=field.tobytes())) for field in distinct], pa.string()).take(pa.array(which))


def _mpi_header(layout: Layout, header: Ints) -> dict[str, pa.Array]:
    """The words are id, rank, magic, sync flag (four bytes and four of padding), two variances."""
    flag = _bytes(layout, header[:, 3:4]).view("<u4" if layout.byte_order == "little" else ">u4")[:, 0]
    variances = np.ascontiguousarray(header[:, 4:]).view(np.float64)
    return {
        "sync_measured": pa.array(flag != 0),
        "MPI_TOTAL_COMM_TIME_VARIANCE": pa.array(np.ascontiguousarray(variances[:, 0])),
        "MPI_TOTAL_COMM_SYNC_TIME_VARIANCE": pa.array(np.ascontiguousarray(variances[:, 1])),
    }


def _router_header(header: Ints) -> dict[str, pa.Array]:
    """The words are id, rank, magic, blades, chassis, groups, memory mode, cluster mode, application id."""
    names = ("BLADES", "CHASSIS_COUNT", "GROUPS", "MEMORY_MODE", "CLUSTER_MODE")
    held = {f"APXC_{name}": pa.array(np.ascontiguousarray(header[:, 3 + i])) for i, name in enumerate(names)}
    return held | {"APXC_APPID": pa.array(np.ascontiguousarray(header[:, 8]).view(np.uint64))}
