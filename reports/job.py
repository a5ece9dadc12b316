"""The job page: what the scheduler, the application and the file systems say of one job, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from itertools import chain

from iolake.reports import disks, text
from iolake.reports import job_facts as facts
from iolake.reports.job_facts import Logs
from iolake.reports.judgement import Row, judge, section
from iolake.warehouse import Lake, LakeError

_WIDTH = 78
_INTERFACES = (
    ("posix", "POSIX", ""),
    ("stdio", "STDIO", ""),
    ("dfs", "DFS", ""),
    ("mpiio", "MPI-IO", "the same bytes one layer up"),
    ("daos", "DAOS", "the same bytes one layer down"),
)
"""The keys of Darshan's interfaces, their names, and which count another one's bytes again."""
_LARGEST_ID = 2**63 - 1


class NoJob(LakeError):
    """No source of the lake knows a job of that id."""

    def __init__(self, job_id: int, cluster: str | None, near: Sequence[int]) -> None:
        self.job_id, self.cluster, self.near = job_id, cluster, near
        where = f" on {cluster}" if cluster else ""
        hint = f"the nearest ids are {', '.join(map(str, near))}" if near else f"it has no jobs{where or ' at all'}"
        super().__init__(f"no job {job_id}{where} in the lake; {hint}; `iolake ingest` loads what is new")


def job_page(lake: Lake, job_id: int, cluster: str | None = None, run_ids: frozenset[str] | None = None) -> str:
    """All that the lake knows of a job, as text for a person. Times are UTC.

    An id that is several runs (requeued, used again, on two clusters) is listed first, then each run has its
    page; with `run_ids`, only those runs. NoJob where neither a scheduler nor a Darshan log knows the id.
    """
    if job_id > _LARGEST_ID:
        raise NoJob(job_id, cluster, facts.nearest(lake, _LARGEST_ID, cluster))
    runs = facts.runs(lake, job_id, cluster)
    waiting = facts.unfinished(lake, job_id, cluster)
    strays = facts.stray_logs(lake, job_id, cluster)
    if run_ids is not None:
        runs = [run for run in runs if run["run_id"] in run_ids]
        waiting = [job for job in waiting if job["run_id"] in run_ids]
    if not (runs or waiting or strays):
        raise NoJob(job_id, cluster, facts.nearest(lake, job_id, cluster))
    pages = [_run_page(lake, run) for run in runs]
    pages += [_unfinished_page(job) for job in waiting]
    for name in dict.fromkeys(log["cluster"] for log in strays):
        of_cluster = [log for log in strays if log["cluster"] == name]
        pages.append(_strays_note(job_id, of_cluster) if runs else _stray_page(lake, job_id, of_cluster))
    if len(runs) > 1:
        pages.insert(0, "\n".join(_list_of_runs(job_id, runs)))
    return "\n\n".join(pages)


def _list_of_runs(job_id: int, runs: Sequence[Row]) -> Iterator[str]:
    yield f"{len(runs)} runs have the id {job_id}" + ("; --cluster names one" if _clusters(runs) > 1 else "")
    rows = [("cluster", "submitted (UTC)", "started", "ended", "restarts", "state", "nodes")]
    rows += [
        (
            run["cluster"],
            text.moment(run["submit_time"] if run["submit_known"] else None),
            text.moment(run["start_time"]) if run["start_time"] else "never",
            text.moment(run["end_time"]),
            text.number(run["restart"]),
            run["state"] or text.UNKNOWN,
            text.number(run["nnodes"]),
        )
        for run in runs
    ]
    yield from (f"  {line}" for line in text.columns(rows, [4, 6]))


def _clusters(runs: Sequence[Row]) -> int:
    return len({run["cluster"] for run in runs})


def _run_page(lake: Lake, run: Row) -> str:
    title = _title(run["job_id"], run["cluster"])
    if run["start_time"] is None:
        return "\n".join([*title, *_scheduler(lake, run), "", "It never started: it did no I/O."])
    logs = facts.logs_of(lake, run)
    judged = section(judge(lake, run["cluster"], run["run_id"], run["date"], logs.found))
    doings = _doings(lake, logs, run["start_time"], run["end_time"], run)
    return "\n".join([*title, *judged, *_scheduler(lake, run), *doings])


def _unfinished_page(job: Row) -> str:
    state = (job["state"] or "not ended").lower()
    started = f"started {text.moment(job['start_time'])}" if job["start_time"] else "not started"
    return "\n".join(
        [
            *_title(job["job_id"], job["cluster"]),
            *_heading(f"Scheduler: {state} when it was last asked"),
            *_fields([("user", job["user_name"]), ("submitted", text.moment(job["submit_time"])), ("", started)]),
            "",
            "The rest is known once it has ended: `iolake ingest slurm` asks again.",
        ]
    )


def _strays_note(job_id: int, logs: Sequence[Row]) -> str:
    count = "1 Darshan log" if len(logs) == 1 else f"{len(logs)} Darshan logs"
    return (
        f"Not shown: {count} of the id {job_id} on {logs[0]['cluster']}, without a run that the lake knows;\n"
        f'iolake sql "FROM darshan_logs WHERE job_id = {job_id}" has all of its logs'
    )


def _stray_page(lake: Lake, job_id: int, logs: Sequence[Row]) -> str:
    """The page of a job that only Darshan logs show."""
    since, until = min(log["start_time"] or log["end_time"] for log in logs), max(log["end_time"] for log in logs)
    first, last = facts.days_around(since, until)
    cluster = logs[0]["cluster"]
    judged = [section(judge(lake, cluster, run_id, day, own)) for run_id, day, own in _stray_runs(job_id, logs)]
    return "\n".join(
        [
            *_title(job_id, cluster),
            *chain.from_iterable(judged),
            *_heading("Scheduler"),
            f"  no record of it in the lake; `iolake ingest slurm --since {first} --until {last}` loads it",
            *_doings(lake, facts.Logs(cluster, job_id, logs), since, until, None),
        ]
    )


def _stray_runs(job_id: int, logs: Sequence[Row]) -> Iterator[tuple[str, date, list[Row]]]:
    """(run_id, day, logs) of the runs that logs without a scheduler's record make: those of a day are one."""
    for day in sorted({log["date"] for log in logs}):
        yield f"{job_id}.logs.{day:%Y%m%d}", day, [log for log in logs if log["date"] == day]


def job_facts(lake: Lake, job_id: int, cluster: str | None = None, run_ids: frozenset[str] | None = None) -> list[Row]:
    """What job_page shows, as data: one dict a run, with the run, its logs, its judgement and its file systems.

    NoJob as for job_page. Runs that have not ended have their record alone.
    """
    if job_id > _LARGEST_ID:
        raise NoJob(job_id, cluster, facts.nearest(lake, _LARGEST_ID, cluster))
    found: list[Row] = []
    for run in facts.runs(lake, job_id, cluster):
        logs = facts.logs_of(lake, run) if run["start_time"] else Logs(run["cluster"], job_id, [])
        judged = asdict(judge(lake, run["cluster"], run["run_id"], run["date"], logs.found))
        servers = list(facts.meanwhile(lake, run).values())
        found.append({"run": run, **judged, "logs": facts.logs(lake, logs), "file_systems": servers})
    found += [{"run": run} for run in facts.unfinished(lake, job_id, cluster)]
    strays = facts.stray_logs(lake, job_id, cluster)
    for name in dict.fromkeys(log["cluster"] for log in strays):
        for run_id, day, own in _stray_runs(job_id, [log for log in strays if log["cluster"] == name]):
            run = {"cluster": name, "run_id": run_id, "date": day, "job_id": job_id}
            its_logs = facts.logs(lake, Logs(name, job_id, own))
            found.append({"run": run, **asdict(judge(lake, name, run_id, day, own)), "logs": its_logs})
    if run_ids is not None:
        found = [one for one in found if one["run"]["run_id"] in run_ids]
    if not found:
        raise NoJob(job_id, cluster, facts.nearest(lake, job_id, cluster))
    return found


def _doings(lake: Lake, logs: Logs, since: datetime, until: datetime, run: Row | None) -> Iterator[str]:
    """The sections under the scheduler's: application, file systems, targets."""
    yield from _application(facts.logs(lake, logs), since, until)
    touched = facts.touched(lake, logs)
    servers = facts.meanwhile(lake, run) if run else {}
    names = [t["file_system"] for t in touched if t["file_system"]] if logs.found else list(servers)
    yield from _file_systems(lake, touched, servers, names, (since, until))
    yield from _targets(lake, names, facts.stripes(lake, logs), (since, until))


def _scheduler(lake: Lake, run: Row) -> Iterator[str]:
    yield from _heading(f"Scheduler ({run['scheduler']})")
    code = None if run["exit_code"] is None else f"exit {run['exit_code']}"
    wait = f"after {text.seconds(run['wait_s'])}" if run["wait_s"] is not None else None
    steps = facts.steps(lake, run)
    ended = f"{steps['steps']}; {steps['last_step']} ended last, {text.moment(steps['end_time'])}"
    yield from _fields(
        [
            ("name", run["job_name"]),
            ("user", _joined(run["user_name"], run["account"] and f"account {run['account']}")),
            ("queue", _joined(run["partition"], run["qos"] and f"qos {run['qos']}")),
            ("state", _joined(run["state"], code)),
            ("submitted", text.moment(run["submit_time"] if run["submit_known"] else None)),
            ("started", _joined(text.moment(run["start_time"]), wait) if run["start_time"] else "never"),
            ("ended", _joined(text.moment(run["end_time"]), f"{text.seconds(run['elapsed_s'])} of run time")),
            ("limit", text.seconds(run["timelimit_s"])),
            ("nodes", _joined(text.number(run["nnodes"]), run["nodes"] and text.names(run["nodes"]))),
            ("steps", ended if steps["steps"] else None),
        ]
    )
    if run["time_ambiguous"]:
        yield "  a time lies in the hour that autumn repeats; the earlier one is given"


def _application(logs: Sequence[Row], since: datetime, until: datetime) -> Iterator[str]:
    yield from _heading(f"Application (Darshan): {len(logs)} log{'' if len(logs) == 1 else 's'}")
    if not logs:
        first, last = facts.days_around(since, until)
        yield f"  no Darshan log of it in the lake; `iolake ingest darshan --since {first} --until {last}` loads it"
        return
    for log in logs:
        yield f"  {log['exe_name'] or log['file_name']}"
        started = f"{text.moment(log['start_time'])} to {text.moment(log['end_time'])}"
        yield f"    {text.number(log['nprocs'])} processes, {started}, {text.seconds(log['run_time_s'])}"
        yield f"    modules {', '.join(log['modules'])}"
        if log["partial_modules"]:
            yield f"    incomplete, for Darshan ran out of memory: {', '.join(log['partial_modules'])}"
        rows = [("", "read", "", "written", "", "files", "")]
        for key, name, note in _INTERFACES:
            if log[key] is not None:
                rows.append(
                    (
                        name,
                        *_bytes(log[key]["read_bytes"]),
                        *_bytes(log[key]["write_bytes"]),
                        text.number(log[key]["files"]),
                        note,
                    )
                )
        yield from (f"    {line}" for line in text.columns(rows, [1, 2, 3, 4, 5]))
    if len(logs) > 1:
        read, written = (" ".join(_bytes(_moved(logs, way))).strip() for way in ("read_bytes", "write_bytes"))
        by = "POSIX, STDIO and DFS" if any(log["dfs"] is not None for log in logs) else "POSIX and STDIO"
        yield f"  in all, by {by}: read {read}, written {written}"


def _moved(logs: Sequence[Row], way: str) -> int | None:
    """Bytes that POSIX, STDIO and DFS moved in all logs; None where no log counts any."""
    counted = [log[key][way] for log in logs for key in ("posix", "stdio", "dfs") if log[key] is not None]
    known = [value for value in counted if value is not None]
    return sum(known) if known else None


def _file_systems(
    lake: Lake, touched: Sequence[Row], servers: dict[str, Row], names: Sequence[str], window: tuple[datetime, datetime]
) -> Iterator[str]:
    yield from _heading("File systems meanwhile")
    if not names and not touched:
        yield "  no file system is known to be the job's, and none was watched while it ran"
    if not touched and names:
        yield "  no log tells which of these the job used"
    used = {t["file_system"]: t for t in touched}
    for name in names:
        yield f"  {name}"
        if name in used:
            read, written = used[name]["read_bytes"], used[name]["write_bytes"]
            yield f"    the job read {text.size(read)} and wrote {text.size(written)} there"
        yield from (f"    {line}" for line in _servers(lake, name, servers.get(name), window))
    if None in used:
        read, written = used[None]["read_bytes"], used[None]["write_bytes"]
        yield f"  outside of site.toml's file systems ({', '.join(used[None]['places'])})"
        yield f"    the job read {text.size(read)} and wrote {text.size(written)} there"


def _servers(lake: Lake, name: str, seen: Row | None, window: tuple[datetime, datetime]) -> Iterator[str]:
    """What a file system's servers counted in the window, and the job's share of it."""
    times = facts.timeline(lake, name, *window)
    if times is None:
        first, last = facts.days_around(*window)
        yield "its servers' traffic is not in the lake;"
        yield f"`iolake ingest hdf5 lmt --since {first} --until {last}` loads it where site.toml has a source"
        return
    if seen is not None:
        yield (
            f"its servers read {text.size(seen['fs_read_bytes'])} and wrote {text.size(seen['fs_write_bytes'])}; "
            f"{text.seen(seen['fs_seen_pct'])} of the targets' time was seen"
        )
        for what, share in (
            ("reads", seen["read_share"]),
            ("writes", seen["write_share"]),
            ("opens", seen["opens_share"]),
        ):
            yield f"the job's share of {what:<6} {_share(share)}"
        if seen["share_reason"] is not None:
            yield f"a share is unknown where {seen['share_reason']}"
        if seen["jobstats_read_bytes"] is not None or seen["jobstats_write_bytes"] is not None:
            read, written = seen["jobstats_read_bytes"], seen["jobstats_write_bytes"]
            yield f"by the servers' own count the job read {text.size(read)} and wrote {text.size(written)}"
    for what, rates, peak in (("read", times.read, times.read_peak), ("write", times.write, times.write_peak)):
        yield f"{what:<6}{text.sparkline(rates)}  peak {text.rate(peak)}"
    yield f"      a mark is {text.seconds(times.width_s)}, from {text.moment(window[0])} on"


def _targets(
    lake: Lake, names: Sequence[str], stripes: dict[str, list[int]], window: tuple[datetime, datetime]
) -> Iterator[str]:
    yield from _heading("Targets when it began")
    if not names:
        yield "  no file system is known to be the job's"
    first, last = facts.days_around(*window)
    for name in names:
        yield f"  {name}"
        if disks.is_scale(lake, name, window[0]):
            yield from disks.lines(lake, name, window[0], (first, last))
            continue
        used = [f"OST{index:04x}" for index in stripes.get(name, [])]
        df = facts.fullness(lake, name, window[0])
        if df is None:
            yield f"    no `lfs df` within a day; `iolake ingest df --since {first} --until {last}` loads one"
        else:
            when = text.when(df["ts"], window[0])
            yield f"    space at {when}: {df['osts']} OSTs, {text.percent(df['used_pct'])} used"
            yield f"      fullest  {text.filled(df['fullest_ost'], df['fullest_ost_pct'])}"
            yield f"      emptiest {text.filled(df['emptiest_ost'], df['emptiest_ost_pct'])}"
            levels = [pct for _, pct in facts.osts(lake, name, df["ts"])]
            for start in range(0, len(levels), _WIDTH - 6):
                yield f"      {text.sparkline(levels[start : start + _WIDTH - 6], top=100)}"
        served = facts.failover(lake, name, window[0])
        if served is None:
            yield f"    no server map within a day; `iolake ingest targets --since {first} --until {last}` loads one"
        else:
            yield f"    servers at {text.when(served['ts'], window[0])}:"
            yield f"      {served['servers']} serve {served['osts']} OSTs, most {served['usual_osts_per_server']} each"
            for server in served["overloaded"]:
                yield f"      {server['server']} serves {len(server['osts'])}: {', '.join(server['osts'])}"
        if used:
            taken = {ost for server in (served["overloaded"] if served else []) for ost in server["osts"]}
            over = sorted(taken & set(used))
            note = f", {', '.join(over)} on an overloaded server" if over else ""
            yield f"    the job's files lie on {len(used)} OSTs{note}"


def _title(job_id: int, cluster: str) -> Iterator[str]:
    yield f"Job {job_id} on {cluster}".ljust(_WIDTH - 13) + "times are UTC"


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield f"{title} ".ljust(_WIDTH, "─")


def _fields(pairs: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    for label, value in pairs:
        yield f"  {label:<10} {value or text.UNKNOWN}"


def _joined(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None


def _bytes(value: int | None) -> tuple[str, str]:
    """Bytes for the eye, and to the byte where the unit rounds them."""
    if value is None:
        return text.UNKNOWN, ""
    return text.size(value), f"({value:,} B)" if value >= 1024 else ""


def _share(share: float | None) -> str:
    if share is None:
        return f"{text.UNKNOWN:>9}"
    return f"{text.percent(100 * share):>9}  {text.bar(share)}".rstrip()
