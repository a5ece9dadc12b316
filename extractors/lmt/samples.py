"""The samples of one day in an LMT database, and the intervals between them.

A row starts at a sample and ends at its component's next one, so the last rows of a day need the first samples after
it. The last sample of all has no row: it only ends the row before it. Storage targets and servers are read an hour
at a time, last hour first, so that the sample that ends a row is always at hand; the hours come out in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from extractors.base import InputError
from extractors.counters import Ints, amounts, intervals, sample_order
from extractors.lmt.database import Database, Kind, Ticks
from extractors.lustre import HOUR_US, names, times

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

    def amounts(self, counters: Sequence[str]) -> tuple[Ints, pa.Array]:
        """(amounts (intervals, counters), reset) of each interval."""
        readings = np.stack([self.samples[name].to_numpy() for name in counters], axis=1)
        counted, reset = amounts(readings[self.opening], readings[self.closing])
        return counted, pa.array(reset)

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
        """The intervals that start in each UTC hour, last hour first."""
        closers = self.neighbours(kind, labels, after=True)
        for hour in np.unique(self.ticks.us // HOUR_US)[::-1]:
            both = pa.concat_tables([self.hour(kind, labels, int(hour)), closers])
            code, us = both["code"].to_numpy(), both["us"].to_numpy()
            order = sample_order(code, us)
            opening, closing = intervals(code, order)
            inside = us[opening] // HOUR_US == hour
            yield Opened(both, code, us, opening[inside], closing[inside])
            first_of_each = np.r_[True, np.diff(code[order]) != 0][: len(order)]
            closers = both.take(pa.array(order[first_of_each]))

    def hour(self, kind: Samples, labels: Labels, hour: int) -> pa.Table:
        """The samples of one UTC hour of the day."""
        ids = self.ticks.ids[self.ticks.us // HOUR_US == hour]
        found = self.db.select(kind.columns, f"{kind.table} WHERE TS_ID BETWEEN {ids.min()} AND {ids.max()}")
        return self._timed(kind, labels, found, self.ticks, hour)

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
        self, kind: Samples, labels: Labels, samples: pa.Table, ticks: Ticks, hour: int | None = None
    ) -> pa.Table:
        """The samples with `code` and `us`; those without a name, a time or their counters are left out."""
        code, us = labels.codes(samples[kind.id].to_numpy()), ticks.us_of(samples["TS_ID"].to_numpy())
        if unnamed := int((code < 0).sum()):
            self.unnamed[kind.table] = self.unnamed.get(kind.table, 0) + unnamed
        keep = (code >= 0) & (us >= 0 if hour is None else us // HOUR_US == hour)
        for name in kind.counters:
            if samples[name].null_count:
                keep &= samples[name].is_valid().to_numpy()
        samples = samples.append_column("code", pa.array(code)).append_column("us", pa.array(us))
        return samples if keep.all() else samples.filter(pa.array(keep))
