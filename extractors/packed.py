"""Compressed inputs that are truncated or damaged: one list of the errors of all decompressors, and one reason."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from iolake.extractors.base import InputError

_DAMAGE: Final = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


@contextmanager
def damage_named(uri: str) -> Iterator[None]:
    """Raise InputError, which names the input, where its decompressor raises an error."""
    try:
        yield
    except _DAMAGE as error:
        raise InputError(uri, f"is cut off or damaged: {error}", "copy it again") from None
    except OSError as error:
        if type(error) is not OSError or error.errno is not None:  # not from bz2, whose errors have no number
            raise
        raise InputError(uri, f"is cut off or damaged: {error}", "copy it again") from None
