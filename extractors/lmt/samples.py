"""The samples of one day in an LMT database, and the intervals between them.

A row starts at a sample and ends at its component's next one, so the last rows of a day need the first samples after
it. The last sample of all has no row: it only ends the row before it. A day is read in pieces of some hours; rows of
one are known when the next one is there. The driver works outside of Python's lock: the next pieces are on their way
while one is made into rows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from iolake.extractors.base import InputError
from iolake.extractors.counters import Flags, Ints, amounts, sample_order
from iolake.extractors.lmt.database import Database, Kind, Ticks, listed
from iolake.extractors.lmt.lookup import Lookup
from iolake.extractors.lustre import names, times
from iolake.schemas.table import HOUR_US

_PIECE_SAMPLES = 1 << 17
_CONNECTIONS = 2
_EVER = 2**63 - 1
UNNAMED = "samples have an id that no name belongs to"
NEGATIVE = "samples have a negative counter"
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
OPERATIONS = Samples("MDS_OPS_DATA", "MDS_INFO", "MDS_ID", ("SAMPLES",), ("OPERATION_ID",))
ROUTER = Samples("ROUTER_DATA", "ROUTER_INFO", "ROUTER_ID", ("BYTES",), decimals=("PCT_CPU",))


class Labels:
    """Names of components in order, and which id has which; several ids may share a name."""

    def __init__(self, name_of: Mapping[int, str]) -> None:
        self.values = sorted(set(name_of.values()))
        place = {name: code for code, name in enumerate(self.values)}
        self.ids = np.array(sorted(name_of), np.int64)
        self._codes = np.array([place[name_of[int(i)]] for i in self.ids], np.int64)
        self.codes = Lookup(self.ids, self._codes)
        """Place of each id's name among `values`; -1 for an id without a name."""

    def ids_of(self, codes: Ints) -> Ints:
        """The ids that have any of some names."""
        return self.ids[np.isin(self._codes, codes)]


class Series:
    """Samples of several components, each with the `code` of its component's name and its time `us`.

    `order` are their rows by component and time, the last one only of a component's several at one time; `starts`
    and `ends` are the places in it of the first and the last sample of each component, and `codes` those components.
    """

    def __init__(self, samples: pa.Table) -> None:
        self.samples = samples
        self.code, self.us = samples["code"].to_numpy(), samples["us"].to_numpy()
        self.order = sample_order(self.code, self.us)
        ordered = self.code[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
        self.ends = np.r_[self.starts[1:], len(ordered)][: len(self.starts)] - 1
        self.codes = ordered[self.starts]

    def firsts(self) -> pa.Table:
        """The first sample of each component."""
        return self.samples.take(pa.array(self.order[self.starts]))


@dataclass
class Opened:
    """Intervals between consecutive samples of a component, by hour, component and time.

    `opening` are rows of `samples`; `closing` too, or beyond their end rows of `closers`. `code` is the component's
    place among the names.
    """

    samples: pa.Table
    closers: pa.Table
    code: Ints
    opening: Ints
    closing: Ints
    start_us: Ints
    end_us: Ints

    @classmethod
    def between(cls, series: Series, closers: pa.Table) -> Opened:
        """The intervals that begin in `series`; `closers` has the next sample of each of its components, if any."""
        code_after, count = closers["code"].to_numpy(), len(series.samples)
        row_after = np.full(1 + max(np.max(codes, initial=-1) for codes in (series.codes, code_after)), -1, np.int64)
        row_after[code_after] = np.arange(count, count + len(closers))
        closing = np.roll(series.order, -1)
        closing[series.ends] = row_after[series.codes]
        ended = closing >= 0
        opening, closing = (series.order, closing) if ended.all() else (series.order[ended], closing[ended])
        us = np.concatenate([series.us, closers["us"].to_numpy()])
        hours = series.us[opening] // HOUR_US
        if len(hours) and hours.min() < hours.max():
            by_hour = np.argsort((hours - hours.min()).astype(np.int16), kind="stable")
            opening, closing = opening[by_hour], closing[by_hour]
        return cls(series.samples, closers, series.code[opening], opening, closing, us[opening], us[closing])

    def at_start(self, column: str) -> pa.Array | pa.ChunkedArray:
        """A gauge at the start of each interval."""
        gauge = self.samples[column]
        return gauge.take(pa.array(self.opening)) if gauge.null_count else pa.array(gauge.to_numpy()[self.opening])

    def amounts(self, counters: Sequence[str]) -> tuple[Ints, Flags]:
        """(amounts (counters, intervals), reset) of each interval."""
        readings = [np.concatenate([part[n].to_numpy() for part in (self.samples, self.closers)]) for n in counters]
        counted, reset = amounts(*(np.stack([r[rows] for r in readings]) for rows in (self.opening, self.closing)))
        return counted, reset

    def columns(self, key: str, values: Sequence[str]) -> dict[str, pa.Array]:
        """The key columns of a row for each interval, and its length."""
        return {
            key: names(self.code.astype(np.int32), values),
            "ts": times(self.start_us),
            "interval_s": pa.array((self.end_us - self.start_us) / 1e6),
        }


class Day:
    """The samples of one day; `left_out` counts those of each kind that have no place in the lake, by the reason."""

    def __init__(self, db: Database, day: date, zone: ZoneInfo) -> None:
        self.db, self.zone = db, zone
        self.ticks = db.ticks(day, zone)
        self.left_out: Counter[tuple[Samples, str]] = Counter()
        if not len(self.ticks):
            raise InputError(db.uri, f"has no samples of {day}", "check the time zone in site.toml")
        before, after = db.tick_beside(self.ticks, "before", zone), db.tick_beside(self.ticks, "after", zone)
        self.edges: Ints = np.unique(np.concatenate([self.ticks.us, after.us]))
        """The times of the day's samples and of the next one."""
        first_id = self.ticks.ids.min() if len(before) else 0
        last_id = after.ids[0] - 1 if len(after) else _EVER
        self.untimed = self.ticks.unnumbered + db.untimed(int(first_id), int(last_id))
        """Rows of TIMESTAMP_INFO that have no id or no time, by their ids from the day's first to before the next's."""

    def intervals(self, kind: Samples, labels: Labels) -> Iterator[Opened]:
        """The intervals of each piece of the day, in each by hour, component and time."""
        spans = self._spans(labels)
        all_series = map(Series, self.pieces(kind, labels))
        series = next(all_series)
        for (_, end_us), following in zip(spans, all_series, strict=False):
            closers = following.firsts()
            silent = np.setdiff1d(series.codes, following.codes)
            if len(silent):
                later = Series(self.first_after(kind, labels, silent, end_us))
                closers = pa.concat_tables([closers, later.firsts()])
            yield Opened.between(series, closers)
            series = following
        yield Opened.between(series, Series(self.first_after(kind, labels, series.codes)).firsts())

    def pieces(self, kind: Samples, labels: Labels) -> Iterator[pa.Table]:
        """The day's samples in pieces of whole UTC hours."""
        spans = self._spans(labels)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            coming = deque(pool.submit(self._piece, kind, span) for span in spans[:_CONNECTIONS])
            for place, span in enumerate(spans):
                found = coming.popleft().result()
                coming.extend(pool.submit(self._piece, kind, later) for later in spans[place + _CONNECTIONS :][:1])
                yield self._timed(kind, labels, found, self.ticks, span)

    def _spans(self, labels: Labels) -> list[tuple[int, int]]:
        """From when to when, in microseconds, each piece of the day is."""
        hours = np.unique(self.ticks.us // HOUR_US)
        count = -(-len(self.ticks) * len(labels.values) // _PIECE_SAMPLES)
        parts = [p for p in np.array_split(hours, count) if len(p)]
        return [(int(p[0]) * HOUR_US, (int(p[-1]) + 1) * HOUR_US) for p in parts]

    def _piece(self, kind: Samples, span: tuple[int, int]) -> pa.Table:
        ids = self.ticks.ids[(self.ticks.us >= span[0]) & (self.ticks.us < span[1])]
        return self.db.rows(kind.table, kind.columns, f"TS_ID BETWEEN {ids.min()} AND {ids.max()}")

    def first_after(self, kind: Samples, labels: Labels, codes: Ints | None = None, end_us: int = _EVER) -> pa.Table:
        """The samples of components, by default of all, at the first time of each after the day, or after its part."""
        part = self.ticks.us < end_us
        ids = labels.ids if codes is None else labels.ids_of(codes)
        span = (int(self.ticks.us[part].max()) + 1, _EVER)
        return self._nearest(kind, labels, ids, f"> {self.ticks.ids[part].max()}", "ASC", span)

    def last_before(self, kind: Samples, labels: Labels) -> pa.Table:
        """The samples of each component at its last time before the day."""
        return self._nearest(kind, labels, labels.ids, f"< {self.ticks.ids.min()}", "DESC", (0, _EVER))

    def _nearest(
        self, kind: Samples, labels: Labels, ids: Ints, where: str, order: Literal["ASC", "DESC"], span: tuple[int, int]
    ) -> pa.Table:
        """Each component's samples at the first TS_ID in `order` that is `where` and has a time."""
        own = f"{kind.id} IN ({listed(ids)})"
        counted = "".join(f" AND d.{counter} >= 0" for counter in kind.counters)
        found = self._nearest_ids(kind, own, f"{where}{counted}", order)
        ticks = self.db.ticks_by_id(found, self.zone)
        if len(ticks) < len(found):
            found = self._nearest_ids(kind, own, f"IN ({self.db.timed(where)}){counted}", order)
            ticks = self.db.ticks_by_id(found, self.zone)
        samples = self.db.rows(kind.table, kind.columns, f"TS_ID IN ({listed(found)}) AND {own}")
        return self._timed(kind, labels, samples, ticks, span)

    def _nearest_ids(self, kind: Samples, own: str, where: str, order: Literal["ASC", "DESC"]) -> Ints:
        """The first TS_ID in `order` that is `where`, of each component that is `own`."""
        nearest = (
            f"(SELECT (SELECT d.TS_ID FROM {kind.table} d WHERE d.{kind.id} = i.{kind.id} "
            f"AND d.TS_ID {where} ORDER BY d.TS_ID {order} LIMIT 1) AS TS_ID "
            f"FROM {kind.info} i WHERE i.{own}) AS n WHERE TS_ID IS NOT NULL"
        )
        return np.unique(self.db.select({"TS_ID": "integer"}, nearest)["TS_ID"].to_numpy())

    def _timed(self, kind: Samples, labels: Labels, samples: pa.Table, ticks: Ticks, span: tuple[int, int]) -> pa.Table:
        """The samples with `code` and `us`; those without a name, a time or their counters are left out."""
        code, us = labels.codes(numbers(samples[kind.id])), ticks.us_of(samples["TS_ID"].to_numpy())
        self.left_out[kind, UNNAMED] += int((code < 0).sum())
        keep = (code >= 0) & (us >= span[0]) & (us < span[1])
        for name in kind.counters:
            if samples[name].null_count:
                keep &= samples[name].is_valid().to_numpy()
            negative = samples[name].to_numpy() < 0
            self.left_out[kind, NEGATIVE] += int((keep & negative).sum())
            keep &= ~negative
        samples = samples.append_column("code", pa.array(code)).append_column("us", pa.array(us))
        return samples if keep.all() else samples.filter(pa.array(keep))


def numbers(ids: pa.ChunkedArray) -> Ints:
    """The ids; a null becomes a number that no id has."""
    found: Ints = (pc.fill_null(ids, -_EVER) if ids.null_count else ids).to_numpy()
    return found
