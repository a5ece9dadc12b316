"""Keeps an empty catalog for the user's next process: to make one takes seconds, and follows from the code alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import duckdb

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.warehouse import user_cache

_WORTH_KEEPING_S: Final = 0.5
"""CPU time of making one from which it is kept; with all tables it takes 2 to 3 s."""
_ENDING: Final = ".duckdb"


def fetch_or_make(declared: str, path: Path, make: Callable[[Path], None]) -> None:
    """Write the empty catalog of these declarations to `path`: the kept one, or what `make` makes there."""
    kept = user_cache.fetch(_key(declared), _ENDING)
    if kept is not None:
        with contextlib.suppress(OSError):
            path.write_bytes(kept)
            return
    path.unlink(missing_ok=True)  # a copy that a full disk cut short
    started = time.process_time()
    make(path)
    if time.process_time() - started > _WORTH_KEEPING_S:
        user_cache.keep(_key(declared), _ENDING, path.read_bytes())


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
