"""A year of a large centre, made through the warehouse's own staging: what benchmarks/year.py asks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from iolake import schemas
from iolake.schemas.inputs import InputRecord
from iolake.schemas.lustre import MD_OPS, SUMMED
from iolake.schemas.table import INPUT_ID, Table
from iolake.warehouse.records import Load, LoadInfo, new_id
from iolake.warehouse.staging import Stager
from iolake.warehouse.warehouse import Warehouse

CLUSTER = "big"
LAST_DAY = date(2026, 1, 1)
MADE = ("slurm_jobs", "darshan_logs", "darshan_posix", "darshan_lustre", "lustre_fs", "lustre_ost")
"""The tables that have rows."""
_DAY_S = 86_400
_COMMIT_DAYS = 20
_PLAIN: dict[pa.DataType, Any] = {pa.string(): "", pa.bool_(): False, pa.list_(pa.string()): []}


@dataclass(frozen=True)
class Size:
    """How large the centre is."""

    days: int = 365
    jobs_a_day: int = 2740
    file_systems: int = 3
    osts: int = 64
    fs_interval_s: int = 10
    ost_interval_s: int = 60

    @property
    def names(self) -> list[str]:
        """The file systems."""
        return [f"scratch{k + 1}" for k in range(self.file_systems)]


def make(warehouse: Warehouse, size: Size) -> None:
    """Fill a lake with `size.days` days that end with LAST_DAY."""
    days = [LAST_DAY - timedelta(days=k) for k in reversed(range(size.days))]
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(days), _COMMIT_DAYS):
            loads = pool.map(lambda day: list(day_loads(warehouse, size, day)), days[start : start + _COMMIT_DAYS])
            warehouse.commit([load for day in loads for load in day])


def day_loads(warehouse: Warehouse, size: Size, day: date, jobs: int | None = None) -> Iterator[Load]:
    """The loads of a day: the cluster's jobs and logs, and each file system's servers."""
    rng = np.random.default_rng(day.toordinal())
    yield _load(warehouse, CLUSTER, day, _jobs(size, day, jobs or size.jobs_a_day, rng))
    for name in size.names:
        tables = {"lustre_fs": _lustre_fs(size, day, rng), "lustre_ost": _lustre_ost(size, day, rng)}
        yield _load(warehouse, name, day, tables)


def _load(warehouse: Warehouse, owner: str, day: date, tables: dict[str, dict[str, Any]]) -> Load:
    info = LoadInfo(new_id(), "year", "year", owner, day, 1)
    warehouse.begin(info)
    stager = Stager(warehouse.store, info)
    input_id = f"{owner} {day}"
    for name, columns in tables.items():
        stager.add(schemas.tables()[name], _batch(schemas.tables()[name], columns, input_id))
    record = InputRecord(
        info.source,
        owner,
        input_id,
        day,
        1,
        datetime(2026, 1, 1),
        input_id=input_id,
        content_hash=input_id,
        status="loaded",
        rows=1,
    )
    return Load(info, files=stager.finish([record]), inputs=(record,))


def _batch(table: Table, columns: dict[str, Any], input_id: str) -> pa.Table:
    """Columns in a table's `batch_schema`; those that are not given are null, or a plain value."""
    count = len(next(iter(columns.values())))
    made = {}
    for f in table.batch_schema:
        if f.name in columns:
            made[f.name] = pa.array(columns[f.name]).cast(f.type)
        elif f.nullable:
            made[f.name] = pa.nulls(count, f.type)
        else:
            made[f.name] = pa.array([_PLAIN.get(f.type, 0)], f.type).take(pa.array(np.zeros(count, np.int32)))
    ids = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([input_id]))
    return pa.table(made, schema=table.batch_schema).append_column(INPUT_ID.name, ids)


def _jobs(size: Size, day: date, count: int, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """A day's jobs, each with a log of three POSIX records and a LUSTRE record."""
    midnight = _seconds(day)
    end = midnight + np.sort(rng.integers(0, _DAY_S, count))
    elapsed = np.minimum(rng.lognormal(7, 1.2, count).astype(np.int64) + 30, _DAY_S)
    start = end - elapsed
    job_id = day.toordinal() * 100_000 + np.arange(count)
    program = rng.zipf(1.3, count) % 400
    place = rng.integers(0, size.file_systems, count)
    log_id = [f"{job:032x}" for job in job_id]
    names, run_id = np.array(size.names), [f"{j}.{s}" for j, s in zip(job_id, start - 60, strict=True)]
    slurm = {
        "job_id": job_id,
        "run_id": run_id,
        "submit_time": _times(start - 60),
        "submit_known": np.ones(count, bool),
        "start_time": _times(start),
        "end_time": _times(end),
        "elapsed_s": elapsed.astype(float),
        "user_name": [f"user{k}" for k in rng.integers(0, 500, count)],
        "account": [f"project{k}" for k in rng.integers(0, 80, count)],
        "state": ["COMPLETED"] * count,
        "nnodes": rng.integers(1, 128, count),
        "ncpus": rng.integers(1, 8192, count),
    }
    logs = {
        "log_id": log_id,
        "job_id": job_id,
        "exe_name": [f"program{k}" for k in program],
        "nprocs": rng.integers(1, 8192, count),
        "start_time": _times(start + 5),
        "end_time": _times(end - 5),
        "date": [day] * count,
    }
    records = _posix_records(day, job_id, np.array(log_id), names[place], rng)
    striped = {
        "log_id": log_id,
        "job_id": job_id,
        "date": [day] * count,
        "record_id": np.arange(count).astype(np.uint64),
        "rank": np.full(count, -1),
        "file_system": names[place],
        "osts": pa.array([[int(k), int(k + 1) % size.osts] for k in rng.integers(0, size.osts, count)]),
    }
    known = {t: {c.name for c in schemas.tables()[t].batch_schema} for t in ("slurm_jobs", "darshan_logs")}
    return {
        "slurm_jobs": {name: values for name, values in slurm.items() if name in known["slurm_jobs"]},
        "darshan_logs": {name: values for name, values in logs.items() if name in known["darshan_logs"]},
        "darshan_posix": records,
        "darshan_lustre": striped,
    }


def _posix_records(day: date, job_id: Any, log_id: Any, file_system: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Three records for each log, on the log's file system."""
    log = np.repeat(np.arange(len(job_id)), 3)
    count = len(log)
    return {
        "log_id": log_id[log],
        "job_id": job_id[log],
        "date": [day] * count,
        "record_id": np.arange(count).astype(np.uint64),
        "rank": np.full(count, -1),
        "path": [f"/{file_system[k]}/run/{k}" for k in log],
        "file_system": file_system[log],
        "POSIX_BYTES_READ": rng.integers(0, 1 << 32, count),
        "POSIX_BYTES_WRITTEN": rng.integers(0, 1 << 33, count),
        "POSIX_OPENS": rng.integers(1, 100, count),
        "POSIX_F_READ_TIME": rng.random(count),
        "POSIX_F_WRITE_TIME": rng.random(count),
        "POSIX_F_META_TIME": rng.random(count),
        "POSIX_F_SLOWEST_RANK_TIME": rng.random(count),
    }


def _lustre_fs(size: Size, day: date, rng: np.random.Generator) -> dict[str, Any]:
    steps = _DAY_S // size.fs_interval_s
    seconds = np.arange(steps) * float(size.fs_interval_s)
    columns: dict[str, Any] = {
        "ts": _times(_seconds(day) + seconds.astype(np.int64)),
        "interval_s": np.full(steps, float(size.fs_interval_s)),
        "osts": np.full(steps, size.osts),
        "osts_missing": np.zeros(steps, np.int64),
        "mdts": np.ones(steps, np.int64),
        "mdts_missing": np.zeros(steps, np.int64),
        "ost_seconds_before": seconds * size.osts,
        "mdt_seconds_before": seconds,
    }
    for name in SUMMED:
        amounts = rng.integers(0, 1000 if name in MD_OPS else 1 << 36, steps)
        columns |= {name: amounts, f"{name}_before": np.concatenate([[0], np.cumsum(amounts)[:-1]])}
    return columns


def _lustre_ost(size: Size, day: date, rng: np.random.Generator) -> dict[str, Any]:
    steps = _DAY_S // size.ost_interval_s
    count = steps * size.osts
    ts = _seconds(day) + np.repeat(np.arange(steps) * size.ost_interval_s, size.osts)
    osts = pa.array([f"OST{k:04x}" for k in range(size.osts)])
    return {
        "ts": _times(ts),
        "ost": pa.DictionaryArray.from_arrays(np.tile(np.arange(size.osts, dtype=np.int32), steps), osts),
        "interval_s": np.full(count, float(size.ost_interval_s)),
        "read_bytes": rng.integers(0, 1 << 31, count),
        "write_bytes": rng.integers(0, 1 << 31, count),
        "used_bytes": np.full(count, 1 << 40),
        "total_bytes": np.full(count, 1 << 42),
    }


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * _DAY_S


def _times(seconds: Any) -> pa.Array:
    return pa.array(np.asarray(seconds, np.int64) * 1_000_000).cast(pa.timestamp("us"))
