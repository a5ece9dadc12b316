"""Decoding the records of Darshan 1 and 2 logs into Darshan 3's tables, and `darshan_legacy` for the rest.

Every record makes a row in `darshan_posix`, whose counters it always has, and one in `darshan_legacy`. It makes
a row in another table where any of the counts or times of that table is other than zero:

    darshan_mpiio          operations, hints, views, sizes and times of MPI-IO
    darshan_stdio          opens, reads, writes and seeks; their bytes and times are among those of darshan_posix
    darshan_h5f            HDF5 opens
    darshan_pnetcdf_file   PnetCDF opens, whose sum over independent and collective ones is PNETCDF_FILE_OPENS

Times of first and last calls are those of POSIX and MPI-IO together, and are in `darshan_posix`. A value is null
where the log's version did not count it, where it could not be monitored (-1), and where the log does not keep it for
a rank that opened too many files, whose files share one record (hash 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.darshan.columns import record_order
from iolake.extractors.darshan.decoded import Block, Decoded, Group, Ints, Layout, Values
from iolake.extractors.darshan.legacy_header import Header, read_header
from iolake.extractors.darshan.legacy_layout import (
    FLOATS,
    FORMATS,
    INTEGERS,
    RANK_EXTREMES,
    RANK_TIMES,
    LegacyCounter,
    counters_of,
    record_type,
)
from iolake.schemas.darshan import DARSHAN_H5F, DARSHAN_MPIIO, DARSHAN_PNETCDF_FILE, DARSHAN_POSIX, DARSHAN_STDIO
from iolake.schemas.darshan_legacy import DARSHAN_LEGACY
from iolake.schemas.table import Table

Mask = npt.NDArray[np.bool_]

_LAYERS: Final = {
    "MPI-IO": (DARSHAN_MPIIO, "MPIIO_"),
    "STDIO": (DARSHAN_STDIO, "STDIO_"),
    "H5F": (DARSHAN_H5F, "H5F_"),
    "PNETCDF_FILE": (DARSHAN_PNETCDF_FILE, "PNETCDF_FILE_"),
}
_NC_OPENS: Final = LegacyCounter("NC_OPENS", "PNETCDF_FILE_OPENS", 122)
"""Darshan 3 has the sum of two old counters."""
_COUNTERS: Final = (*INTEGERS, *FLOATS, _NC_OPENS)
_RELATIVE_TIMES_SINCE: Final = 203
"""From this version on, times are seconds since MPI_Init; before, they are the raw clock of MPI."""
_UNIX_CLOCK: Final = 1e8
"""The raw clock is Unix time on some machines, and seconds since boot on others: nobody was up for three years."""
_MPI_RANKING_SINCE: Final = 205
"""From this version on, the fastest and slowest rank are those by MPI-IO's time, where MPI-IO was used."""
_UNSURE_MOUNTS: Final = 123
"""The version whose mount ids may be wrong on ranks above 0."""
_OF_ONE_FILE: Final = ("MODE", "CONSEC_", "SEQ_", "STRIDE", "ACCESS")
"""How the names begin that mean nothing for many files together; so do the names that end in TIMESTAMP."""


@dataclass(frozen=True)
class _Records:
    """The records of a group's logs as columns, and beside each what its log's header says of it.

    `values` has each counter that the layout holds. `meaning` is the version that decides what values mean.
    `copies` is `record_order`'s.
    """

    logs: Ints
    hashes: npt.NDArray[np.uint64]
    ranks: Ints
    values: Mapping[str, npt.NDArray[Any]]
    meaning: Ints
    path_suffix: pa.StringArray
    mount_point: pa.StringArray
    copies: Ints


def layers(rows: npt.NDArray[np.void], version: int) -> set[str]:
    """The Darshan 3 modules whose tables get rows from these records, which are of `record_type(version, ...)`."""
    if not len(rows):
        return set()
    used = {"POSIX"}
    for listed, part in zip(counters_of(version), ("counters", "fcounters"), strict=True):
        columns = [c.column or "" for c, some in zip(listed, (rows[part] != 0).any(axis=0), strict=True) if some]
        used |= {name for name, (_, prefix) in _LAYERS.items() if any(c.startswith(prefix) for c in columns)}
    return used


class LegacyModule:
    """Logs from before Darshan 3: one region has the header and the records of the log."""

    kind: Literal["legacy"] = "legacy"
    newest = max(FORMATS)

    def record_bytes(self, version: int) -> tuple[int, int]:
        """(bytes of the header, bytes of a record)."""
        return FORMATS[version].first_record, record_type(version, "little").itemsize

    def shape(self, layout: Layout) -> None:
        """No shape: `record_bytes` gives the length of every record."""

    def decode(self, group: Group, before: int = 0, done: int = 0) -> Decoded:
        """Decode the rows of the group's logs."""
        return _decode(group)


def _decode(group: Group) -> Decoded:
    """Decode the rows of logs, each of whose regions is its header and records."""
    records = _read(group)
    everything = np.ones(len(records.logs), dtype=bool)
    blocks = [
        _block(records, DARSHAN_POSIX, "POSIX_", everything),
        _block(records, DARSHAN_LEGACY, "CP_", everything),
        *(_block(records, table, prefix, _used(records, prefix)) for table, prefix in _LAYERS.values()),
    ]
    return Decoded([block for block in blocks if len(block.logs)])


def _read(group: Group) -> _Records:
    version, byte_order = group.layout.version, group.layout.byte_order
    kind = record_type(version, byte_order)
    group = group.in_order()
    regions = [bytes(region) for region in group.regions]
    headers = [read_header(region) for region in regions]
    starts = [header.format.first_record for header in headers]
    counts = [(len(region) - start) // kind.itemsize for region, start in zip(regions, starts, strict=True)]
    rows = np.frombuffer(b"".join(region[start:] for region, start in zip(regions, starts, strict=True)), kind)
    logs = np.repeat(group.logs, counts)
    # Sorted within each log, so what is known of a whole log keeps its place.
    order, copies = record_order(logs, rows["hash"].astype("i8"), rows["rank"].astype("i8"))
    rows = rows[order]
    values: dict[str, npt.NDArray[Any]] = {}
    for listed, part, native in zip(counters_of(version), ("counters", "fcounters"), ("i8", "f8"), strict=True):
        values |= zip((c.name for c in listed), rows[part].T.astype(native, order="C"), strict=True)
    if "INDEP_NC_OPENS" in values:
        values[_NC_OPENS.name] = values["INDEP_NC_OPENS"] + values["COLL_NC_OPENS"]
    meaning = np.repeat([header.meaning for header in headers], counts)
    since_init = meaning >= _RELATIVE_TIMES_SINCE
    start_s = np.repeat([float(header.start_s) for header in headers], counts)
    for name in [name for name in values if name.endswith("TIMESTAMP")]:
        values[name] = _from_start(values[name], start_s, since_init)
    ranks, hashes = rows["rank"].astype("i8"), rows["hash"].astype("u8")
    return _Records(
        logs=logs,
        hashes=hashes,
        ranks=ranks,
        values=values,
        meaning=meaning,
        path_suffix=_suffixes(rows["suffix"], hashes == 0),
        mount_point=_mount_points(headers, counts, values.get("DEVICE"), (meaning == _UNSURE_MOUNTS) & (ranks > 0)),
        copies=copies,
    )


def _from_start(times: npt.NDArray[np.float64], start_s: npt.NDArray[np.float64], since_init: Mask) -> Any:
    """Times of the raw MPI clock as seconds from the job's start where that clock is Unix time; 0 stays never."""
    return np.where(~since_init & (times > _UNIX_CLOCK) & (start_s > _UNIX_CLOCK), times - start_s, times)


def _suffixes(suffix: npt.NDArray[np.uint8], condensed: Mask) -> pa.StringArray:
    """The ends of the paths, up to the first NUL and from the first whole character on; null in condensed records."""
    width = suffix.shape[1]
    place = np.arange(width)
    ends = np.where((suffix == 0).any(axis=1), (suffix == 0).argmax(axis=1), width)
    # only a name as long as there is room for was cut, and at most three bytes of a character can be left of it
    continues = (suffix & 0xC0 == 0x80) & (place < 3)
    begins = np.where(ends == width - 1, np.logical_and.accumulate(continues, axis=1).sum(axis=1), 0)
    kept = (place >= begins[:, None]) & (place < ends[:, None]) & ~condensed[:, None]
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype("i4")
    text = pa.StringArray.from_buffers(len(suffix), pa.py_buffer(offsets), pa.py_buffer(suffix[kept].tobytes()))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        # names that are not UTF-8 are rare, and have no faster way
        text = pa.array([value.decode("utf-8", "backslashreplace") for value in text.cast(pa.binary()).to_pylist()])
    return pc.if_else(pa.array(~condensed), text, None) if condensed.any() else text


def _mount_points(headers: list[Header], counts: list[int], devices: Ints | None, unsure: Mask) -> pa.StringArray:
    """Where each record's file is mounted, by its log's own list; null where that does not say."""
    points = [point for header in headers for _, _, point in header.mounts]
    if devices is None:
        return pa.nulls(sum(counts), pa.string())
    found = np.full(len(devices), -1)
    row = listed = 0
    for header, count in zip(headers, counts, strict=True):
        if count and header.mounts:
            ids = np.array([number for number, _, _ in header.mounts])
            # the last of those with one id counts, so they are looked up from the end
            unique, last = np.unique(ids[::-1], return_index=True)
            own = devices[row : row + count]
            at = np.minimum(np.searchsorted(unique, own), len(unique) - 1)
            found[row : row + count] = np.where(unique[at] == own, listed + len(ids) - 1 - last[at], -1)
        row, listed = row + count, listed + len(header.mounts)
    unknown = (found < 0) | unsure
    return pa.array(points, pa.string()).take(pa.array(found, mask=unknown))


def _used(records: _Records, prefix: str) -> Mask:
    """Which records say anything of the layer whose columns begin with `prefix`."""
    used = np.zeros(len(records.logs), dtype=bool)
    for counter in _filling(records, prefix):
        used |= records.values[counter.name] != 0
    return used


def _block(records: _Records, table: Table, prefix: str, where: Mask) -> Block:
    """Those records of `where` as rows of `table`, whose counters' columns begin with `prefix`."""
    columns: dict[str, Values] = {
        "record_id": records.hashes[where],
        "rank": records.ranks[where],
        "copy": records.copies[where],
        "path_suffix": records.path_suffix.filter(pa.array(where)),
        "mount_point": records.mount_point.filter(pa.array(where)),
    }
    for counter in _filling(records, prefix):
        assert counter.column is not None
        columns[counter.column] = _column(records, counter, where)
    for counter, known in _decided(records, prefix):
        columns[prefix + counter.name] = _column(records, counter, where, known)
    return Block(table, records.logs[where], columns)


def _filling(records: _Records, prefix: str) -> list[LegacyCounter]:
    """The layout's counters that always fill one column, which begins with `prefix`."""
    return [c for c in _COUNTERS if c.column and c.column.startswith(prefix) and c.name in records.values]


def _decided(records: _Records, prefix: str) -> Iterator[tuple[LegacyCounter, Mask]]:
    """The layout's counters whose column each record decides, with the records where it begins with `prefix`.

    The mode is that of MPI_File_open where that was called. The fastest and slowest rank of a shared file are by
    POSIX time, or, in newer versions, by MPI-IO time where there is any; the variances are always of POSIX.
    """
    if prefix not in ("POSIX_", "MPIIO_"):
        return
    values, posix = records.values, prefix == "POSIX_"
    opened_by_mpi = values["INDEP_OPENS"] + values["COLL_OPENS"] > 0
    time_in_mpi = values["F_MPI_META_TIME"] + values["F_MPI_READ_TIME"] + values["F_MPI_WRITE_TIME"] > 0
    shared = records.ranks == -1
    ranked_by_mpi = (records.meaning >= _MPI_RANKING_SINCE) & time_in_mpi
    for counter in _COUNTERS:
        if counter.column is not None or counter.name not in values:
            continue
        if counter.name == "MODE":
            yield counter, opened_by_mpi != posix
        elif counter.name in (*RANK_EXTREMES, *RANK_TIMES):
            yield counter, shared & (ranked_by_mpi != posix)
        elif posix:
            yield counter, shared


def _column(records: _Records, counter: LegacyCounter, where: Mask, known: Mask | None = None) -> Values:
    """A counter's values in the records of `where`, null where it is not known."""
    values, name = records.values[counter.name], counter.name
    null = (records.meaning < counter.since) if known is None else (records.meaning < counter.since) | ~known
    # A device id is 64 bits of any kind; nothing else is below zero but what was not recorded.
    null |= values == -1 if name == "DEVICE" else ~(values >= 0)
    if name.startswith(_OF_ONE_FILE) or name.endswith("TIMESTAMP"):
        null |= records.hashes == 0
    null = null[where]
    return pa.array(values[where], mask=null) if null.any() else values[where]
