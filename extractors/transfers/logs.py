"""Transfers from logs of one line each: read in pieces, so that a log of any length takes the memory of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Final

import numpy as np
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
    of_no_transfer: ClassVar[pl.Expr] = pl.lit(False)
    """Whether a line is one of those that the log has for other things than transfers."""

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the log's transfers; a reject names the first line without a transfer."""
        zone = zone_of(input, site, self.owner)
        left_out: list[tuple[int, str]] = []
        seen: dict[bytes, int] = {}
        count, found, number, latest = 0, 0, 0, None
        for member in members(input.uri):
            for piece in member.line_lists():
                numbers = np.arange(number + 1, number + 1 + len(piece))
                parsed = self.parse(pl.DataFrame({"number": numbers, "line": piece, "digest": _digests(piece)}))
                number += len(piece)
                if parsed["local_us"].null_count():
                    others = parsed.filter(pl.col("local_us").is_null()).filter(pl.col("line").str.strip_chars() != "")
                    wrong = others.filter(~self.of_no_transfer)
                    count += wrong.height
                    found += others.height - wrong.height
                    left_out += wrong.head(1).select("number", "line").rows()
                    parsed = parsed.filter(pl.col("local_us").is_not_null())
                found += parsed.height
                if not parsed.height:
                    continue
                local = parsed["local_us"].to_numpy()
                utc_s, unsure = utc_in_order(local // 1_000_000, zone, after=latest)
                latest = int(utc_s[-1])
                ends = utc_s * 1_000_000 + local % 1_000_000
                yield _batch(parsed, ends, unsure, seen, site, self.mounted)
                if len(seen) > _REMEMBERED:
                    seen = {}
        if not found:
            raise InputError(input.uri, f"has no line of {self.tool}", _CHECK)
        if left_out:
            first, line = left_out[0]
            reason = f"{count} lines are not transfers, such as line {first}: {line[:60]!r}"
            yield Reject(input, reason.replace("\n", " "), "lines")

    @abstractmethod
    def parse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` (line, number) with columns of `transfers`.

        `local_us` is the local end in microseconds since 1970, null in lines that are not transfers. `started_us` is
        the local start, where the log has one.
        """


def end_us(texts: pl.Series, form: str) -> pl.Series:
    """Return local microseconds since 1970 of texts; null where one is not a time that a log can have."""
    us = texts.str.to_datetime(form, strict=False, time_unit="us").dt.epoch("us")
    return us.set(~us.is_between(FIRST_US, LAST_US), None)


def _batch(
    parsed: pl.DataFrame, ends: Ints, unsure: Flags, seen: dict[bytes, int], site: Site, mounted: str | None
) -> Batch:
    """Return the rows of `transfers`; a file is in the file system of the longest mount that holds it."""
    logged = pl.lit(None, pl.Float64)
    known = [pl.col("duration_s")] if "duration_s" in parsed.columns else []
    if "started_us" in parsed.columns:  # both are of the same clock, so that their difference is of any
        took = (pl.col("local_us") - pl.col("started_us")) / 1e6
        known.append(pl.when(took >= 0).then(took))
    if "rate" in parsed.columns:
        logged = pl.when(pl.col("rate") > 0).then(pl.when(pl.col("rate") < 1e18).then("rate"))
        known.append(pl.when(pl.col("bytes") > 0).then(pl.col("bytes") / logged))
    duration = pl.coalesce(known)
    frame = parsed.with_columns(
        pl.Series("end_time", ends),
        pl.Series("time_ambiguous", unsure),
        duration_s=pl.when(duration.is_between(0, _LONGEST_S)).then(duration),
        transfer_id=_ids(parsed["digest"], seen),
    )
    rate = pl.when((pl.col("duration_s") > 0) & (pl.col("bytes") > 0)).then(pl.col("bytes") / pl.col("duration_s"))
    columns = {
        "bytes_per_s": pl.coalesce(rate, logged),
        "start_time": pl.col("end_time") - (pl.col("duration_s") * 1e6).round().cast(pl.Int64),
    }
    if mounted is not None:
        columns["file_system"] = file_systems(pl.when(pl.col("direction").is_not_null()).then(pl.col(mounted)), site)
    return batch_of(frame.with_columns(**columns))


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


def _digests(lines: list[str]) -> pl.Series:
    """Return a hash of each line, of eight bytes."""
    return pl.Series(list(map(xxhash.xxh3_64_digest, map(str.encode, lines))), dtype=pl.Binary)


def _ids(digests: pl.Series, seen: dict[bytes, int]) -> pl.Series:
    """Return an id for each line: equal lines are numbered, so that a log read twice gives the same ids."""
    ids = digests.bin.encode("hex")
    lines = digests.to_list()
    if digests.n_unique() == len(lines) and seen.keys().isdisjoint(lines):
        seen |= dict.fromkeys(lines, 1)
        return ids
    numbered = ids.to_list()
    for place, digest in enumerate(lines):
        seen[digest] = times = seen.get(digest, 0) + 1
        if times > 1:
            numbered[place] += f"-{times}"
    return pl.Series(numbered, dtype=pl.String)
