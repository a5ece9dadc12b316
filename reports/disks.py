"""What a job's report says of the disks of a Storage Scale file system: how full they were, and which were down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from iolake.reports import text
from iolake.reports.judgement import rows
from iolake.warehouse.lake import Lake

_TABLES: Final = ("scale_server", "scale_nsd", "scale_client", "scale_capacity", "scale_disk")
_WATCHED: Final = " UNION ALL ".join(
    f"SELECT 1 FROM {name} WHERE file_system = $1 AND date BETWEEN $2::TIMESTAMP::DATE - 1 AND $2::TIMESTAMP::DATE + 1"
    for name in _TABLES
)
_NEWEST: Final = """
SELECT *, 100 * (used_bytes / nullif(total_bytes, 0)) AS used_pct
FROM {table}
WHERE file_system = $1 AND date BETWEEN $2::TIMESTAMP::DATE - 1 AND $2::TIMESTAMP::DATE + 1
  AND ts BETWEEN $2::TIMESTAMP - INTERVAL 1 DAY AND $2::TIMESTAMP + INTERVAL 1 DAY AND {known}
QUALIFY ts = coalesce(max(ts) FILTER (ts <= $2::TIMESTAMP) OVER (), min(ts) OVER ())
"""
_SPACE: Final = _NEWEST.format(table="scale_capacity", known="total_bytes IS NOT NULL")
_BY_FULLNESS: Final = (
    _NEWEST.format(table="scale_disk", known="used_bytes IS NOT NULL AND holds_data") + "ORDER BY used_pct, nsd"
)
_BY_NAME: Final = _NEWEST.format(table="scale_disk", known="availability IS NOT NULL") + "ORDER BY nsd"


def is_scale(lake: Lake, file_system: str, at: datetime) -> bool:
    """Whether the lake has anything of Storage Scale of a file system within a day."""
    return lake.sql(f"SELECT count(*) > 0 FROM ({_WATCHED} LIMIT 1)", [file_system, at]).fetchall() == [(True,)]


def lines(lake: Lake, file_system: str, start: datetime, days: tuple[str, str]) -> Iterator[str]:
    """The lines about its disks when a job started; `days` is the span of an ingest that may bring what is missing."""
    space = rows(lake, _SPACE, file_system, start)
    if not space:
        yield f"    no mmdf within a day; `iolake ingest mmdf --since {days[0]} --until {days[1]}` loads one"
    for row in space:
        share = f"{text.percent(row['used_pct'])} of {text.size(row['total_bytes'])} used"
        yield f"    space at {text.when(row['ts'], start)}: {share}"
    if full := rows(lake, _BY_FULLNESS, file_system, start):
        for word, row in (("fullest ", full[-1]), ("emptiest", full[0])):
            yield f"      {word} {text.filled(row['nsd'], row['used_pct'])}"
    if known := rows(lake, _BY_NAME, file_system, start):
        down = [row["nsd"] for row in known if row["availability"] != "up"]
        yield f"    disks at {text.when(known[0]['ts'], start)}: {len(known) - len(down)} of {len(known)} are up"
        if down:
            yield f"      not up: {', '.join(down)}"
