"""A lake of empty tables that a test fills row by row, with every view over them, for tests of views and pages."""

import fcntl
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import settings

from iolake import schemas
from iolake.demo.centre import simulate
from iolake.demo.truth import Truth
from iolake.pipelines.ingest import ingest
from iolake.schemas.ddl import duckdb_type, quote
from iolake.schemas.ledger import LEDGER
from iolake.schemas.mart import Mart
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from iolake.warehouse.freshness import marts, select
from iolake.warehouse.views import sql_files

Fill = Callable[..., None]
Store = Callable[[], None]
FAST = (
    "schemas",
    "sql",
    "docs/test_generated.py",
    "extractors/test_base.py",
    "extractors/test_files.py",
    "docs/test_plain_english.py",
    "pipelines/test_registry.py",
    "reports/test_status.py",
    "reports/test_text.py",
)
"""Folders and files of tests that start no server and take seconds: `make test-fast`."""
NOT_FAST = ("sql/test_verdict.py", "sql/test_findings.py")
"""Files of these folders whose tests take longer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of FAST."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            path = item.path.relative_to(here).as_posix()
            if path.startswith(FAST) and not path.startswith(NOT_FAST):
                item.add_marker("fast")


OLD_DUCKDB = "1.2.2"
"""The oldest DuckDB that must read a snapshot."""

# How long an example takes depends on what else the machine does; no test is timed.
settings.register_profile("iolake", deadline=None)
settings.load_profile("iolake")


@pytest.fixture(scope="session")
def demo_centre(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A small simulated centre of two days with its lake, made once for all processes of a test run; only read it."""
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "demo-centre"
    with (root.parent / "demo-centre.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "lake" / "lake.duckdb").exists():
            simulate(root, days=2, jobs=40, osts=6, files=2, step_s=60)
            ingest(Site.read(root / "site.toml"), workers=0)
    return root


@pytest.fixture(scope="session")
def demo_truth(demo_centre: Path) -> Truth:
    """What really happened at `demo_centre`."""
    return Truth.read(demo_centre)


@pytest.fixture(scope="session")
def demo_lake(demo_centre: Path) -> Lake:
    """The lake of `demo_centre`."""
    return Lake(demo_centre / "lake")


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has DuckDB of that version and nothing else."""
    return python_with(tmp_path_factory.mktemp("old"), f"duckdb=={OLD_DUCKDB}")


def python_with(folder: Path, *packages: str) -> Path:
    """A Python in `folder` that has these packages and nothing else. Skips the test if they can't be installed."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip(f"no uv to install {' '.join(packages)} with")
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, "--clear", str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} can't be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


def wheel_of(project: Path, folder: Path) -> Path:
    """The wheel that a project's pyproject.toml builds. Skips the test if its build backend can't be installed."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("no uv to build a wheel with")
    command = [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode:
        pytest.skip(f"the build's own requirements can't be installed: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def all_views() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with every table of the lake, empty, and every view over them."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    declared = {t.name: t.all_columns for t in schemas.tables().values()} | {t.name: t.columns for t in LEDGER}
    for name, columns in declared.items():
        if isinstance(schemas.tables().get(name), Mart):
            con.execute(no_rows(name))
            continue
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{quote(c.name)} {duckdb_type(c.type)}' for c in columns)})")
    for text in sql_files().values():
        con.execute(text)
    for mart in marts():  # no partition is fresh: the models compute every row
        con.execute(f"CREATE OR REPLACE VIEW {mart.name} AS {select(mart)}")
    yield con
    con.close()


def no_rows(mart: str) -> str:
    """A view that a mart's own can take the place of once its model is there."""
    columns = ", ".join(f"NULL::{duckdb_type(c.type)} AS {quote(c.name)}" for c in schemas.tables()[mart].all_columns)
    return f"CREATE VIEW {mart} AS SELECT {columns} WHERE false"


@pytest.fixture(scope="session")
def small_centre(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Lake]:
    """What a simulated centre of one day and ten jobs did, and its lake, made once for all workers; none changes it."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "small-centre"
    root.mkdir(exist_ok=True)
    kept = root / "truth.pickle"
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            truth = simulate(root / "centre", days=1, jobs=10, osts=4, files=2, step_s=60)
            ingest(Site.read(root / "centre" / "site.toml"), workers=0)
            kept.write_bytes(pickle.dumps(truth))
    found: Truth = pickle.loads(kept.read_bytes())
    return found, Lake(Site.read(root / "centre" / "site.toml").lake_uri)


class TablesOnly(Lake):
    """A lake whose tables lie in memory."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._answering = Lock()
        self.uri, self.snapshot = "memory", 0


@pytest.fixture
def lake(all_views: duckdb.DuckDBPyConnection) -> Iterator[Lake]:
    """The same as a lake, for one test: what it fills in is gone after it."""
    all_views.begin()
    yield TablesOnly(all_views)
    all_views.rollback()


@pytest.fixture
def fill(lake: Lake, all_views: duckdb.DuckDBPyConnection) -> Fill:
    """Adds rows to a table: `fill(name, row, row)`, each row a dict; missing columns are null, or their backfill."""

    def add(table: str, *rows: dict[str, Any]) -> None:
        rows = tuple(with_date(table, row) for row in rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        declared: list[Any] = [*schemas.tables().values(), *LEDGER]
        kinds = {c.name: c.type for t in declared if t.name == table for c in columns(t)}
        data = pa.table({n: pa.array([row.get(n) for row in rows], kinds[n]) for n in names})
        all_views.register("rows_to_add", data)
        all_views.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_add")
        all_views.unregister("rows_to_add")
        for table_ in (t for t in schemas.tables().values() if t.name == table):
            for column in (c for c in table_.stored if c.backfill and c.name not in names):
                all_views.execute(f"UPDATE {table} SET {column.name} = {column.backfill} WHERE {column.name} IS NULL")

    return add


@pytest.fixture
def store_marts(all_views: duckdb.DuckDBPyConnection) -> Store:
    """Computes every mart once from what is filled in, for this test: views over them then plan no models."""

    def store() -> None:
        for mart in marts():
            all_views.execute(f"CREATE TABLE stored_{mart.name} AS FROM {mart.name}")
            all_views.execute(f"CREATE OR REPLACE VIEW {mart.name} AS FROM stored_{mart.name}")

    return store


def with_date(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the UTC day of its event time, where it names none."""
    table = schemas.tables().get(name)
    if table is None or table.event_time is None or row.get("date") or not row.get(table.event_time):
        return row
    return row | {"date": row[table.event_time].date()}


def columns(table: Any) -> Any:
    """The columns of a table of the lake or of the ledger."""
    return getattr(table, "all_columns", None) or table.columns
