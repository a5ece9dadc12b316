"""The keys of data files, each file's read once a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from iolake.warehouse import backfill
from iolake.warehouse.records import DataFile
from iolake.warehouse.store import Store

_MOST_ROWS: Final = 2_000_000
"""Rows of all remembered keys: each takes some 50 bytes."""


class FileKeys:
    """Reads the keys of files and remembers them: files are immutable, and the loads of a commit meet the same ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, pl.DataFrame] = {}
        self._rows = 0

    def of(self, file: DataFile, keys: Sequence[str]) -> pl.DataFrame:
        """The columns `keys` of a file, which are those of its table."""
        if file.path not in self._known:
            if self._rows > _MOST_ROWS:
                self._known.clear()
                self._rows = 0
            self._known[file.path] = pl.DataFrame(backfill.read(self._store, file, keys))
            self._rows += file.rows
        return self._known[file.path]
