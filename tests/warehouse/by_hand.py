"""A lake that tests load row by row, and rows of jobs, logs and servers for it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from iolake import schemas
from iolake.schemas.inputs import InputRecord
from iolake.schemas.table import INPUT_ID, Table
from iolake.warehouse import derive as derive_module
from iolake.warehouse import freshness, layout, snapshot_views
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.damaged_sources import Work
from iolake.warehouse.derive import Derived, derive, stale
from iolake.warehouse.lake import Lake
from iolake.warehouse.records import Load, LoadInfo, new_id
from iolake.warehouse.staging import Stager
from iolake.warehouse.warehouse import Warehouse

NOON = datetime(2026, 3, 10, 12)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ON_ALL_OTHERS = ("findings", "job_verdict")
"""Marts whose models read most of the other marts."""


@dataclass
class Loaded:
    """A lake that rows are loaded into by hand, an input at a time."""

    uri: str
    inputs: int = 0

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.uri)

    @property
    def lake(self) -> Lake:
        return Lake(self.uri)

    def load(self, table: str, *rows: dict[str, Any], owner: str = "c", name: str | None = None) -> None:
        """Load rows as one input; a second call with the same name replaces its rows."""
        self.load_all({table: rows}, owner, name)

    def load_all(self, rows: Mapping[str, Sequence[dict[str, Any]]], owner: str = "c", name: str | None = None) -> None:
        """Load rows of several tables as one input."""
        self.inputs += 1
        uri = name or f"input {self.inputs}"
        info = LoadInfo(new_id(), "run", "test", owner, None, 1)
        self.warehouse.begin(info)
        stager = Stager(self.warehouse.store, info)
        for table, its_rows in rows.items():
            declared = schemas.tables()[table]
            stager.add(declared, batch(declared, uri, its_rows))
        record = InputRecord(
            "test",
            owner,
            uri,
            size_bytes=1,
            input_id=uri,
            content_hash=f"{uri} {self.inputs}",
            status="loaded",
            rows=sum(map(len, rows.values())),
        )
        self.warehouse.commit([Load(info, files=stager.finish([record]), inputs=(record,))])

    def derive(self) -> Derived:
        return derive(self.warehouse)

    def derive_only(self, marts: Collection[str]) -> None:
        """Derive the stale partitions of these marts alone."""
        every = derive_module._stale

        def some(catalog: Catalog) -> Work:
            return [(mart, partitions) for mart, partitions in every(catalog) if mart.name in marts]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(derive_module, "_stale", some)
            derive(self.warehouse)

    def assert_right(self, at_once: bool = False) -> None:
        """Every mart shows the same before and after a derivation: what its model makes of the snapshot's rows.

        `findings` and `job_verdict` are shown once the marts that they read are fresh: where all are stale, DuckDB runs
        the models of all other marts for each of them, which takes seconds. `at_once` shows them so, too.
        """
        stale_marts, lake = stale(self.warehouse), self.lake
        names = [mart.name for mart in freshness.marts()]
        read = names if at_once else [name for name in names if name not in ON_ALL_OTHERS]
        before = {name: shown(lake, name) for name in read}
        if "job_summary" in stale_marts:
            assert lake.scan("job_summary").collect().height == len(before["job_summary"])
        self.derive_only(read)
        before = {name: shown(self.lake, name) for name in ON_ALL_OTHERS} | before
        self.derive()
        lake = self.lake
        assert stale(self.warehouse) == {}
        with with_models(lake) as con:
            for mart in freshness.marts():
                made = text(con.sql(f"SELECT * EXCLUDE load_id FROM ({freshness.select(mart)})").fetchall())
                assert before[mart.name] == made == shown(lake, mart.name), mart.name
                assert lake.scan(mart.name).collect().height == len(made)


@contextmanager
def with_models(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the newest snapshot with the model of every mart: a snapshot itself has those of stale marts alone."""
    with TemporaryDirectory() as folder:
        copy = shutil.copyfile(f"{lake.uri}/{layout.NEWEST}", f"{folder}/copy.duckdb")
        with duckdb.connect(copy) as con:
            con.execute("SET TimeZone = 'UTC'")
            snapshot_views.write_models(Catalog(con), freshness.marts())
            yield con


def shown(lake: Lake, mart: str) -> list[str]:
    return text(lake.sql(f"SELECT * EXCLUDE load_id FROM {mart}").fetchall())


def batch(table: Table, input_id: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows in a table's `batch_schema` with their input; a column that a row lacks is null, or a plain value."""
    plain: dict[pa.DataType, Any] = {pa.string(): "", pa.bool_(): False, pa.list_(pa.string()): []}
    columns = {
        f.name: pa.array([row.get(f.name, None if f.nullable else plain.get(f.type, 0)) for row in rows], f.type)
        for f in table.batch_schema
    }
    return pa.table(columns, schema=table.batch_schema).append_column(
        INPUT_ID.arrow_field, pa.array([input_id] * len(rows), pa.string())
    )


def text(rows: list[Any]) -> list[str]:
    return sorted(map(repr, rows))


def job(job_id: int, start: datetime, hours: float = 1.0) -> dict[str, Any]:
    end = start + hours * HOUR
    run_id = f"{job_id}.{int(start.replace(tzinfo=UTC).timestamp())}"
    row = {"job_id": job_id, "run_id": run_id, "submit_time": start, "submit_known": True}
    return row | {"start_time": start, "end_time": end}


def log(name: str, job_id: int, start: datetime, hours: float = 0.5) -> dict[str, Any]:
    end = start + hours * HOUR
    row = {"log_id": name, "job_id": job_id, "start_time": start, "end_time": end, "nprocs": 4}
    return row | {"date": end.date()}


def posix(name: str, job_id: int, day: date, written: int) -> dict[str, Any]:
    at = {"log_id": name, "job_id": job_id, "date": day, "record_id": 1, "rank": 0, "path": "/fs/x"}
    return at | {"file_system": "fs", "POSIX_BYTES_WRITTEN": written, "POSIX_BYTES_READ": 0, "POSIX_OPENS": 1}


def fs_day(day: datetime, moved: int = 10) -> list[dict[str, Any]]:
    """A day of `lustre_fs`, an hour a row."""
    return [
        {"ts": day + k * HOUR, "interval_s": 3600.0, "osts": 1, "osts_missing": 0, "mdts": 1, "mdts_missing": 0}
        | {"read_bytes": moved, "write_bytes": moved * 100, "opens": 5}
        | {"read_bytes_before": k * moved, "write_bytes_before": k * moved * 100, "opens_before": 5 * k}
        | {"ost_seconds_before": 3600.0 * k, "mdt_seconds_before": 3600.0 * k}
        for k in range(24)
    ]


def first_night(loaded: Loaded) -> None:
    """Two days of jobs, the second one's from the first on, with logs and servers' counts."""
    loaded.load("slurm_jobs", job(1, NOON), job(2, NOON, 20.0))
    loaded.load("darshan_logs", log("a", 1, NOON))
    loaded.load("darshan_posix", posix("a", 1, NOON.date(), 500))
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0)), owner="fs", name="fs first day")


def late_log(loaded: Loaded) -> None:
    loaded.load("darshan_logs", log("b", 1, NOON))
    loaded.load("darshan_posix", posix("b", 1, NOON.date(), 70))
