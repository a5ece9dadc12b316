"""A snapshot as a DuckLake client sees it: the same rows as by its views, in every window and every snapshot."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake import schemas
from iolake.demo.truth import Truth
from iolake.schemas.mart import Mart
from iolake.schemas.table import Table
from iolake.warehouse import Lake, ducklake, layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.compact import compact
from iolake.warehouse.garbage import collect
from iolake.warehouse.relocate import relocate
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.by_hand import Loaded

WINDOWS = int(os.environ.get("IOLAKE_WINDOWS", "4"))
"""Of each table; 100 take two minutes."""
CLIENT = """
import glob, json, sys
import duckdb, duckdb_extension_ducklake
(extension,) = glob.glob(duckdb_extension_ducklake.__path__[0] + "/extensions/*/ducklake.duckdb_extension")
con = duckdb.connect()
con.execute(f"LOAD '{extension}'")
con.execute(f"ATTACH 'ducklake:{sys.argv[1]}' AS lake (METADATA_SCHEMA 'ducklake', READ_ONLY)")
con.execute("USE lake")
answers = [con.execute(query).fetchall() for query in json.load(sys.stdin)]
print(json.dumps(answers, default=str))
"""


def ask(python: Path, lake: Path, queries: list[str], client: str = CLIENT) -> list[list[list[Any]]]:
    """A client's answer to a query; by default the client is DuckLake's."""
    command = [str(python), "-c", client, str(lake / layout.NEWEST)]
    done = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found: list[list[list[Any]]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def copy(small_centre: tuple[Truth, Lake], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two snapshots more than the centre's: moved, and one whose files of closed days are merged."""
    tmp_path = tmp_path_factory.mktemp("copy")
    shutil.copytree(small_centre[1].uri, tmp_path / "lake")
    warehouse = Warehouse(str(tmp_path / "lake"))
    relocate(warehouse)
    compact(warehouse)
    return tmp_path / "lake"


@pytest.fixture(scope="module")
def random_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with rows of random values in every table that inputs fill, of two owners and four days."""
    loaded = Loaded(str(tmp_path_factory.mktemp("random") / "lake"))
    tables = [table for table in schemas.tables().values() if not isinstance(table, Mart)]
    rng = random.Random(1)
    for owner in ("north", "south"):
        rows = {t.name: [random_row(t, date(2026, 3, 1 + at % 4), rng) for at in range(40)] for t in tables}
        loaded.load_all(rows, owner=owner)
    return Path(loaded.uri)


def random_row(table: Table, day: date, rng: random.Random) -> dict[str, Any]:
    """Values of each column's type, and nulls where the column has them."""
    midnight = datetime(day.year, day.month, day.day)
    row = {
        f.name: None if f.nullable and rng.random() < 0.2 else random_value(f.type, midnight, rng)
        for f in table.batch_schema
    }
    return row | ({"date": day} if "date" in row else {})


def random_value(kind: pa.DataType, midnight: datetime, rng: random.Random) -> Any:  # noqa: PLR0911
    """A value of a type; a time is of the day that begins at `midnight`."""
    if pa.types.is_map(kind):
        return [(random_value(kind.key_type, midnight, rng), random_value(kind.item_type, midnight, rng))]
    if pa.types.is_list(kind):
        return [random_value(kind.value_type, midnight, rng) for _ in range(rng.randrange(3))]
    if pa.types.is_struct(kind):
        return {f.name: random_value(f.type, midnight, rng) for f in kind}
    if pa.types.is_timestamp(kind):
        return midnight + timedelta(microseconds=rng.randrange(86_400_000_000))
    if pa.types.is_date(kind):
        return midnight.date()
    if pa.types.is_boolean(kind):
        return rng.random() < 0.5
    if pa.types.is_floating(kind):
        return rng.uniform(-1e9, 1e9)
    return rng.randrange(1_000_000) if pa.types.is_integer(kind) else f"text {rng.randrange(1000)}"


def windows(lake: Lake, table: str) -> list[str]:
    """Conditions on a table's time or day, and some of them on its owner: random, from an hour to half of all."""
    declared, rng = schemas.tables()[table], random.Random(table)
    time = declared.event_time or "date"
    ((first, last),) = lake.sql(f"SELECT min({time})::TIMESTAMP, max({time})::TIMESTAMP FROM {table}").fetchall()
    owners = [row[0] for row in lake.sql(f"SELECT DISTINCT {declared.owner.name} FROM {table} ORDER BY 1").fetchall()]
    found = []
    for _ in range(WINDOWS):
        begin: datetime = first + (last - first) * rng.uniform(-0.1, 1)
        end = begin + timedelta(hours=1) + (last - first) * rng.uniform(0, 0.5)
        kind = "DATE" if time == "date" else "TIMESTAMP"
        bounds = (f"{t:%Y-%m-%d}" if time == "date" else f"{t:%Y-%m-%d %H:%M:%S}" for t in (begin, end))
        low, high = (f"{kind} '{bound}'" for bound in bounds)
        owner = f" AND {declared.owner.name} = '{rng.choice(owners)}'" if rng.random() < 0.5 else ""
        found.append(f"{time} >= {low} AND {time} < {high}{owner}")
    return found


@pytest.mark.parametrize("made", ["copy", "random_lake"])
def test_every_window_of_every_table_is_equal_by_both_roads(
    extended_python: Path, made: str, request: pytest.FixtureRequest
) -> None:
    """P1, P4: random windows by time and owner of every table, and every row in every column, MAP and LIST as well."""
    path: Path = request.getfixturevalue(made)
    lake = Lake(path)
    tables = [name for (name,) in lake.sql("SELECT DISTINCT table_name FROM files ORDER BY 1").fetchall()]
    of_kind = {name for name, table in schemas.tables().items() if isinstance(table, Mart) == (made == "copy")}
    assert of_kind <= {*tables}, "each lake has every table of its kind"
    conditions = {name: windows(lake, name) for name in tables}
    by_view: list[list[list[int]]] = []
    for name in tables:
        declared = schemas.tables()[name]
        counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions[name])
        columns = f"{declared.owner.name}, {declared.event_time or 'date'}"
        by_view += [[[n]] for n in lake.sql(f"SELECT {counts} FROM (SELECT {columns} FROM {name})").fetchall()[0]]
    assert len({answer[0][0] for answer in by_view}) > 20
    by_ducklake = [f"SELECT count(*) FROM {t} WHERE {c}" for t in tables for c in conditions[t]]
    assert ask(extended_python, path, by_ducklake) == by_view
    rows = [f"SELECT count(*), sum(hash({_all(t)})::HUGEINT)::VARCHAR FROM {t}" for t in tables]
    views = CLIENT.replace("ducklake:", "").replace("METADATA_SCHEMA 'ducklake', ", "")
    assert ask(extended_python, path, rows) == ask(extended_python, path, rows, views)


def _all(table: str) -> str:
    """The values of all columns of a row, as text."""
    return ", ".join(f'"{c.name}"::VARCHAR' for c in schemas.tables()[table].all_columns)


def test_a_client_reads_older_snapshots_and_comments(extended_python: Path, copy: Path) -> None:
    """P1: a snapshot asked by its number is the lake's of that number, before and after its files were merged."""
    warehouse = Warehouse(str(copy))
    numbers = warehouse.snapshots()[-2:]
    names = ("lustre_ost", "slurm_jobs", "job_summary")
    queries = [f"SELECT count(*), max(load_id) FROM {t} AT (VERSION => {n})" for n in numbers for t in names]
    expected = [
        [list(row) for row in Lake(copy, n).sql(f"SELECT count(*), max(load_id) FROM {t}").fetchall()]
        for n in numbers
        for t in names
    ]
    comments = "SELECT comment FROM duckdb_columns() WHERE database_name = 'lake' AND table_name = 'lustre_ost'"
    *counts, said = ask(extended_python, copy, [*queries, comments])
    assert counts == expected
    assert {text for (text,) in said} == {c.comment for c in schemas.tables()["lustre_ost"].all_columns}


def test_collected_snapshots_are_forgotten_with_their_files(copy: Path) -> None:
    """The next snapshot after a collection names no file that is gone."""
    warehouse = Warehouse(str(copy))
    collect(warehouse, 0, 0)
    number = warehouse.publish(lambda _catalog, _number: True, "recover")
    assert number is not None
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        paths = catalog.rows(
            "SELECT t.path || d.path, d.end_snapshot FROM ducklake.ducklake_data_file d "
            "JOIN ducklake.ducklake_table t USING (table_id)"
        )
        snapshots = {n for (n,) in catalog.rows("SELECT snapshot_id FROM ducklake.ducklake_snapshot")}
        assert {p for p, end in paths if end is None} == {f.path for f in catalog.files()}
        stats = catalog.rows("SELECT count(DISTINCT data_file_id) FROM ducklake.ducklake_file_column_stats")
        assert stats == [(len(paths),)]
    assert all((copy / path).exists() for path, _ in paths)
    assert snapshots == set(warehouse.snapshots())


def test_every_type_of_every_column_has_a_name_there() -> None:
    """Of every declared table, with one mapping row for each column that its files have."""
    for table in schemas.tables().values():
        columns = ducklake._columns(table)
        names = ducklake._names(table, [c.name for c in table.stored])
        assert {c["column_id"] for c in columns} == {n["target_field_id"] for n in names}
        assert {c["column_type"] for c in columns} <= {
            "boolean", "varchar", "int32", "int64", "uint64", "float64", "date", "timestamp", "list", "map", "struct",
        }  # fmt: skip
