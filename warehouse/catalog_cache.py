"""Keeps an empty catalog for the user's next process: to make one takes seconds, and follows from the code alone.

The copies lie in the folder `iolake` of $XDG_CACHE_HOME, or of ~/.cache. The name of a copy has the hash of the code
that made it and the hash of its content, so that neither other code nor damage is taken for it. A folder that another
user owns or may write to is left alone, since anyone can compute those hashes. Without a folder nothing is kept. The
folder may be read-only, and removed at any time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import duckdb
import xxhash

from iolake import schemas
from iolake.schemas.mart import Mart

_WORTH_KEEPING_S: Final = 0.5
"""CPU time of making one from which it is kept; with all tables it takes 2 to 3 s."""
_MOST: Final = 8
"""So many copies are kept, the ones that were last used."""
_ENDING: Final = ".duckdb"


def fetch_or_make(declared: str, path: Path, make: Callable[[Path], None]) -> None:
    """Write the empty catalog of these declarations to `path`: the kept one, or what `make` makes there."""
    if _fetch(declared, path):
        return
    path.unlink(missing_ok=True)  # a copy that a full disk cut short
    started = time.process_time()
    make(path)
    if time.process_time() - started > _WORTH_KEEPING_S:
        _keep(declared, path)


def _fetch(declared: str, path: Path) -> bool:
    with contextlib.suppress(OSError, RuntimeError):
        folder = _folder()
        if not _is_own(folder):
            return False
        for copy in folder.glob(f"{_key(declared)}-*{_ENDING}"):
            content = copy.read_bytes()
            if copy.stem.endswith(f"-{_hash(content)}"):
                path.write_bytes(content)
                with contextlib.suppress(OSError):  # read-only, or another process removed the copy meanwhile
                    os.utime(copy)
                return True
    return False


def _keep(declared: str, path: Path) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # a folder that is read-only, or full, or of a user without a home
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own(folder):
            return
        content = path.read_bytes()
        aside = folder / f"{secrets.token_hex(8)}.new"
        try:
            aside.write_bytes(content)
            aside.replace(folder / f"{_key(declared)}-{_hash(content)}{_ENDING}")
        finally:
            aside.unlink(missing_ok=True)
        by_use = sorted(folder.glob(f"*{_ENDING}"), key=lambda copy: copy.stat().st_mtime, reverse=True)
        for copy in by_use[_MOST:]:
            copy.unlink(missing_ok=True)


def _folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "iolake"


def _is_own(folder: Path) -> bool:
    """Whether nobody but this user can put files into a folder."""
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _hash(content: bytes) -> str:
    return xxhash.xxh3_128(content).hexdigest()


def _key(declared: str) -> str:
    """The hash of the declarations, what marts read, DuckDB's version and the code that writes a catalog."""
    digest = blake2b(f"{declared}\0{duckdb.__version__}\0{_code()}".encode(), digest_size=16)
    marts = (t for t in schemas.tables().values() if isinstance(t, Mart))
    digest.update("".join(f"{mart.name}{mart.reads!r}" for mart in marts).encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    digest = blake2b(digest_size=16)
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    """The modules of iolake that say what an empty catalog holds."""
    here = Path(__file__).parent
    for folder in (here, Path(schemas.__file__).parent):
        yield from sorted(folder.glob("*.py"))
