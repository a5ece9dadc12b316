"""Compressed inputs that are truncated or damaged: one list of the errors of all decompressors, and one reason."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, cast

import fsspec
from zlib_ng import zlib_ng

from iolake.extractors.base import InputError, quoted

_DAMAGE: Final = (
    EOFError,
    zlib.error,
    cast("type[Exception]", zlib_ng.error),
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)

_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
"""The first bytes of compressed files, and what fsspec calls their compression."""
_NOT_TEXT: Final = {
    b"SQLite format 3\0": 'an SQLite database (a source that reads one takes uri = "sqlite:///..."), not text',
    b"\x89HDF": "an HDF5 file, not text",
    b"PK\x03\x04": "a zip archive, not text",
    b"PK\x05\x06": "an empty zip archive, not text",
    b"PAR1": "a Parquet file, not text",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, not text; compress it with gzip or xz",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}
"""The first bytes of files that are taken for text."""


_TAR_AT: Final = 257
"""Where a tar archive has its mark (POSIX.1, pax, ustar format)."""


def compression_of(file: IO[bytes]) -> str | None:
    """Return what fsspec calls the compression that the first bytes show, or None."""
    begin = file.read(8)
    return next((name for magic, name in _COMPRESSED.items() if begin.startswith(magic)), None)


def not_text(begin: bytes) -> str | None:
    """Return what a file is, by its first bytes, where that is no text in UTF-8."""
    known = next((name for magic, name in _NOT_TEXT.items() if begin.startswith(magic)), None)
    if known is None and begin[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive, not text; unpack it"
    if known is None and b"\0" in begin:
        return "not text"
    return known


@contextmanager
def expanded(file: IO[bytes], compression: str | None, uri: str) -> Iterator[IO[bytes]]:
    """Open a file that has what fsspec calls this compression; InputError for a zip that does not hold one file."""
    if compression is None:
        yield file
    elif compression == "zip":
        with zipfile.ZipFile(file) as archive:
            held = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(held) != 1:
                raise InputError(uri, f"is a zip archive that holds {len(held)} files", "unpack it")
            try:
                content = archive.open(held[0])
            except (RuntimeError, NotImplementedError) as error:  # encrypted, or a method that zipfile does not know
                raise InputError(uri, f"is a zip archive that cannot be opened{quoted(error)}", "unpack it") from None
            with content:
                yield content
    else:
        with fsspec.compression.compr[compression](file, mode="rb") as content:
            yield content


@contextmanager
def damage_named(uri: str) -> Iterator[None]:
    """Raise InputError, which names the input, where its decompressor raises an error."""
    try:
        yield
    except _DAMAGE as error:
        raise InputError(uri, f"is cut off or damaged{quoted(error)}", "copy it again") from None
    except OSError as error:
        if type(error) is not OSError or error.errno is not None:  # not from bz2, whose errors have no number
            raise
        raise InputError(uri, f"is cut off or damaged{quoted(error)}", "copy it again") from None
