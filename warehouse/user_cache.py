"""Keeps what follows from the code alone and takes long to make for the user's next process.

The copies lie in the folder `iolake` of $XDG_CACHE_HOME, or of ~/.cache. The name of a copy has the key of what made
it and the hash of its content, so that neither other code nor damage is taken for it. A folder that another user owns
or may write to is left alone, since anyone can compute those hashes. Without a folder nothing is kept. The folder may
be read-only, and removed at any time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

import xxhash

_MOST: Final = 8
"""So many copies of an ending are kept, the ones that were last used."""


def fetch(key: str, ending: str) -> bytes | None:
    """Return what was kept under a key with this ending, as `.duckdb`; None if nothing was."""
    with contextlib.suppress(OSError, RuntimeError):
        folder = _folder()
        if not _is_own(folder):
            return None
        for copy in folder.glob(f"{key}-*{ending}"):
            content = copy.read_bytes()
            if copy.stem.endswith(f"-{_hash(content)}"):
                with contextlib.suppress(OSError):  # read-only, or another process removed the copy meanwhile
                    os.utime(copy)
                return content
    return None


def keep(key: str, ending: str, content: bytes) -> None:
    """Keep a content under a key, where the folder allows it."""
    with contextlib.suppress(OSError, RuntimeError):  # a folder that is read-only, or full, or of a user without a home
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own(folder):
            return
        aside = folder / f"{secrets.token_hex(8)}.new"
        try:
            aside.write_bytes(content)
            aside.replace(folder / f"{key}-{_hash(content)}{ending}")
        finally:
            aside.unlink(missing_ok=True)
        by_use = sorted(folder.glob(f"*{ending}"), key=lambda copy: copy.stat().st_mtime, reverse=True)
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
