"""A run's page: the verdict, one time axis with its I/O over the servers' and its neighbours, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl

from iolake.reports import text
from iolake.reports.charts import Query, layers, targets, timeline
from iolake.reports.charts.kind import kind_chart, kind_query
from iolake.reports.job import NoJob
from iolake.reports.job_facts import days_of
from iolake.reports.judgement import KIND_DAYS, amount, is_compared
from iolake.reports.pages.page import Figure, Page, Table
from iolake.schemas.coverage import SEEN_ENOUGH_PCT
from iolake.warehouse import Lake

Row = dict[str, Any]
Drawn = tuple[str, Any]
"""The title of a row of the timeline, and its chart."""
_SEVERITIES = {"high": 0, "medium": 1, "low": 2, "info": 3}
_NEIGHBOURS = 8
_WATCHED = 3
"""File systems to show of a run that no source ties to one."""
_MEASURED = {
    "heatmap": "Darshan's heatmap",
    "trace": "the DXT trace",
    "counters": "counters, spread evenly over each file",
}


def job_page(lake: Lake, job_id: int, cluster: str | None = None, run_id: str | None = None) -> Page:
    """The page of a run of `job_id`: of `run_id`, else of the one that ended last. NoJob."""
    run, runs = _run(lake, job_id, cluster, run_id)
    verdict = _one(_verdict(run).rows(lake))
    window = _window(run)
    logs = _logs(run).frame(lake)
    used = _used(run).rows(lake)
    slow = verdict.get("cause") not in (None, "scheduler") or verdict.get("lost_s") is not None
    return Page(
        title=f"Job {job_id} on {run['cluster']}",
        answer=verdict.get("sentence") or "No verdict: the lake has not judged this run.",
        tone="bad" if slow else "good" if is_compared(verdict) else "neutral",
        facts=list(_facts(run, verdict, used, runs)),
        figures=list(_figures(lake, run, logs, used, window)),
        footer=f"Run {run['run_id']}, snapshot {lake.snapshot} of {lake.uri}. Times are UTC.",
    )


def timeline_figure(lake: Lake, job_id: int, cluster: str | None = None, run_id: str | None = None) -> Figure | None:
    """A run's I/O, the servers and the neighbours on one time axis; None for a run without times. NoJob."""
    run, _ = _run(lake, job_id, cluster, run_id)
    window = _window(run)
    if window is None:
        return None
    return _timeline(lake, run, _logs(run).frame(lake), _used(run).rows(lake), window)


def _run(lake: Lake, job_id: int, cluster: str | None, run_id: str | None) -> tuple[Row, int]:
    """The run `run_id`, else the one that ended last, and how many there are of that id. NoJob."""
    found = _runs(job_id, cluster).rows(lake)
    wanted = [run for run in found if run_id in (None, run["run_id"])]
    if not wanted:
        raise NoJob(job_id, cluster, [])
    return wanted[-1], len(found)


def _figures(
    lake: Lake, run: Row, logs: pl.DataFrame, used: Sequence[Row], window: timeline.Window | None
) -> Iterator[Figure]:
    if window is not None:
        yield _timeline(lake, run, logs, used, window)
    yield _findings(lake, run)
    if logs.height:
        yield _sizes(lake, run, logs)
        yield _times(lake, run, logs)
    if window is not None:
        for name in _names(used)[:1]:
            yield _targets(lake, run, name, window)
    yield _kind(lake, run)


def _runs(job_id: int, cluster: str | None) -> Query:
    of_cluster = "" if cluster is None else " AND cluster = $cluster"
    values = {"job_id": job_id} | ({} if cluster is None else {"cluster": cluster})
    return Query(f"FROM job_summary\nWHERE job_id = $job_id{of_cluster}\nORDER BY end_time NULLS FIRST, run_id", values)


def _of_run(run: Row) -> dict[str, Any]:
    return {"cluster": run["cluster"], "date": run["date"], "run_id": run["run_id"]}


_RUN = "WHERE cluster = $cluster AND date = $date AND run_id = $run_id"


def _verdict(run: Row) -> Query:
    return Query(f"FROM job_verdict\n{_RUN}", _of_run(run))


def _logs(run: Row) -> Query:
    first, last = days_of(run)
    return Query(
        "SELECT log_id, date, log_start_time, log_end_time\nFROM logs_of_runs($cluster, $first, $last)\n"
        "WHERE job_id = $job_id AND run_id = $run_id\nORDER BY log_start_time, log_id",
        {"cluster": run["cluster"], "job_id": run["job_id"], "run_id": run["run_id"], "first": first, "last": last},
    )


def _used(run: Row) -> Query:
    """The file systems that a run is known to have used, by Darshan or the servers' count, the busiest first.

    Of a run that nobody counted, all that were watched while it ran: `known` is false.
    """
    return Query(
        "SELECT file_system, jobstats_read_bytes, jobstats_write_bytes, share_reason,\n"
        "  coalesce(logs, 0) > 0 OR coalesce(jobstats_read_bytes, jobstats_write_bytes) IS NOT NULL AS known\n"
        f"FROM job_file_system\n{_RUN}\nQUALIFY known OR NOT bool_or(known) OVER ()\n"
        "ORDER BY greatest(coalesce(darshan_read_bytes, 0)::HUGEINT + coalesce(darshan_write_bytes, 0),\n"
        "  coalesce(jobstats_read_bytes, 0)::HUGEINT + coalesce(jobstats_write_bytes, 0)) DESC, file_system",
        _of_run(run),
    )


def _names(used: Sequence[Row]) -> list[str]:
    """The names of the file systems that a run is known to have used."""
    return [row["file_system"] for row in used if row["known"]]


def _window(run: Row) -> timeline.Window | None:
    start = run["start_time"] or run["first_log_start"]
    end = run["end_time"] or run["last_log_end"]
    return (start, end) if start and end and end > start else None


def _facts(run: Row, verdict: Row, used: Sequence[Row], runs: int) -> Iterator[tuple[str, str]]:
    unknown = text.UNKNOWN
    yield "program", ", ".join(dict.fromkeys(run["exe_names"] or [])) or unknown
    yield "job name", run["job_name"] or unknown
    yield "user", " of ".join(part for part in (run["user_name"], run["account"]) if part) or unknown
    yield "started (UTC)", text.moment(run["start_time"])
    yield "ran", text.seconds(run["elapsed_s"])
    yield "state", run["state"] or unknown
    yield "nodes, processes", f"{text.number(run['nnodes'])}, {text.number(run['nprocs'])}"
    yield "read", _moved(run, used, "read_bytes")
    yield "written", _moved(run, used, "write_bytes")
    yield "performance", text.rate(run["performance_bytes_per_s"])
    if is_compared(verdict):
        yield "beside its kind", f"{100 * verdict['of_peers']:.0f} % of the median of {verdict['peers']} runs"
    names = _names(used)
    yield ("file systems" if len(names) > 1 else "file system"), ", ".join(names) or unknown
    yield "its share of the bytes", _share(run, used)
    if runs > 1:
        yield "runs with this id", f"{runs}; --run names one"


def _moved(run: Row, used: Sequence[Row], name: str) -> str:
    """Bytes by Darshan, else by the servers' own count."""
    if run[name] is not None:
        return text.size(run[name])
    counted = [row[f"jobstats_{name}"] for row in used if row[f"jobstats_{name}"] is not None]
    return f"{text.size(sum(counted))} by the servers' count" if counted else text.UNKNOWN


def _share(run: Row, used: Sequence[Row]) -> str:
    """The run's share of what its main file system moved, or why it is unknown."""
    if run["share"] is not None:
        return text.percent(100 * run["share"])
    main = next((row["share_reason"] for row in used if row["known"]), None)
    return f"{text.UNKNOWN}: {run['share_reason'] or main or 'no source names its file system'}"


def _timeline(lake: Lake, run: Row, logs: pl.DataFrame, used: Sequence[Row], window: timeline.Window) -> Figure:
    bins = timeline.bins_for(window)
    own, queries = pl.DataFrame(schema=timeline.ACTIVITY), []
    if logs.height:
        query = timeline.activity_query(run["cluster"], logs["log_id"].to_list(), window, bins)
        own = query.frame(lake)
        queries.append(query)
    rows, notes = _ranks(own, window)
    for name in _names(used)[:1] or [row["file_system"] for row in used[:_WATCHED]]:
        query = timeline.servers_query(name, window, bins)
        queries.append(query)
        drawn, said = _servers(name, query.frame(lake), own, window)
        rows += drawn
        notes += said
    if used and not _names(used):
        notes.append("No source says which of these file systems it used.")
    busiest = ""
    for name in _names(used)[:1]:
        query = _neighbours(run, name)
        beside = query.frame(lake)
        if beside.height:
            busiest = f"The busiest neighbour is {beside['name'][0]}. "
            grey = "; grey where unknown" if beside["share_pct"].null_count() else ""
            title = f"Who else used the file system, darker the more of its bytes they moved{grey}"
            rows.append((title, timeline.neighbours_chart(beside, window)))
            queries.append(query)
    zoom = "Drag or scroll to zoom all rows together. " if rows else ""
    return Figure(
        "timeline",
        "What happened while it ran",
        f"From {text.moment(window[0])} to {text.moment(window[1])}. {zoom}{busiest}{' '.join(notes)}",
        timeline.stacked([chart for _, chart in rows], [title for title, _ in rows]) if rows else None,
        queries=queries,
        missing=None if rows else "Nothing in the lake shows this time.",
    )


def _ranks(own: pl.DataFrame, window: timeline.Window) -> tuple[list[Drawn], list[str]]:
    """The row of what its ranks moved, and what to say where no log tells."""
    if not own.height:
        return [], ["No Darshan log shows when it moved data."]
    how = _MEASURED[own["measured_by"][0]]
    return [(f"What each group of ranks moved, by {how}", timeline.activity_chart(own, window))], []


def _servers(
    name: str, servers: pl.DataFrame, own: pl.DataFrame, window: timeline.Window
) -> tuple[list[Drawn], list[str]]:
    """The rows of a file system's bandwidth and metadata, and what was not seen of them."""
    if not (servers["ost_seen_pct"].max() or servers["mdt_seen_pct"].max()):
        return [], [f"Nobody watched the servers of {name} while it ran."]
    beside = ", and this job" if own.height else ""
    rows = [
        (f"What the servers of {name} moved{beside}", timeline.bandwidth_chart(servers, own, window)),
        (timeline.metadata_title(name, servers), timeline.metadata_chart(servers, window)),
    ]
    unseen = servers.filter(pl.col("ost_seen_pct") < SEEN_ENOUGH_PCT).height
    note = f"Hatched: {unseen} of {servers.height} bins of {name} were seen for less than {SEEN_ENOUGH_PCT} %."
    return rows, [note] if unseen else []


def _neighbours(run: Row, file_system: str) -> Query:
    return Query(
        "SELECT neighbour_cluster || ' ' || neighbour_job_id || ' ' || coalesce(neighbour_exe, '') AS name,\n"
        '  overlap_start AS ts, overlap_end AS "end", overlap_start AS start, overlap_end AS ended,\n'
        "  CASE WHEN share > 1 THEN 100 ELSE 100 * share END AS share_pct,\n"
        "  coalesce(read_bytes, 0)::DOUBLE + coalesce(write_bytes, 0) AS moved_bytes\n"
        f"FROM job_neighbours\n{_RUN} AND file_system = $file_system AND measured_by <> 'presence'\n"
        "ORDER BY moved_bytes DESC, name\nLIMIT $most",
        _of_run(run) | {"file_system": file_system, "most": _NEIGHBOURS},
    )


def _findings(lake: Lake, run: Row) -> Figure:
    query = Query(
        "SELECT severity, subject, code, sentence, value, threshold, unit, compared_with, advice, reference\n"
        f"FROM findings\n{_RUN}\nORDER BY code",
        _of_run(run),
    )
    found = sorted(query.rows(lake), key=lambda row: _SEVERITIES[row["severity"]])
    rows = [
        [
            row["severity"],
            row["subject"],
            row["sentence"],
            f"{amount(row['value'], row['unit'])} (threshold {row['threshold']:,.4g}, {row['compared_with']})",
            row["advice"],
            row["reference"],
        ]
        for row in found
    ]
    grave = sum(row["severity"] == "high" for row in found)
    none = "No rule of finding_rules applies to this run."
    return Figure(
        "findings",
        "Findings",
        f"{text.count(len(found), 'finding')}, {grave} of high severity." if found else none,
        table=Table(["severity", "about", "finding", "evidence", "advice", "rule of"], rows) if rows else None,
        queries=[query],
        missing=None if rows else none,
    )


def _days(logs: pl.DataFrame) -> tuple[date, date]:
    first, last = logs["date"].min(), logs["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last


def _sizes(lake: Lake, run: Row, logs: pl.DataFrame) -> Figure:
    query = layers.sizes_query(run["cluster"], logs["log_id"].to_list(), _days(logs))
    sizes = query.frame(lake)
    counted = int(sizes["reads"].sum() or 0) + int(sizes["writes"].sum() or 0)
    if not counted:
        why = "Its logs have no records of POSIX or DFS."
        return Figure("sizes", "Sizes of its accesses", why, queries=[query], missing=why)
    common = sizes.with_columns(all=pl.col("reads").fill_null(0) + pl.col("writes").fill_null(0)).sort("all")["size"][
        -1
    ]
    summary = f"{counted:,} reads and writes of POSIX and DFS by their size; most are {common}."
    return Figure("sizes", "Sizes of its accesses", summary, layers.sizes_chart(sizes), queries=[query])


def _times(lake: Lake, run: Row, logs: pl.DataFrame) -> Figure:
    query = layers.times_query(run["cluster"], logs["log_id"].to_list(), _days(logs))
    times = query.frame(lake).filter(pl.any_horizontal(pl.col("read_s", "write_s", "meta_s").is_not_null()))
    if not times.height:
        why = "Its logs have no times."
        return Figure("layers", "I/O time by layer", why, queries=[query], missing=why)
    totals = ", ".join(
        f"{row['layer']} {text.seconds((row['read_s'] or 0) + (row['write_s'] or 0) + (row['meta_s'] or 0))}"
        for row in times.to_dicts()
    )
    summary = f"All processes together: {totals}. MPI-IO's time holds that of POSIX below it."
    if "DAOS" in times["layer"]:
        summary += " DFS's time holds that of DAOS below it."
    return Figure("layers", "I/O time by layer", summary, layers.times_chart(times), queries=[query])


def _targets(lake: Lake, run: Row, file_system: str, window: timeline.Window) -> Figure:
    own = Query(
        f"SELECT ost, files, ost_read_bytes, ost_write_bytes\nFROM job_ost\n{_RUN} AND file_system = $file_system\n"
        "ORDER BY ost",
        _of_run(run) | {"file_system": file_system},
    )
    load = targets.load_query(file_system, window)
    about = Query(
        "SELECT DISTINCT unnest(string_split(target, ', ')) AS ost\n"
        f"FROM findings\n{_RUN} AND file_system = $file_system",
        _of_run(run) | {"file_system": file_system},
    )
    mine, all_targets, named = own.frame(lake), load.frame(lake), about.frame(lake)["ost"].to_list()
    title = f"Its targets on {file_system}"
    if not all_targets.height:
        why = "The lake has no counts of the targets for this time."
        return Figure("targets", title, why, queries=[load, own], missing=why)
    holds = mine["ost"].to_list()
    lies = f"Its files lie on {len(holds)} of {all_targets.height} targets{_listed(holds)}."
    summary = (
        f"{lies if holds else 'No log says on which targets its files lie.'} "
        "Load and fullness are of the hours that the run touches, by all users."
    )
    return Figure("targets", title, summary, targets.load_chart(all_targets, holds, named), queries=[load, own, about])


def _listed(names: Sequence[str]) -> str:
    return f": {text.names(names)}" if names else ""


def _kind(lake: Lake, run: Row) -> Figure:
    query = kind_query(run)
    kind = query.frame(lake)
    title = "Beside its kind"
    if kind.filter(~pl.col("this")).height < 2:
        why = f"Fewer than two other runs of its program, file system and direction within {KIND_DAYS} days."
        return Figure("kind", title, why, queries=[query], missing=why)
    chart = kind_chart(kind)
    if chart is None:
        why = f"No metric of this run is known beside those of {kind.height - 1} others of its kind."
        return Figure("kind", title, why, queries=[query], missing=why)
    summary = (
        f"{kind.height} runs of its kind within {KIND_DAYS} days. This one is in colour; each row names its percentile."
    )
    return Figure("kind", title, summary, chart, queries=[query])


def _one(rows: Sequence[Row]) -> Row:
    return rows[0] if rows else {}
