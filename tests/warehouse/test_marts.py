"""Marts: never stale whatever happens to the rows behind them (P1), once (P2), killed (P3), with two writers (P7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.schemas.table import INPUT_ID, Table
from iolake.warehouse import catalog as catalog_module
from iolake.warehouse import derive as derive_module
from iolake.warehouse import freshness
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import Derived, derive, stale
from iolake.warehouse.lake import Lake
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.records import InputRecord, Load, LoadInfo, new_id
from iolake.warehouse.staging import Stager
from iolake.warehouse.views import sql_files
from iolake.warehouse.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("all_tables")
NOON = datetime(2026, 3, 10, 12)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class Loaded:
    """A lake that rows are loaded into by hand, an input at a time."""

    uri: str
    inputs: int = 0
    known: dict[str, str] = field(default_factory=dict)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.uri)

    @property
    def lake(self) -> Lake:
        return Lake(self.uri)

    def load(self, table: str, *rows: dict[str, Any], owner: str = "c", name: str | None = None) -> None:
        """Load rows as one input; of the same name again, in place of its rows."""
        self.inputs += 1
        uri = name or f"input {self.inputs}"
        info = LoadInfo(new_id(), "run", "test", owner, None, 1)
        self.warehouse.begin(info)
        declared = schemas.tables()[table]
        stager = Stager(self.warehouse.store, info)
        stager.add(declared, batch(declared, uri, rows))
        record = InputRecord(uri, uri, None, 1, None, f"{uri} {self.inputs}", "loaded", rows=len(rows))
        self.warehouse.commit([Load(info, files=stager.finish([record]), inputs=(record,))])

    def derive(self) -> Derived:
        return derive(self.warehouse)

    def assert_right(self, also_fresh: bool = False) -> None:
        """Every mart shows what its model makes of the snapshot's rows, through SQL and as a polars frame."""
        lake = self.lake
        for mart in freshness.marts():
            shown = text(lake.sql(f"SELECT * EXCLUDE load_id FROM {mart.name}").fetchall())
            made = text(lake.sql(f"SELECT * EXCLUDE load_id FROM ({freshness.select(mart)})").fetchall())
            assert shown == made, mart.name
            assert lake.scan(mart.name).collect().height == len(made)
        assert not (also_fresh and stale(self.warehouse))


def batch(table: Table, input_id: str, rows: tuple[dict[str, Any], ...]) -> pa.Table:
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


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return Loaded(str(tmp_path / "lake"))


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


def changed_sacct(loaded: Loaded) -> None:
    loaded.load("slurm_jobs", job(3, NOON), name="sacct")
    loaded.derive()
    loaded.load("slurm_jobs", job(3, NOON, 2.0), job(4, NOON), name="sacct")


def servers_a_day_later(loaded: Loaded) -> None:
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0) + DAY), owner="fs")


def long_job_of_another_day(loaded: Loaded) -> None:
    """A job that ends three days later was running all the time, and a log of the first day is its own."""
    loaded.load("darshan_logs", log("long", 9, NOON))
    loaded.derive()
    loaded.load("slurm_jobs", job(9, NOON - HOUR, 72.0))


def servers_changed_under_a_long_job(loaded: Loaded) -> None:
    loaded.load("slurm_jobs", job(9, NOON, 72.0))
    loaded.derive()
    loaded.load("lustre_fs", *fs_day(NOON.replace(hour=0), moved=3), owner="fs", name="fs first day")


def same_id_on_another_cluster(loaded: Loaded) -> None:
    """What the servers count for an id is nobody's where two clusters have it."""
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
    loaded: Loaded, change: Callable[[Loaded], None]
) -> None:
    """P1: before the next derivation, after it, and after the days are merged."""
    first_night(loaded)
    loaded.assert_right()
    loaded.derive()
    loaded.assert_right(also_fresh=True)
    change(loaded)
    assert stale(loaded.warehouse)
    loaded.assert_right()
    loaded.derive()
    loaded.assert_right(also_fresh=True)


def test_windows_of_runs_that_a_query_computes_can_be_asked_for(loaded: Loaded) -> None:
    """The view of the windows and the macro over them rest on one macro, which DuckDB expands only once."""
    first_night(loaded)
    query = "SELECT run_id, read_bytes FROM lustre_during('job_windows', steps_after := 1) ORDER BY ALL"
    before = loaded.lake.sql(query).fetchall()
    loaded.derive()
    assert before == loaded.lake.sql(query).fetchall() != []


def test_deriving_twice_is_deriving_once(loaded: Loaded) -> None:
    """P2: nothing is stale after it, so that there is nothing to publish."""
    first_night(loaded)
    assert loaded.derive().partitions
    newest = loaded.warehouse.newest()
    assert loaded.derive() == Derived()
    assert loaded.warehouse.newest() == newest


def test_what_no_row_of_a_partition_rests_on_leaves_it_fresh(loaded: Loaded) -> None:
    """P11: a night costs its own days, not those of the whole lake."""
    first_night(loaded)
    loaded.derive()
    loaded.load("slurm_jobs", job(7, NOON + 20 * DAY))
    of_runs = ("findings", "job_file_system", "job_io", "job_neighbours", "job_ost", "job_summary", "job_verdict")
    assert stale(loaded.warehouse) == dict.fromkeys(of_runs, 1)


def test_merging_the_files_of_a_day_leaves_marts_fresh(loaded: Loaded) -> None:
    first_night(loaded)
    late_log(loaded)
    loaded.derive()
    compact(loaded.warehouse, today=date(2030, 1, 1))
    assert stale(loaded.warehouse) == {}
    loaded.assert_right()


def test_a_changed_model_makes_its_marts_stale(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    first_night(loaded)
    loaded.derive()
    texts = sql_files()
    texts["runs_between"] = texts["runs_between"].replace("'scheduler' AS known_by", "'someone' AS known_by")
    for module in (catalog_module, derive_module):
        monkeypatch.setattr(module, "sql_files", lambda: texts)
    catalog_module._hash.cache_clear()
    loaded.load("slurm_jobs", job(8, NOON + 30 * DAY))
    assert stale(loaded.warehouse)["job_summary"] == 3
    assert {r[0] for r in loaded.lake.sql("SELECT DISTINCT known_by FROM job_summary").fetchall()} == {"someone"}
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
    """P1, P11: a comment makes no mart stale; any other change does, also one behind two dashes in a string."""
    mart = schemas.tables()["job_summary"]
    assert isinstance(mart, Mart)
    texts = sql_files()
    changed = texts | {"runs_between": re.sub(rf"^(?!--)(.*){was}", rf"\1{now_is}", texts["runs_between"], flags=re.M)}
    assert changed != texts
    assert (freshness.model_hash(mart, changed, {}) == freshness.model_hash(mart, texts, {})) == same


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


def test_a_partition_whose_sources_change_while_it_is_derived_stays_stale(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: another writer publishes a late log meanwhile; what was computed without it is not published."""
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
    loaded.derive()
    loaded.assert_right(also_fresh=True)


def test_two_derivations_at_once_leave_each_row_once(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """P7: the second one finds the partitions fresh and puts its own in their place."""
    first_night(loaded)
    publish = derive_module._publish

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(derive_module, "_publish", publish)
        loaded.derive()
        return publish(*args)

    monkeypatch.setattr(derive_module, "_publish", interrupted)
    loaded.derive()
    loaded.assert_right(also_fresh=True)


def test_a_killed_derivation_leaves_right_answers(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: what it wrote is in no snapshot, and the next one derives."""
    first_night(loaded)

    def killed(*_args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(derive_module, "_publish", killed)
    with pytest.raises(KeyboardInterrupt):
        loaded.derive()
    monkeypatch.undo()
    loaded.assert_right()
    assert stale(loaded.warehouse)


def test_a_rebuilt_lake_derives_its_marts_again(loaded: Loaded) -> None:
    first_night(loaded)
    loaded.derive()
    rebuild(loaded.warehouse)
    loaded.assert_right()
    loaded.derive()
    loaded.assert_right(also_fresh=True)


def test_rows_of_a_mart_name_the_derivation_that_made_them(loaded: Loaded) -> None:
    """P10: `derived` names it, with the days of the lake that the rows rest on."""
    first_night(loaded)
    loaded.derive()
    rows = loaded.lake.sql("""
        SELECT DISTINCT d.first_day, d.last_day, d.fresh
        FROM job_summary s JOIN derived d ON d.load_id = s.load_id AND d.date = s.date AND d.table_name = 'job_summary'
        ORDER BY ALL""").fetchall()
    assert rows == [(NOON.date(), NOON.date() + DAY, True)]


def test_marts_are_derived_before_those_that_read_them() -> None:
    order = [m.name for m in freshness.marts()]
    assert all(
        order.index(r.table) < order.index(m.name)
        for m in freshness.marts()
        for r in m.reads
        if isinstance(schemas.tables().get(r.table), Mart)
    )


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
    """P11, P3: those of its rows, in files of loads, marts and rebuilt catalogs; null where a row has no id."""
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


@pytest.mark.parametrize("mart", freshness.marts(), ids=lambda m: m.name)
def test_a_mart_declares_every_table_that_its_model_names(mart: Mart) -> None:
    """P1: a day of a table that it did not declare would change and leave it fresh."""
    texts = sql_files()
    seen, tables, waiting = set[str](), set[str](), [mart.model]
    while waiting:
        text = re.sub(r"--.*|'[^']*'", "", texts[waiting.pop()])
        words = set(re.findall(r"\w+", text)) & texts.keys()
        waiting += words - seen
        seen |= words
        tables |= set(re.findall(r"\b\w+\b(?!\()", text)) & schemas.tables().keys()
    assert tables <= {read.table for read in mart.reads} <= tables | set(mart.rows_of)
