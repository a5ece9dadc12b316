"""The ledger of marts and files: where rows came from (P10), and their bounds (P11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from iolake.warehouse import freshness
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.export import export
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.views import sql_files
from tests.warehouse.by_hand import DAY, HOUR, NOON, Loaded, first_night, fs_day, job, late_log, log

pytestmark = pytest.mark.usefixtures("all_tables")


def test_a_row_of_a_mart_leads_to_the_files_that_it_was_made_from(loaded: Loaded) -> None:
    """P10: the files listed have the rows that the model read, and their inputs are known; a stale row has no file."""
    first_night(loaded)
    late_log(loaded)
    loaded.load("slurm_jobs", job(5, NOON), owner="another")
    loaded.derive()
    lake = loaded.lake
    call = "mart_files('job_summary', 'c', $1)"
    files = lake.sql(f"SELECT table_name, owner, path FROM {call}", [NOON.date()]).fetchall()
    written = lake.sql("SELECT write_bytes FROM job_summary WHERE job_id = 1").fetchall()
    paths = [f"{lake.root}/{path}" for table, _, path in files if table == "darshan_posix"]
    assert lake.sql("SELECT sum(POSIX_BYTES_WRITTEN) FROM read_parquet($1)", [paths]).fetchall() == written == [(570,)]
    inputs = lake.sql(f"SELECT uri FROM {call} f JOIN inputs i ON list_contains(f.load_ids, i.load_id)", [NOON.date()])
    known = {"fs first day", "input 1", "input 2", "input 3", "input 5", "input 6"}
    assert known <= {row[0] for row in inputs.fetchall()}
    assert ("darshan_posix", "another") not in {(table, owner) for table, owner, _ in files}
    assert lake.sql("SELECT count(*) FROM mart_files('ost_hour', 'fs', $1)", [NOON.date()]).fetchall() == [(0,)]
    with Catalog.reading(loaded.warehouse.store, "lake.duckdb") as catalog:
        made_from = freshness.Dependencies(catalog, sql_files())
        for mart in freshness.marts():
            for day in (day for days, _ in made_from._of(mart.name).values() for day in days):
                at = [mart.name, day.owner, day.date]
                listed = lake.sql("SELECT table_name, owner, date FROM mart_files($1, $2, $3)", at).fetchall()
                assert {(s.table, s.owner, s.date) for s in made_from._sources(mart, day)} <= set(listed)


def test_rows_of_a_mart_name_the_derivation_that_made_them(fresh: Loaded) -> None:
    """P10: `derived` names the derivation, and the days of the lake that the rows rest on."""
    rows = fresh.lake.sql("""
        SELECT DISTINCT d.first_day, d.last_day, d.fresh
        FROM job_summary s JOIN derived d ON d.load_id = s.load_id AND d.date = s.date AND d.table_name = 'job_summary'
        ORDER BY ALL""").fetchall()
    assert rows == [(NOON.date(), NOON.date() + DAY, True)]


def test_the_ledger_knows_when_each_files_and_inputs_rows_begin_and_end(loaded: Loaded) -> None:
    first_night(loaded)
    found = loaded.lake.sql(
        "SELECT table_name, first_ts, last_ts FROM files "
        "WHERE table_name IN ('lustre_fs', 'slurm_jobs', 'darshan_posix') ORDER BY ALL"
    ).fetchall()
    midnight = NOON.replace(hour=0)
    assert found == [
        ("darshan_posix", None, None),
        ("lustre_fs", midnight, midnight + DAY),
        ("slurm_jobs", NOON, NOON + HOUR),
        ("slurm_jobs", NOON, NOON + 20 * HOUR),
    ]


def test_the_ledger_knows_the_bounds_of_each_files_job_ids(loaded: Loaded) -> None:
    """P11, P3: in files of loads, marts and rebuilt catalogs; null where a row has no id."""
    loaded.load("slurm_jobs", job(7, NOON), job(3, NOON), job(11, NOON + DAY))
    loaded.load("darshan_logs", log("a", 3, NOON), log("b", 3, NOON) | {"job_id": None})
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0)), owner="fs")
    loaded.derive()

    def bounds(*tables: str) -> list[tuple[Any, ...]]:
        return loaded.lake.sql(
            "SELECT table_name, first_job_id, last_job_id FROM files WHERE table_name IN (SELECT unnest($1)) "
            "ORDER BY date, table_name",
            [list(tables)],
        ).fetchall()

    raw = [("darshan_logs", None, None), ("lustre_fs", None, None), ("slurm_jobs", 3, 7), ("slurm_jobs", 11, 11)]
    assert bounds("darshan_logs", "lustre_fs", "slurm_jobs") == raw
    assert bounds("job_summary") == [("job_summary", None, None), ("job_summary", 11, 11)]
    rebuild(loaded.warehouse)
    assert bounds("darshan_logs", "lustre_fs", "slurm_jobs") == raw


def test_an_export_has_the_rows_of_a_mart_that_a_query_computes(loaded: Loaded, tmp_path: Path) -> None:
    """P10: a stale partition has rows, and no load that wrote them: `load_id` is null."""
    first_night(loaded)
    export(loaded.lake, tmp_path / "public", ["job_summary"])
    rows = pq.read_table(tmp_path / "public" / "job_summary")
    assert rows.num_rows == rows["load_id"].null_count == 2
