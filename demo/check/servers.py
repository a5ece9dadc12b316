"""Checks the lake's targets, servers and file systems against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np

from iolake.demo.check.compare import compare
from iolake.demo.jobstats import server_name
from iolake.demo.monitoring import MDT_KIB, SNAPSHOT_S, address, space_at
from iolake.demo.servers import Counts, Faults, Mask, Reset, Traffic
from iolake.demo.truth import Truth
from iolake.demo.world import MDT_OPS, FileSystem, local_days

_EXAMPLES = 3


def server_differences(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """The differences between the server-side tables and the truth."""
    lines: list[str] = []
    for name, seen in truth.traffic.items():
        rows = observed(seen, truth.faults[name])
        lines += [*_traffic(con, seen, rows), *_days(con, seen, rows), *_whole(con, seen, rows)]
        lines += [*_operations(con, seen, truth.faults[name]), *_space_in_time(con, seen, rows)]
    return [*lines, *_space(con, truth), *_addresses(con, truth), *_jobs_on_targets(con, truth)]


class Rows:
    """The rows that monitoring of one file system's targets can give: one for each interval between samples.

    `begin` and `end` are steps, `read` and `written` bytes. Where `reset` is true, the counter was reset, and they
    are its value at the end: the least that was certainly moved.
    """

    def __init__(self, ost: Counts, begin: Counts, end: Counts, seen: Traffic, resets: Mask) -> None:
        self.ost, self.begin, self.end, self.reset = ost, begin, end, resets
        self.read, self.written = (_between(moved, ost, begin, end) for moved in (seen.read, seen.written))


def observed(seen: Traffic, faults: Faults) -> Rows:
    """The rows that exact monitoring would give, from the truth and what monitoring missed.

    TTS files hold steps, and what was missed is lost. Counters go on counting, so that the next sample holds
    what was missed, unless the counter was reset in between: then only what came after the reset is certain.
    """
    sampled = ~faults.missing
    if not faults.resets:
        begin, ost = np.nonzero(sampled[:-1])
        return Rows(ost, begin, begin + 1, seen, np.zeros(len(ost), dtype=bool))
    ost, at = np.nonzero(sampled.T)
    same = ost[1:] == ost[:-1]
    ost, begin, end = ost[1:][same], at[:-1][same], at[1:][same]
    rows = Rows(ost, begin, end, seen, np.zeros(len(ost), dtype=bool))
    for reset in faults.resets:
        hit = (ost == reset.ost) & (begin <= reset.step) & (reset.step < end)
        rows.reset |= hit
        rows.read[hit] = _since(seen.read, reset, int(end[hit][0]))
        rows.written[hit] = _since(seen.written, reset, int(end[hit][0]))
    return rows


def _between(moved: Counts, ost: Counts, begin: Counts, end: Counts) -> Counts:
    total = np.zeros((len(moved) + 1, moved.shape[1]), dtype=np.int64)
    np.cumsum(moved, axis=0, out=total[1:])
    return np.asarray(total[end, ost] - total[begin, ost])


def _since(moved: Counts, reset: Reset, end: int) -> int:
    """Bytes counted from a reset within a step to the beginning of step `end`."""
    counted_before = int(moved[reset.step, reset.ost] * reset.part)
    return int(moved[reset.step : end, reset.ost].sum()) - counted_before


def _traffic(con: duckdb.DuckDBPyConnection, seen: Traffic, rows: Rows) -> list[str]:
    """Every row of every target."""
    shown = con.execute(
        """SELECT ost, epoch(ts)::BIGINT AS ts, interval_s, read_bytes, write_bytes, coalesce(reset, false) AS reset
        FROM lustre_ost WHERE file_system = ? AND (read_bytes IS NOT NULL OR write_bytes IS NOT NULL)
        ORDER BY ost, ts""",
        [seen.fs.name],
    ).fetchnumpy()
    order = np.lexsort((rows.begin, rows.ost))
    names = np.array([f"OST{ost:04x}" for ost in range(seen.fs.osts)])
    happened = {
        "ost": names[rows.ost[order]],
        "ts": seen.first + rows.begin[order] * seen.step_s,
        "interval_s": (rows.end - rows.begin)[order] * float(seen.step_s),
        "read_bytes": rows.read[order],
        "write_bytes": rows.written[order],
        "reset": rows.reset[order],
    }
    what = f"intervals of {seen.fs.name}'s targets"
    if len(shown["ts"]) != len(order):
        counted = compare(what, _column(happened, "ost", "ts"), _column(shown, "ost", "ts"))
        return counted or [f"{what}: the lake has {len(shown['ts'])} rows, {len(order)} happened"]
    wrong = np.zeros(len(order), dtype=bool)
    for key, values in happened.items():
        wrong |= np.ma.filled(np.ma.asarray(shown[key]) != values, True)
    return [
        f"{what}: {tuple(v[at].item() for v in happened.values())} happened, the lake has "
        f"{tuple(shown[key][at] for key in happened)}"
        for at in np.flatnonzero(wrong)[:_EXAMPLES]
    ]


def _column(table: dict[str, Any], *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(np.asarray(table[name]).tolist() for name in names), strict=True)


def _days(con: duckdb.DuckDBPyConnection, seen: Traffic, rows: Rows) -> list[str]:
    """Sums of each target, and of the file system, for each UTC day, by the partition key."""
    shown = con.execute(
        """SELECT coalesce(ost, 'all'), date, sum(read_bytes)::BIGINT, sum(write_bytes)::BIGINT FROM lustre_ost
        WHERE file_system = ? AND (read_bytes IS NOT NULL OR write_bytes IS NOT NULL)
        GROUP BY GROUPING SETS ((ost, date), (date))""",
        [seen.fs.name],
    ).fetchall()
    days = (seen.first + rows.begin * seen.step_s) // 86400
    happened: list[tuple[object, ...]] = []
    for day in np.unique(days).tolist():
        date = datetime.fromtimestamp(day * 86400, UTC).date()
        for ost in (*range(seen.fs.osts), None):
            mine = (days == day) & (True if ost is None else rows.ost == ost)
            if mine.any():
                target = "all" if ost is None else f"OST{ost:04x}"
                happened.append((target, date, int(rows.read[mine].sum()), int(rows.written[mine].sum())))
    return compare(f"bytes of {seen.fs.name}'s targets by day", happened, shown)


def _whole(con: duckdb.DuckDBPyConnection, seen: Traffic, rows: Rows) -> list[str]:
    """The file system's own sums over all of its days."""
    shown = con.execute(
        "SELECT sum(read_bytes)::BIGINT, sum(write_bytes)::BIGINT FROM lustre_fs WHERE file_system = ?", [seen.fs.name]
    ).fetchall()
    return compare(f"bytes of {seen.fs.name}", [(int(rows.read.sum()), int(rows.written.sum()))], shown)


def _operations(con: duckdb.DuckDBPyConnection, seen: Traffic, faults: Faults) -> list[str]:
    """Operations of the metadata targets over all days; TTS knows one server, and not every operation."""
    columns = ", ".join(f"sum({op if op == 'statfs' else op + 's'})::BIGINT" for op in MDT_OPS if op != "sync")
    shown = con.execute(
        f"SELECT mdt, {columns} FROM lustre_mdt WHERE file_system = ? GROUP BY mdt", [seen.fs.name]
    ).fetchall()
    ops = seen.ops[..., [at for at, op in enumerate(MDT_OPS) if op != "sync"]]
    if not faults.resets:
        ops = ops[~faults.missing[:-1].all(axis=1)]
    names = (
        [name for name, *_ in shown]
        if len(shown) == seen.fs.mdts == 1
        else [f"MDT{mdt:04x}" for mdt in range(seen.fs.mdts)]
    )
    happened = [(name, *ops[:, mdt].sum(axis=0).tolist()) for mdt, name in enumerate(names)]
    return compare(f"operations of {seen.fs.name}", happened, shown)


def _space_in_time(con: duckdb.DuckDBPyConnection, seen: Traffic, rows: Rows) -> list[str]:
    """Used space of each target at each sample, added up: a gauge belongs to the moment that its row begins."""
    shown = con.execute(
        "SELECT ost, sum(used_bytes // 1024)::BIGINT, any_value(total_bytes) FROM lustre_ost WHERE file_system = ? "
        "AND read_bytes IS NOT NULL GROUP BY ost",
        [seen.fs.name],
    ).fetchall()
    happened = [
        (f"OST{ost:04x}", int(seen.used_kib[rows.begin[rows.ost == ost], ost].sum()), seen.fs.ost_kib * 1024)
        for ost in range(seen.fs.osts)
    ]
    return compare(f"space of {seen.fs.name}'s targets in time", happened, shown)


def _snapshots(truth: Truth) -> Iterator[tuple[FileSystem, int]]:
    """Each file system at each time that the client was asked."""
    home = truth.world.file_systems[0]
    for _, begin, end in local_days(*truth.world.span(home), home.tz):
        for at in range(begin + 3, end, SNAPSHOT_S):
            for fs in truth.world.file_systems:
                yield fs, at


def _space(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute("""
        SELECT file_system, target, role, epoch(ts)::BIGINT, total_bytes, used_bytes, mount_point
        FROM lustre_df""").fetchall()
    happened: list[tuple[object, ...]] = []
    for fs, at in _snapshots(truth):
        targets = [(f"MDT{mdt:04x}", "mdt", MDT_KIB, MDT_KIB // 20) for mdt in range(fs.mdts)]
        used = space_at(truth.traffic[fs.name], at).tolist()
        targets += [(f"OST{ost:04x}", "ost", fs.ost_kib, kib) for ost, kib in enumerate(used)]
        happened += [
            (fs.name, name, role, at, total * 1024, kib * 1024, fs.mount) for name, role, total, kib in targets
        ]
    return compare("space", happened, shown)


def _addresses(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute("""
        SELECT file_system, target, epoch(ts)::BIGINT, server_address, state
        FROM lustre_target WHERE role = 'ost' AND server_address IS NOT NULL""").fetchall()
    happened = [
        (fs.name, f"OST{ost:04x}", at + 1, address(truth.world, fs, ost, at).partition("@")[0], "up")
        for fs, at in _snapshots(truth)
        for ost in range(fs.osts)
    ]
    return compare("servers of targets", happened, shown)


def _jobs_on_targets(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Bytes of each job on each target of the file system whose servers count them; runs of one id are one job."""
    shown = con.execute("""
        SELECT file_system, jobstats_id, job_id, target, sum(read_bytes)::BIGINT, sum(write_bytes)::BIGINT
        FROM lustre_jobstats GROUP BY ALL""").fetchall()
    sums: dict[tuple[str, str, int, str], list[int]] = {}
    name = truth.world.file_systems[0].name
    for job in truth.jobs:
        for ost, read, written in job["on_targets"].get(name, []):
            key = name, server_name(job["cluster"], job["job_id"]), job["job_id"], f"OST{ost:04x}"
            total = sums.setdefault(key, [0, 0])
            total[0] += read
            total[1] += written
    return compare("bytes of jobs by target", [(*key, *total) for key, total in sums.items()], shown)
