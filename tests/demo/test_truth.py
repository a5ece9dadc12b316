"""The demo's truth and the lake made of its files agree exactly, and the check reports a single wrong byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from iolake.demo.centre import deliver_late, simulate
from iolake.demo.check import (
    differences,
    job_differences,
    scale_differences,
    scheduler_differences,
    server_differences,
    view_differences,
)
from iolake.demo.truth import Truth
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake

CHECKED = (
    "darshan_dxt", "darshan_heatmap", "darshan_logs", "darshan_lustre", "darshan_mpiio", "darshan_posix",
    "darshan_stdio", "file_system_hour", "inputs", "lustre_df", "lustre_fs", "lustre_jobstats", "lustre_mdt",
    "lustre_ost", "lustre_target", "ost_hour", "other_jobs", "scale_capacity", "scale_client", "scale_disk",
    "scale_nsd", "scale_pool", "scale_server", "scale_setting", "slurm_jobs", "slurm_running", "slurm_steps",
)  # fmt: skip


@pytest.fixture(scope="session")
def tables(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake's tables in a database of their own."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for table in CHECKED:
            con.register("rows", lake.sql(f"FROM {table}").to_arrow_table())
            con.execute(f"CREATE TABLE {table} AS FROM rows")
            con.unregister("rows")
        yield con


@pytest.fixture
def copy(tables: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables for a test to change; its changes are undone afterwards."""
    tables.begin()
    yield tables
    tables.rollback()


def test_the_lake_shows_what_happened_in_every_table_to_the_byte(lake: Lake, truth: Truth) -> None:
    """P4, P5, P6, P8: jobs, logs and their files; bytes per job, per target and step, per file system and day.

    Gaps, resets, operations, space, servers of targets, and what was rejected are as they should be as well.
    """
    assert differences(lake.connect(), truth) == []


def test_a_copy_that_nobody_spoilt_is_right(copy: duckdb.DuckDBPyConnection, truth: Truth) -> None:
    assert job_differences(copy, truth, late=False) == []
    assert server_differences(copy, truth) == []
    assert scale_differences(copy, truth) == []
    assert scheduler_differences(copy, truth) == []


@pytest.mark.parametrize(
    ("view", "spoilt", "named"),
    [
        ("jobs", "SELECT * REPLACE (nnodes + 1 AS nnodes) FROM lake.jobs", "jobs, one row a run"),
        ("job_darshan", "SELECT * REPLACE (job_id + 1 AS job_id) FROM lake.job_darshan", "runs of logs"),
        (
            "job_file_systems",
            "SELECT * REPLACE (read_bytes + 1 AS read_bytes) FROM lake.job_file_systems",
            "bytes of runs",
        ),
    ],
)
def test_a_wrong_view_is_reported(lake: Lake, truth: Truth, view: str, spoilt: str, named: str) -> None:
    """A changed copy of a view hides the lake's, and the check of that view reports it."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"ATTACH '{lake.uri}/lake.duckdb' AS lake (READ_ONLY)")
        con.execute("SET search_path = 'memory.main,lake.main'")
        con.execute(f"CREATE VIEW {view} AS {spoilt}")
        assert any(line.startswith(named) for line in view_differences(con, truth, late=False))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE lustre_ost SET write_bytes = write_bytes + 1 WHERE {one}", "intervals of fjord's targets"),
        ("UPDATE lustre_ost SET read_bytes = NULL WHERE {one}", "intervals of fjord's targets"),
        ("UPDATE lustre_ost SET ts = ts + INTERVAL 1 SECOND WHERE {one}", "intervals of fjord's targets"),
        ("UPDATE lustre_ost SET reset = NOT reset WHERE {one}", "intervals of fjord's targets"),
        ("DELETE FROM lustre_ost WHERE {one}", "intervals of fjord's targets"),
        ("INSERT INTO lustre_ost FROM lustre_ost WHERE {one}", "intervals of fjord's targets"),
        ("UPDATE lustre_ost SET date = date + 1 WHERE {one}", "bytes of fjord's targets by day"),
        ("UPDATE lustre_ost SET used_bytes = used_bytes + 1024 WHERE {one}", "space of fjord's targets in time"),
        ("UPDATE lustre_fs SET read_bytes = read_bytes + 1 WHERE {one}", "bytes of fjord"),
        ("UPDATE lustre_mdt SET opens = opens + 1 WHERE {one}", "operations of fjord"),
        ("UPDATE lustre_jobstats SET write_bytes = write_bytes + 1 WHERE {one}", "bytes of jobs by target"),
        ("UPDATE lustre_df SET used_bytes = used_bytes + 1024 WHERE {one}", "space"),
        ("UPDATE lustre_target SET server_address = '10.0.0.1' WHERE {one}", "servers of targets"),
        ("UPDATE darshan_posix SET POSIX_BYTES_READ = POSIX_BYTES_READ + 1 WHERE {one}", "bytes of jobs"),
        (
            "UPDATE darshan_mpiio SET MPIIO_BYTES_WRITTEN = MPIIO_BYTES_WRITTEN - 1 WHERE {one}",
            "files in darshan_mpiio",
        ),
        ("UPDATE darshan_stdio SET file_system = 'lagoon' WHERE {one}", "files in darshan_stdio"),
        ("UPDATE darshan_lustre SET osts = list_reverse(osts) || [0] WHERE {one}", "layouts"),
        ("UPDATE darshan_heatmap SET write_bytes = write_bytes + 1 WHERE {one}", "heat maps and traces"),
        ("UPDATE darshan_dxt SET length = length + 1 WHERE {one}", "heat maps and traces"),
        ("UPDATE darshan_logs SET start_time = start_time + INTERVAL 1 MICROSECOND WHERE {one}", "logs"),
        ("DELETE FROM darshan_logs WHERE {one}", "logs"),
        ("UPDATE slurm_jobs SET end_time = end_time + INTERVAL 1 HOUR WHERE {one}", "jobs"),
        ("UPDATE slurm_jobs SET job_id = job_id + 100000 WHERE {one}", "bytes of jobs"),
        ("DELETE FROM slurm_steps WHERE {one}", "steps"),
        ("INSERT INTO slurm_running SELECT * REPLACE (1 AS job_id) FROM slurm_running WHERE {one}", "running jobs"),
        ("UPDATE inputs SET status = 'rejected' WHERE {one}", "rejected inputs"),
        ("UPDATE scale_nsd SET read_bytes = read_bytes + 1 WHERE {one}", "intervals of estuary's NSDs"),
        ("UPDATE scale_nsd SET ts = ts + INTERVAL 1 MINUTE WHERE {one}", "intervals of estuary's NSDs"),
        ("UPDATE scale_nsd SET write_bytes = NULL WHERE {one}", "intervals of estuary's NSDs"),
        ("UPDATE scale_nsd SET role = NULL WHERE {one}", "intervals of estuary's NSDs"),
        ("UPDATE scale_server SET cpu_user_pct = cpu_user_pct + 0.01 WHERE {one}", "intervals of estuary's servers"),
        ("UPDATE scale_server SET mem_free_bytes = 1 WHERE {one}", "intervals of estuary's servers"),
        ("UPDATE scale_server SET net_in_bytes = net_in_bytes + 1 WHERE {one}", "intervals of estuary's servers"),
        ("UPDATE scale_client SET write_bytes = write_bytes + 1 WHERE {one}", "counters of estuary's clients"),
        ("UPDATE scale_client SET opens = NULL WHERE {one}", "counters of estuary's clients"),
        ("UPDATE scale_client SET reset = NOT reset WHERE {one}", "counters of estuary's clients"),
        ("UPDATE file_system_hour SET write_bytes = write_bytes + 1 WHERE {one}", "hours of estuary"),
        ("UPDATE ost_hour SET write_bytes = write_bytes + 1 WHERE {one}", "hours of estuary's NSDs"),
        ("UPDATE ost_hour SET seen_s = 60 WHERE {one}", "hours of estuary's NSDs"),
        ("UPDATE file_system_hour SET seen_pct = 99 WHERE {one}", "hours of estuary"),
        ("UPDATE scale_capacity SET free_bytes = free_bytes + 1 WHERE {one}", "space of estuary"),
        ("UPDATE scale_pool SET total_bytes = total_bytes + 1 WHERE {one}", "space of estuary"),
        ("UPDATE scale_disk SET pool = 'data' WHERE {one}", "space of estuary"),
        ("UPDATE scale_setting SET value = '1' WHERE {one}", "settings of estuary"),
        ("UPDATE other_jobs SET exit_code = 99 WHERE {one}", "jobs of other schedulers"),
        ("UPDATE other_jobs SET end_time = end_time + INTERVAL 1 SECOND WHERE {one}", "jobs of other schedulers"),
        ("UPDATE other_jobs SET nodes = list_append(nodes, 'x') WHERE {one}", "jobs of other schedulers"),
        ("INSERT INTO other_jobs FROM other_jobs WHERE {one}", "jobs of other schedulers"),
    ],
)
def test_a_wrong_row_is_reported(copy: duckdb.DuckDBPyConnection, truth: Truth, change: str, named: str) -> None:
    """One row of one table is changed, and the check of that table reports it."""
    table = change.removeprefix("INSERT INTO ").removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    ours = "nsd = 'est01_m000'" if table == "scale_disk" else "true"
    here = "file_system = 'fjord'" if table.startswith("lustre") and table != "lustre_jobstats" else ours
    if table == "lustre_target":
        here += " AND role = 'ost' AND server_address IS NOT NULL"
    elif table == "lustre_ost":
        here += " AND read_bytes IS NOT NULL"
    elif table == "slurm_jobs":
        here += " AND (cluster, job_id) IN (SELECT (cluster, job_id) FROM darshan_logs)"
    elif table == "darshan_posix":
        here += " AND cluster = 'heron'"
    elif table in ("file_system_hour", "ost_hour"):
        here += " AND file_system = 'estuary'"
    elif table == "other_jobs":
        here += " AND nodes IS NOT NULL"
    one = f"rowid = (SELECT min(rowid) FROM {table} WHERE {here})"
    assert copy.execute(change.format(one=one)).fetchall() == [(1,)]
    side = server_differences(copy, truth) if table.startswith("lustre") else job_differences(copy, truth, late=False)
    if table == "other_jobs":
        side = scheduler_differences(copy, truth)
    elif table.startswith(("scale", "file_system_hour", "ost_hour")):
        side = scale_differences(copy, truth)
    assert any(line.startswith(f"{named}:") for line in side)


def test_late_logs_land_where_they_belong_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """P2, P4: the truth holds after the first run, after one that finds nothing new, and with the late logs."""
    truth = simulate(tmp_path, jobs=10, osts=4, files=1, step_s=300)
    site = Site.read(tmp_path / "site.toml")
    ingest(site, workers=0)
    first = Lake(site.lake_uri)
    assert differences(first.connect(), truth) == []
    assert ingest(site, workers=0).snapshots == []
    delivered = {path.name for path in deliver_late(tmp_path)}
    ingest(site, workers=0)
    last = Lake(site.lake_uri)
    assert last.snapshot > first.snapshot
    con = last.connect()
    assert differences(con, truth, late=True) == []
    assert differences(con, truth, late=False) != []
    found = con.execute("SELECT file_name, date = end_time::DATE FROM darshan_logs").fetchall()
    assert {(name, True) for name in delivered} <= set(found)
    assert all(in_its_day for _, in_its_day in found)


def test_the_lake_can_tell_a_neighbour_from_ones_own_fault(lake: Lake, truth: Truth) -> None:
    """Of the same program's runs, little of the traffic is the victim's, and small accesses are the clumsy one's."""
    shown = {
        (cluster, job_id, submit): (share, access)
        for cluster, job_id, submit, share, access in lake.sql("""
            WITH access AS (
                SELECT cluster, job_id, submit_time, sum(POSIX_BYTES_WRITTEN) / sum(POSIX_WRITES) AS size
                FROM darshan_posix JOIN job_darshan USING (cluster, log_id, job_id) GROUP BY ALL)
            SELECT cluster, job_id, epoch(submit_time)::BIGINT, share, size
            FROM job_lustre JOIN access USING (cluster, job_id, submit_time) WHERE share IS NOT NULL""").fetchall()
    }
    by_role: dict[str, list[tuple[float, float]]] = {}
    for job in truth.jobs:
        if job["name"].startswith("clima") and (job["cluster"], job["job_id"], job["submit"]) in shown:
            shown_job = shown[job["cluster"], job["job_id"], job["submit"]]
            by_role.setdefault(job["role"], []).append(shown_job)
    usual_share, usual_access = (min(shown_job[at] for shown_job in by_role["undisturbed"]) for at in (0, 1))
    assert len(by_role["victim of a neighbour"]) == 2
    assert all(
        share < usual_share / 2 and access >= usual_access / 2 for share, access in by_role["victim of a neighbour"]
    )
    assert all(access < usual_access / 100 for _, access in by_role["clumsy"])
