"""Pictures as functions, for notebooks: each asks a lake and returns an Altair chart to show or change.

    from iolake import Lake, reports
    reports.bandwidth(Lake("lake"), "scratch2", datetime(2026, 11, 27), datetime(2026, 11, 28)).properties(width=500)

They are the pictures of the pages. Times are UTC; what was not seen is grey, never zero (P12).
"""

from __future__ import annotations

import json
from datetime import date, datetime

import altair as alt
import polars as pl

from iolake.reports.charts import history, targets, theme, timeline
from iolake.warehouse import Lake
from iolake.warehouse.errors import LakeError

_NOT_SEEN = "#dddddd"
"""In place of the pages' hatch, whose pattern lies in the page."""
_WIDTH = 600


class NothingToDraw(LakeError):
    """The lake has nothing that the picture shows."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"nothing to draw: {what}; `iolake status` shows what the lake has")


def bandwidth(lake: Lake, file_system: str, since: datetime, until: datetime, bins: int = 240) -> theme.Chart:
    """Read and write rates of a file system's servers in [since, until), B/s. NothingToDraw."""
    window = (since, until)
    servers = _servers(lake, file_system, window, bins)
    chart = timeline.bandwidth_chart(servers, pl.DataFrame(schema=timeline.ACTIVITY), window)
    return _for_notebooks(chart.properties(width=theme.WIDTH))


def metadata(lake: Lake, file_system: str, since: datetime, until: datetime, bins: int = 240) -> theme.Chart:
    """Rates of opens and of all metadata operations of a file system in [since, until), 1/s. NothingToDraw."""
    servers = _servers(lake, file_system, (since, until), bins)
    return _for_notebooks(timeline.metadata_chart(servers, (since, until)).properties(width=theme.WIDTH))


def target_heat(lake: Lake, file_system: str, since: datetime, until: datetime) -> theme.Chart:
    """Mean rate of each storage target hour by hour in [since, until), B/s. NothingToDraw."""
    hours = targets.heat_query(file_system, (since, until)).frame(lake)
    if not hours.height:
        raise NothingToDraw(f"no counts of targets of {file_system} from {since} to {until}")
    return _for_notebooks(targets.heat_chart(hours, (since, until)))


def bytes_by_day(lake: Lake, file_system: str, since: date, until: date) -> theme.Chart:
    """Bytes that a file system moved on each of the days [since, until), and their moving means. NothingToDraw."""
    days = _days(lake, file_system, since, until)
    return _for_notebooks(history.days_chart(days, _midnights(since, until)))


def fullness(lake: Lake, file_system: str, since: date, until: date) -> theme.Chart:
    """Used share of all targets and of the fullest one on the days [since, until), %. NothingToDraw."""
    days = _days(lake, file_system, since, until)
    return _for_notebooks(history.fullness_chart(days, _midnights(since, until)))


def job_timeline(lake: Lake, job_id: int, cluster: str | None = None, run_id: str | None = None) -> theme.Chart:
    """A run's own I/O over what the servers saw and its neighbours, on one time axis. NoJob, NothingToDraw."""
    from iolake.reports.pages.job import timeline_figure

    figure = timeline_figure(lake, job_id, cluster, run_id)
    if figure is None or figure.chart is None:
        raise NothingToDraw(f"no source saw when job {job_id} moved data")
    return _for_notebooks(figure.chart)


def _servers(lake: Lake, file_system: str, window: timeline.Window, bins: int) -> pl.DataFrame:
    servers = timeline.servers_query(file_system, window, bins).frame(lake)
    if not (servers["ost_seen_pct"].max() or servers["mdt_seen_pct"].max()):
        raise NothingToDraw(f"no counts of the servers of {file_system} from {window[0]} to {window[1]}")
    return servers


def _days(lake: Lake, file_system: str, since: date, until: date) -> pl.DataFrame:
    found = history.days_query(file_system, since, until).frame(lake)
    if not found.height:
        raise NothingToDraw(f"no day of {file_system} from {since} to {until}")
    return history.every_day(found, since, until)


def _midnights(since: date, until: date) -> tuple[datetime, datetime]:
    return datetime(since.year, since.month, since.day), datetime(until.year, until.month, until.day)


def _for_notebooks(chart: theme.Chart) -> theme.Chart:
    """The chart at a notebook's width, with a plain fill where a page has its hatch."""
    spec = json.dumps(chart.to_dict(), default=str).replace(theme.UNSEEN, _NOT_SEEN)
    spec = spec.replace(f'"width": {theme.WIDTH}', f'"width": {_WIDTH}')
    return alt.Chart.from_dict(json.loads(spec))
