"""A lake that was moved or copied: what answers, from where, and what mends it."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from iolake.pipelines.cli import cli
from iolake.pipelines.ingest import ingest
from iolake.warehouse import catalog, garbage, layout, small_tables, views
from iolake.warehouse import lake as lake_module
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import derive
from iolake.warehouse.lake import Lake
from iolake.warehouse.relocate import relocate
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.by_hand import Loaded, first_night
from tests.warehouse.toy import Centre, df


def used(path: Path) -> list[tuple[int]]:
    """What a plain client gets from a database, without iolake."""
    with duckdb.connect(str(path), read_only=True) as con:
        return con.sql("SELECT used_bytes FROM lustre_df ORDER BY ALL").fetchall()


def files_read(path: Path) -> set[str]:
    """The files that a plain client's view reads, by the text of its macro."""
    with duckdb.connect(str(path), read_only=True) as con:
        ((text,),) = con.sql(
            "SELECT macro_definition FROM duckdb_functions() "
            "WHERE schema_name = 'storage' AND function_name = 'lustre_df'"
        ).fetchall()
    return {word for word in text.split("'") if word.endswith(".parquet")}


@pytest.fixture
def copied(centre: Centre) -> Path:
    """A copy of a lake with two snapshots, the first one pinned; the original goes on and has other rows."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    centre.warehouse.pin(0)
    centre.write("2017-03-21.json", {"lustre_df": [df("b", 25, 2)]})
    centre.ingest()
    copy = centre.root / "copy"
    shutil.copytree(centre.root / "lake", copy)
    return copy


def test_a_copy_answers_from_itself_once_relocated(copied: Path) -> None:
    """P1: lake.duckdb and pinned snapshots of a copy read the copy's files, and the original is left as it was."""
    original = copied.parent / "lake"
    before = {p: p.read_bytes() for p in original.rglob("*") if p.is_file()}
    assert all(f.startswith(f"{original}/") for f in files_read(copied / layout.NEWEST))
    done = CliRunner().invoke(cli, ["relocate", "--lake", str(copied)])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, f"snapshot 2 and lake.duckdb name {copied}")
    for name, rows in ((layout.NEWEST, [(1,), (2,)]), (layout.snapshot_path(0), [(1,)])):
        assert all(f.startswith(f"{copied}/") for f in files_read(copied / name))
        assert used(copied / name) == rows
        assert os.stat(copied / name).st_mode & 0o777 == 0o444
    assert {p: p.read_bytes() for p in original.rglob("*") if p.is_file()} == before
    again = CliRunner().invoke(cli, ["relocate", "--lake", str(copied)])
    assert again.output == f"nothing to relocate: the lake names {copied}\n"


@pytest.mark.parametrize("command", ["ingest", "compact", "gc", "derive"])
def test_every_command_that_writes_mends_a_copy(copied: Path, centre: Centre, command: str) -> None:
    """P9: also where the command finds nothing else to do."""
    if command == "ingest":
        site = centre.site
        moved = site.model_copy(update={"lake": site.lake.model_copy(update={"uri": str(copied)})})
        assert ingest(moved, workers=0).loads[0].count("loaded") == 0
    elif command == "compact":
        compact(Warehouse(str(copied)))
    elif command == "gc":
        garbage.collect(Warehouse(str(copied)), 30, 24)
    else:
        derive(Warehouse(str(copied)))
    assert all(f.startswith(f"{copied}/") for f in files_read(copied / layout.NEWEST))


def test_tools_say_that_they_look_at_a_copy(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, with the place that lake.duckdb names and what mends it; answers come from the copy all the same."""
    lake = Lake(copied)
    with caplog.at_level(logging.WARNING, "iolake"):
        assert lake.sql("SELECT count(*) FROM lustre_df").fetchall() == [(2,)]
        lake.connect().close()
    assert [r.getMessage() for r in caplog.records] == [
        f"{copied}: moved or copied from {copied.parent / 'lake'}, which its lake.duckdb still names; "
        "`iolake relocate` mends that"
    ]
    caplog.clear()
    other_name = copied.parent / "link"
    other_name.symlink_to(copied.parent / "lake")
    Lake(other_name).sql("FROM lustre_df").fetchall()
    assert not caplog.records


def test_files_lists_what_a_snapshot_has(copied: Path, centre: Centre) -> None:
    """P1: the files that are listed hold the snapshot's rows, whatever else lies in the folder."""
    lake = copied.parent / "lake"
    centre.write("2017-03-20b.json", {"lustre_df": [df("c", 2, 3)]})
    centre.ingest()
    compact(Warehouse(str(lake)))
    assert len([*lake.rglob("*.parquet")]) == 4
    run = CliRunner().invoke(cli, ["files", "lustre_df", "--lake", str(lake)])
    listed = run.stdout.splitlines()
    assert sorted(duckdb.read_parquet(listed).project("used_bytes").fetchall()) == [(1,), (2,), (3,)]
    assert set(listed) == files_read(lake / layout.NEWEST)
    printed = CliRunner().invoke(cli, ["files", "lustre_df", "--json", "--snapshot", "0", "--lake", str(lake)])
    (one,) = map(json.loads, printed.stdout.splitlines())
    assert {one[n] for n in ("table", "owner", "date")} == {"lustre_df", "scratch", "2017-03-20"}
    assert duckdb.read_parquet(one["location"]).columns == one["columns"]
    wrong = CliRunner().invoke(cli, ["files", "lustre_d", "--lake", str(lake)])
    assert str(wrong.exception) == "no table lustre_d; did you mean lustre_df, lustre_target?"
    ledger = CliRunner().invoke(cli, ["files", "inputs", "--lake", str(lake)])
    assert str(ledger.exception) == "inputs has no data files; `iolake sql 'FROM inputs'` reads it"


@pytest.mark.usefixtures("all_tables")
def test_a_move_leaves_marts_fresh_also_where_a_newer_iolake_has_other_models(
    fresh: Loaded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: a reader takes the snapshot's own views, and no query computes a mart; relocating alone makes none stale."""
    moved = Path(f"{fresh.uri}-moved 'here'")
    Path(fresh.uri).rename(moved)
    every = "FROM job_summary ORDER BY ALL"
    with duckdb.connect(str(moved / "lake.duckdb"), read_only=True) as con:
        fingerprints = con.sql("SELECT fingerprint FROM derived ORDER BY ALL").fetchall()
    newer = {name: text.replace("SELECT", "SELECT DISTINCT") for name, text in views._texts().items()}
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "iolake"):
        patch.setattr(views, "_texts", lambda: newer)
        patch.setattr(catalog, "_hash", lambda _tables: "newer")
        lake = Lake(moved)
        answers = lake.sql(every).fetchall()
        plan = lake.sql(f"EXPLAIN {every}").fetchall()[0][1]
        stale = lake.sql("SELECT count(*) FROM derived WHERE NOT fresh").fetchall()
    assert (len(answers), stale) == (2, [(0,)])
    assert "READ_PARQUET" in plan and "JOIN" not in plan
    assert len(caplog.records) == 1  # that it was moved, and nothing about stale marts
    published, _ = relocate(Warehouse(str(moved)))
    assert published is not None
    with duckdb.connect(str(moved / "lake.duckdb"), read_only=True) as con:
        assert con.sql(every).fetchall() == answers
        assert con.sql("SELECT fingerprint FROM derived ORDER BY ALL").fetchall() == fingerprints


def test_a_moved_lake_whose_ledger_outgrew_the_shared_table_is_read(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: no table is small there."""
    monkeypatch.setattr(small_tables, "FEW", 0)
    assert Lake(copied).sql("SELECT root FROM snapshots ORDER BY number DESC LIMIT 1").fetchall() == [(str(copied),)]


@pytest.mark.usefixtures("all_tables")
def test_many_stale_days_are_said_and_bounded(
    loaded: Loaded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: once a lake, with the command that stores them; the query has so much memory, and answers all the same."""
    first_night(loaded)
    with caplog.at_level(logging.WARNING, "iolake"):
        free = loaded.lake.sql("FROM job_summary ORDER BY ALL").fetchall()
        assert not caplog.records
        monkeypatch.setattr(lake_module, "MANY_STALE_DAYS", 0)
        monkeypatch.setattr(lake_module, "MEMORY_LIMIT", "900TB")
        limit_of = "SELECT current_setting('memory_limit')"
        own = duckdb.connect().execute(limit_of).fetchall()
        assert loaded.lake.sql(limit_of).fetchall() == own, "never more than DuckDB's own"
        caplog.clear()
        monkeypatch.setattr(lake_module, "MEMORY_LIMIT", "500MB")
        lake = loaded.lake
        assert lake.sql("FROM job_summary ORDER BY ALL").fetchall() == free != []
        lake.connect().close()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{lake.uri}: marts of 2 days are stale") and "`iolake derive` stores them" in said
    ((limit, folder),) = lake.sql(
        "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    ).fetchall()
    assert limit == "476.8 MiB"
    assert Path(folder).parent != Path(lake.uri)
