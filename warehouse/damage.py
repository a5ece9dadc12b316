"""Finds the damaged data file behind a reader's error, and says how to repair it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from iolake.warehouse import layout, months
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import DamagedFile, LakeError
from iolake.warehouse.records import DataFile
from iolake.warehouse.snapshots import newest_whole, snapshots_there
from iolake.warehouse.store import Store
from iolake.warehouse.verify import check_files

_PATH: Final = re.compile(r"[^\s'\"]+\.parquet\b")
_SIGNS: Final = re.compile(
    r"parquet|thrift|TProtocol|TType|Out of buffer|don't know what type|decompress|magic bytes|checksum", re.IGNORECASE
)
"""What DuckDB and polars say of damaged files that they do not name."""
_LIBRARIES: Final = {"duckdb", "_duckdb", "polars", "pyarrow"}


class FileGone(LakeError):
    """A data file of an older snapshot was collected while it was read."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(f"{location}: collected, as a newer snapshot replaced it; run the same command again")


def explain(uri: str, error: Exception) -> LakeError | None:
    """The damaged file of the newest snapshot that made a library raise `error`; None for any other error."""
    if type(error).__module__.split(".")[0] not in _LIBRARIES or not _SIGNS.search(str(error)):
        return None
    store = Store(uri)
    files = _newest_files(store)
    named = _PATH.search(str(error))
    if named is None:
        return _first_damaged(store, files)
    path = "/".join(named[0].split("/")[-4:])
    own = [file for file in files if file.path == path]
    if not own and layout.load_of(path) and not store.exists(path):
        return FileGone(store.location(path))
    return _first_damaged(store, own)


def _newest_files(store: Store) -> list[DataFile]:
    newest = newest_whole(store, snapshots_there(store))
    if newest is None:
        return []
    with Catalog.reading(store, layout.snapshot_path(newest)) as catalog:
        return [*catalog.files(), *months.of(catalog)]


def _first_damaged(store: Store, files: Sequence[DataFile]) -> DamagedFile | None:
    """The first file that is missing or damaged, looked for by size and footer first, then by content."""
    for deep in (False, True):
        for flaw in check_files(store, files, deep=deep):
            return DamagedFile(store.location(flaw.name), flaw.problem)
    return None
