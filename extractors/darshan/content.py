"""Reads a log file's bytes once, and maps large files into memory."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import fsspec

from iolake.extractors.base import content_hash
from iolake.extractors.darshan.decoded import Content

_MAPPED_FROM: Final = 4 << 20
_COPIED_FROM: Final = 64 << 20
_HASHED_ASIDE_FROM: Final = 4 << 20


@contextmanager
def read_content(uri: str) -> Iterator[Content]:
    """Yield the content of a local file or fsspec URL. Copies a large remote file to a temporary file first."""
    if "://" not in uri:
        file = os.open(uri, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(file).st_size
            yield _read(file, size) if size < _MAPPED_FROM else _mapped(file)
            return
        finally:
            os.close(file)
    with fsspec.open(uri, "rb") as remote:
        content = remote.read(_COPIED_FROM)
        if len(content) < _COPIED_FROM:
            yield memoryview(content)
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(content)
            shutil.copyfileobj(remote, copy)
            copy.flush()
            yield _mapped(copy.fileno())


@contextmanager
def hashed(content: Content) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the content's hash. A thread hashes large content in the background."""
    if len(content) < _HASHED_ASIDE_FROM:
        digest = content_hash(content)
        yield lambda: digest
        return
    with ThreadPoolExecutor(1) as aside:
        yield aside.submit(content_hash, content).result


def _read(file: int, size: int) -> bytes:
    """Read an open file of `size` bytes, usually in one call."""
    content = os.read(file, size)
    while len(content) < size and (more := os.read(file, size - len(content))):
        content += more
    return content


def _mapped(file: int) -> memoryview:
    """Map an open file. The map is not closed here: an exception's traceback may still refer to a slice of it."""
    return memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))
