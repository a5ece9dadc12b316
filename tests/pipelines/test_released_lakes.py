"""Lakes that older releases wrote: opened, asked, ingested into, derived, compacted and rebuilt by this one."""

from __future__ import annotations

import os
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import derive, stale
from iolake.warehouse.garbage import collect
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.warehouse import Warehouse

LAKES = Path(__file__).resolve().parents[1] / "warehouse" / "lakes"
VERSIONS = sorted(path.name for path in LAKES.iterdir() if (path / "lake.tar.xz").exists())
WRITTEN = datetime(2026, 10, 2, tzinfo=UTC).timestamp()
FIRST, SECOND = "2026-10-01", "2026-10-02"
SAYS = {
    "SELECT target, used_bytes FROM lustre_df": [
        ("MDT0000", 102_400), ("OST0000", 1_024_000), ("OST0001", 3_686_400),
    ],
    "SELECT target, server_address FROM lustre_target WHERE role = 'ost'": [
        ("OST0000", "10.0.0.2"), ("OST0001", "10.0.0.3"),
    ],
    "SELECT job_id, user_name, nnodes, elapsed_s FROM slurm_jobs": [(11, "anna", 2, 7200), (12, "ben", 1, 1800)],
    'SELECT job_id, path, "POSIX_BYTES_WRITTEN" FROM darshan_posix': [(11, "/fs/anna/out.h5", 1_048_576_000)],
    "SELECT job_id, exe_name, run_time_s FROM darshan_logs": [(11, "sim", 600.0)],
    "SELECT job_id, user_name, write_bytes FROM job_summary": [(11, "anna", 1_048_576_000), (12, "ben", None)],
}  # fmt: skip
"""What the inputs say of their day, written down by hand from lakes/inputs."""


@pytest.fixture(params=VERSIONS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A centre whose lake that release wrote, with its inputs as they were then."""
    root = tmp_path / "centre"
    shutil.copytree(LAKES / "inputs", root)
    for path in root.rglob("*"):
        os.utime(path, (WRITTEN, WRITTEN))
    with tarfile.open(LAKES / request.param / "lake.tar.xz") as archive:
        archive.extractall(root, filter="data")
    newest = max((root / "lake" / "catalog").glob("*.duckdb"))
    shutil.copy(newest, root / "lake" / "lake.duckdb")
    return Site.read(root / "site.toml")


def _check(site: Site, day: str = FIRST) -> None:
    """Query everything that the inputs have of a day, and open each table and view once."""
    lake = Lake(site.lake_uri)
    for query, rows in SAYS.items():
        assert sorted(lake.sql(f"{query} {'AND' if 'WHERE' in query else 'WHERE'} date = '{day}'").fetchall()) == rows
    for table in lake.tables():
        lake.sql(f"FROM {table} LIMIT 0").fetchall()


def _next_day(site: Site) -> None:
    """The same inputs of the day after."""
    root = Path(site.root)
    for path in [p for p in root.rglob(f"{FIRST}*") if p.is_file() and p.suffix == ".txt"]:
        text = path.read_text().replace(FIRST, SECOND).replace("BEGIN 1790856000", f"BEGIN {1790856000 + 86400}")
        path.with_name(path.name.replace(FIRST, SECOND)).write_text(text.replace("11|11|", "21|21|"))


def test_a_lake_of_an_older_release_is_read_and_written_on(site: Site) -> None:
    """P1, P2, P7: the same rows before and after every command; what changed since then is read again, once."""
    warehouse = Warehouse(site.lake_uri)
    old = Lake(site.lake_uri).snapshot
    assert set(Lake(site.lake_uri).sql("SELECT target FROM lustre_df").fetchall()) == {
        ("MDT0000",), ("OST0000",), ("OST0001",),
    }  # fmt: skip
    _next_day(site)
    assert not ingest(site, workers=0).failures
    _check(site)
    assert ingest(site, workers=0).snapshots == []
    lake = Lake(site.lake_uri)
    assert lake.sql("SELECT count(*) FROM lustre_df WHERE date = $1", [SECOND]).fetchall() == [(3,)]
    assert lake.sql("SELECT job_id FROM slurm_jobs WHERE date = $1 ORDER BY 1", [SECOND]).fetchall() == [(12,), (21,)]
    derive(warehouse)
    assert not stale(warehouse)
    _check(site)
    compact(warehouse)
    _check(site)
    assert Lake(site.lake_uri, snapshot=old).sql("SELECT count(*) FROM slurm_jobs").fetchall() == [(2,)]
    collect(warehouse, 0, 0)
    rebuild(warehouse)
    derive(warehouse)
    _check(site)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_release_has_a_small_fixture(version: str) -> None:
    """At most 300 KB each, so that every release can have one."""
    assert sum(path.stat().st_size for path in (LAKES / version).iterdir()) <= 300_000
