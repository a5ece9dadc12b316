"""From readings of a file system's targets over time to the rows of the Lustre tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from extractors.base import Batch
from extractors.counters import Flags, Ints, Placement, listed_amounts
from extractors.lustre import MD_OP_COLUMN, Sums, counts_map, fs_batch, integers, names, rows, times
from extractors.params.dumps import Counters, Job, Reading
from schemas.lustre import LUSTRE_JOBSTATS, LUSTRE_MDT, LUSTRE_OST
from schemas.table import Table

Series = Mapping[str, Sequence[Reading]]
"""Target to its readings, each with its time, in order of time."""

_KIB = 1024
_AMOUNTS = {
    ("read_bytes", "sum"): "read_bytes",
    ("write_bytes", "sum"): "write_bytes",
    ("read_bytes", "count"): "read_ops",
    ("write_bytes", "count"): "write_ops",
}
_MD_AMOUNTS = {(op, "count"): column for op, column in MD_OP_COLUMN.items()}


@dataclass
class _Steps:
    """The rows of targets of one kind: from each reading to the next, and the last reading with nothing after it."""

    code: Ints
    start: Ints
    end: Ints
    reset: Flags
    counted: Flags
    amounts: dict[tuple[str, str], Ints]
    space: dict[str, tuple[Ints, Flags]]


def target_batches(series: Series) -> list[Batch]:
    """`lustre_ost`, `lustre_mdt` and `lustre_fs`.

    A target's last reading has a row for its space, without a length and amounts: nothing has followed it yet.
    """
    kinds = {
        table: {target: readings for target, readings in series.items() if target.startswith(prefix)}
        for table, prefix in ((LUSTRE_OST, "OST"), (LUSTRE_MDT, "MDT"))
    }
    steps = {table.name: _steps(kind) for table, kind in kinds.items() if kind}
    batches = [Batch(table, _rows(table, sorted(kind), steps[table.name])) for table, kind in kinds.items() if kind]
    edges = _edges(list(steps.values()))
    if len(edges) > 1:
        sums = [_sums(table, steps.get(table.name), len(kind), edges) for table, kind in kinds.items()]
        batches.append(fs_batch(edges, *sums))
    return batches


def _steps(series: Series) -> _Steps:
    keys = sorted({key for readings in series.values() for reading in readings for key in reading.counters or {}})
    spaces = ("kbytestotal", "kbytesfree", "kbytesavail", "filestotal", "filesfree")
    parts = [_target_steps(code, series[target], keys) for code, target in enumerate(sorted(series))]
    amount = np.concatenate([p[1] for p in parts])
    columns = [np.concatenate(column) for column in zip(*(p[0] for p in parts), strict=True)]
    readings = [reading for target in sorted(series) for reading in series[target] if not reading.ends_only]
    space = {
        name: (
            np.array([r.space.get(name, 0) for r in readings], np.int64),
            np.array([name in r.space for r in readings], bool),
        )
        for name in spaces
    }
    code, start, end, reset, counted = columns
    amounts = {key: np.ascontiguousarray(amount[:, i]) for i, key in enumerate(keys)}
    return _Steps(code, start, end, reset, counted, amounts, space)


def _target_steps(
    code: int, readings: Sequence[Reading], keys: Sequence[tuple[str, str]]
) -> tuple[tuple[npt.NDArray[Any], ...], Ints]:
    """((code, start, end, reset, whether it has amounts), amounts (readings, keys)) of one target."""
    count = len(readings)
    us = np.array([reading.us for reading in readings], np.int64)
    has = np.array([reading.counters is not None for reading in readings], bool)
    at = np.flatnonzero(has)
    lists = [(reading.counters, reading.start_us) for reading in readings if reading.counters is not None]
    values = np.array([[counters.get(k, 0) for k in keys] for counters, _ in lists], np.int64)
    listed = np.array([[k in counters for k in keys] for counters, _ in lists], np.bool_)
    restarts = [i for i, ((_, old), (_, new)) in enumerate(pairwise(lists), 1) if old != new]
    amount, reset, end, counted = np.zeros((count, len(keys)), np.int64), np.zeros(count, bool), us.copy(), has.copy()
    if len(at):
        counted[at[-1]] = False
        shape = (len(at), len(keys))
        amount[at[:-1]], reset[at[:-1]] = listed_amounts(values.reshape(shape), listed.reshape(shape), restarts)
        end[at[:-1]] = us[at[1:]]
    begins = np.array([not reading.ends_only for reading in readings], np.bool_)
    columns = (np.full(count, code), us, end, reset, counted)
    return tuple(column[begins] for column in columns), amount[begins]


def _rows(table: Table, targets: Sequence[str], steps: _Steps) -> pa.Table:
    always, own = _owned(table, steps)
    interval = (steps.end - steps.start) / 1e6
    columns: dict[str, pa.Array] = {
        table.keys[1].name: names(steps.code.astype(np.int32), targets),
        "ts": times(steps.start),
        "interval_s": pa.array(interval, mask=~steps.counted),
        "reset": pa.array(steps.reset, mask=~steps.counted),
        **{column: integers(np.zeros(len(interval), np.int64), steps.counted) for column in always.values()},
        **{own[key]: integers(values, steps.counted) for key, values in steps.amounts.items() if key in own},
        "other_ops": counts_map(
            {op: v for (op, kind), v in steps.amounts.items() if kind == "count" and (op, kind) not in own},
            steps.counted,
        ),
        "op_time_us": counts_map({op: v for (op, kind), v in steps.amounts.items() if kind == "time"}, steps.counted),
        **_space(steps.space),
    }
    return rows(table, columns, len(interval))


def _space(space: Mapping[str, tuple[Ints, Flags]]) -> dict[str, pa.Array]:
    (total, has_total), (free, has_free), (available, has_available) = (
        space[name] for name in ("kbytestotal", "kbytesfree", "kbytesavail")
    )
    (files, has_files), (files_free, has_files_free) = space["filestotal"], space["filesfree"]
    return {
        "total_bytes": integers(total * _KIB, has_total),
        "used_bytes": integers((total - free) * _KIB, has_total & has_free),
        "available_bytes": integers(available * _KIB, has_available),
        "total_inodes": integers(files, has_files),
        "used_inodes": integers(files - files_free, has_files & has_files_free),
    }


def _edges(kinds: Sequence[_Steps]) -> Ints:
    """The file system's steps: targets are read at moments of their own, so as long as their usual interval."""
    spans = [(s.start[s.counted], s.end[s.counted]) for s in kinds if s.counted.any()]
    if not spans:
        return np.empty(0, np.int64)
    start, end = (np.concatenate(part) for part in zip(*spans, strict=True))
    step = max(1_000_000, round(float(np.median(end - start)) / 1e6) * 1_000_000)
    count = max(1, round((int(end.max()) - int(start.min())) / step))
    return int(start.min()) + np.arange(count + 1, dtype=np.int64) * step


def _owned(table: Table, steps: _Steps) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Counters that have a column: those that every server of the kind counts, if not listed then at zero; and all.

    Only with data on the metadata target does it count bytes.
    """
    always = _MD_AMOUNTS if table is LUSTRE_MDT else _AMOUNTS
    return always, always | {key: column for key, column in _AMOUNTS.items() if key in steps.amounts}


def _sums(table: Table, steps: _Steps | None, known: int, edges: Ints) -> Sums:
    sums = Sums.none(len(edges) - 1, known)
    if steps is not None and steps.counted.any():
        has = steps.counted
        zero = np.zeros(int(has.sum()), np.int64)
        owned = _owned(table, steps)[1]
        amounts = {name: steps.amounts[key][has] if key in steps.amounts else zero for key, name in owned.items()}
        place = Placement(steps.start[has], steps.end[has], edges)
        sums.add(place, {name: (values, np.ones(len(values), bool)) for name, values in amounts.items()})
    return sums


def job_batch(series: Series, pattern: re.Pattern[str], continued: bool) -> Batch:
    """`lustre_jobstats`: what each job did on each target between the moments of its last activity.

    `continued` says that the day before ends with the first readings, so that these only begin rows.
    """
    merged: dict[tuple[str, str, int], dict[str, Any]] = {}
    identities: dict[str, dict[str, Any]] = {}
    for target, readings in series.items():
        before: dict[str, Job] = {}
        looked: int | None = None
        lists = [(reading, reading.jobs) for reading in readings if reading.jobs is not None]
        for number, (reading, jobs) in enumerate(lists):
            for text, job in () if continued and not number else jobs.items():
                end = job.us or reading.us or 0
                old = before.get(text)
                if old is not None and (old.start_us != job.start_us or _fell(old.counters, job.counters)):
                    old = None
                fresh = old is None
                amounts = _difference(old.counters if old else {}, job.counters)
                start = (old.us if old else job.start_us) or looked
                if amounts:
                    row = merged.setdefault((target, text, end if start is None else min(start, end)), {"counters": {}})
                    row["end"] = None if start is None else max(end, row.get("end") or 0)
                    row["fresh"] = fresh or row.get("fresh", False)
                    for key, value in amounts.items():
                        row["counters"][key] = row["counters"].get(key, 0) + value
                if text not in identities:
                    identities[text] = identify(text, pattern)
            before, looked = jobs, reading.us
    return Batch(LUSTRE_JOBSTATS, _job_rows(merged, identities))


def _job_rows(
    merged: Mapping[tuple[str, str, int], Mapping[str, Any]], identities: Mapping[str, Mapping[str, Any]]
) -> pa.Table:
    found = [(key, row, row["counters"]) for key, row in merged.items()]
    columns = {
        "target": pa.array([target for (target, _, _), _, _ in found], pa.string()),
        "jobstats_id": pa.array([text for (_, text, _), _, _ in found], pa.string()),
        "ts": times(np.array([us for (_, _, us), _, _ in found], np.int64)),
        "interval_s": pa.array(
            [None if row["end"] is None else (row["end"] - us) / 1e6 for (_, _, us), row, _ in found], pa.float64()
        ),
        "role": pa.array([target[:3].lower() for (target, _, _), _, _ in found], pa.string()),
        "fresh": pa.array([row["fresh"] for _, row, _ in found], pa.bool_()),
        **{column: pa.array([c.get(key, 0) for _, _, c in found], pa.int64()) for key, column in _AMOUNTS.items()},
    }
    for name in ("job_id", "executable", "uid", "host"):
        kind = LUSTRE_JOBSTATS[name].type
        columns[name] = pa.array([identities[text][name] for (_, text, _), _, _ in found], kind)
    for column, kind in (("ops", "count"), ("op_time_us", "time")):
        entries = [
            [(op, value) for (op, k), value in sorted(c.items()) if k == kind and value and (op, k) not in _AMOUNTS]
            for _, _, c in found
        ]
        columns[column] = pa.array(entries, LUSTRE_JOBSTATS[column].type)
    return rows(LUSTRE_JOBSTATS, columns, len(found))


def identify(text: str, pattern: re.Pattern[str]) -> dict[str, Any]:
    """job_id, executable, uid and host that the pattern finds in the server's text; null for what it does not."""
    found = pattern.search(text)
    groups: Mapping[str, str | None] = found.groupdict() if found else {}
    numbers = {
        name: int(groups[name] or "") if (groups.get(name) or "").isdigit() else None for name in ("job_id", "uid")
    }
    return {**numbers, "executable": groups.get("executable"), "host": groups.get("host")}


def _fell(old: Counters, new: Counters) -> bool:
    return any(new.get(key, 0) < value for key, value in old.items())


def _difference(old: Counters, new: Counters) -> Counters:
    return {key: value - old.get(key, 0) for key, value in new.items() if value > old.get(key, 0)}
