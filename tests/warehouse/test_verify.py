"""Damage of data files is found by `verify`, and mended by `repair`."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from iolake.pipelines.ingest import ingest
from iolake.pipelines.repair import repair
from iolake.schemas.ledger import FILES
from iolake.warehouse import garbage
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.compact import compact
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.verify import verify
from tests.warehouse.toy import TABLES, Centre, df, rows

FLIPS = 20


@pytest.fixture(autouse=True)
def reads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repair reads in this process: the toy sources are registered in no other."""
    monkeypatch.setattr("iolake.pipelines.repair.ingest", partial(ingest, workers=0))


def content(centre: Centre) -> Any:
    """Every row, and every input with how it ended and where it lies."""
    inputs = centre.lake.sql("SELECT input_id, uri, status, rows, size_bytes, mtime, content_hash, reason FROM inputs")
    return [rows(centre.lake, name) for name in TABLES], sorted(inputs.fetchall(), key=str)


def busy(centre: Centre) -> None:
    """Days of several inputs, a compaction, a replacement in a merged file, and a reject."""
    for day in range(3):
        centre.write(f"2017-03-2{day}a.json", {"lustre_df": [df("a", 24 * day, 1), df("b", 24 * day + 25, 2)]})
        centre.write(f"2017-03-2{day}b.json", {"lustre_df": [df("c", 24 * day, 3)], "lustre_target": [df("c", 1)]})
    centre.ingest()
    compact(centre.warehouse, date(2017, 3, 22))
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 2, 10)]})
    centre.write("2017-03-24.json", "broken")
    centre.ingest()
    garbage.collect(centre.warehouse, 0, 0)


def flip(path: Path, at: int, bit: int = 0) -> None:
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1 << bit
    path.write_bytes(changed)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": cut,
    "empty": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "not Parquet": lambda path: path.write_text("PAR1"),
}


def test_every_flipped_bit_is_found_and_mended(centre: Centre) -> None:
    """P5, P10: any bit of any file may flip: a repair makes the lake equal to the undamaged one."""
    busy(centre)
    lake, saved = centre.root / "lake", centre.root / "saved"
    shutil.copytree(lake, saved)
    expect = content(centre)
    files = centre.lake.files()
    assert verify(centre.warehouse, deep=True).flaws == []
    chance = random.Random(13)
    for _ in range(FLIPS // 4):
        shutil.rmtree(lake)
        shutil.copytree(saved, lake)
        flipped = chance.sample(files, 4)
        for file in flipped:
            flip(lake / file.path, chance.randrange(file.size_bytes), chance.randrange(8))
        found = verify(centre.warehouse, deep=True).damaged_files
        assert {f.path for f in found} == {f.path for f in flipped}
        mended = repair(centre.warehouse, centre.site)
        assert mended.not_back == []
        assert content(centre) == expect
        assert verify(centre.warehouse, deep=True).flaws == []


def test_files_that_are_gone_or_cut_are_found_without_reading_them(centre: Centre) -> None:
    """P5: the size and the footer show it; `repair` brings the rows back."""
    busy(centre)
    expect = content(centre)
    damaged = dict(zip((f.path for f in centre.lake.files()), DAMAGE, strict=False))
    assert len(damaged) == len(DAMAGE)
    for path, kind in damaged.items():
        DAMAGE[kind](centre.root / "lake" / path)
    found = verify(centre.warehouse)
    assert {f.name: f.kind for f in found.flaws} == {
        path: "missing" if kind == "missing" else "damaged" for path, kind in damaged.items()
    }
    repair(centre.warehouse, centre.site)
    assert content(centre) == expect


def test_inputs_that_are_no_longer_there_are_named_and_other_rows_stay(centre: Centre) -> None:
    """P5: what can't be brought back is said with its uri and its rows, and the ledger counts what is there."""
    busy(centre)
    gone = centre.root / "toy" / "2017-03-22b.json"
    text = gone.read_text()
    gone.unlink()
    (lost,) = (f for f in centre.lake.files("lustre_df") if f.date == date(2017, 3, 22) and f.rows > 1)
    (centre.root / "lake" / lost.path).unlink()
    mended = repair(centre.warehouse, centre.site)
    assert [(i.uri, i.lost_rows) for i in mended.not_back] == [(str(gone), 1)]
    assert verify(centre.warehouse, deep=True).flaws == []
    assert "'c'" in str(rows(centre.lake, "lustre_target"))
    gone.write_text(text)
    centre.ingest()
    assert "'c', '2017-03-22" in str(
        centre.lake.sql("SELECT target, ts::VARCHAR FROM lustre_df ORDER BY ts, target").fetchall()
    )


def test_a_copy_brings_back_what_its_twin_lost(centre: Centre) -> None:
    """P2, P5: of two inputs with one content the lake has the rows once, before and after."""
    centre.sources = ("archive",)
    one = {"lustre_df": [df("a", 1, 1)], "lustre_target": [df("a", 1)]}
    first = centre.write("2017-03-20a.json", one, "archive")
    centre.write("2017-03-20b.json", one, "archive")
    centre.ingest()
    before = [rows(centre.lake, name) for name in TABLES]
    (lost,) = centre.lake.files("lustre_df")
    (centre.root / "lake" / lost.path).unlink()
    first.unlink()
    assert repair(centre.warehouse, centre.site).not_back == []
    assert [rows(centre.lake, name) for name in TABLES] == before
    assert verify(centre.warehouse, deep=True).flaws == []


def test_without_a_site_the_next_ingest_reads_the_inputs(centre: Centre) -> None:
    busy(centre)
    expect = content(centre)
    flip(centre.root / "lake" / centre.lake.files()[0].path, 50)
    assert repair(centre.warehouse, None).report is None
    assert content(centre) != expect
    centre.ingest()
    assert content(centre) == expect


def test_compaction_copies_no_damage(centre: Centre) -> None:
    """P10: the day of the damaged file stays as it is, and the others are merged."""
    for day in range(2):
        for name in "ab":
            centre.write(f"2017-03-2{day}{name}.json", {"lustre_df": [df(name, 24 * day, 1)]})
            centre.ingest()
    damaged = centre.lake.files("lustre_df")[0]
    flip(centre.root / "lake" / damaged.path, 60)
    done = compact(centre.warehouse, date(2017, 4, 1))
    assert (done.files_after, [error.location for error in done.damaged]) == (
        1,
        [str(centre.root / "lake" / damaged.path)],
    )
    (merged,) = (f for f in centre.lake.files("lustre_df") if f.rows == 2)
    flip(centre.root / "lake" / merged.path, 60)
    centre.write(f"2017-03-{merged.date.day}a.json", {"lustre_df": [df("a", 24 * (merged.date.day - 20), 2)]})
    with pytest.raises(DamagedFile, match=re.escape(f"{merged.path}: damaged")):
        centre.ingest()


def test_a_lake_without_recorded_hashes_is_checked_by_its_pages(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older lake has no hashes: that is said, and its page checksums, where it has any, still show damage."""
    monkeypatch.setattr(Catalog, "add_files", _without_hashes(Catalog.add_files))
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    found = verify(centre.warehouse, deep=True)
    assert (found.flaws, found.hashed, found.without_hash) == ([], 0, 1)
    (file,) = centre.lake.files()
    column = pq.ParquetFile(centre.root / "lake" / file.path).metadata.row_group(0).column(0)
    flip(centre.root / "lake" / file.path, column.data_page_offset + column.total_compressed_size - 1)
    assert [f.path for f in verify(centre.warehouse, deep=True).damaged_files] == [file.path]


def _without_hashes(add: Any) -> Any:
    def added(self: Catalog, files: Any) -> None:
        add(self, files)
        assert "content_hash" in FILES.schema.names
        self.con.execute("UPDATE files SET content_hash = NULL")

    return added


def test_a_ledger_that_does_not_add_up_is_a_flaw(centre: Centre) -> None:
    """P5: found = loaded + unchanged + rejected, and the counts of a snapshot are those of its files."""
    busy(centre)

    def spoil(catalog: Catalog, _number: int) -> bool:
        catalog.con.execute("UPDATE loads SET found = found + 1 WHERE load_id = (SELECT max(load_id) FROM loads)")
        catalog.con.execute("DELETE FROM rejects")
        return True

    centre.warehouse.publish(spoil, "ingest")
    problems = [flaw.problem for flaw in verify(centre.warehouse).flaws]
    assert problems == ["found 2 inputs, but 1 ended", "it is rejected without a reason in rejects"]
