"""A file system's page: months of bandwidth with its regimes, fullness with its forecast, targets, users, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from iolake.reports import text
from iolake.reports.charts import Query, history, targets
from iolake.reports.pages.page import Figure, Page
from iolake.reports.pages.users import users_figure
from iolake.schemas.coverage import SEEN_ENOUGH_PCT
from iolake.warehouse import Lake
from iolake.warehouse.errors import LakeError

_HEAT_DAYS = 14
"""The last days whose hours the picture of targets shows; a longer one has no room for hours."""


class NoFileSystem(LakeError):
    """The lake has neither counts of a file system of that name nor jobs that used it."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name, self.known = name, known
        hint = f"it has {', '.join(known)}" if known else "it has no file system; `iolake status` shows what is there"
        super().__init__(f"no file system {name} in the lake; {hint}")


def file_system_page(lake: Lake, name: str, since: date | None = None, until: date | None = None) -> Page:
    """The page of a file system for the days [since, until), by default all that the lake has. NoFileSystem."""
    first, last = _days(lake, name, since, until)
    since, until = since or first, until or last + timedelta(days=1)
    window = (datetime.combine(since, time()), datetime.combine(until, time()))
    query = history.days_query(name, since, until)
    days = history.every_day(query.frame(lake), since, until)
    month = history.trend_query(name, until)
    trend = month.frame(lake)
    full_in = history.days_to_full(trend)
    seen = days.filter(pl.col("moved_bytes").is_not_null())
    return Page(
        title=f"File system {name}",
        answer=f"{_how_full(days, trend)} {_moved(seen, days.height)}",
        tone="bad" if full_in is not None and full_in < 30 else "neutral",
        facts=[("from (UTC)", str(since)), ("until (UTC)", str(until)), ("days", text.number(days.height))],
        figures=[
            _bandwidth(query, days, window),
            _fullness([query, month], days, trend, window),
            _heat(lake, name, window),
            _users(lake, name, window),
            _coverage(lake, name, since, until),
        ],
        footer=f"Snapshot {lake.snapshot} of {lake.uri}. Days and times are UTC.",
    )


def _how_full(days: pl.DataFrame, trend: pl.DataFrame) -> str:
    used = days["used_pct"].drop_nulls()
    return f"{used[-1]:.1f} % full, {history.forecast(trend)}." if used.len() else "No source says how full it is."


def _moved(seen: pl.DataFrame, days: int) -> str:
    if not seen.height:
        return f"No day had {SEEN_ENOUGH_PCT} % of its time seen."
    moved = text.size(int(seen["moved_bytes"].sum()))
    return (
        f"{moved} moved in {text.count(seen.height, 'day')} seen; {days - seen.height:,} of {text.count(days, 'day')} "
        f"had less than {SEEN_ENOUGH_PCT} % of their time seen."
    )


def _days(lake: Lake, name: str, since: date | None, until: date | None) -> tuple[date, date]:
    """The first and last day of a file system's counts, else of jobs that used it in [since, until); NoFileSystem."""
    watched = _spans(
        lake,
        "SELECT owner, min(date), max(date) FROM files "
        "WHERE table_name IN ('file_system_hour', 'lustre_fs') GROUP BY owner",
    )
    if name in watched:
        return watched[name]
    used = _spans(
        lake,
        "SELECT file_system, min(date), max(date) FROM job_file_system WHERE file_system IS NOT NULL "
        "AND date >= $1 AND date < $2 GROUP BY file_system",
        [since or date.min, until or date.max],
    )
    if name in used:
        return used[name]
    raise NoFileSystem(name, sorted(watched | used))


def _spans(lake: Lake, query: str, values: Sequence[date] = ()) -> dict[str, tuple[date, date]]:
    """The first and last day of each file system."""
    found: list[tuple[Any, ...]] = lake.sql(query, [*values]).fetchall()
    return {name: (first, last) for name, first, last in found}


def _bandwidth(query: Query, days: pl.DataFrame, window: tuple[datetime, datetime]) -> Figure:
    known = days.filter(pl.col("moved_bytes").is_not_null())
    if not known.height:
        why = f"No day was seen for {SEEN_ENOUGH_PCT} % of its time."
        return Figure("days", "Bytes moved a day", why, queries=[query], missing=why)
    top = known.sort("moved_bytes")[-1]
    summary = (
        f"Read and written by all users. The most was {text.size(top['moved_bytes'][0])} on {top['date'][0]}. "
        f"{_regimes(days)} Hatched days were not seen enough."
    )
    return Figure("days", "Bytes moved a day", summary, history.days_chart(days, window), queries=[query])


def _regimes(days: pl.DataFrame) -> str:
    if days["long"].null_count() == days.height:
        return f"Regimes need {history.LONG_DAYS // 2} days seen."
    return f"A regime ends where the {history.SHORT_DAYS}-day mean crosses the {history.LONG_DAYS}-day mean."


def _fullness(
    queries: list[Query], days: pl.DataFrame, trend: pl.DataFrame, window: tuple[datetime, datetime]
) -> Figure:
    known = days.filter(pl.col("used_pct").is_not_null())
    if not known.height:
        why = "No source says how full its targets are."
        return Figure("fullness", "Fullness", why, queries=queries, missing=why)
    pace = history.forecast(trend).capitalize()
    asked = known.filter(pl.col("fullest_ost_pct").is_not_null())  # perhaps on fewer days than the whole
    day = f" on {asked['date'][-1]}" if asked.height and asked["date"][-1] != known["date"][-1] else ""
    fullest = text.percent(asked["fullest_ost_pct"][-1] if asked.height else None, 1)
    summary = (
        f"On {known['date'][-1]} all targets together were {known['used_pct'][-1]:.1f} % full, the fullest one "
        f"{fullest}{day}. {pace}."
    )
    return Figure("fullness", "Fullness", summary, history.fullness_chart(days, window), queries=queries)


def _heat(lake: Lake, name: str, window: tuple[datetime, datetime]) -> Figure:
    start = max(window[0], window[1] - timedelta(days=_HEAT_DAYS))
    query = targets.heat_query(name, (start, window[1]))
    hours = query.frame(lake)
    title = "Load of each target, hour by hour"
    if not hours.height:
        why = "The lake has no counts of its targets."
        return Figure("heat", title, why, queries=[query], missing=why)
    by_target = hours.group_by("ost").agg(pl.col("rate").mean()).drop_nulls().sort("rate")
    busiest = by_target["ost"][-1] if by_target.height else "unknown"
    imbalance = _imbalance(by_target["rate"]) if by_target.height else ""
    last = f"The last {text.count((window[1] - start).days, 'day')}. Busiest on average: {busiest}."
    summary = f"{last}{imbalance} Hatched hours were not seen."
    return Figure("heat", title, summary, targets.heat_chart(hours, (start, window[1])), queries=[query])


def _imbalance(rates: pl.Series) -> str:
    known = rates.to_list()
    mean = sum(known) / len(known)
    return f" It did {max(known) / mean:.2f} times the mean." if mean > 0 else ""


def _users(lake: Lake, name: str, window: tuple[datetime, datetime]) -> Figure:
    summary = "Bytes of jobs by the servers' count, else by Darshan; the share is of all jobs that anyone counted."
    return users_figure(lake, name, window, "users", "Who moved the most", summary, share=True)


def coverage_query(owner: str, since: date, until: date) -> Query:
    """A row for each source and day of an owner: how many inputs were found, loaded and rejected."""
    return Query(
        "SELECT source, day, found, loaded, unchanged, rejected\nFROM coverage\n"
        "WHERE owner = $owner AND day >= $since AND day < $until\nORDER BY source, day",
        {"owner": owner, "since": since, "until": until},
    )


def _coverage(lake: Lake, name: str, since: date, until: date) -> Figure:
    query = coverage_query(name, since, until)
    found = query.frame(lake)
    title = "What was collected"
    if not found.height:
        why = "No source of it has days."
        return Figure("coverage", title, why, queries=[query], missing=why)
    calendar = pl.DataFrame({"day": pl.date_range(since, until - timedelta(days=1), eager=True)})
    grid = found.select("source").unique().join(calendar, how="cross").join(found, on=["source", "day"], how="left")
    state = (
        pl.when(pl.col("found").fill_null(0) == 0)
        .then(pl.lit("nothing found"))
        .when(pl.col("rejected") == pl.col("found"))
        .then(pl.lit("all rejected"))
        .when(pl.col("rejected") > 0)
        .then(pl.lit("some rejected"))
        .otherwise(pl.lit("loaded"))
    )
    cells = grid.select(
        "source",
        pl.col("day").cast(pl.Datetime("us")).alias("ts"),
        state.alias("state"),
        pl.col("found").fill_null(0).cast(pl.Int64),
    )
    gaps = cells.filter(pl.col("state") == "nothing found").height
    window = (datetime.combine(since, time()), datetime.combine(until, time()))
    summary = f"A row a source, a cell a day. {gaps} of {cells.height} have nothing."
    return Figure("coverage", title, summary, history.coverage_chart(cells, window), queries=[query])
