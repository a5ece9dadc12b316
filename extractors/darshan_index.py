"""pytokio's index of Darshan logs (`darshanlogs.db`, an SQLite file): the history of a centre that has no logs left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span, quoted
from iolake.extractors.files import find_files
from iolake.schemas.darshan_index import COUNTS, DARSHAN_INDEX, MOMENTS
from iolake.schemas.site import OwnerKind, Site

_PIECE: Final = 50_000
_QUERY: Final = """
SELECT h.*, m.mountpt, m.fsname, s.*
FROM summaries s
JOIN headers h USING (log_id)
JOIN mounts m USING (fs_id)
ORDER BY h.log_id, m.fs_id
"""
_TEXTS: Final = {
    "log_name": "filename", "mount_point": "mountpt", "logged_file_system": "fsname", "user_name": "username",
    "exe": "exe", "exe_name": "exename", "log_version": "version",
}  # fmt: skip
_NUMBERS: Final = {
    "job_id": "jobid", "uid": "uid", "nprocs": "nprocs", "read_bytes": "bytes_read", "write_bytes": "bytes_written",
    "posix_records": "posix_files", "stdio_records": "stdio_files", **{name: name for name in COUNTS},
}  # fmt: skip
_LAST: Final = 4_102_444_800


class DarshanIndex(Extractor):
    """Index files on this machine. A log on a mount point has one row, however many indexes hold it."""

    source: ClassVar = "darshan_index"
    what: ClassVar = "pytokio's index of logs"
    version: ClassVar = 1
    owner: ClassVar[OwnerKind] = "cluster"
    tables: ClassVar = (DARSHAN_INDEX,)

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the files that the site's patterns name."""
        yield from find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the summaries; a reject counts those that have no log name, mount point or time."""
        found, odd = 0, 0
        uri = f"file:{quote(input.uri)}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as database:
                database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
                database.row_factory = sqlite3.Row
                rows = database.execute(_QUERY)
                while piece := rows.fetchmany(_PIECE):
                    good = [row for row in (_row(found_row, site) for found_row in piece) if row is not None]
                    odd += len(piece) - len(good)
                    found += len(good)
                    if good:
                        yield Batch(DARSHAN_INDEX, pa.Table.from_pylist(good, DARSHAN_INDEX.batch_schema))
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:  # sqlite3 decodes its own messages strictly
            reason = f"is not an index of index_darshanlogs, or is damaged{quoted(error)}"
            raise InputError(input.uri, reason, "copy it again") from None
        if not found:
            raise InputError(input.uri, "holds no summary of a log", "check what the pattern names")
        if odd:
            yield Reject(input, f"{odd} summaries have no log name, mount point or end time", "summaries")


def _row(found: sqlite3.Row, site: Site) -> dict[str, Any] | None:
    """Return the row of a summary; None where its key is not known."""
    names = set(found.keys())
    texts = {column: _text(found[name]) if name in names else None for column, name in _TEXTS.items()}
    end = _moment(found["end_time"]) if "end_time" in names else None
    if texts["log_name"] is None or texts["mount_point"] is None or end is None:
        return None
    moments = {f"{name}_s": f"f_{name}_timestamp" for name in MOMENTS}
    took = _number(found["walltime"]) if "walltime" in names else None
    return {
        **texts,
        "end_time": end,
        "start_time": _moment(found["start_time"]) if "start_time" in names else None,
        "file_system": site.file_system_of(texts["mount_point"]),
        "run_time_s": float(took) if took is not None else None,
        **{column: _number(found[name]) if name in names else None for column, name in _NUMBERS.items()},
        **{column: _after_start(found[name]) if name in names else None for column, name in moments.items()},
    }


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int)) and str(value) else None


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else None


def _after_start(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e12 else None


def _moment(value: Any) -> datetime | None:
    seconds = _number(value)
    if seconds is None or not 0 < seconds < _LAST:
        return None
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
