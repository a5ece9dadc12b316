"""Refuses HDF5 files that read other files, or ask for more memory than a file system's day takes.

An analyst sees what a file holds, but the process that reads it may read more than the analyst may: external storage,
external links and virtual datasets over other files would show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import h5py
import numpy as np
from zlib_ng import zlib_ng

from iolake.extractors.base import InputError

_MOST_OBJECTS: Final = 100_000
_MOST_NAMES: Final = 8192
"""Targets or servers of a file system; an hour of steps of a second then takes 236 MB a quantity."""
_MOST_STEPS: Final = 1 << 20
_MOST_VALUES: Final = 1 << 27
_MOST_CHUNK_BYTES: Final = 1 << 28
_MOST_DEFLATED: Final = 1032
"""How many times its size deflate can grow to."""
_MOST_INFLATED: Final = 1 << 28


def refuse_other_files(file: h5py.File, uri: str) -> None:
    """Raise InputError where any part of the file, used or not, reads another file."""
    for count, (path, how) in enumerate(_parts(file["/"])):
        if how is not None:
            raise InputError(uri, f"{path} reads another file ({how}), which is refused", "copy the data into the file")
        if count > _MOST_OBJECTS:
            raise InputError(uri, f"has more than {_MOST_OBJECTS} groups and datasets", "check what it holds")


def too_large(dataset: h5py.HLObject) -> str | None:
    """Why a dataset is refused for its size, checked before any memory is taken; None where it may be read."""
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        return None
    rows, columns = (*dataset.shape, 1, 1)[:2]
    names, steps = sorted((rows, columns))
    if names > _MOST_NAMES or steps > _MOST_STEPS or int(np.prod(dataset.shape, dtype=object)) > _MOST_VALUES:
        return f"is larger than {_MOST_NAMES} names and {_MOST_VALUES} values: {dataset.shape}"
    if dataset.chunks and int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
        return f"has chunks larger than {_MOST_CHUNK_BYTES >> 20} MiB: {dataset.chunks}"
    return _inflates_too_far(dataset) if dataset.chunks else None


def _inflates_too_far(dataset: h5py.Dataset) -> str | None:
    """Why a dataset is refused for its chunks: HDF5 inflates one as far as it goes, whatever size it should have."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(place)[0] for place in range(plan.get_nfilters())]
    if len(set(filters)) < len(filters):
        return f"is packed several times with one filter: {filters}"
    if filters == [h5py.h5z.FILTER_DEFLATE] or h5py.h5z.FILTER_DEFLATE not in filters:
        return None  # chunks that gzip alone packed are inflated here, up to their size
    if filters[-1] != h5py.h5z.FILTER_DEFLATE and filters[-2:] != [h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]:
        return f"is packed by filters in an order that no file of these has: {filters}"
    size = int(np.prod(dataset.chunks)) * dataset.dtype.itemsize
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    for chunk in stored:
        if chunk.size * _MOST_DEFLATED > _MOST_INFLATED and not chunk.filter_mask:
            packed = dataset.id.read_direct_chunk(chunk.chunk_offset)[1]
            inflater = zlib_ng.decompressobj()
            if len(inflater.decompress(packed, size + 1)) > size:
                return f"has a chunk of {size} bytes that inflates to more"
    return None


def _parts(group: h5py.Group) -> Iterator[tuple[str, str | None]]:
    """(path, how it reads another file) of all parts below a group; each is visited once."""
    seen = {_address(group)}
    groups = [group]
    while groups:
        group = groups.pop()
        for name in group:
            path = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield path, f"a link to {link.filename}"
                continue
            if isinstance(link, h5py.SoftLink):
                continue  # leads to another part of this file
            part = group[name]
            if _address(part) in seen:
                continue
            seen.add(_address(part))
            if isinstance(part, h5py.Group):
                groups.append(part)
            yield path, _other_file(part) if isinstance(part, h5py.Dataset) else None


def _other_file(dataset: h5py.Dataset) -> str | None:
    if dataset.external:
        return f"external storage in {dataset.external[0][0]}"
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            if source.file_name != ".":
                return f"a virtual dataset over {source.file_name}"
    return None


def _address(part: h5py.HLObject) -> int:
    info = h5py.h5o.get_info(part.id)
    return int(info.addr)
