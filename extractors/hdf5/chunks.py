"""Reading a two-dimensional dataset of doubles fast: whole chunks, inflated on all processors."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

Doubles = npt.NDArray[np.float64]
MISSING = -0.0


def read(dataset: h5py.Dataset, transposed: bool) -> Doubles:
    """The dataset, or with `transposed` its transpose, contiguous; a chunk that nobody wrote is missing (-0.0)."""
    stored = _chunks(dataset)
    result = np.empty(dataset.shape[::-1] if transposed else dataset.shape)
    target = result.T if transposed else result
    if stored is None:
        target[...] = dataset[...]
        return result
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if len(stored) < math.prod(
        -(-extent // chunk) for extent, chunk in zip(dataset.shape, dataset.chunks, strict=True)
    ):
        result[...] = MISSING

    def inflate(chunks: list[Any]) -> None:
        for chunk in chunks:
            _mask, packed = dataset.id.read_direct_chunk(chunk.chunk_offset)
            values = np.frombuffer(zlib_ng.decompress(packed, bufsize=size), dataset.dtype).reshape(dataset.chunks)
            row, column = chunk.chunk_offset
            place = target[row : row + values.shape[0], column : column + values.shape[1]]
            place[...] = values[: place.shape[0], : place.shape[1]]

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for _done in pool.map(inflate, [stored[worker::workers] for worker in range(workers)]):
            pass
    return result


def _chunks(dataset: h5py.Dataset) -> list[Any] | None:
    """The stored chunks; None where they are not all under gzip alone, so that HDF5 itself must read them."""
    filters = dataset.id.get_create_plist()
    if dataset.chunks is None or filters.get_nfilters() != 1 or filters.get_filter(0)[0] != h5py.h5z.FILTER_DEFLATE:
        return None
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    return None if any(chunk.filter_mask for chunk in stored) else stored
