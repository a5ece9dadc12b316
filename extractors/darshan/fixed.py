"""Modules whose records all have one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extractors.darshan.columns import RANK, RECORD_ID, arrow, columns, in_columns, record_order, stored_words, texts
from extractors.darshan.decoded import Block, Decoded, Group, Ints, Layout
from schemas import darshan
from schemas.darshan import autoperf, counters
from schemas.darshan.counter import Counter, of_version
from schemas.table import Table

_UUIDS: Final = 4
"""Words of the two UUIDs, of the pool and of the container, behind the counters of DAOS modules."""


@dataclass(frozen=True)
class _Fixed:
    """A module: its table, its versions, its counters, and what else its records hold.

    `padded` names versions with a word of no use before the counters, `tail` counts the words behind them,
    `header` those that come once, before a region's first record.
    """

    table: Table
    versions: int
    counters: tuple[Counter, ...]
    padded: frozenset[int] = frozenset()
    tail: int = 0
    header: int = 0

    def named(self, version: int) -> Sequence[Counter | None]:
        """What each word of a record of that version is."""
        pad = [None] if version in self.padded else []
        return [RECORD_ID, RANK, *pad, *of_version(self.counters, version), *[None] * self.tail]


_ROUTER: Final = tuple(Counter(f"APXC_{name}", "i8", None, "", 1, 1) for name in ("GROUP", "CHASSIS", "BLADE", "NODE"))
_MODULES: Final = {
    "POSIX": _Fixed(darshan.DARSHAN_POSIX, 4, counters.POSIX),
    "MPI-IO": _Fixed(darshan.DARSHAN_MPIIO, 3, counters.MPIIO),
    "STDIO": _Fixed(darshan.DARSHAN_STDIO, 2, counters.STDIO),
    "H5F": _Fixed(darshan.DARSHAN_H5F, 3, counters.H5F),
    "H5D": _Fixed(darshan.DARSHAN_H5D, 2, counters.H5D),
    "PNETCDF_FILE": _Fixed(darshan.DARSHAN_PNETCDF_FILE, 3, counters.PNETCDF_FILE),
    "PNETCDF_VAR": _Fixed(darshan.DARSHAN_PNETCDF_VAR, 1, counters.PNETCDF_VAR),
    "BG/Q": _Fixed(darshan.DARSHAN_BGQ, 2, counters.BGQ, padded=frozenset({1})),
    "DFS": _Fixed(darshan.DARSHAN_DFS, 1, counters.DFS, tail=_UUIDS),
    "DAOS": _Fixed(darshan.DARSHAN_DAOS, 1, counters.DAOS, tail=_UUIDS + 2),
    "APMPI": _Fixed(darshan.DARSHAN_APMPI, 1, autoperf.APMPI, tail=16, header=6),
    "APXC": _Fixed(darshan.DARSHAN_APXC, 1, (*_ROUTER, *autoperf.APXC), header=9),
}


def reads(layout: Layout) -> bool:
    """Whether this module and version is one of those here."""
    module = _MODULES.get(layout.module)
    return module is not None and 1 <= layout.version <= module.versions


def record_words(layout: Layout) -> tuple[int, int]:
    """(words before the first record, words of a record)."""
    module = _MODULES[layout.module]
    return module.header, len(module.named(layout.version))


def decode(group: Group) -> Decoded:
    """The group's records as one block; their lengths have been checked when the logs were opened."""
    return Decoded([*blocks(group)])


def blocks(group: Group, most: int | None = None) -> Iterator[Block]:
    """The group's records in their table's order, at most so many in a block."""
    module = _MODULES[group.layout.module]
    named = module.named(group.layout.version)
    stored, counts = stored_words(group.data, group.layout.byte_order), group.lengths // 8
    headers = np.empty((len(counts), 0), dtype=np.int64)
    if module.header:
        first = np.cumsum(counts) - counts
        places = first[:, None] + np.arange(module.header)
        headers, stored = stored[places].astype(np.int64), np.delete(stored, places.ravel())
    region = np.repeat(np.arange(len(counts)), (counts - module.header) // len(named))
    logs = group.logs[region]
    records = stored.reshape(-1, len(named))
    order = record_order(logs, records[:, 0].astype(np.int64), records[:, 1].astype(np.int64))
    step = most or max(len(order), 1)
    for start in range(0, len(order), step):
        here = order[start : start + step]
        yield Block(module.table, logs[here], _columns(group, in_columns(records, here), headers[region[here]]))


def _columns(group: Group, by_column: Ints, headers: Ints) -> dict[str, pa.Array]:
    """The columns of records, each of which comes with the header of its region."""
    module = _MODULES[group.layout.module]
    held = columns(by_column, module.named(group.layout.version))
    match group.layout.module:
        case "PNETCDF_FILE" if "PNETCDF_FILE_INDEP_OPENS" in held:
            held["PNETCDF_FILE_OPENS"] = pc.add(held["PNETCDF_FILE_INDEP_OPENS"], held["PNETCDF_FILE_COLL_OPENS"])
        case "DFS" | "DAOS":
            held |= _daos_ids(group, by_column[-module.tail :])
        case "APMPI":
            held |= _mpi_header(group, headers)
            held["node_name"] = texts(_bytes(group, by_column[-module.tail :].T))
        case "APXC":
            held |= _router_header(headers)
    return held


def _bytes(group: Group, places: Ints) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Words back as the bytes of the file; a row a record."""
    order = "<i8" if group.layout.byte_order == "little" else ">i8"
    return np.ascontiguousarray(places).astype(order).view(np.uint8)


def _daos_ids(group: Group, tail: Ints) -> dict[str, pa.Array]:
    uuids = _bytes(group, tail[:_UUIDS].T)
    held = {"pool_uuid": _uuids(uuids[:, :16]), "container_uuid": _uuids(uuids[:, 16:])}
    for name, values in zip(("object_id_high", "object_id_low"), tail[_UUIDS:], strict=False):
        held[name] = arrow(values, "u8")
    return held


def _uuids(fields: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    distinct, which = np.unique(np.ascontiguousarray(fields).view("V16").ravel(), return_inverse=True)
    return pa.array([str(UUID(bytes=field.tobytes())) for field in distinct], pa.string()).take(pa.array(which))


def _mpi_header(group: Group, header: Ints) -> dict[str, pa.Array]:
    """The words are id, rank, magic, sync flag (four bytes and four of padding), two variances."""
    flag = _bytes(group, header[:, 3:4]).view("<u4" if group.layout.byte_order == "little" else ">u4")[:, 0]
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
