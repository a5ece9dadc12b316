"""Yields the files of an input, itself or each file of a tar archive, decompressed and read as a stream.

Compression and archives are recognised by content, not by name. Nothing is unpacked to disk, and an archive of any
number of members takes the memory of one. `MAX_EXPANSION` bounds what a compressed input may grow to.
"""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, Final

import fsspec
from zlib_ng import gzip_ng

from iolake.extractors.base import InputError, as_text
from iolake.extractors.packed import damage_named, not_text

MAX_LINE: Final = 1 << 20
"""Bytes of the longest line that a text may have."""
MAX_MEMBER: Final = 1 << 28
"""Bytes of the largest member that is read whole."""
MAX_MEMBERS: Final = 100_000
"""Entries of the largest archive that is read."""
MAX_EXPANSION: Final = 1000
"""How many times its size a compressed input may grow to, beyond the first GiB."""
_FREE_BYTES: Final = 1 << 30
_TAR_HEAD: Final = 512
_BLOCK: Final = 1 << 20
_LARGE_BLOCK: Final = 1 << 22
"""Bytes of a whole content that are read at once: a larger block is memory that the system has to clear."""
_LIST_BLOCKS: Final = 4
"""Blocks whose lines make one list: a longer list shares what each costs, a shorter one takes less memory."""
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"


@dataclass(frozen=True)
class Member:
    """A file of an input, open for reading until the next member is asked for. `name` is '' for the input itself."""

    uri: str
    name: str
    mtime: datetime | None
    file: IO[bytes]

    @property
    def folder(self) -> str:
        """Name of the folder that holds the file."""
        return PurePosixPath(self.name or self.uri).parent.name

    def content(self) -> bytes:
        """Return the whole content; InputError where it is damaged or larger than MAX_MEMBER."""
        blocks = iter(partial(self.file.read, _LARGE_BLOCK), b"")
        found = b"".join(islice(blocks, MAX_MEMBER // _LARGE_BLOCK + 1))
        if len(found) > MAX_MEMBER:
            raise InputError(self.uri, f"{self._part}is larger than {MAX_MEMBER >> 20} MiB", "split it")
        return found

    def text(self) -> str:
        """Return the whole content as text; InputError where it is not. Bytes that are not UTF-8 are written out."""
        return self.decoded(self.content())

    def decoded(self, content: bytes) -> str:
        """Return the member's content as `text` does."""
        if b"\0" in content:
            raise self._not_text(content)
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "backslashreplace")

    def lines(self) -> Iterator[str]:
        """Yield the lines of a text of any length, without their ends; InputError where it is not text."""
        first = True
        while line := self.file.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                raise InputError(self.uri, f"{self._part}has a line longer than 1 MiB", "check what it holds")
            if b"\0" in line:
                raise self._not_text(line)
            text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            yield text.removeprefix("\ufeff") if first else text
            first = False

    def line_lists(self) -> Iterator[list[str]]:
        """Yield the lines of a text in lists of about 4 MiB, as `lines` does one by one, but in a tenth of its time."""
        rest, first, lines, blocks = b"", True, list[str](), 0
        while block := self.file.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if max(len(rest), len(whole.partition(b"\n")[0])) >= MAX_LINE:
                raise InputError(self.uri, f"{self._part}has a line longer than 1 MiB", "check what it holds")
            if newline:
                lines += self._split(whole, first)
                first, blocks = False, blocks + 1
            if blocks == _LIST_BLOCKS:
                yield lines
                lines, blocks = [], 0
        if rest:
            lines += self._split(rest, first)
        if lines:
            yield lines

    def _split(self, content: bytes, is_first: bool) -> list[str]:
        if b"\0" in content:
            raise self._not_text(content)
        lines = content.decode("utf-8-sig" if is_first else "utf-8", "backslashreplace").split("\n")
        return [line.rstrip("\r") for line in lines] if b"\r" in content else lines

    def blocks(self) -> Iterator[str]:
        """Yield a text of any length in blocks of about 1 MiB; InputError where it is not text."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")("backslashreplace")
        while block := self.file.read(_BLOCK):
            if b"\0" in block:
                raise self._not_text(block)
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)

    def _not_text(self, content: bytes) -> InputError:
        """The error for bytes that are not text; it names the kind of file where the first bytes show it."""
        reason = f"is {not_text(content) or 'not text'}"
        return InputError(self.uri, f"{self._part}{reason}", "check what the pattern names")

    @property
    def _part(self) -> str:
        return f"{self.name}: " if self.name else ""


def members(uri: str) -> Iterator[Member]:
    """Yield the files of an input; InputError where it is cut off, damaged or expands beyond the limit."""
    with fsspec.open(uri, "rb") as raw, damage_named(uri):
        size = raw.size if isinstance(getattr(raw, "size", None), int) else raw.seek(0, io.SEEK_END)
        raw.seek(0)
        yield from _members(uri, "", _decompressed(uri, raw, size), size)


def is_packed(uri: str) -> bool:
    """Whether an input is compressed, by its first bytes."""
    with fsspec.open(uri, "rb") as raw:
        return bytes(raw.read(len(_XZ))).startswith((_GZIP, _BZIP2, _XZ))


def _members(uri: str, name: str, file: _Counted, size: int) -> Iterator[Member]:
    head = file.peek(_TAR_HEAD)
    if head[257:262] != b"ustar":
        yield Member(uri, name, None, io.BufferedReader(file))
        return
    with tarfile.open(fileobj=file, mode="r|", errorlevel=2) as archive:
        count = 0
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member that it has seen
            count += 1
            if count > MAX_MEMBERS:
                raise InputError(uri, f"holds more than {MAX_MEMBERS:,} files", "split it")
            if not info.isfile():
                continue
            changed = datetime.fromtimestamp(info.mtime, UTC) if 0 < info.mtime < 1 << 33 else None
            yield Member(uri, as_text(info.name), changed, _opened(uri, archive, info))


def _opened(uri: str, archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """Return a member's content, decompressed; a small one is read at once, which is faster than a stream of it."""
    if info.size > _BLOCK or info.issparse() or archive.fileobj is None:
        content: Any = archive.extractfile(info)
        return io.BufferedReader(_decompressed(uri, content, info.size))
    found = archive.fileobj.read(info.size)
    if len(found) < info.size:
        raise tarfile.ReadError("unexpected end of data")
    if not found.startswith((_GZIP, _BZIP2, _XZ)):
        return io.BytesIO(found)
    return io.BufferedReader(_decompressed(uri, io.BytesIO(found), info.size))


def _decompressed(uri: str, raw: Any, size: int) -> _Counted:
    head = raw.read(6)
    whole = _Counted(uri, raw, head, None)
    opened: Any
    if head.startswith(_GZIP):
        opened = gzip_ng.GzipFile(fileobj=whole)  # type: ignore[no-untyped-call]
    elif head.startswith(_BZIP2):
        opened = bz2.BZ2File(whole)
    elif head.startswith(_XZ):
        opened = lzma.LZMAFile(whole)  # type: ignore[arg-type]  # noqa: SIM115
    else:
        return whole
    return _Counted(uri, opened, b"", max(_FREE_BYTES, size * MAX_EXPANSION))


class _Counted(io.RawIOBase):
    """A stream that starts with `head`, and that raises InputError after `limit` bytes."""

    def __init__(self, uri: str, raw: Any, head: bytes, limit: int | None) -> None:
        self._uri, self._raw, self._head, self._limit, self._count = uri, raw, head, limit, 0

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """Return up to `size` of the next bytes, and leave them to be read."""
        while len(self._head) < size and (more := self._raw.read(size - len(self._head))):
            self._head += more
        return self._head[:size]

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            size = 1 << 62
        found, self._head = self._head[:size], self._head[size:]
        if not found:
            with damage_named(self._uri):
                found = self._raw.read(min(size, 1 << 20))
        self._add(len(found))
        return found

    def readinto(self, buffer: Any) -> int:
        if self._head:
            found = self.read(len(buffer))
            buffer[: len(found)] = found
            return len(found)
        with damage_named(self._uri):
            count = int(self._raw.readinto(buffer))
        self._add(count)
        return count

    def _add(self, count: int) -> None:
        self._count += count
        if self._limit is not None and self._count > self._limit:
            raise InputError(self._uri, f"expands to more than {self._limit >> 20} MiB", "check what it holds")
