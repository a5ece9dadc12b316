"""A log file's bytes, read once; mapped where the file is too large to be held."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import fsspec

from extractors.darshan.decoded import Content

_MAPPED_FROM: Final = 64 << 20


@contextmanager
def read_content(uri: str) -> Iterator[Content]:
    """The content of a file anywhere fsspec reaches; a large remote one is copied to a temporary file first."""
    if "://" not in uri:
        file = os.open(uri, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(file).st_size
            if size < _MAPPED_FROM:
                yield _read(file, size)
                return
            with _mapped(file) as view:
                yield view
                return
        finally:
            os.close(file)
    with fsspec.open(uri, "rb") as remote:
        content = remote.read(_MAPPED_FROM)
        if len(content) < _MAPPED_FROM:
            yield content
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(content)
            shutil.copyfileobj(remote, copy)
            copy.flush()
            with _mapped(copy.fileno()) as view:
                yield view


def _read(file: int, size: int) -> bytes:
    """The content of an open file of that size, mostly by one call."""
    content = os.read(file, size)
    while len(content) < size and (more := os.read(file, size - len(content))):
        content += more
    return content


@contextmanager
def _mapped(file: int) -> Iterator[memoryview]:
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        yield view
