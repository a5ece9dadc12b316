"""Reading two-dimensional datasets of doubles fast, a block of steps after the other: whole chunks, each inflated once.

HDF5 itself inflates with zlib and holds its lock meanwhile; here threads that read several datasets run side by side.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol, cast

import h5py
import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from extractors.base import InputError

Doubles = npt.NDArray[np.float64]
MISSING = -0.0
_STRIP_ROWS = 1024
"""How many rows HDF5 itself is asked for at once where a dataset has no chunks."""
_ZLIB_ERROR = cast("type[Exception]", zlib_ng.error)

Place = tuple[int, int]
"""The first row and column of a chunk."""


class Matrix(Protocol):
    """Values (names, steps), to be had block by block."""

    def blocks(self, cuts: Sequence[int]) -> Iterator[Doubles]:
        """The values of steps [cut, next cut); a block is the taker's to change, until the next one is asked for."""


class Held:
    """A matrix (names, steps) in memory."""

    def __init__(self, values: Doubles) -> None:
        self.values = values

    def blocks(self, cuts: Sequence[int]) -> Iterator[Doubles]:
        """Copies of the values of steps [cut, next cut)."""
        for start, stop in pairwise(cuts):
            yield self.values[:, start:stop].copy()


class Stored:
    """A dataset in an open file, rows by columns. A chunk that nobody wrote is missing (-0.0).

    As a matrix it is transposed: the dataset's rows are steps, and its first `names` columns, by default all, are
    names.
    """

    def __init__(self, dataset: h5py.Dataset, uri: str, names: int | None = None) -> None:
        self._dataset, self._type, self._uri = dataset, dataset.dtype, uri
        rows, columns = dataset.shape
        self._names = columns if names is None else names
        gzipped = _gzip_chunks(dataset)
        self._direct = gzipped is not None
        if gzipped is not None:
            self._shape = dataset.chunks
            self._places = gzipped
            self._complete = len(gzipped) == math.prod(
                -(-n // c) for n, c in zip(dataset.shape, self._shape, strict=True)
            )
        else:
            unit = dataset.chunks[0] if dataset.chunks else 1
            self._shape = (unit * max(_STRIP_ROWS // unit, 1), columns)
            self._places = [(row, 0) for row in range(0, rows, self._shape[0])]
            self._complete = True

    def blocks(self, cuts: Sequence[int]) -> Iterator[Doubles]:
        """The values of steps [cut, next cut), all in the same memory; InputError."""
        height, width = self._shape
        kept: dict[Place, npt.NDArray[Any]] = {}
        memory = np.empty((self._names, max(np.diff(cuts), default=0)))
        for start, stop in pairwise(cuts):
            block = memory[:, : stop - start]
            if not self._complete:
                block[...] = MISSING
            first, end = (bisect_left(self._places, (row, 0)) for row in (start - height + 1, stop))
            for place in self._places[first:end]:
                row, column = place
                if column >= self._names:
                    continue
                values = kept.pop(place) if place in kept else self._chunk(place)
                if row + height > stop:
                    kept[place] = values
                top, bottom = max(row, start), min(row + height, stop)
                target = block[column : column + width, top - start : bottom - start]
                target.T[...] = values[top - row : bottom - row, : len(target)]
            yield block

    def whole(self) -> Doubles:
        """The dataset as it is stored, rows by columns; InputError."""
        result = np.empty(self._dataset.shape) if self._complete else np.full(self._dataset.shape, MISSING)
        height, width = self._shape

        def put(place: Place) -> None:
            target = result[place[0] : place[0] + height, place[1] : place[1] + width]
            target[...] = self._chunk(place)[: target.shape[0], : target.shape[1]]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _done in pool.map(put, self._places):
                pass
        return result

    def _chunk(self, place: Place) -> npt.NDArray[Any]:
        """A chunk's values, or where HDF5 itself must read them those of all columns in a chunk's rows."""
        try:
            if not self._direct:
                return self._dataset[place[0] : place[0] + self._shape[0]]  # type: ignore[no-any-return]
            _mask, packed = self._dataset.id.read_direct_chunk(place)
            size = self._shape[0] * self._shape[1] * self._type.itemsize
            return np.frombuffer(zlib_ng.decompress(packed, bufsize=size), self._type).reshape(self._shape)
        except (OSError, RuntimeError, ValueError, _ZLIB_ERROR) as error:
            raise InputError(self._uri, f"has a damaged dataset {self._dataset.name}: {error}", "restore it") from None


def _gzip_chunks(dataset: h5py.Dataset) -> list[Place] | None:
    """The stored chunks, in order; None where they are not all under gzip alone, so that HDF5 itself must read them."""
    filters = dataset.id.get_create_plist()
    if dataset.chunks is None or filters.get_nfilters() != 1 or filters.get_filter(0)[0] != h5py.h5z.FILTER_DEFLATE:
        return None
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    return None if any(chunk.filter_mask for chunk in stored) else sorted(chunk.chunk_offset for chunk in stored)
