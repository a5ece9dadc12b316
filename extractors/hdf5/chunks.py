"""Reading datasets fast, block of steps by block of steps: whole chunks, each inflated once.

HDF5 inflates with zlib and holds its lock meanwhile; here threads that read several datasets run in parallel. A missing
value is -0.0. Whole numbers stay whole, since a double holds them only up to 2**53; among them the lowest number, which
has the same bits as -0.0, is the missing value.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from typing import Any, Protocol, cast

import h5py
import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from iolake.extractors.base import InputError, quoted

Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.int64]
MISSING_BITS = -(2**63)
"""-0.0, or the lowest whole number."""
_STRIP_ROWS = 1024
"""Rows that HDF5 reads at once where a dataset has no chunks."""
_ZLIB_ERROR = cast("type[Exception]", zlib_ng.error)

Place = tuple[int, int]
"""The first row and column of a chunk."""


def bits(numbers: Numbers) -> npt.NDArray[np.int64]:
    """The same memory as whole numbers: negative where a number is negative, MISSING_BITS where it is missing."""
    return numbers.view(np.int64)


def doubles(numbers: Numbers) -> Doubles:
    """The numbers as doubles, without a copy where they are doubles."""
    result = numbers.astype(np.float64, copy=False)
    if result is not numbers:
        bits(result)[bits(numbers) == MISSING_BITS] = MISSING_BITS
    return result


class Matrix(Protocol):
    """Numbers (names, steps) that are read block by block."""

    def blocks(self, cuts: Sequence[int]) -> Iterator[Numbers]:
        """The values of steps [cut, next cut). The caller may change a block, until it asks for the next one."""


class ArrayMatrix:
    """A matrix (names, steps) in memory."""

    def __init__(self, values: Doubles) -> None:
        self.values = values

    def blocks(self, cuts: Sequence[int]) -> Iterator[Doubles]:
        """Copies of the values of steps [cut, next cut)."""
        for start, stop in pairwise(cuts):
            yield self.values[:, start:stop].copy()


class FileMatrix:
    """A dataset in an open file, rows by columns; one of a single dimension is one column.

    A chunk that was never written is missing, and so is a dataset without chunks. The matrix is transposed: the
    dataset's rows are steps, and its first `names` columns (all by default) are names.
    """

    def __init__(self, dataset: h5py.Dataset, uri: str, names: int | None = None) -> None:
        self._dataset, self._type, self._uri = dataset, dataset.dtype, uri
        self.name: str = dataset.name
        self._kind: np.dtype[Any] = np.dtype(np.int64 if dataset.dtype.kind in "iu" else np.float64)
        self._dimensions = dataset.ndim
        self._size = rows, columns = _plane(dataset.shape, 1)
        self._names = columns if names is None else names
        self._chunk_shape = height, width = _plane(dataset.chunks or (max(n, 1) for n in dataset.shape), 1)
        every = list(product(range(0, rows, height), range(0, columns, width)))
        written, self._direct = _written(dataset, every)
        self._unwritten = [] if len(written) == len(every) else sorted(set(every) - set(written))
        if self._direct:
            self._shape = self._chunk_shape
            self._places = written
        else:
            unit = height if dataset.chunks else 1
            self._shape = (unit * max(_STRIP_ROWS // unit, 1), columns)
            self._places = [(row, 0) for row in range(0, rows, self._shape[0])]

    def blocks(self, cuts: Sequence[int]) -> Iterator[Numbers]:
        """The values of steps [cut, next cut). All blocks share one memory; InputError."""
        height, width = self._shape
        kept: dict[Place, npt.NDArray[Any]] = {}
        memory = np.empty((self._names, max(np.diff(cuts), default=0)), self._kind)
        for start, stop in pairwise(cuts):
            block = memory[:, : stop - start]
            if self._unwritten:
                bits(block)[...] = MISSING_BITS
            for place in _between(self._places, start - height + 1, stop):
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
        """The whole dataset, rows by columns; InputError."""
        result: Numbers = np.empty(self._size, self._kind)
        if self._unwritten:
            bits(result)[...] = MISSING_BITS
        height, width = self._shape

        def put(place: Place) -> None:
            target = result[place[0] : place[0] + height, place[1] : place[1] + width]
            target[...] = self._chunk(place)[: target.shape[0], : target.shape[1]]

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _done in pool.map(put, self._places):
                pass
        return doubles(result)

    def _chunk(self, place: Place) -> npt.NDArray[Any]:
        """A chunk's values; where HDF5 must read them, those of all columns in a strip of rows."""
        try:
            if not self._direct:
                return self._strip(place[0])
            skipped, packed = self._dataset.id.read_direct_chunk(place[: self._dimensions])
            if not skipped:
                size = self._shape[0] * self._shape[1] * self._type.itemsize
                packed = _inflated(packed, size)
            return np.frombuffer(packed, self._type).reshape(self._shape)
        except (OSError, RuntimeError, ValueError, _ZLIB_ERROR) as error:
            raise InputError(self._uri, f"has a damaged dataset {self.name}{quoted(error)}", "restore it") from None

    def _strip(self, top: int) -> Numbers:
        """All columns of the rows from `top` on."""
        bottom = top + self._shape[0]
        values: Numbers = self._dataset[top:bottom].astype(self._kind, copy=False).reshape(-1, self._size[1])
        height, width = self._chunk_shape
        for row, column in _between(self._unwritten, top, bottom):
            bits(values)[row - top : row - top + height, column : column + width] = MISSING_BITS
        return values


def _inflated(packed: bytes, size: int) -> bytes:
    """A chunk of `size` bytes from its gzipped form; ValueError where it inflates to another size."""
    inflater = zlib_ng.decompressobj()
    found: bytes = inflater.decompress(packed, size + 1)
    if len(found) != size or not inflater.eof:
        raise ValueError(f"a chunk of {size} bytes inflates to another size")
    return found


def _written(dataset: h5py.Dataset, every: list[Place]) -> tuple[list[Place], bool]:
    """(the chunks that the file holds, in order, out of `every` one; whether they can be read without HDF5).

    They can if gzip is the only filter; a chunk may skip it.
    """
    if dataset.chunks is None:
        return ([(0, 0)] if dataset.is_virtual or dataset.id.get_storage_size() else []), False
    filters = dataset.id.get_create_plist()
    gzipped = filters.get_nfilters() == 1 and filters.get_filter(0)[0] == h5py.h5z.FILTER_DEFLATE
    if dataset.id.get_num_chunks() == len(every):
        return every, gzipped
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    return sorted(_plane(chunk.chunk_offset, 0) for chunk in stored), gzipped


def _plane(position: Iterable[int], other: int) -> Place:
    """The first two of some numbers; the second is `other` where there is only one."""
    first, second, *_rest = (*position, other)
    return first, second


def _between(places: Sequence[Place], top: int, bottom: int) -> Sequence[Place]:
    """The ordered places whose row is in [top, bottom)."""
    first, end = (bisect_left(places, (row, 0)) for row in (top, bottom))
    return places[first:end]
