"""Where the lake's bytes lie: a folder, or a prefix of an object store that fsspec knows.

A commit rests on one operation, `put_if_absent`: of two writers that put the same name, one is told that it
lost. On a folder it is a hard link, on an object store a conditional PUT.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: its path below the lake, size, and when it was written (epoch seconds)."""

    path: str
    size_bytes: int
    mtime: float


class Store:
    """The files below one location, by paths relative to it."""

    def __init__(self, uri: str) -> None:
        self.fs, root = fsspec.url_to_fs(uri)
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root = str(Path(root).resolve()) if self.local else root.rstrip("/")

    def location(self, path: str) -> str:
        """What a reader calls a path: absolute, with the protocol where it has one."""
        full = f"{self.root}/{path}"
        return full if self.local else str(self.fs.unstrip_protocol(full))

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """A new file, on disk for good once the block ends; removed again if the block raises."""
        full = f"{self.root}/{path}"
        if not self.local:
            with self.fs.open(full, "wb") as file:
                yield file
            return
        Path(full).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(full, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(full).unlink(missing_ok=True)
            raise

    def put_if_absent(self, source: Path, path: str) -> bool:
        """Publish a local file under `path`, whole and for good, unless something is there: then False."""
        full = f"{self.root}/{path}"
        if not self.local:
            try:
                self.fs.pipe_file(full, source.read_bytes(), mode="create")
            except FileExistsError:
                return False
            return True
        with self._copied_beside(source, full) as copy:
            try:
                os.link(copy, full)
            except FileExistsError:
                return False
            _sync_folder(Path(full).parent)
            return True

    def replace(self, source: Path, path: str) -> None:
        """Put a local file under `path` in one step, whatever was there; its readers keep what they have open."""
        full = f"{self.root}/{path}"
        if not self.local:
            self.fs.pipe_file(full, source.read_bytes())
            return
        with self._copied_beside(source, full) as copy:
            os.replace(copy, full)

    @contextmanager
    def fetched(self, path: str) -> Iterator[Path]:
        """A private local copy of `path`, gone when the block ends."""
        with tempfile.TemporaryDirectory(prefix="iolake-") as folder:
            copy = Path(folder) / Path(path).name
            self.fs.get_file(f"{self.root}/{path}", str(copy))
            yield copy

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        return cast(bytes, self.fs.cat_file(f"{self.root}/{path}"))

    def open(self, path: str) -> IO[bytes]:
        """A file to read at random."""
        return cast(IO[bytes], self.fs.open(f"{self.root}/{path}", "rb"))

    def exists(self, path: str) -> bool:
        return bool(self.fs.exists(f"{self.root}/{path}"))

    def remove(self, path: str) -> None:
        """Remove a file; nothing happens where it is gone already. Folders left empty go as well."""
        full = f"{self.root}/{path}"
        try:
            self.fs.rm_file(full)
        except FileNotFoundError:
            return
        if self.local:
            _remove_empty(Path(full).parent, Path(self.root))

    def list(self, folder: str = "") -> Iterator[Stored]:
        """Every file below a folder of the lake, as it is now."""
        top = f"{self.root}/{folder}".rstrip("/")
        self.fs.invalidate_cache()
        details: dict[str, Any] = self.fs.find(top, detail=True) if self.fs.exists(top) else {}
        for full, info in sorted(details.items()):
            stamp = info.get("mtime", info.get("LastModified", 0.0))
            mtime = stamp.timestamp() if hasattr(stamp, "timestamp") else float(stamp)
            yield Stored(full[len(self.root) + 1 :], int(info["size"]), mtime)

    @contextmanager
    def _copied_beside(self, source: Path, full: str) -> Iterator[Path]:
        """A synced copy of `source` in the folder of `full`, under a name that nothing lists."""
        folder = Path(full).parent
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=folder)
        copy = Path(name)
        try:
            with os.fdopen(handle, "wb") as target, open(source, "rb") as origin:
                while block := origin.read(1 << 22):
                    target.write(block)
                target.flush()
                os.fsync(target.fileno())
            copy.chmod(0o644)
            yield copy
        finally:
            copy.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
