"""Recognises a file's source and owner by its name and first bytes."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from iolake.extractors.base import InputError
from iolake.extractors.jobs.table import REQUIRED
from iolake.extractors.members import members
from iolake.extractors.packed import damage_named
from iolake.pipelines import registry

_HEAD_BYTES: Final = 256 << 10
_MOST_FILES: Final = 200_000
_MOST_MEMBERS: Final = 20
"""Files of an archive that are looked at."""
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_SQLITE: Final = b"SQLite format 3\x00"
_PARQUET: Final = b"PAR1"
_GROUPS: Final = {
    "OSTReadGroup", "OSTWriteGroup", "MDSOpsGroup", "OSTBulkReadDataSet", "datatargets", "mdtargets",
    "fullness", "failover",
}  # fmt: skip
"""Groups at the root of Lustre's time series: pytokio's TTS and NERSC's H5LMT."""
PROC: Final = re.compile(r"(?:^|/)proc/fs/lustre/[^/]+/(\w+)-(?:OST|MDT)[0-9a-f]{4}/[^/]+$")
"""A file of a copy of a server's /proc."""


@dataclass(frozen=True)
class Found:
    """A file and its source; `backends` are the file systems that it names, each with its mount point where known."""

    path: Path
    source: str
    size_bytes: int
    backends: tuple[tuple[str, str | None], ...] = ()


def look(folders: list[Path]) -> Iterator[Found | Path]:
    """Every file below the folders: a Found where its source is known, else its path. No hidden files, no lakes."""
    seen = 0
    walked: set[str] = set()
    for folder in folders:
        for here, below, names in os.walk(folder, followlinks=True):
            if (real := os.path.realpath(here)) in walked:  # a link back to where it came from
                below.clear()
                continue
            walked.add(real)
            below[:] = sorted(name for name in below if not name.startswith(".") and not _is_lake(Path(here, name)))
            for name in sorted(names):
                if name.startswith("."):
                    continue
                if (seen := seen + 1) > _MOST_FILES:
                    return
                path = Path(here, name)
                try:
                    yield recognise(path) or path
                except (OSError, EOFError, ValueError, InputError):
                    yield path


def recognise(path: Path) -> Found | None:
    """The file with its source, None where none is recognised. Raises OSError or InputError where it cannot be read.

    Only regular files are opened: a pipe, socket or device might never answer.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return None
    size = status.st_size
    if re.search(r"\.darshan(\.gz|\.bz2|_partial)?$", path.name):
        return Found(path, "darshan", size)
    if proc := PROC.search(path.as_posix()):
        return Found(path, "params", size, ((proc[1], None),))
    with path.open("rb") as file:
        magic = file.read(16)
    if magic.startswith(_HDF5):
        return Found(path, "hdf5", size, ((_stem(path), None),)) if _GROUPS & _root_of(path) else None
    if magic.startswith(_PARQUET):
        import pyarrow.parquet as pq

        return Found(path, "jobs", size) if set(REQUIRED) <= set(pq.read_schema(path).names) else None
    return _database(path, size) if magic.startswith(_SQLITE) else _text(path, size)


def _text(path: Path, size: int) -> Found | None:
    """A text file, compressed or not, or an archive of such, by its first lines."""
    with damage_named(str(path)):
        for member in islice(members(str(path)), _MOST_MEMBERS):
            head = member.file.read(_HEAD_BYTES)
            text = "" if b"\0" in head else head.decode("utf-8-sig", "replace")
            if source := source_of(text):
                return Found(path, source, size, tuple(registry.extractors()[source].systems(text)))
    return None


def source_of(text: str) -> str | None:
    """The source whose files begin like the text, the first by name; None where no source's do."""
    return next((source for source, extractor in registry.extractors().items() if extractor.recognises(text)), None)


def _database(path: Path, size: int) -> Found | None:
    """LMT's database, or a jobs database, by its tables."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as con:
        try:
            tables = {name.upper() for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if {"OST_DATA", "OST_INFO"} <= tables:
                names = (
                    [n for (n,) in con.execute("SELECT FILESYSTEM_NAME FROM FILESYSTEM_INFO")]
                    if ("FILESYSTEM_INFO" in tables)
                    else []
                )
                return Found(path, "lmt", size, tuple((str(n), None) for n in names) or ((_stem(path), None),))
        except sqlite3.DatabaseError:
            return None
    if {"HEADERS", "MOUNTS"} <= tables:
        return Found(path, "darshan_index", size)
    return Found(path, "jobs", size) if tables == {"SUMMARY"} else None


def _root_of(path: Path) -> set[str]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return set(file)
    except (OSError, RuntimeError):
        return set()


def _stem(path: Path) -> str:
    """A file's name without its date and endings: the file system that it is of, by custom."""
    name = re.sub(r"\d{4}-?\d\d-?\d\d", "", path.name.split(".")[0])
    return re.sub(r"[^\w]+", "_", name).strip("_") or path.parent.name


def _is_lake(folder: Path) -> bool:
    return (folder / "catalog").is_dir() and (folder / "lake.duckdb").exists()
