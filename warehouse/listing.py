"""The list of a table's data files in a snapshot, for readers that know Parquet and not iolake."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime

from iolake import schemas
from iolake.warehouse.errors import LakeError, NoTable
from iolake.warehouse.lake import Lake


@dataclass(frozen=True)
class ListedFile:
    """A data file: its location, the owner and day of its rows, and its columns.

    The owner and the day are not in the file. `columns` lacks those that its rows leave null, and those declared later.
    """

    location: str
    table: str
    owner: str
    date: date
    rows: int
    size_bytes: int
    columns: tuple[str, ...]
    first_ts: datetime | None
    last_ts: datetime | None

    def to_json(self) -> str:
        """One JSON object, times in ISO 8601."""
        return json.dumps(asdict(self), default=lambda moment: moment.isoformat(), ensure_ascii=False)


@dataclass(frozen=True)
class Listing:
    """The files of a table, and how many partitions of a mart are in none because they are not derived yet."""

    files: list[ListedFile]
    computed: int


def list_files(lake: Lake, table: str) -> Listing:
    """The files of a table in the lake's snapshot. NoTable; LakeError for a view, which has no files."""
    if table not in schemas.tables():
        if table in lake.tables():
            raise LakeError(f"{table} has no data files; `iolake sql 'FROM {table}'` reads it")
        raise NoTable(table, difflib.get_close_matches(table, schemas.tables()))
    found = [
        ListedFile(
            f"{lake.root}/{f.path}",
            table,
            f.owner,
            f.date,
            f.rows,
            f.size_bytes,
            tuple(f.columns),
            f.first_ts,
            f.last_ts,
        )
        for f in lake.files(table)
    ]
    (stale,) = lake.sql("SELECT count(*) FROM derived WHERE table_name = $1 AND NOT fresh", [table]).fetchall()
    return Listing(found, stale[0])
