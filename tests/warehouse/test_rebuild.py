"""A catalog from the data files alone."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iolake import schemas
from iolake.extractors.base import Span
from iolake.pipelines import plan, registry
from iolake.pipelines.ingest import prepare, whole_loads
from iolake.pipelines.stage import stage_bundle
from iolake.warehouse import garbage, parquet
from iolake.warehouse.compact import compact
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.warehouse import Published
from tests.warehouse.toy import TABLES, TOYS, Centre, Toy, df, expected, rows

INPUTS = "SELECT input_id, load_id, uri, day, size_bytes, mtime, content_hash, rows, extractor_version FROM inputs"


def everything(centre: Centre) -> Any:
    """Every row of every table with its load and input, and the inputs that are loaded."""
    lake = centre.lake
    tables = [Counter(lake.sql(f"FROM {name}").fetchall()) for name in TABLES]
    return tables, sorted(lake.sql(f"{INPUTS} WHERE status = 'loaded'").fetchall())


def lose_catalog(centre: Centre) -> None:
    shutil.rmtree(centre.root / "lake" / "catalog")
    (centre.root / "lake" / "lake.duckdb").unlink()


def busy(centre: Centre) -> None:
    """Loads, replacements in part and in whole, a compaction, and replacements of what it merged."""
    for night in range(4):
        centre.write(f"2017-03-2{night}.json", {"lustre_df": [df("a", 24 * night, 1), df("b", 24 * night + 25, 2)]})
    centre.write("2017-03-20x.json", {"lustre_df": [df("x", 1, 3)], "lustre_target": [df("x", 1)]})
    centre.ingest()
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 2, 10)]})
    centre.write("2017-03-20x.json", {"lustre_target": [df("x", 5)]})
    centre.ingest()
    compact(centre.warehouse, date(2017, 4, 1))
    centre.write("2017-03-21.json", {"lustre_df": [df("a", 30, 11)]})
    centre.ingest()
    centre.write("2017-03-23.json", {"lustre_df": [df("c", 80, 12), df("d", 81, 13)]})
    centre.ingest()


@pytest.mark.parametrize("collected", [False, True])
def test_a_lost_catalog_is_made_again_from_the_files(centre: Centre, collected: bool) -> None:
    """P10: the footers hold enough, whether or not superseded files are still there."""
    busy(centre)
    if collected:
        garbage.collect(centre.warehouse, 0, 0)
    before = everything(centre)
    lose_catalog(centre)
    newest_base = 3
    assert rebuild(centre.warehouse) == newest_base + 1
    assert everything(centre) == before
    (facts,) = centre.ingest().snapshots  # from site.toml; no footer has it
    assert [s.operation for s in centre.warehouse.history() if s.number == facts] == ["site"]
    assert centre.ingest().snapshots == []
    loads = centre.lake.sql("SELECT count(*), sum(rows) FROM loads").fetchall()
    assert loads == centre.lake.sql("SELECT count(DISTINCT load_id), sum(rows) FROM inputs").fetchall()


def test_a_rebuild_beside_the_catalog_is_the_next_snapshot(centre: Centre) -> None:
    busy(centre)
    before, newest = everything(centre), centre.warehouse.require()
    assert rebuild(centre.warehouse) == newest + 1
    assert everything(centre) == before
    assert [s.operation for s in centre.lake.history()][-1] == "rebuild"


def test_files_of_a_load_at_work_are_left_out(centre: Centre) -> None:
    """Files that were staged but not published are not in the lake, and can still be committed."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    centre.write("2017-03-21.json", {"lustre_df": [df("b", 25, 2)]})
    staged: list[Any] = []
    kind = type(centre.warehouse)

    def keep(_self: Any, loads: Any, _also: Any) -> Published:
        staged.extend(loads)
        return Published(None, [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "commit", keep)
        centre.ingest()
    lose_catalog(centre)
    rebuild(centre.warehouse)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 1))
    centre.warehouse.commit(staged)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 1), df("b", 25, 2))


def test_an_input_that_no_footer_tells_of_keeps_its_rows_and_is_read_again(centre: Centre) -> None:
    """The file whose footer listed the input is gone; the next ingest replaces its rows and duplicates none."""
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 1, 1)]})
    centre.write("2017-03-20b.json", {"lustre_target": [df("b", 1)]})
    centre.ingest()
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 2, 2)]})
    centre.ingest()
    garbage.collect(centre.warehouse, 0, 0)
    before = [rows(centre.lake, name) for name in TABLES]
    lose_catalog(centre)
    rebuild(centre.warehouse)
    assert [rows(centre.lake, name) for name in TABLES] == before
    centre.ingest()
    assert [rows(centre.lake, name) for name in TABLES] == before
    assert centre.lake.sql("SELECT count(*) FROM inputs WHERE uri <> ''").fetchall() == [(2,)]


def test_a_file_of_another_program_is_left_out(centre: Centre, caplog: pytest.LogCaptureFixture) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    folder = centre.root / "lake" / "lustre_df" / "file_system=scratch" / "date=2017-03-20"
    (folder / "20170320T000000-00000000-a.parquet").write_bytes(b"PAR1 half a file")
    rebuild(centre.warehouse)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 1))
    assert "00000000-a.parquet: left out" in caplog.text


def test_the_newer_contents_win_whatever_the_clock_said(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P2: the clock goes back two days before each load; the last content survives two lost catalogs."""
    clock = itertools.count()
    monkeypatch.setattr(plan, "new_id", lambda: f"2017{9999 - 2 * next(clock)}T000000000000-00000000")
    for used in range(1, 4):
        path = centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, used)]})
        os.utime(path, (centre.clock - 200_000 * used,) * 2)
        centre.ingest()
        lose_catalog(centre)
        rebuild(centre.warehouse)
        assert rows(centre.lake) == expected("lustre_df", df("a", 1, used))


@pytest.mark.parametrize("keep_catalog", [True, False])
def test_inputs_of_a_lost_or_damaged_file_are_read_again(
    centre: Centre, caplog: pytest.LogCaptureFixture, keep_catalog: bool
) -> None:
    """P5, P10: a rebuild publishes no damaged rows, says that rows are missing, and the next ingest brings them."""
    busy(centre)
    garbage.collect(centre.warehouse, 0, 0)
    before = [rows(centre.lake, name) for name in TABLES]
    lost, damaged, *_ = [f for f in centre.lake.files("lustre_df") if f.date != date(2017, 3, 20)]
    if not keep_catalog:
        lose_catalog(centre)
    (centre.root / "lake" / lost.path).unlink()
    flip(centre.root / "lake" / damaged.path, 40)
    rebuild(centre.warehouse)
    assert len(rows(centre.lake)) == len(before[0]) - lost.rows - damaged.rows
    assert f"{damaged.path}: left out, damaged" in caplog.text
    assert "inputs have fewer rows in data files than were read" in caplog.text
    centre.ingest()
    assert [rows(centre.lake, name) for name in TABLES] == before


def test_any_changed_byte_is_noticed_without_a_catalog(centre: Centre) -> None:
    """P10: a file has its own hash in its footer; only a change of that hash's name, which changes no row, passes."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    (file,) = centre.lake.files()
    path = centre.root / "lake" / file.path
    content = path.read_bytes()
    name = content.rindex(b"iolake_seal")
    for at in [*range(0, len(content), 41), name - 1, name + 60]:
        path.write_bytes(content)
        flip(path, at)
        if not name <= at < name + len(b"iolake_seal") + 2:
            with pytest.raises((DamagedFile, ValueError)):
                parquet.read_whole(centre.warehouse.store, file.path, None)


def flip(path: Path, byte: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def test_what_another_writer_had_loaded_already_is_not_lost(centre: Centre) -> None:
    """P7: of an input that two writers load at once, one leaves out its rows, but its footer still lists the input."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    first = prepare(centre.site, (), Span())
    centre.write("2017-03-20x.json", {"lustre_df": [df("x", 1, 2)]})
    second = prepare(centre.site, (), Span())
    for plans in (first, second):
        staged = stage_bundle([unit for plan in plans for unit in plan.units], centre.site)
        centre.warehouse.commit(list(whole_loads(plans, staged)))
    both = expected("lustre_df", df("a", 1, 1), df("x", 1, 2))
    assert rows(centre.lake) == both
    lose_catalog(centre)
    rebuild(centre.warehouse)
    assert rows(centre.lake) == both


def test_one_row_a_key_holds_after_a_rebuild(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose keys were all loaded again is on disk, but in no snapshot; its rows stay out."""
    unique = dataclasses.replace(TABLES["lustre_df"], unique=True)
    monkeypatch.setattr(schemas, "tables", lambda: TABLES | {"lustre_df": unique})
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    centre.write("2017-03-21.json", {"lustre_df": [df("a", 1, 2), df("b", 1, 3)]})
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 2), df("b", 1, 3))
    lose_catalog(centre)
    rebuild(centre.warehouse)
    assert rows(centre.lake) == expected("lustre_df", df("a", 1, 2), df("b", 1, 3))


def test_a_newer_extractor_s_rows_are_those_that_count(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P10: a raised version reads inputs again, and a rebuild knows which rows it wrote."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()

    class Newer(Toy):
        version = 2

    monkeypatch.setattr(registry, "extractors", lambda: TOYS | {"toy": Newer()})
    centre.ingest()
    before = everything(centre)
    lose_catalog(centre)
    rebuild(centre.warehouse)
    assert everything(centre) == before
    assert centre.lake.sql("SELECT extractor_version FROM inputs").fetchall() == [(2,)]
