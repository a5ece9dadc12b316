"""Who moved the most bytes on a file system: a table of the file system's page and of the morning page."""

from __future__ import annotations

from datetime import datetime

from iolake.reports import text
from iolake.reports.charts import Query
from iolake.reports.pages.page import Figure, Table
from iolake.warehouse import Lake

_MOST = 10
_COLUMNS = ("user", "program", "cluster", "runs", "read", "written", "share")


def users_figure(
    lake: Lake, file_system: str, window: tuple[datetime, datetime], name: str, title: str, summary: str, *, share: bool
) -> Figure:
    """The users of a file system by bytes moved in the window, the most first; with `share`, also their share."""
    query = Query(
        "FROM top_users($file_system, $since, $until)\nWHERE share IS NOT NULL\nLIMIT $most",
        {"file_system": file_system, "since": window[0], "until": window[1], "most": _MOST},
    )
    columns = len(_COLUMNS) if share else len(_COLUMNS) - 1
    rows = [
        [
            row["user_name"] or text.UNKNOWN,
            row["program"] or text.UNKNOWN,
            row["cluster"],
            f"{row['runs']:,}",
            text.size(row["read_bytes"]),
            text.size(row["write_bytes"]),
            text.percent(100 * row["share"], 1),
        ][:columns]
        for row in query.rows(lake)
    ]
    return Figure(
        name,
        title,
        summary,
        table=Table([*_COLUMNS[:columns]], rows) if rows else None,
        queries=[query],
        missing=None if rows else "No job is known to have used it.",
    )
