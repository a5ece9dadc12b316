"""Transfers from logs of one line each: read in pieces, so that a log of any length takes the memory of one."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, Final

import polars as pl
import pyarrow as pa
import xxhash

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.clock import utc_in_order
from iolake.extractors.counters import Flags, Ints
from iolake.extractors.daily import zone_of
from iolake.extractors.files import find_files
from iolake.extractors.members import members
from iolake.extractors.transfers.mounts import file_systems
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.transfers import TRANSFERS

_REMEMBERED: Final = 1_000_000
"""Lines that may come again: equal lines end at the same moment, so they stand close together."""
_LONGEST_S: Final = 1e9
"""A transfer that takes longer, 30 years, is damage."""
_CHECK: Final = "check what the pattern names"
FIRST_US, LAST_US = 315_532_800_000_000, 4_102_444_800_000_000
"""1980 and 2100: no log has another time."""


class TransferLog(Extractor):
    """A log of transfers, in the order in which they ended."""

    owner: ClassVar[OwnerKind] = "endpoint"
    version: ClassVar = 1
    tables: ClassVar = (TRANSFERS,)
    tool: ClassVar[str]
    mounted: ClassVar[str | None] = None
    """The column whose paths are those of mounted file systems."""

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the log's transfers; a reject names the first line without a transfer."""
        zone = zone_of(input, site, self.owner)
        left_out: list[tuple[int, str]] = []
        seen: Counter[int] = Counter()
        count, found, number, latest = 0, 0, 0, None
        for member in members(input.uri):
            for piece in member.line_lists():
                frame = pl.DataFrame({"line": piece, "number": range(number + 1, number + 1 + len(piece))})
                number += len(piece)
                frame = frame.filter(pl.col("line").str.strip_chars() != "")
                parsed = self.parse(frame)
                wrong = parsed.filter(pl.col("local_us").is_null() & ~pl.col("is_other"))
                count += wrong.height
                left_out += wrong.head(1).select("number", "line").rows()
                parsed = parsed.filter(pl.col("local_us").is_not_null())
                found += parsed.height + int(frame.height - wrong.height - parsed.height)
                if not parsed.height:
                    continue
                local = parsed["local_us"].to_numpy()
                utc_s, unsure = utc_in_order(local // 1_000_000, zone, after=latest)
                latest = int(utc_s[-1])
                ends = utc_s * 1_000_000 + local % 1_000_000
                yield _batch(parsed, ends, unsure, seen, site, self.mounted)
                if len(seen) > _REMEMBERED:
                    seen = Counter()
        if not found:
            raise InputError(input.uri, f"has no line of {self.tool}", _CHECK)
        if left_out:
            first, line = left_out[0]
            reason = f"{count} lines are not transfers, such as line {first}: {line[:60]!r}"
            yield Reject(input, reason.replace("\n", " "), "lines")

    @abstractmethod
    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` (line, number) with columns of `transfers`.

        `local_us` is the local end in microseconds since 1970, null in lines that are not transfers; `is_other` marks
        those that belong to the log all the same. `started_us` is the local start, where the log has one.
        """


def end_us(text: pl.Expr, form: str) -> pl.Expr:
    """Return local microseconds since 1970 of texts; null where one is not a time that a log can have."""
    us = text.str.to_datetime(form, strict=False, time_unit="us").dt.epoch("us")
    return pl.when(us.is_between(FIRST_US, LAST_US)).then(us)


def _batch(
    parsed: pl.DataFrame, ends: Ints, unsure: Flags, seen: Counter[int], site: Site, mounted: str | None
) -> Batch:
    """Return the rows of `transfers`; a file is in the file system of the longest mount that holds it."""
    us = pl.Series("end_us", ends)
    frame = parsed.with_columns(us, pl.Series("time_ambiguous", unsure))
    if "started_us" in frame.columns:  # both are of the same clock, so that their difference is of any
        took = (pl.col("local_us") - pl.col("started_us")) / 1e6
        frame = frame.with_columns(duration_s=pl.when(took >= 0).then(took))
    logged = pl.lit(None, pl.Float64)
    if "rate" in frame.columns:
        logged = pl.when(pl.col("rate") > 0).then(pl.when(pl.col("rate") < 1e18).then("rate"))
        took = pl.when(pl.col("bytes") > 0).then(pl.col("bytes") / logged)
        known = [pl.col("duration_s")] if "duration_s" in frame.columns else []
        frame = frame.with_columns(duration_s=pl.coalesce(*known, took))
    if "duration_s" in frame.columns:
        frame = frame.with_columns(
            duration_s=pl.when(pl.col("duration_s").is_between(0, _LONGEST_S)).then("duration_s")
        )
    rate = pl.when((pl.col("duration_s") > 0) & (pl.col("bytes") > 0)).then(pl.col("bytes") / pl.col("duration_s"))
    frame = frame.with_columns(
        bytes_per_s=pl.coalesce(rate, logged),
        start_time=pl.col("end_us") - (pl.col("duration_s") * 1e6).round().cast(pl.Int64),
        end_time=pl.col("end_us"),
        transfer_id=pl.Series(_ids(frame["line"].to_list(), seen), dtype=pl.String),
    )
    if mounted is not None:
        path = pl.when(pl.col("direction").is_not_null()).then(pl.col(mounted))
        frame = frame.with_columns(file_system=file_systems(path, site))
    return batch_of(frame)


def batch_of(frame: pl.DataFrame) -> Batch:
    """A frame's rows of `transfers`: times are in microseconds since 1970, and columns that it lacks are null."""
    arrays = []
    for field in TRANSFERS.batch_schema:
        if field.name not in frame.columns:
            arrays.append(pa.nulls(frame.height, field.type))
        elif pa.types.is_timestamp(field.type):
            arrays.append(frame[field.name].to_arrow().cast(pa.int64()).view(field.type))
        else:
            arrays.append(frame[field.name].to_arrow().cast(field.type))
    return Batch(TRANSFERS, pa.Table.from_arrays(arrays, schema=TRANSFERS.batch_schema))


def _ids(lines: list[str], seen: Counter[int]) -> list[str]:
    """Return an id for each line: equal lines are numbered, so that a log read twice gives the same ids."""
    digests = [xxhash.xxh3_64_intdigest(line.encode()) for line in lines]
    once = len(set(digests)) == len(digests) and seen.keys().isdisjoint(digests)
    ids = [f"{digest:016x}" for digest in digests]
    if not once:
        for place, digest in enumerate(digests):
            seen[digest] += 1
            if seen[digest] > 1:
                ids[place] += f"-{seen[digest]}"
    else:
        seen.update(digests)
    return ids
