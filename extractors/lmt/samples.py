"""The samples of one day in an LMT database, and the intervals between them.

A row starts at a sample and ends at its component's next one, so the last rows of a day need the first samples after
it. The last sample of all has no row: it only ends the row before it. A day is read in pieces of some hours, last
piece first, so that the sample that ends a row is always at hand. The driver works outside of Python's lock: the next
pieces are on their way while one is made into rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from extractors.base import InputError
from extractors.counters import Flags, Ints, amounts, intervals, sample_order
from extractors.lmt.database import Database, Kind, Ticks
from extractors.lustre import names, times
from schemas.table import HOUR_US

_PIECE_SAMPLES = 1 << 18
_CONNECTIONS = 2
SPACE = ("KBYTES_FREE", "KBYTES_USED", "INODES_FREE", "INODES_USED")


class Samples(NamedTuple):
    """A table of samples: its name, the table of its components, their id, and the columns to read."""

    table: str
    info: str
    id: str
    counters: Sequence[str] = ()
    integers: Sequence[str] = ()
    decimals: Sequence[str] = ()

    @property
    def columns(self) -> dict[str, Kind]:
        """Column to kind, the ids first."""
        whole: dict[str, Kind] = dict.fromkeys((self.id, "TS_ID", *self.counters, *self.integers), "integer")
        return {**whole, **dict.fromkeys(self.decimals, "decimal")}


OST = Samples("OST_DATA", "OST_INFO", "OST_ID", ("READ_BYTES", "WRITE_BYTES"), SPACE)
OSS = Samples("OSS_DATA", "OSS_INFO", "OSS_ID", decimals=("PCT_CPU", "PCT_MEMORY"))
MDT = Samples("MDS_DATA", "MDS_INFO", "MDS_ID", integers=SPACE)
MDS = Samples("MDS_DATA", "MDS_INFO", "MDS_ID", decimals=("PCT_CPU",))
OPERATIONS = Samples("MDS_OPS_DATA", "MDS_INFO", "MDS_ID", integers=("OPERATION_ID", "SAMPLES"))
ROUTER = Samples("ROUTER_DATA", "ROUTER_INFO", "ROUTER_ID", ("BYTES",), decimals=("PCT_CPU",))


class Labels:
    """Names of components in order, and which id has which; several ids may share a name."""

    def __init__(self, name_of: Mapping[int, str]) -> None:
        self.values = sorted(set(name_of.values()))
        place = {name: code for code, name in enumerate(self.values)}
        self._ids = np.array(sorted(name_of), np.int64)
        self._codes = np.array([place[name_of[int(i)]] for i in self._ids], np.int64)

    def codes(self, ids: Ints) -> Ints:
        """Place of each id's name among `values`; -1 for an id without a name."""
        if not len(self._ids):
            return np.full(len(ids), -1, np.int64)
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[place] == ids, self._codes[place], -1)


@dataclass
class Opened:
    """Intervals between consecutive samples of a component, ordered by component and time.

    `samples` are read rows, `opening` and `closing` the rows at both ends of each interval; `code` is the
    component's place among the names, `us` the time, of every row.
    """

    samples: pa.Table
    code: Ints
    us: Ints
    opening: Ints
    closing: Ints

    def at_start(self, column: str) -> pa.ChunkedArray:
        """A gauge at the start of each interval."""
        return self.samples[column].take(pa.array(self.opening))

    def amounts(self, counters: Sequence[str]) -> tuple[Ints, Flags]:
        """(amounts (counters, intervals), reset) of each interval."""
        readings = [self.samples[name].to_numpy() for name in counters]
        counted, reset = amounts(*(np.stack([r[rows] for r in readings]) for rows in (self.opening, self.closing)))
        return counted, reset

    def columns(self, key: str, values: Sequence[str]) -> dict[str, pa.Array]:
        """The key columns of a row for each interval, and its length."""
        start = self.us[self.opening]
        return {
            key: names(self.code[self.opening].astype(np.int32), values),
            "ts": times(start),
            "interval_s": pa.array((self.us[self.closing] - start) / 1e6),
        }


class Day:
    """The samples of one day; `unnamed` counts, for each table, samples of ids that have no name."""

    def __init__(self, db: Database, day: date, zone: ZoneInfo) -> None:
        self.db, self.zone = db, zone
        self.ticks = db.ticks(day, zone)
        self.unnamed: dict[str, int] = {}
        if not len(self.ticks):
            raise InputError(db.uri, f"has no samples of {day}", "check the time zone in site.toml")
        self.edges: Ints = np.unique(np.concatenate([self.ticks.us, db.tick_after(self.ticks, zone).us]))
        """The times of the day's samples and of the next one."""

    def intervals(self, kind: Samples, labels: Labels) -> Iterator[Opened]:
        """The intervals of each piece of the day, last piece first; in each by hour, component and time."""
        closers = self.neighbours(kind, labels, after=True)
        for piece in self.pieces(kind, labels):
            both = pa.concat_tables([piece, closers]).combine_chunks()
            code, us = both["code"].to_numpy(), both["us"].to_numpy()
            order = sample_order(code, us)
            opening, closing = intervals(code, order)
            own = np.flatnonzero(opening < len(piece))
            hours = us[opening[own]] // HOUR_US - us.min(initial=0) // HOUR_US
            by_hour = own[np.argsort(hours.astype(np.int16), kind="stable")]
            yield Opened(both, code, us, opening[by_hour], closing[by_hour])
            first_of_each = np.r_[True, np.diff(code[order]) != 0][: len(order)]
            closers = both.take(pa.array(order[first_of_each]))

    def pieces(self, kind: Samples, labels: Labels) -> Iterator[pa.Table]:
        """The day's samples in pieces of whole UTC hours, last piece first."""
        hours = np.unique(self.ticks.us // HOUR_US)
        expected = len(self.ticks) * len(labels.values)
        count = -(-expected // _PIECE_SAMPLES)
        parts = [p for p in np.array_split(hours, count) if len(p)]
        pieces = [(int(p[0]) * HOUR_US, (int(p[-1]) + 1) * HOUR_US) for p in reversed(parts)]
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for span, found in zip(pieces, pool.map(partial(self._piece, kind), pieces), strict=True):
                yield self._timed(kind, labels, found, self.ticks, span)

    def _piece(self, kind: Samples, span: tuple[int, int]) -> pa.Table:
        ids = self.ticks.ids[(self.ticks.us >= span[0]) & (self.ticks.us < span[1])]
        return self.db.select(kind.columns, f"{kind.table} WHERE TS_ID BETWEEN {ids.min()} AND {ids.max()}")

    def neighbours(self, kind: Samples, labels: Labels, after: bool) -> pa.Table:
        """Each component's samples next to the day: at its first time after it, or its last before it."""
        edge, side, order = (self.ticks.ids.max(), ">", "ASC") if after else (self.ticks.ids.min(), "<", "DESC")
        nearest = (
            f"(SELECT (SELECT d.TS_ID FROM {kind.table} d WHERE d.{kind.id} = i.{kind.id} "
            f"AND d.TS_ID {side} {edge} ORDER BY d.TS_ID {order} LIMIT 1) AS TS_ID "
            f"FROM {kind.info} i) AS n WHERE TS_ID IS NOT NULL"
        )
        ids = np.unique(self.db.select({"TS_ID": "integer"}, nearest)["TS_ID"].to_numpy())
        listed = ", ".join(str(i) for i in ids) or "NULL"
        found = self.db.select(kind.columns, f"{kind.table} WHERE TS_ID IN ({listed})")
        return self._timed(kind, labels, found, self.db.ticks_by_id(ids, self.zone))

    def _timed(
        self, kind: Samples, labels: Labels, samples: pa.Table, ticks: Ticks, span: tuple[int, int] = (0, 2**63 - 1)
    ) -> pa.Table:
        """The samples with `code` and `us`; those without a name, a time or their counters are left out."""
        code, us = labels.codes(samples[kind.id].to_numpy()), ticks.us_of(samples["TS_ID"].to_numpy())
        if unnamed := int((code < 0).sum()):
            self.unnamed[kind.table] = self.unnamed.get(kind.table, 0) + unnamed
        keep = (code >= 0) & (us >= span[0]) & (us < span[1])
        for name in kind.counters:
            if samples[name].null_count:
                keep &= samples[name].is_valid().to_numpy()
        samples = samples.append_column("code", pa.array(code)).append_column("us", pa.array(us))
        return samples if keep.all() else samples.filter(pa.array(keep))
