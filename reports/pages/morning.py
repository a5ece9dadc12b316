"""The morning page: a day's file systems, users and slow jobs, what was not collected, and a calendar of days."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from iolake.reports import text
from iolake.reports.charts import Query, history, targets, timeline
from iolake.reports.judgement import PEERS
from iolake.reports.pages.job import job_page
from iolake.reports.pages.page import Figure, Page, Table
from iolake.reports.pages.users import users_figure
from iolake.schemas.coverage import SEEN_ENOUGH_PCT
from iolake.schemas.errors import PermanentError
from iolake.warehouse import Lake

_WORST, _FINDINGS, _REJECTS = 12, 20, 20
_INDEX = "index.html"


def write_morning(lake: Lake, day: date, folder: Path) -> Path:
    """Write the page of `day`, the pages of its slow jobs, and the index with its calendar; the page's path."""
    worst = worst_query(day).rows(lake)
    for run in worst:
        job_page(lake, run["job_id"], run["cluster"], run["run_id"]).write(folder / job_file(run))
    path = folder / f"{day}.html"
    morning_page(lake, day, worst).write(path)
    write_index(folder)
    return path


def write_index(folder: Path) -> Page:
    """Write the page with a calendar of every day that has a page in `folder`."""
    index = _index(folder)
    index.write(folder / _INDEX)
    return index


def job_file(run: dict[str, Any]) -> str:
    """The name of a run's page beside the morning page."""
    return "jobs/" + re.sub(r"[^\w.-]", "_", f"{run['cluster']}-{run['run_id']}") + ".html"


class NoDay(PermanentError):
    """The lake has no data of a day."""

    def __init__(self, day: date, days: Sequence[date]) -> None:
        self.day, self.days = day, days
        first, last = days[0], days[-1]
        near = min(days, key=lambda other: abs(other - day))
        there = f"{len(days):,} days from {first} to {last}, the nearest is {near}" if first < last else str(first)
        super().__init__(f"the lake has no data of {day}; it has {there}")


def require_day(lake: Lake, day: date) -> None:
    """Raise NoDay where the lake has data of other days and none of this one."""
    days = [found for (found,) in lake.sql("SELECT DISTINCT date FROM files ORDER BY 1").fetchall() if found]
    if days and day not in days:
        raise NoDay(day, days)


def last_day(lake: Lake) -> date | None:
    """The last UTC day on which a run ended; in a lake without runs the last day of any data, None in an empty one."""
    (found,) = lake.sql(
        "SELECT coalesce(max(date) FILTER (table_name = 'job_summary'), max(date)) FROM files"
    ).fetchall()
    day = found[0]
    return day if isinstance(day, date) else None


def worst_query(day: date) -> Query:
    """The runs that ended on a day and lost most time, each with its verdict."""
    return Query(
        "SELECT v.cluster, v.run_id, v.job_id, s.user_name, coalesce(s.exe_names[1], s.job_name) AS program,\n"
        "  s.file_system, v.cause, v.culprit, v.lost_s, v.confidence, v.sentence\n"
        "FROM job_verdict v\nJOIN job_summary s USING (cluster, date, run_id)\n"
        "WHERE v.date = $day AND s.date = $day AND v.lost_s > 0\n"
        "ORDER BY v.lost_s DESC, v.cluster, v.run_id\nLIMIT $most",
        {"day": day, "most": _WORST},
    )


def morning_page(lake: Lake, day: date, worst: Sequence[dict[str, Any]]) -> Page:
    """The page of a UTC day. `worst` are `worst_query`'s rows, each with a page of its own beside this one."""
    window = (datetime.combine(day, time()), datetime.combine(day + timedelta(days=1), time()))
    watched = _names(
        lake, "SELECT DISTINCT owner FROM files WHERE table_name = 'file_system_hour' AND date = $1 ORDER BY 1", day
    )
    used = _names(
        lake, "SELECT DISTINCT file_system FROM job_file_system WHERE date = $1 AND file_system IS NOT NULL", day
    )
    ended, with_logs, node_hours = lake.sql(
        "SELECT count(*), count(*) FILTER (logs > 0), sum(node_hours) FROM job_summary WHERE date = $1", [day]
    ).fetchall()[0]
    answer, tone = _answer(lake, day, ended)
    return Page(
        title=f"{day:%A}, {day}",
        answer=answer,
        tone=tone,
        facts=[
            ("jobs ended", text.number(ended)),
            ("with Darshan logs", text.number(with_logs)),
            ("node-hours", text.number(node_hours)),
            ("file systems watched", ", ".join(watched) or "none"),
        ],
        figures=[
            _worst(day, worst),
            _file_systems(lake, day),
            *(figure for name in watched for figure in _file_system(lake, name, window)),
            *(_users(lake, name, window) for name in sorted({*used} - {*watched})),
            _findings(lake, day),
            _not_collected(lake, day),
        ],
        links=[
            (f"← {day - timedelta(days=1)}", f"{day - timedelta(days=1)}.html"),
            ("all days", _INDEX),
            (f"{day + timedelta(days=1)} →", f"{day + timedelta(days=1)}.html"),
        ],
        footer=f"Snapshot {lake.snapshot} of {lake.uri}. The day and all times are UTC.",
    )


def _names(lake: Lake, query: str, day: date) -> list[str]:
    return [str(name) for (name,) in lake.sql(query, [day]).fetchall()]


def _answer(lake: Lake, day: date, ended: int) -> tuple[str, str]:
    """The page's first sentence and its tone. A day whose runs have nothing to be compared with is not a good one."""
    lost = _lost(day).rows(lake)
    if lost:
        runs, lost_s = sum(cause["runs"] for cause in lost), sum(cause["lost_s"] for cause in lost)
        of_it = f"{text.seconds(lost_s)} of I/O time; most of it to {_with_article(lost[0]['cause'])}"
        return f"{text.count(runs, 'slow job')} lost {of_it}.", "bad"
    ((compared,),) = lake.sql(
        "SELECT count(*) FROM job_verdict WHERE date = $1 AND of_peers IS NOT NULL AND peers >= $2", [day, PEERS]
    ).fetchall()
    if not ended:
        return "No job ended on this day.", "neutral"
    if not compared:
        return f"Nothing to compare: no job that ended has a log and {PEERS} runs of its kind within a week.", "neutral"
    return f"No job was slow beside its kind; {compared:,} of {ended:,} could be compared.", "good"


def _with_article(cause: str | None) -> str:
    """A cause as a sentence names it: a full target, the application."""
    if cause is None:
        return "an unknown cause"
    return f"{'a' if cause == 'neighbour' or cause.endswith(' target') else 'the'} {cause}"


def _lost(day: date) -> Query:
    """How many runs that ended on a day were slow, and what they lost, by cause; the dearest cause first."""
    return Query(
        "SELECT cause, count(*) AS runs, sum(lost_s) AS lost_s\nFROM job_verdict\nWHERE date = $day AND lost_s > 0\n"
        "GROUP BY cause\nORDER BY lost_s DESC, cause",
        {"day": day},
    )


def _worst(day: date, worst: Sequence[dict[str, Any]]) -> Figure:
    rows = [
        [
            f"{run['cluster']} {run['job_id']}",
            run["user_name"] or text.UNKNOWN,
            run["program"] or text.UNKNOWN,
            run["file_system"] or text.UNKNOWN,
            run["cause"] or "unknown",
            text.seconds(run["lost_s"]),
            run["sentence"],
        ]
        for run in worst
    ]
    links = {(number, 0): job_file(run) for number, run in enumerate(worst)}
    columns = ["job", "user", "program", "file system", "cause", "lost", "verdict"]
    missing = None if rows else "No run that ended on this day is known to have been slow beside its kind."
    return Figure(
        "worst",
        "Slow jobs",
        missing
        or f"The {text.count(len(rows), 'run')} that lost most time beside their kind; each is linked to its page.",
        table=Table(columns, rows, links) if rows else None,
        queries=[worst_query(day)],
        missing=missing,
    )


def _file_system(lake: Lake, name: str, window: timeline.Window) -> Iterator[Figure]:
    key = _key(name)
    servers = timeline.servers_query(name, window, 144)
    seen = servers.frame(lake)
    hours = history.hours_query(name, window)
    by_hour = hours.frame(lake)
    full = by_hour.filter(pl.col("used_pct").is_not_null())
    moved = by_hour.select((pl.col("read_bytes_per_s") + pl.col("write_bytes_per_s")).max()).item()
    charts = [
        timeline.bandwidth_chart(seen, pl.DataFrame(schema=timeline.ACTIVITY), window),
        timeline.metadata_chart(seen, window),
    ]
    month = history.trend_query(name, window[1].date())
    trend = history.forecast(month.frame(lake))
    fullest = full["fullest_ost_pct"].drop_nulls()  # targets may be asked less often than the whole
    fullness = (
        f" {full['used_pct'][-1]:.1f} % full, its fullest target {text.percent(next(iter(fullest[-1:]), None), 1)}, "
        f"{trend}."
        if full.height
        else ""
    )
    busiest = f" Its busiest hour moved {text.rate(moved)}." if moved is not None else ""
    over = lake.sql(
        "SELECT count(*) FROM ost_failover WHERE file_system = $1 AND date = $2 AND overloaded_servers > 0",
        [name, window[0].date()],
    ).fetchall()[0][0]
    failover = f" In {over} lists of its servers one had taken over another's targets." if over else ""
    unseen = seen.filter(pl.col("ost_seen_pct") < SEEN_ENOUGH_PCT).height
    summary = (
        f"Bandwidth and metadata of the day.{busiest}{fullness}{failover} {unseen} of 144 bins were not seen enough."
    )
    yield Figure(
        f"day-{key}",
        f"{name}: the day",
        summary,
        timeline.stacked(charts, [f"{name}: bytes", timeline.metadata_title(name, seen)]),
        queries=[servers, hours, month],
    )
    heat = targets.heat_query(name, window)
    cells = heat.frame(lake)
    if cells.height:
        yield Figure(
            f"heat-{key}",
            f"{name}: its targets",
            f"Mean rate of each target in each hour; hatched hours were seen for less than {SEEN_ENOUGH_PCT} %.",
            targets.heat_chart(cells, window),
            queries=[heat],
        )
    yield _users(lake, name, window)


def _key(name: str) -> str:
    """A file system's name as a part of a figure's."""
    return re.sub(r"\W", "-", name)


def _users(lake: Lake, name: str, window: timeline.Window) -> Figure:
    title = f"{name}: who moved the most"
    summary = "Bytes of jobs in this day, by the servers' count, else by Darshan."
    return users_figure(lake, name, window, f"users-{_key(name)}", title, summary, share=False)


def _file_systems(lake: Lake, day: date) -> Figure:
    query = Query(
        "SELECT severity, file_system, target, code, ts, sentence, advice\nFROM file_system_findings\n"
        "WHERE date = $day\n"
        "ORDER BY list_position(['high', 'medium', 'low', 'info'], severity), file_system, code, target\nLIMIT $most",
        {"day": day, "most": _FINDINGS},
    )
    rows = [
        [
            r["severity"],
            f"{r['file_system']} {r['target']}".strip(),
            r["code"],
            f"{r['ts']:%H:%M}" if r["ts"] else "",
            r["sentence"],
            r["advice"],
        ]
        for r in query.rows(lake)
    ]
    return Figure(
        "file-systems",
        "Findings of the file systems",
        "What was wrong with file systems and their targets, the gravest first.",
        table=Table(["severity", "where", "finding", "at (UTC)", "what", "advice"], rows) if rows else None,
        queries=[query],
        missing=None if rows else "No rule found anything.",
    )


def _findings(lake: Lake, day: date) -> Figure:
    query = Query(
        "SELECT code, any_value(severity) AS severity, any_value(subject) AS subject, count(*) AS runs,\n"
        "  any_value(advice) AS advice\nFROM findings\n"
        "WHERE date = $day AND severity IN ('high', 'medium')\nGROUP BY code\n"
        "ORDER BY severity, runs DESC, code\nLIMIT $most",
        {"day": day, "most": _FINDINGS},
    )
    rows = [[r["severity"], r["subject"], r["code"], f"{r['runs']:,}", r["advice"]] for r in query.rows(lake)]
    return Figure(
        "findings",
        "Findings of the day",
        "How many runs each rule of high or medium severity found something in.",
        table=Table(["severity", "about", "finding", "runs", "advice"], rows) if rows else None,
        queries=[query],
        missing=None if rows else "No rule found anything.",
    )


def _not_collected(lake: Lake, day: date) -> Figure:
    gaps = Query(
        "SELECT source, owner FROM coverage WHERE day = $day AND found = 0 ORDER BY ALL",
        {"day": day},
    )
    rejects = Query(
        "SELECT source, owner, uri, reason\nFROM rejects\nWHERE day = $day\nORDER BY source, owner, uri\nLIMIT $most",
        {"day": day, "most": _REJECTS},
    )
    missing = [[r["source"], r["owner"], "nothing found", ""] for r in gaps.rows(lake)]
    rejected = [[r["source"], r["owner"], r["reason"], r["uri"]] for r in rejects.rows(lake)]
    rows = missing + rejected
    return Figure(
        "missing",
        "Not collected or rejected",
        f"{text.count(len(missing), 'gap')}, {text.count(len(rejected), 'reject')}.",
        table=Table(["source", "owner", "why", "input"], rows) if rows else None,
        queries=[gaps, rejects],
        missing=None if rows else "Every source of the day was found and loaded.",
    )


def _index(folder: Path) -> Page:
    days = sorted(date.fromisoformat(p.stem) for p in folder.glob("????-??-??.html"))
    figures = [_month(year, month, days) for year, month in sorted({(d.year, d.month) for d in days}, reverse=True)]
    latest = f"The latest is {days[-1]}." if days else ""
    return Page("Morning pages", f"{text.count(len(days), 'day')}. {latest}", [], figures)


def _month(year: int, month: int, days: Sequence[date]) -> Figure:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    rows = [[str(d.day) if d.month == month else "" for d in week] for week in weeks]
    links = {
        (line, column): f"{d}.html"
        for line, week in enumerate(weeks)
        for column, d in enumerate(week)
        if d.month == month and d in days
    }
    title = f"{calendar.month_name[month]} {year}"
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return Figure(
        f"m{year}-{month}", title, f"{text.count(len(links), 'page')}.", table=Table(names, rows, links, grid=True)
    )
