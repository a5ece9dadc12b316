"""The derived views against PyDarshan's accumulator on every real Darshan 3 log, and figures that pytokio publishes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from iolake.extractors.base import Batch, Input
from iolake.extractors.darshan import Darshan
from iolake.schemas.site import Site

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("darshan_io", "darshan_performance", "darshan_perf", "darshan_perf_by_file_system", "darshan_files")
SITE = Site.model_validate(
    {"clusters": {"edison": {}}, "file_systems": {"scratch2": {"mounts": ["/scratch2"]}, "home": {"mounts": ["/home"]}}}
)
CATEGORIES = ("all", "read_only", "write_only", "read_write", "unique", "shared", "partially_shared")


@pytest.fixture(scope="module")
def lake(samples: Path) -> duckdb.DuckDBPyConnection:
    """The Darshan 3 samples, each content once."""
    logs = {p.read_bytes(): p for p in (*samples.glob("darshan/3.x/*.darshan"), *samples.glob("pytokio/*.darshan"))}
    return lake_of(logs.values())


def lake_of(logs: Iterable[Path]) -> duckdb.DuckDBPyConnection:
    """The logs' rows and the views over them, in memory, with a table `paths` of (input_id, uri)."""
    inputs = [Input("darshan", "edison", str(p)) for p in logs]
    tables: dict[str, list[pa.Table]] = defaultdict(list)
    for result in Darshan().read_many(inputs, SITE):
        if isinstance(result, Batch):
            tables[result.table.name].append(pa.table(result.data))
    con = duckdb.connect()
    for table in Darshan.tables:
        data = pa.concat_tables(tables[table.name]) if tables[table.name] else table.batch_schema.empty_table()
        con.register(table.name, data.append_column("cluster", pa.repeat("edison", len(data))))
    con.register("paths", pa.table({"input_id": [i.input_id for i in inputs], "uri": [i.uri for i in inputs]}))
    for view in VIEWS:
        con.execute((ROOT / "sql" / f"{view}.sql").read_text())
    return con


@pytest.fixture(scope="module")
def theirs(samples: Path, lake: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What PyDarshan derives, by path and module."""
    out = tmp_path_factory.mktemp("derived")
    logs = [uri for (uri,) in lake.execute("SELECT uri FROM paths").fetchall()]
    subprocess.run([sys.executable, str(Path(__file__).with_name("darshan_oracle.py")), str(out), *logs], check=True)
    return {log: pickle.loads((out / f"{Path(log).name}.pickle").read_bytes())["derived"] for log in logs}


def rows(lake: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """A query's rows by (uri, module)."""
    result = lake.execute(sql)
    names = [column[0] for column in result.description]
    found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return {(row["uri"], row["module"]): row for row in found}


def big_endian_before_4(lake: duckdb.DuckDBPyConnection) -> set[str]:
    """Logs whose POSIX times PyDarshan has byte-swapped."""
    sql = """SELECT uri FROM darshan_logs JOIN paths USING (input_id)
             WHERE byte_order = 'big' AND module_versions['POSIX'] < 4"""
    return {uri for (uri,) in lake.execute(sql).fetchall()}


def negative_times(lake: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """(uri, module) of logs in which a rank's reading or writing took less than no time; PyDarshan makes 0 of it."""
    sql = """SELECT DISTINCT uri, module FROM darshan_io JOIN darshan_logs USING (log_id) JOIN paths USING (input_id)
             WHERE rank >= 0 AND rw_s IS NULL"""
    return set(lake.execute(sql).fetchall())


def test_times_and_rates_are_those_of_the_accumulator(lake: duckdb.DuckDBPyConnection, theirs: dict[str, Any]) -> None:
    ours = rows(
        lake,
        "SELECT uri, p.* FROM darshan_perf p JOIN darshan_logs USING (log_id) JOIN paths USING (input_id)",
    )
    swapped, unknown = big_endian_before_4(lake), negative_times(lake)
    assert len(unknown) == 2  # STDIO of sample.darshan and sample-2.darshan, -1924 s and -1836 s
    expected = {(uri, module) for uri, modules in theirs.items() for module in modules}
    assert set(ours) == expected
    for (uri, module), row in ours.items():
        their = theirs[uri][module]
        assert row["total_bytes"] == their["total_bytes"]
        if (uri, module) in unknown:
            assert row["io_s"] is row["performance_bytes_per_s"] is None
            continue
        if module == "POSIX" and uri in swapped:
            continue
        assert row["unique_io_s"] == pytest.approx(their["unique_io_total_time_by_slowest"])
        assert row["shared_io_s"] == pytest.approx(their["shared_io_total_time_by_slowest"])
        assert row["io_s"] == pytest.approx(their["agg_time_by_slowest"])
        assert (row["performance_bytes_per_s"] or 0) / 2**20 == pytest.approx(their["agg_perf_by_slowest"])
        if row["unique_io_s"]:
            assert row["unique_slowest_rank"] == their["unique_io_slowest_rank"]
            assert row["unique_rw_s"] == pytest.approx(their["unique_rw_only_time_by_slowest"])
            assert row["unique_meta_s"] == pytest.approx(their["unique_md_only_time_by_slowest"])


def test_files_by_category_are_those_of_the_accumulator(
    lake: duckdb.DuckDBPyConnection, theirs: dict[str, Any]
) -> None:
    found = lake.execute(
        """SELECT uri, module, category, sum(files), sum(f.read_bytes), sum(f.write_bytes), max(max_read_bytes),
                  sum(total_max_offset), max(max_offset)
           FROM darshan_files f JOIN darshan_logs USING (log_id) JOIN paths USING (input_id) GROUP BY ALL"""
    ).fetchall()
    ours = {row[:3]: row[3:] for row in found}
    for uri, modules in theirs.items():
        for module, their in modules.items():
            for category, counted in zip(CATEGORIES, their["categories"], strict=True):
                row = ours.get((uri, module, category), (0,) * 6)
                offsets = (-1, -1) if module in ("MPI-IO", "DFS", "DAOS") and counted["count"] else row[4:]
                assert (*row[:4], *offsets) == tuple(counted.values()), (uri, module, category)


def test_file_systems_add_up_to_the_log(lake: duckdb.DuckDBPyConnection) -> None:
    wrong = lake.execute(
        """SELECT log_id, module, a.total_bytes, b.total_bytes FROM darshan_perf a
           JOIN (SELECT log_id, module, sum(total_bytes) AS total_bytes, sum(shared_io_s) AS shared_io_s
                 FROM darshan_perf_by_file_system GROUP BY ALL) b USING (log_id, module)
           WHERE a.total_bytes <> b.total_bytes OR abs(a.shared_io_s - b.shared_io_s) > 1e-6 * a.shared_io_s"""
    ).fetchall()
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "module", "read", "written", "mib_per_s"),
    [
        ("sample.darshan", "POSIX", 0, 2_199_023_259_968, 24535.281934),
        ("sample-2.darshan", "POSIX", 1_649_291_067_392, 0, 20615.869434),
        ("sample-goodost.darshan", "POSIX", None, 51_539_607_552, None),
        ("sample-badost.darshan", "POSIX", None, 549_755_813_888, None),
    ],
)
def test_figures_that_pytokio_publishes(
    lake: duckdb.DuckDBPyConnection,
    samples: Path,
    name: str,
    module: str,
    read: int | None,
    written: int,
    mib_per_s: float | None,
) -> None:
    """A copy of one log is one log, whichever of them has the rows."""
    content = (samples / "pytokio" / name).read_bytes()
    (uri,) = [u for (u,) in lake.execute("SELECT uri FROM paths").fetchall() if Path(u).read_bytes() == content]
    row = rows(
        lake, "SELECT uri, p.* FROM darshan_perf p JOIN darshan_logs USING (log_id) JOIN paths USING (input_id)"
    )[uri, module]
    if read is not None:
        assert row["read_bytes"] == read
    assert row["write_bytes"] == written
    if mib_per_s is not None:
        assert row["performance_bytes_per_s"] / 2**20 == pytest.approx(mib_per_s, abs=1e-5)


def test_a_job_without_posix_records_still_has_its_layouts(lake: duckdb.DuckDBPyConnection) -> None:
    """noposix.darshan: 519 files with a Lustre layout, two of stdio, 39 mounts, 39213 s."""
    found = lake.execute(
        """SELECT run_time_s,
                  (SELECT count(*) FROM darshan_lustre l WHERE l.log_id = d.log_id),
                  (SELECT count(*) FROM darshan_stdio s WHERE s.log_id = d.log_id),
                  (SELECT count(*) FROM darshan_mounts m WHERE m.log_id = d.log_id)
           FROM darshan_logs d WHERE file_name = 'noposix.darshan'"""
    ).fetchall()
    assert found == [(39213.0, 519, 2, 39)]


def test_a_darshan_1_log_tells_no_time_of_a_shared_file(samples: Path) -> None:
    """P6: its records have no time of the slowest rank, so there is no performance either."""
    lake = lake_of((samples / "darshan" / "legacy").iterdir())
    found = lake.execute(
        """SELECT p.shared_io_s, p.io_s, p.performance_bytes_per_s, p.total_bytes > 0
           FROM darshan_perf p JOIN darshan_logs l USING (log_id)
           WHERE l.log_version < '2' AND p.module = 'POSIX'
             AND EXISTS (FROM darshan_posix x WHERE x.log_id = p.log_id AND x.rank = -1)"""
    ).fetchall()
    assert len(found) > 5
    assert set(found) == {(None, None, None, True)}
