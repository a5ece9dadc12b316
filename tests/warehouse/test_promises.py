"""The lake's promises, on small loads of a toy source."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from iolake.warehouse import garbage
from iolake.warehouse.errors import LoadLost, NoLake, NoSnapshot, NoTable
from iolake.warehouse.footer import Footer
from iolake.warehouse.lake import Lake
from tests.warehouse.toy import TABLES, Centre, df, expected, rows


def test_what_was_ingested_is_read(centre: Centre) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0001", 1, 7), df("OST0000", 1, 0)]})
    report = centre.ingest()
    assert report.snapshots == [0]
    assert rows(centre.lake) == expected("lustre_df", df("OST0001", 1, 7), df("OST0000", 1, 0))
    assert rows(centre.lake, "lustre_target") == []


def test_a_reader_keeps_its_snapshot_of_all_tables(centre: Centre) -> None:
    """P1: a reader sees every table as of one snapshot, however the lake goes on."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)], "lustre_target": [df("OST0000", 1)]})
    centre.ingest()
    reader, early = centre.lake, centre.lake
    con = early.connect()
    before = [rows(reader, name) for name in TABLES]
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 8)]})
    centre.write("2017-03-21.json", {"lustre_target": [df("OST0001", 24)]})
    assert centre.ingest().snapshots == [1]
    assert [rows(reader, name) for name in TABLES] == before
    assert [rows(early, name) for name in TABLES] == before
    assert con.sql("SELECT used_bytes FROM lustre_df").fetchall() == [(7,)]
    assert con.sql("SELECT count(*) FROM lustre_target").fetchall() == [(1,)]
    assert rows(Lake(centre.root / "lake", snapshot=0)) == before[0]
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 8))
    assert rows(centre.lake, "lustre_target") == expected("lustre_target", df("OST0001", 24) | {"used_bytes": None})


def test_a_load_is_seen_whole_or_not_at_all(centre: Centre) -> None:
    """P1: what is staged is in no snapshot, and the commit brings every table of it at once."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.ingest()
    centre.write("2017-03-21.json", {"lustre_df": [df("OST0000", 24, 8)], "lustre_target": [df("OST0000", 24)]})
    seen: list[tuple[int, int]] = []
    publish = type(centre.warehouse).publish

    def watched(self: Any, *args: Any) -> int | None:
        seen.append((len(rows(centre.lake)), len(rows(centre.lake, "lustre_target"))))
        return publish(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(centre.warehouse), "publish", watched)
        centre.ingest()
    assert seen == [(1, 0)]
    assert (len(rows(centre.lake)), len(rows(centre.lake, "lustre_target"))) == (2, 1)


def test_ingesting_twice_changes_nothing(centre: Centre) -> None:
    """P2: the second time no snapshot is made, and every input is unchanged."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.write("2017-03-21.json", "{")
    centre.ingest()
    again = centre.ingest()
    assert again.snapshots == []
    assert sum(load.count("unchanged") for load in again.loads) == 1
    assert sum(load.count("rejected") for load in again.loads) == 1


def test_a_touched_input_is_not_loaded_again(centre: Centre) -> None:
    """P2: a new time on the same content leaves the rows as they are, and is not looked into a third time."""
    content: Any = {"lustre_df": [df("OST0000", 1, 7)]}
    centre.write("2017-03-20.json", content)
    centre.ingest()
    files = centre.lake.files()
    centre.write("2017-03-20.json", content)
    assert centre.ingest().snapshots == [1]
    assert centre.lake.files() == files
    assert centre.ingest().snapshots == []


def test_publishing_a_load_again_changes_nothing(centre: Centre) -> None:
    """P9: a scheduler may repeat the last step of a run."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    report = centre.ingest()
    assert centre.warehouse.commit(report.loads).snapshot is None
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 7))
    assert centre.lake.sql("SELECT count(*) FROM loads").fetchall() == [(1,)]


def test_rows_lie_at_the_day_that_they_happened(centre: Centre) -> None:
    """P4: a row's partition is the UTC day of its event time, whatever the input's name says."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7), df("OST0000", 23.9, 8), df("OST0000", 24, 9)]})
    centre.write("2017-03-25.json", {"lustre_df": [df("OST0001", 2, 10)]})
    centre.ingest()
    found = centre.lake.sql("SELECT date::VARCHAR, list_sort(list(used_bytes)) FROM lustre_df GROUP BY 1 ORDER BY 1")
    assert found.fetchall() == [("2017-03-20", [7, 8, 10]), ("2017-03-21", [9])]
    folders = {Path(f.path).parent.name for f in centre.lake.files()}
    assert folders == {"date=2017-03-20", "date=2017-03-21"}


def test_found_is_loaded_unchanged_rejected_superseded(tmp_path: Path) -> None:
    """P5: every input that was found is accounted for, per source and day, and a reject stops no other."""
    centre = Centre(tmp_path, sources=("main", "spare", "archive"))
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 1)]}, "main")
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 2)], "lustre_target": [df("OST0000", 1)]}, "spare")
    centre.write("2017-03-20a.json", {"lustre_df": [df("OST0009", 2, 3)]}, "archive")
    centre.write("2017-03-20b.json", {"lustre_df": [df("OST0009", 2, 3)]}, "archive")
    centre.write("2017-03-20c.json", "no JSON", "archive")
    centre.ingest()
    counts = centre.lake.sql(
        "SELECT source, found, loaded, unchanged, rejected, superseded FROM loads ORDER BY source"
    ).fetchall()
    assert counts == [("archive", 3, 1, 1, 1, 0), ("main", 1, 1, 0, 0, 0), ("spare", 1, 1, 0, 0, 0)]
    assert all(found == sum(ends) for _, found, *ends in counts)
    by_status = centre.lake.sql("SELECT status, count(*) FROM inputs GROUP BY 1 ORDER BY 1").fetchall()
    assert by_status == [("loaded", 3), ("rejected", 1), ("unchanged", 1)]
    reasons = centre.lake.sql("SELECT reason, part FROM rejects").fetchall()
    assert reasons == [("not JSON", "")]
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 1), df("OST0009", 2, 3))


def test_null_and_zero_stay_apart(centre: Centre) -> None:
    """P6: through Parquet, DuckDB and polars."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, None), df("b", 1, 0), df("c", 1, 1)]})
    centre.ingest()
    lake = centre.lake
    expected = [("a", None), ("b", 0), ("c", 1)]
    (file,) = lake.files("lustre_df")
    stored = pq.ParquetFile(centre.root / "lake" / file.path).read(["target", "used_bytes"]).to_pylist()
    assert [(r["target"], r["used_bytes"]) for r in stored] == expected
    assert lake.sql("SELECT target, used_bytes FROM lustre_df ORDER BY 1").fetchall() == expected
    assert lake.scan("lustre_df").sort("target").select("target", "used_bytes").collect().rows() == expected


def test_every_row_leads_to_its_input(centre: Centre) -> None:
    """P10: by input_id to the file and its hash, by load_id to the load; the file's footer has the same."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.write("2017-03-20b.json", {"lustre_df": [df("OST0001", 1, 8)]})
    centre.ingest()
    lake = centre.lake
    led = lake.sql(
        "SELECT target, uri, l.source, i.extractor_version FROM lustre_df d JOIN inputs i USING (input_id) "
        "JOIN loads l ON l.load_id = d.load_id AND l.load_id = i.load_id ORDER BY target"
    ).fetchall()
    paths = [str(centre.root / "toy" / name) for name in ("2017-03-20.json", "2017-03-20b.json")]
    assert led == [("OST0000", paths[0], "toy", 1), ("OST0001", paths[1], "toy", 1)]
    (file,) = lake.files("lustre_df")
    ((info, inputs),) = Footer.of(centre.warehouse.store, file.path).loads
    assert (info.load_id, info.source, info.extractor_version) == (file.load_id, "toy", 1)
    recorded = lake.sql("SELECT uri, content_hash FROM inputs ORDER BY uri").fetchall()
    assert [(r.uri, r.content_hash) for r in inputs] == recorded
    assert all(len(content) == 32 for _, content in recorded)


def test_a_rejected_content_leaves_the_older_rows(centre: Centre) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.ingest()
    centre.write("2017-03-20.json", "{")
    assert centre.ingest().rejected == 1
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 7))
    led = centre.lake.sql("SELECT count(*) FROM lustre_df SEMI JOIN loads USING (load_id)").fetchall()
    assert led == [(1,)]
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 9)]})
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 9))


def test_a_file_whose_inputs_are_all_new_gives_way_unread(centre: Centre) -> None:
    """P2: its rows leave with it, also where it is damaged; a file with another input's rows keeps those."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    centre.ingest()
    (damaged,) = centre.lake.files("lustre_df")
    (centre.root / "lake" / damaged.path).write_bytes(b"")
    for name, target in (("2017-03-20.json", "b"), ("2017-03-20b.json", "c")):
        centre.write(name, {"lustre_df": [df(target, 1, 2)]})
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("b", 1, 2), df("c", 1, 2))
    centre.write("2017-03-20.json", {"lustre_df": [df("d", 1, 3)]})
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("c", 1, 2), df("d", 1, 3))


def test_a_better_source_takes_the_place_of_another(tmp_path: Path) -> None:
    """Of two sources of a table and day the site's first one counts, also when it comes later; other tables stay."""
    centre = Centre(tmp_path, sources=("main", "spare"))
    spare: Any = {"lustre_df": [df("OST0000", 1, 2)], "lustre_target": [df("OST0000", 1)]}
    centre.write("2017-03-20.json", spare, "spare")
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 2))
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 1)]}, "main")
    centre.ingest()
    assert rows(centre.lake) == expected("lustre_df", df("OST0000", 1, 1))
    assert len(rows(centre.lake, "lustre_target")) == 1
    assert centre.ingest().snapshots == []


@pytest.mark.parametrize("owner", ["007", "scratch 2", "a=b/c", "50%", "é", "[x]*"])
def test_an_owner_is_text_whatever_it_looks_like(tmp_path: Path, owner: str) -> None:
    """A partition's value comes back as it was: 007 is no number, and no character of a name is special."""
    centre = Centre(tmp_path, owner=owner)
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.ingest()
    assert centre.lake.sql("SELECT file_system FROM lustre_df").fetchall() == [(owner,)]
    assert centre.lake.scan("lustre_df").select("file_system").collect().rows() == [(owner,)]


@pytest.mark.parametrize("name", ["elsewhere", "new [1] lake*"])
def test_a_moved_lake_reads_on(centre: Centre, name: str) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.ingest()
    before = rows(centre.lake)
    moved = centre.root / name
    shutil.move(centre.root / "lake", moved)
    assert rows(Lake(moved)) == before
    assert Lake(moved).scan("lustre_df").collect().height == 1
    shutil.move(moved, centre.root / "lake")


def test_a_moved_lake_goes_on(centre: Centre) -> None:
    """The next commit writes all views anew where the lake now is."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)], "lustre_target": [df("OST0000", 1)]})
    centre.ingest()
    shutil.move(centre.root / "lake", centre.root / "before")
    centre.root.joinpath("deeper").mkdir()
    shutil.move(centre.root / "before", centre.root / "deeper" / "lake")
    site = centre.site.model_copy(update={"root": str(centre.root / "deeper")})
    moved = Centre(centre.root / "deeper")
    moved.write("2017-03-21.json", {"lustre_df": [df("OST0000", 24, 8)]})
    assert site.root == str(moved.root)
    moved.ingest()
    import duckdb

    with duckdb.connect(str(moved.root / "lake" / "lake.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM lustre_df").fetchall() == [(2,)]
        assert con.sql("SELECT count(*) FROM lustre_target").fetchall() == [(1,)]


def test_what_is_not_there_is_named(centre: Centre) -> None:
    with pytest.raises(NoLake, match="iolake ingest"):
        Lake(centre.root / "lake")
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    centre.ingest()
    with pytest.raises(NoSnapshot, match="snapshot 5"):
        Lake(centre.root / "lake", snapshot=5)
    with pytest.raises(NoTable, match="lustre_df"):
        centre.lake.scan("lustre_dff")
    with pytest.raises(NoTable, match="lustre_df"):
        centre.lake.describe("lustre_dff")


def test_a_load_that_was_cleaned_up_is_not_published(centre: Centre) -> None:
    """A load that was taken for dead may have lost its files, so its commit fails with that reason."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7)]})
    lake = centre.warehouse

    def lose(*_: Any) -> Any:
        for mark in lake.store.list("staging"):
            lake.store.remove(mark.path)
        return garbage.Collected()

    commit = type(lake).commit
    with pytest.MonkeyPatch.context() as patch, pytest.raises(LoadLost, match="run the same command again"):
        patch.setattr(type(lake), "commit", lambda self, loads, also: (lose(), commit(self, loads, also))[1])
        centre.ingest()
    assert lake.newest() is None


def test_scan_equals_sql(centre: Centre) -> None:
    """polars and DuckDB read the same rows, types and order of columns, of full and empty tables."""
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7), df("OST0001", 30, None)]})
    centre.ingest()
    for name in TABLES:
        by_sql = centre.lake.sql(f"FROM {name}").pl()
        by_scan = centre.lake.scan(name).collect()
        assert by_scan.schema == pl.Schema(by_sql.schema)
        assert sorted(by_scan.rows()) == sorted(by_sql.rows())


def test_the_ledger_counts_what_is_there(centre: Centre) -> None:
    centre.write("2017-03-20.json", {"lustre_df": [df("OST0000", 1, 7), df("OST0001", 1, 7)]})
    centre.ingest()
    lake = centre.lake
    assert lake.sql("SELECT sum(rows) FROM files").fetchall() == [(2,)]
    assert lake.sql("SELECT rows FROM inputs").fetchall() == [(2,)]
    (snapshot,) = lake.history()
    assert (snapshot.number, snapshot.loads, snapshot.rows, snapshot.pinned) == (0, 1, 2, False)
    assert snapshot.size_bytes == sum(f.size_bytes for f in lake.files())
    on_disk = {str(p.relative_to(centre.root / "lake")): p.stat().st_size for p in centre.root.rglob("*.parquet")}
    assert on_disk == {f.path: f.size_bytes for f in lake.files()}
    assert json.dumps(lake.tables()).count("null") == 0
