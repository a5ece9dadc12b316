"""Month files: views read them in place of a file for each day, with the same rows (P11)."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake import schemas
from iolake.pipelines.ingest import ingest
from iolake.warehouse import garbage, months
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.compact import compact
from iolake.warehouse.lake import Lake
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.records import DataFile
from iolake.warehouse.repair import take_out_damage
from iolake.warehouse.verify import verify
from tests.warehouse.by_hand import Loaded, job, log
from tests.warehouse.toy import DAY, Centre, df, expected, rows

DECLARED = schemas.tables()
LATER = date(2017, 5, 10)
"""March and April of 2017 are settled then."""
MARCH, APRIL = (0.0, 24.0, 100.0), (24.0 * 12, 24.0 * 20)
"""Hours after the toy's day, on three days of March and two of April."""


@pytest.fixture
def merged(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> Centre:
    """A lake of five days with two month files."""
    monkeypatch.setattr(months, "LEAST_FILES", 2)
    for number, hour in enumerate((*MARCH, *APRIL)):
        centre.write(f"2017-03-20{number}.json", {"lustre_df": [df("OST0000", hour, number)]})
    centre.ingest()
    assert compact(centre.warehouse, LATER).months == 2
    return centre


def paths(centre: Centre) -> set[str]:
    """The month files that the newest snapshot names."""
    return {row[0] for row in centre.lake.sql("SELECT path FROM months").fetchall()}


def view(centre: Centre) -> str:
    """The text of the storage macro."""
    query = (
        "SELECT macro_definition FROM duckdb_functions() WHERE schema_name = 'storage' AND function_name = 'lustre_df'"
    )
    return str(centre.lake.sql(query).fetchall()[0][0])


EXPECTED = expected("lustre_df", *(df("OST0000", hour, number) for number, hour in enumerate((*MARCH, *APRIL))))


def test_views_read_month_files_in_place_of_their_days(merged: Centre) -> None:
    assert rows(merged.lake) == EXPECTED
    named = view(merged)
    assert all(path in named for path in paths(merged))
    assert not any(file.path in named for file in merged.lake.files())
    assert len(merged.lake.files()) == 5
    assert sorted(merged.lake.sql("SELECT DISTINCT date FROM lustre_df").fetchall()) == sorted(
        {(f.date,) for f in merged.lake.files()}
    )
    assert compact(merged.warehouse, LATER).months == 0


def test_a_month_is_merged_a_week_after_its_end(merged: Centre) -> None:
    """A recent month has no month file, because late data would have it written again."""
    merged.write("2017-03-209.json", {"lustre_df": [df("OST0001", 24 * 30, 1), df("OST0001", 24 * 31, 1)]})
    merged.ingest()  # 19 and 20 April
    assert len(paths(merged)) == 1
    assert compact(merged.warehouse, date(2017, 5, 7)).months == 0
    assert compact(merged.warehouse, date(2017, 5, 8)).months == 1


def test_a_late_row_drops_the_month_file_and_the_next_run_writes_another(merged: Centre) -> None:
    """P1, P2: no snapshot has a month file that disagrees with its data files."""
    before = paths(merged)
    merged.write("2017-03-200.json", {"lustre_df": [df("OST0000", 1, 7)]})
    merged.ingest()
    kept = paths(merged)
    assert len(kept) == 1
    assert kept < before
    changed = [df("OST0000", 1, 7), *(df("OST0000", h, n) for n, h in enumerate((*MARCH, *APRIL)) if n)]
    assert rows(merged.lake) == expected("lustre_df", *changed)
    assert compact(merged.warehouse, LATER).months == 1
    assert kept < paths(merged)
    assert rows(merged.lake) == expected("lustre_df", *changed)
    garbage.collect(merged.warehouse, retention_days=0, orphan_age_hours=0)
    there = {f.path for f in merged.warehouse.store.list() if "month=" in f.path}
    assert there == paths(merged)
    assert rows(merged.lake) == expected("lustre_df", *changed)


def test_what_another_writer_adds_meanwhile_keeps_the_month_file_out(
    merged: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7"""
    merged.write("2017-03-200.json", {"lustre_df": [df("OST0000", 1, 7)]})
    merged.ingest()
    write = months.write

    def interrupted(*args: Any) -> Any:
        merged.write("2017-03-208.json", {"lustre_df": [df("OST0008", 2, 8)]})
        merged.ingest()
        return write(*args)

    monkeypatch.setattr(months, "write", interrupted)
    assert compact(merged.warehouse, LATER).months == 0
    on_disk = {f.path for f in merged.warehouse.store.list() if "month=" in f.path}
    named = {
        row[0]
        for number in merged.warehouse.snapshots()
        for row in Lake(merged.root / "lake", snapshot=number).sql("SELECT path FROM months").fetchall()
    }
    assert on_disk == named
    assert len(rows(merged.lake)) == 6


@pytest.fixture
def apart(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> Centre:
    """A lake of three days of March without a month file."""
    monkeypatch.setattr(months, "LEAST_FILES", 2)
    for number, hour in enumerate(MARCH):
        centre.write(f"2017-03-20{number}.json", {"lustre_df": [df("OST0000", hour, number)]})
    centre.ingest()
    return centre


MARCH_ROWS = expected("lustre_df", *(df("OST0000", hour, number) for number, hour in enumerate(MARCH)))


def test_two_compactions_at_once_write_one_month_file(apart: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P2, P7: the second to publish drops its month file, and leaves none in the lake."""
    write = months.write

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(months, "write", write)
        assert compact(apart.warehouse, LATER).months == 1
        return write(*args)

    monkeypatch.setattr(months, "write", interrupted)
    assert compact(apart.warehouse, LATER).months == 0
    assert rows(apart.lake) == MARCH_ROWS
    assert len(paths(apart)) == 1
    assert {f.path for f in apart.warehouse.store.list() if "month=" in f.path} == paths(apart)
    assert verify(apart.warehouse).flaws == []


def test_a_doubled_month_and_one_of_too_few_rows_are_found_and_taken_out(apart: Centre) -> None:
    """P2, P5: an earlier version may have left such months."""
    days = apart.lake.files()
    store = apart.warehouse.store
    for files, problem in ((days, "another month file"), (days[:2], "it has 2 rows, but the data files .* have 3")):
        written = [months.write(store, files, f"load{at}") for at in range(2 if files is days else 1)]

        def edit(catalog: Catalog, _number: int, written: list[DataFile] = written) -> bool:
            months.forget(catalog, days)
            months.put(catalog, written)
            return True

        apart.warehouse.publish(edit, "compact")
        assert rows(apart.lake) != MARCH_ROWS
        found = verify(apart.warehouse, deep=True)
        assert [flaw.name for flaw in found.flaws] == [written[-1].path]
        assert re.search(problem, found.flaws[0].problem)
        take_out_damage(apart.warehouse, found)
        assert rows(apart.lake) == MARCH_ROWS
        assert verify(apart.warehouse, deep=True).flaws == []


def test_a_damaged_month_file_is_found_and_taken_out_and_no_row_is_lost(merged: Centre) -> None:
    damaged = sorted(paths(merged))[0]
    path = merged.root / "lake" / damaged
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    found = verify(merged.warehouse, deep=True)
    assert [flaw.name for flaw in found.flaws] == [damaged]
    done = take_out_damage(merged.warehouse, found)
    assert (done.files, done.inputs) == (1, ())
    assert rows(merged.lake) == EXPECTED
    assert verify(merged.warehouse, deep=True).flaws == []
    assert compact(merged.warehouse, LATER).months == 1


@pytest.mark.parametrize("left", [None, 100])
def test_a_lost_month_file_stops_no_load(merged: Centre, left: int | None) -> None:
    """P10: a month file is a copy; if it is missing or truncated, the next snapshot drops it."""
    for name in paths(merged):
        path = merged.root / "lake" / name
        content = path.read_bytes()
        path.unlink()
        if left is not None:
            path.write_bytes(content[:left])
    merged.write("2017-03-209.json", {"lustre_df": [df("OST0009", 24 * 50, 9)]})
    merged.ingest()
    assert paths(merged) == set()
    assert rows(merged.lake) == sorted([*EXPECTED, *expected("lustre_df", df("OST0009", 24 * 50, 9))])
    assert compact(merged.warehouse, LATER).months == 2
    assert verify(merged.warehouse, deep=True).flaws == []


def test_rebuilding_takes_no_row_of_a_month_file_twice(merged: Centre) -> None:
    rebuild(merged.warehouse)
    assert rows(merged.lake) == EXPECTED
    assert paths(merged) == set()
    assert ingest(merged.site, workers=0).loads[0].count("loaded") == 0


STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(0, 9)) | st.none(), max_size=6)


@settings(max_examples=5, deadline=None)
@given(steps=STEPS)
def test_whatever_is_loaded_replaced_and_merged_the_view_has_the_newest_rows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int] | None]
) -> None:
    """Each step gives an input another row on one of 50 days, or merges."""
    loaded = Loaded(str(Path(tmp_path_factory.mktemp("months")) / "lake"))
    newest: dict[int, dict[str, Any]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(months, "LEAST_FILES", 1)
        for step in [(0, 0, 0), *steps, None]:
            if step is None:
                compact(loaded.warehouse, LATER)
                continue
            number, day, used = step
            newest[number] = df(f"OST{number}", 24 * day, used)
            row = newest[number] | {"ts": DAY + timedelta(days=day)}
            loaded.load("lustre_df", row, owner="scratch", name=f"input {number}")
    assert rows(loaded.lake) == expected("lustre_df", *newest.values())


def test_a_question_of_jobs_opens_a_file_a_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety days of ten jobs: two months merged, one not."""
    tables = {name: table for name, table in DECLARED.items() if name in {"slurm_jobs", "darshan_logs"}}
    monkeypatch.setattr(schemas, "tables", lambda: tables)
    loaded = Loaded(str(tmp_path / "lake"))
    first = datetime(2026, 3, 1, 12)
    noons = [first + timedelta(days=day) for day in range(90)]
    loaded.load("slurm_jobs", *(job(1000 + 10 * day + i, noon) for day, noon in enumerate(noons) for i in range(10)))
    loaded.load("darshan_logs", *(log(f"log of {day}", 1000 + 10 * day, noon) for day, noon in enumerate(noons)))
    assert compact(loaded.warehouse, date(2026, 5, 30)).months == 4
    lake = loaded.lake
    (run_id,) = (row[0] for row in lake.sql("SELECT run_id FROM slurm_jobs WHERE job_id = 1107").fetchall())
    for where, found in {
        "job_id = 1107": {1107},
        "job_id IN (1107, 1108, 1405)": {1107, 1108, 1405},
        "job_id BETWEEN 1109 AND 1111": {1109, 1110, 1111},
        "job_id IN (SELECT 1000 + 100 * n FROM range(3) r(n))": {1000, 1100, 1200},
        "job_id = 99": set(),
        f"run_id = '{run_id}'": {1107},
        "date = '2026-05-20' AND job_id % 10 = 7": {1807},
        "date = '2026-04-20' AND job_id % 10 = 7": {1507},
    }.items():
        (plan,) = (row[1] for row in lake.sql(f"EXPLAIN ANALYZE SELECT * FROM slurm_jobs WHERE {where}").fetchall())
        assert sum(map(int, re.findall(r"Total Files Read: (\d+)", plan))) <= 2 + 29, where
        assert {row[0] for row in lake.sql(f"SELECT job_id FROM slurm_jobs WHERE {where}").fetchall()} == found
        logs = f"SELECT job_id FROM darshan_logs WHERE job_id IN (SELECT job_id FROM slurm_jobs WHERE {where})"
        assert {row[0] for row in lake.sql(logs).fetchall()} == {i for i in found if i % 10 == 0}
    (plan,) = (row[1] for row in lake.sql("EXPLAIN ANALYZE FROM slurm_jobs WHERE date = '2026-05-20'").fetchall())
    assert re.findall(r"Total Files Read: (\d+)", plan) == ["1"]
