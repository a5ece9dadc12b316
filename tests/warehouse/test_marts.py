"""Marts: never stale whatever happens to the rows behind them (P1), once (P2), killed (P3), with two writers (P7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.warehouse import catalog as catalog_module
from iolake.warehouse import derive as derive_module
from iolake.warehouse import freshness, views
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import Derived, stale
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.views import sql_files
from tests.warehouse.by_hand import DAY, HOUR, NOON, Loaded, first_night, fs_day, job, late_log, log

pytestmark = pytest.mark.usefixtures("all_tables")


def changed_sacct(loaded: Loaded) -> None:
    loaded.load("slurm_jobs", job(3, NOON), name="sacct")
    loaded.derive()
    loaded.load("slurm_jobs", job(3, NOON, 2.0), job(4, NOON), name="sacct")


def servers_a_day_later(loaded: Loaded) -> None:
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0) + DAY), owner="fs")


def long_job_of_another_day(loaded: Loaded) -> None:
    """A job ran for three days, and a log of the first day belongs to it."""
    loaded.load("darshan_logs", log("long", 9, NOON))
    loaded.derive()
    loaded.load("slurm_jobs", job(9, NOON - HOUR, 72.0))


def servers_changed_under_a_long_job(loaded: Loaded) -> None:
    loaded.load("slurm_jobs", job(9, NOON, 72.0))
    loaded.derive()
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0), moved=3), owner="fs", name="fs first day")


def same_id_on_another_cluster(loaded: Loaded) -> None:
    """Servers' counts for a job id belong to no job if two clusters have the id."""
    stats = {"target": "OST0000", "jobstats_id": "1", "job_id": 1, "role": "ost", "interval_s": 60.0}
    loaded.load("lustre_jobstats", stats | {"ts": NOON + HOUR / 2, "read_bytes": 7}, owner="fs")
    loaded.derive()
    loaded.load("slurm_jobs", job(1, NOON), owner="other")


CHANGES = [
    late_log,
    changed_sacct,
    servers_a_day_later,
    long_job_of_another_day,
    servers_changed_under_a_long_job,
    same_id_on_another_cluster,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
def test_a_mart_shows_what_its_model_makes_of_the_snapshots_rows(
    fresh: Loaded, change: Callable[[Loaded], None]
) -> None:
    """P1: before the next derivation, and after it."""
    change(fresh)
    assert stale(fresh.warehouse)
    fresh.assert_right(at_once=change is late_log)


def test_a_mart_that_was_never_derived_shows_what_its_model_makes(loaded: Loaded) -> None:
    """P1: none of its partitions is fresh, and the first derivation changes no row."""
    first_night(loaded)
    loaded.assert_right(at_once=True)


def test_windows_of_runs_that_a_query_computes_can_be_asked_for(loaded: Loaded) -> None:
    """The view of the windows and the macro over them rest on one macro, which DuckDB expands only once."""
    first_night(loaded)
    query = "SELECT run_id, read_bytes FROM lustre_during('job_windows', steps_after := 1) ORDER BY ALL"
    before = loaded.lake.sql(query).fetchall()
    loaded.derive()
    assert before == loaded.lake.sql(query).fetchall() != []


def test_deriving_twice_is_deriving_once(loaded: Loaded) -> None:
    """P2: nothing is stale afterwards, so the second derivation publishes nothing."""
    first_night(loaded)
    assert loaded.derive().partitions
    newest = loaded.warehouse.newest()
    assert loaded.derive() == Derived()
    assert loaded.warehouse.newest() == newest


def test_what_no_row_of_a_partition_rests_on_leaves_it_fresh(fresh: Loaded) -> None:
    """P11: a night derives its own days, not the whole lake."""
    fresh.load("slurm_jobs", job(7, NOON + 20 * DAY))
    of_runs = ("findings", "job_file_system", "job_io", "job_neighbours", "job_ost", "job_summary", "job_verdict")
    assert stale(fresh.warehouse) == dict.fromkeys(of_runs, 1)


def test_merging_the_files_of_a_day_leaves_marts_fresh(fresh: Loaded) -> None:
    late_log(fresh)
    fresh.derive()
    compact(fresh.warehouse, today=date(2030, 1, 1))
    assert stale(fresh.warehouse) == {}
    fresh.assert_right()


def test_a_changed_model_makes_its_marts_stale(fresh: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = sql_files()
    texts["runs_between"] = texts["runs_between"].replace("'scheduler' AS known_by", "'someone' AS known_by")
    monkeypatch.setattr(views, "sql_files", lambda: texts)
    catalog_module._hash.cache_clear()
    fresh.load("slurm_jobs", job(8, NOON + 30 * DAY))
    assert stale(fresh.warehouse)["job_summary"] == 3
    assert {r[0] for r in fresh.lake.sql("SELECT DISTINCT known_by FROM job_summary").fetchall()} == {"someone"}
    catalog_module._hash.cache_clear()


@pytest.mark.parametrize(
    ("was", "now_is", "same"),
    [
        ("SELECT", "-- it isn't said how\n SELECT", True),
        ("SELECT", "/* a -- b */ SELECT", True),
        ("SELECT", "SELECT DISTINCT", False),
        ("'logs'", "'logs -- some'", False),
    ],
)
def test_a_model_is_known_by_what_it_does_not_by_its_comments(was: str, now_is: str, same: bool) -> None:
    """P1, P11: a changed comment makes no mart stale; any other change does, also one after dashes in a string."""
    mart = schemas.tables()["job_summary"]
    assert isinstance(mart, Mart)
    texts = sql_files()
    changed = texts | {"runs_between": re.sub(rf"^(?!--)(.*){was}", rf"\1{now_is}", texts["runs_between"], flags=re.M)}
    assert changed != texts
    assert (freshness.model_hash(mart, changed, {}) == freshness.model_hash(mart, texts, {})) == same


def test_a_partition_whose_sources_change_while_it_is_derived_stays_stale(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: if another writer publishes a late log meanwhile, rows computed without it are not published."""
    first_night(loaded)
    publish = derive_module._publish

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(derive_module, "_publish", publish)
        late_log(loaded)
        return publish(*args)

    monkeypatch.setattr(derive_module, "_publish", interrupted)
    loaded.derive()
    assert stale(loaded.warehouse)["job_summary"]
    loaded.assert_right()


def test_two_derivations_at_once_leave_each_row_once(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """P7: the second one replaces the fresh partitions by its own."""
    first_night(loaded)
    publish = derive_module._publish

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(derive_module, "_publish", publish)
        loaded.derive()
        return publish(*args)

    monkeypatch.setattr(derive_module, "_publish", interrupted)
    loaded.derive()
    loaded.assert_right()


def test_a_killed_derivation_leaves_right_answers(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: its files are in no snapshot, and the next derivation completes."""
    first_night(loaded)

    def killed(*_args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(derive_module, "_publish", killed)
    with pytest.raises(KeyboardInterrupt):
        loaded.derive()
    monkeypatch.undo()
    assert stale(loaded.warehouse)
    loaded.assert_right()


def test_a_rebuilt_lake_derives_its_marts_again(fresh: Loaded) -> None:
    rebuild(fresh.warehouse)
    fresh.assert_right()


def test_marts_are_derived_before_those_that_read_them() -> None:
    order = [m.name for m in freshness.marts()]
    assert all(
        order.index(r.table) < order.index(m.name)
        for m in freshness.marts()
        for r in m.reads
        if isinstance(schemas.tables().get(r.table), Mart)
    )


@pytest.mark.parametrize("mart", freshness.marts(), ids=lambda m: m.name)
def test_a_mart_declares_every_table_that_its_model_names(mart: Mart) -> None:
    """P1: a change in a table that the mart does not declare would leave it fresh, but wrong."""
    texts = sql_files()
    seen, tables, waiting = set[str](), set[str](), [mart.model]
    while waiting:
        text = re.sub(r"--.*|'[^']*'", "", texts[waiting.pop()])
        words = set(re.findall(r"\w+", text)) & texts.keys()
        waiting += words - seen
        seen |= words
        tables |= set(re.findall(r"\b\w+\b(?!\()", text)) & schemas.tables().keys()
    assert tables <= {read.table for read in mart.reads} <= tables | set(mart.rows_of)
