"""The storage below a lake: a folder, or a prefix of an object store that fsspec supports.

A commit rests on one atomic operation, `put_if_absent`: if two writers put the same name, it returns False to one of
them. In a folder it is a hard link, in an object store a conditional PUT.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from fsspec.implementations.local import LocalFileSystem

from iolake.schemas.locations import file_system_of
from iolake.warehouse.processes import who

T = TypeVar("T")
_UNFINISHED = ".new-"
_TRIES = 10
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_FLIGHT = {errno.EIO, errno.EBUSY}
"""What fsspec makes of a 409: another put of the name is not decided yet."""
_WRITTEN = ("LastModified", "last_modified", "updated", "created")
"""The keys under which fsspec's object stores give an object's time."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: its path below the lake, size, and when it was written (epoch seconds)."""

    path: str
    size_bytes: int
    mtime: float


class Store:
    """The files below one location, by paths relative to it."""

    def __init__(self, uri: str) -> None:
        self.fs, root = file_system_of(uri, use_listings_cache=False)  # other writers change what it would keep
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root = str(Path(root).resolve()) if self.local else root.rstrip("/")

    @property
    def uri(self) -> str:
        """The absolute location of the store, with the protocol where it has one."""
        return self.root if self.local else str(self.fs.unstrip_protocol(self.root))

    def is_here(self, uri: str) -> bool:
        """Whether a location is the store's own, under this name or, as with a bind mount, another one."""
        if uri == self.uri:
            return True
        try:
            return self.local and os.path.samefile(uri, self.root)
        except OSError:
            return False

    def location(self, path: str) -> str:
        """The absolute location of a path."""
        return f"{self.uri}/{path}"

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """Create a file. It is synced to disk when the block ends, and removed if the block raises."""
        full = f"{self.root}/{path}"
        if not self.local:
            with self.fs.open(full, "wb") as file:
                yield file
            return
        try:
            with _naming(full), _in_folder(Path(full).parent, lambda: open(full, "xb")) as file:
                yield file
                _sync(file)
        except BaseException:
            Path(full).unlink(missing_ok=True)
            raise
        _sync_folder(Path(full).parent)

    def put(self, content: bytes, path: str) -> None:
        """Write or replace `path` atomically; readers that have it open keep the old content."""
        full = f"{self.root}/{path}"
        if not self.local:
            self.fs.pipe_file(full, content)
            return
        with _written_beside(content, Path(full)) as copy:
            os.replace(copy, full)

    def put_if_absent(self, content: bytes, path: str) -> bool:
        """Create `path` with that content atomically. Returns False where another content is there."""
        full = f"{self.root}/{path}"
        if not self.local:
            return self._put_object_if_absent(content, path)
        with _written_beside(content, Path(full)) as copy:
            try:
                os.link(copy, full)
            except FileExistsError:  # NFS may have repeated our own request
                return os.path.samefile(copy, full)
            except FileNotFoundError:  # another host took this process for dead and removed the copy
                return False
            _sync_folder(Path(full).parent)
            return True

    def create_object(self, content: bytes, path: str) -> None:
        """Create an object in an object store. Raises the store's own OSError where the name exists."""
        self.fs.pipe_file(f"{self.root}/{path}", content, mode="create")

    def _put_object_if_absent(self, content: bytes, path: str) -> bool:
        """Stores refuse in several words, also our own object if it had to be sent again, or while another is put."""
        for attempt in range(_TRIES):
            try:
                self.create_object(content, path)
                return True
            except OSError as error:
                if self.exists(path):
                    return self.read(path) == content
                if attempt == _TRIES - 1 or error.errno not in _IN_FLIGHT:
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError

    def copy(self, path: str, to: Path) -> None:
        """Copy `path` into a local file. The error of a full disk names that file."""
        try:
            self.fs.get_file(f"{self.root}/{path}", str(to))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise OSError(error.errno, error.strerror, str(to)) from error

    def read(self, path: str) -> bytes:
        """The content of a small file."""
        return cast(bytes, self.fs.cat_file(f"{self.root}/{path}"))

    def open(self, path: str) -> IO[bytes]:
        """Open a file for random reads."""
        return cast(IO[bytes], self.fs.open(f"{self.root}/{path}", "rb"))

    def exists(self, path: str) -> bool:
        self.fs.invalidate_cache()
        return bool(self.fs.exists(f"{self.root}/{path}"))

    def stat(self, path: str) -> Stored | None:
        """The size and time of a file; None if it does not exist. Unlike an object store's list, it never lags."""
        if self.local:
            try:
                status = os.stat(f"{self.root}/{path}")
            except FileNotFoundError:
                return None
            return Stored(path, status.st_size, status.st_mtime)
        self.fs.invalidate_cache()
        try:
            info = self.fs.info(f"{self.root}/{path}")
        except FileNotFoundError:
            return None
        return self._stored(path, info) if info["type"] == "file" else None

    def remove(self, path: str) -> None:
        """Remove a file, if it exists, and the folders above it that become empty."""
        full = f"{self.root}/{path}"
        try:
            self.fs.rm_file(full)
        except FileNotFoundError:
            return
        if self.local:
            _remove_empty(Path(full).parent, Path(self.root))

    def list(self, folder: str = "") -> Iterator[Stored]:
        """List every file below a folder of the lake, without a cache. Raises where a folder can't be listed."""
        top = f"{self.root}/{folder}".rstrip("/")
        if self.local:
            yield from _files(top, len(self.root) + 1)
            return
        for full, info in sorted(self._found(top).items()):
            yield self._stored(full[len(self.root) + 1 :], info)

    def _stored(self, path: str, info: dict[str, Any]) -> Stored:
        written = next(info[name] for name in _WRITTEN if name in info)
        return Stored(path, int(info["size"]), written.timestamp())

    def _found(self, top: str) -> dict[str, Any]:
        """The details that an object store gives for every object below `top`.

        fsspec asks a second time where the first answer is empty. If an object appears between the two, fsspec
        returns `top` itself as a folder and not its objects; then this asks again.
        """
        while True:
            self.fs.invalidate_cache()
            details: dict[str, Any] = self.fs.find(top, detail=True)
            if all(info["type"] == "file" for info in details.values()):
                return details


def writer_of(path: str) -> str | None:
    """The process (as `who` names it) that began to write an unfinished file; None for any other path."""
    name = Path(path).name
    return name.removeprefix(_UNFINISHED).rpartition("-")[0] if name.startswith(_UNFINISHED) else None


@contextmanager
def _written_beside(content: bytes, target: Path) -> Iterator[Path]:
    """Write a synced copy of the content in the folder of `target`, under a name that has this process in it."""
    copy = target.parent / f"{_UNFINISHED}{who()}-{secrets.token_hex(4)}"
    try:
        with _naming(target), _in_folder(target.parent, lambda: open(copy, "xb")) as file:
            file.write(content)
            if target.suffix == ".duckdb":  # so that no client changes a published snapshot
                os.fchmod(file.fileno(), 0o444)
            _sync(file)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Errors of the operating system that name no path, such as that of a full disk, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _in_folder(folder: Path, make: Callable[[], T]) -> T:
    """Make a file in a folder, and the folder first; retry where another process removes the empty folder meanwhile."""
    for _ in range(_TRIES):
        _make_folder(folder)
        try:
            return make()
        except FileNotFoundError:
            continue
    return make()


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, synced to disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _files(folder: str, skip: int) -> Iterator[Stored]:
    """The files below a folder, sorted by name; files that are removed meanwhile may be missing."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        if entry.is_dir():
            yield from _files(entry.path, skip)
            continue
        try:
            info = entry.stat()
        except FileNotFoundError:
            continue
        yield Stored(entry.path[skip:], info.st_size, info.st_mtime)
