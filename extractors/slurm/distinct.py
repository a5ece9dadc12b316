"""Columns by their distinct texts: each is parsed once, however many rows have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pyarrow as pa


@dataclass(frozen=True)
class Distinct:
    """`texts` has each distinct text of a column once, `codes` the place in it of each row's; null is null."""

    texts: pl.Series
    codes: pl.Series

    @classmethod
    def of(cls, column: pl.Series) -> Distinct:
        """Of a column of strings."""
        encoded = column.to_arrow().cast(pa.string()).dictionary_encode()
        texts, codes = pl.from_arrow(encoded.dictionary), pl.from_arrow(encoded.indices)
        assert isinstance(texts, pl.Series) and isinstance(codes, pl.Series)
        return cls(texts, codes)

    def map(self, convert: Callable[[pl.Series], pl.Series]) -> pl.Series:
        """`convert` of each row's text."""
        return convert(self.texts).gather(self.codes)


@dataclass(frozen=True)
class Lists:
    """A nested column: the list of each distinct text, as places in a table of items, and each row's code.

    `places` is List(Int32), null where the text is no list.
    """

    codes: pl.Series
    places: pl.Series

    def is_null(self) -> pl.Series:
        """Of each row, whether it has no list."""
        return self.places.is_null().gather(self.codes).fill_null(True)

    def lengths(self) -> pl.Series:
        """Of each row, Int64 items in its list."""
        return self.places.list.len().cast(pl.Int64).gather(self.codes)

    def spread(self, rows: pl.Series) -> tuple[pa.Array, pa.Array, pa.Array]:
        """(int32 offsets, whether it is null, places) of the lists of the rows that the mask `rows` picks."""
        lists = self.places.gather(self.codes.filter(rows)).to_arrow()
        return lists.offsets.cast(pa.int32()), lists.is_null(), lists.values
