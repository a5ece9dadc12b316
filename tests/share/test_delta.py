"""A Delta log over a lake's files, and Spark's views over them: the snapshot's rows, whatever else lies there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from iolake import schemas
from iolake.demo.truth import Truth
from iolake.pipelines.cli import cli
from iolake.warehouse import Lake
from iolake.warehouse.compact import compact
from iolake.warehouse.delta import LOG, delta_schema
from iolake.warehouse.warehouse import Warehouse

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'iolake[delta]'")


@pytest.fixture(scope="module")
def copy(small_centre: tuple[Truth, Lake], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with logs of a snapshot, whose files were then merged, and with logs of the snapshot after that."""
    folder = tmp_path_factory.mktemp("delta") / "lake"
    shutil.copytree(small_centre[1].uri, folder)
    run(folder)
    compact(Warehouse(str(folder)))
    run(folder)
    return folder


def run(lake: Path, *tables: str) -> list[str]:
    done = CliRunner().invoke(cli, ["export-delta", "--lake", str(lake), *tables])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def names_of(lake: Lake) -> list[str]:
    return [name for (name,) in lake.sql("SELECT DISTINCT table_name FROM files ORDER BY 1").fetchall()]


def test_polars_and_delta_read_the_snapshots_rows_after_a_compaction(copy: Path) -> None:
    """P1: every table, with its MAP columns; files of older snapshots that lie there too are not counted."""
    lake = Lake(copy)
    assert len([*copy.rglob("*.parquet")]) > len(lake.files())
    for name in names_of(lake):
        schema = delta_schema(schemas.tables()[name])
        columns = ", ".join(f'count("{n}")' for n in schema.names)
        expected = lake.sql(f"SELECT count(*), {columns} FROM {name}").fetchall()
        frame = pl.scan_delta(str(copy / name)).select(pl.len().alias("rows"), pl.all().count()).collect()
        assert frame.columns == ["rows", *schema.names]
        assert [frame.row(0)] == expected, name
        table = deltalake.DeltaTable(str(copy / name))
        answer = pa.table(deltalake.QueryBuilder().register("t", table).execute(f"SELECT count(*), {columns} FROM t"))
        assert [tuple(answer.to_pylist()[0].values())] == expected, name
    maps = pl.scan_delta(str(copy / "lustre_mdt")).collect()["other_ops"]
    assert maps.drop_nulls().len() > 0


def test_a_filter_by_time_reads_few_files(copy: Path) -> None:
    """The log's bounds of event times are right: a window has the view's rows."""
    lake = Lake(copy)
    ((first, last),) = lake.sql("SELECT min(ts), max(ts) FROM lustre_ost").fetchall()
    for at in range(10):
        begin, end = first + (last - first) * at / 10, first + (last - first) * (at + 1) / 10
        window = (pl.col("ts") >= begin) & (pl.col("ts") < end)
        found = pl.scan_delta(str(copy / "lustre_ost")).filter(window).select(pl.len()).collect().item()
        expected = lake.sql("SELECT count(*) FROM lustre_ost WHERE ts >= $1 AND ts < $2", [begin, end]).fetchall()
        assert [(found,)] == expected


def test_a_log_changes_with_the_snapshot_alone(copy: Path) -> None:
    """P2: run again it writes nothing; a table of its own name is what was asked for; each says what it left out."""
    before = sorted(copy.rglob(f"{LOG}/*"))
    lines = run(copy, "darshan_posix")
    assert sorted(copy.rglob(f"{LOG}/*")) == before
    assert lines == [line for line in run(copy) if line.startswith(f"{copy / 'darshan_posix'}:")]
    assert "without record_id" in lines[0]
    wrong = CliRunner().invoke(cli, ["export-delta", "--lake", str(copy), "darshan_posi"])
    assert "did you mean darshan_posix" in str(wrong.exception)


def test_spark_has_a_view_of_each_table(copy: Path) -> None:
    """P1: counts of every column are the lake's."""
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed; it is no dependency, only a reader")
    from iolake.spark import register

    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session: Any = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    lake = Lake(copy)
    try:
        assert register(session, lake) == [*schemas.tables()]
        for name in names_of(lake):
            columns = ", ".join(f"count({{0}}{c.name}{{0}})" for c in schemas.tables()[name].all_columns)
            expected = lake.sql(f"SELECT count(*), {columns.format(chr(34))} FROM {name}").fetchall()
            found = session.sql(f"SELECT count(*), {columns.format(chr(96))} FROM {name}").collect()
            assert [tuple(row) for row in found] == expected, name
        assert session.table("darshan_daos").count() == 0
    finally:
        session.stop()
