"""A log file's bytes, read once; mapped where the file is too large to be held."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import fsspec

from extractors.darshan.decoded import Content

_MAPPED_FROM: Final = 64 << 20


@contextmanager
def read_content(uri: str) -> Iterator[Content]:
    """The content of a file anywhere fsspec reaches; a large remote one is copied to a temporary file first."""
    if "://" not in uri:
        with open(uri, "rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size < _MAPPED_FROM:
                yield file.readall()
                return
            with _mapped(file) as view:
                yield view
                return
    with fsspec.open(uri, "rb") as remote:
        content = remote.read(_MAPPED_FROM)
        if len(content) < _MAPPED_FROM:
            yield content
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(content)
            shutil.copyfileobj(remote, copy)
            copy.flush()
            with _mapped(copy) as view:
                yield view


@contextmanager
def _mapped(file: IO[Any]) -> Iterator[memoryview]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        yield view
