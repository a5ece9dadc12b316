"""Compaction: fewer files, the same rows."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.schemas.gate import in_sort_order
from iolake.warehouse import compact as module
from iolake.warehouse import parquet, rewrite
from iolake.warehouse.compact import compact
from iolake.warehouse.errors import NoLake
from iolake.warehouse.lake import Lake
from tests.warehouse.toy import DAY, TABLES, Centre, df, expected, rows

LATER = date(2017, 4, 1)


def with_provenance(lake: Lake) -> list[Counter[Any]]:
    """Every row of every table, with its load and input."""
    return [Counter(lake.sql(f"FROM {name}").fetchall()) for name in TABLES]


def fill(centre: Centre, nights: int = 3) -> None:
    """The same day's rows by several loads, and some of the next day."""
    for night in range(nights):
        first, second = df(f"OST000{night}", 1 + night, night), df(f"OST000{night}", 24 + night, night)
        centre.write(f"2017-03-20{night}.json", {"lustre_df": [second, first], "lustre_target": [first]})
        centre.ingest()


def test_a_closed_day_becomes_one_file_with_the_same_rows(centre: Centre) -> None:
    fill(centre)
    before, snapshot = with_provenance(centre.lake), centre.lake
    done = compact(centre.warehouse, LATER)
    lake = centre.lake
    assert with_provenance(lake) == before == with_provenance(snapshot)
    assert (done.files_before, done.files_after) == (9, 3)
    assert len(lake.files()) == 3
    assert done.bytes_after == sum(f.size_bytes for f in lake.files())
    assert lake.history()[-1].operation == "compact"
    for file in lake.files():
        data = parquet.read(centre.warehouse.store, file.path)
        assert in_sort_order(TABLES[file.table_name], data, presorted=False).equals(data)
    assert list(centre.warehouse.store.list("staging")) == []


def test_compacting_again_does_nothing(centre: Centre) -> None:
    fill(centre)
    compact(centre.warehouse, LATER)
    number = centre.warehouse.newest()
    assert compact(centre.warehouse, LATER).files_before == 0
    assert centre.warehouse.newest() == number


def test_a_day_that_is_not_over_is_left_alone(centre: Centre) -> None:
    fill(centre)
    compact(centre.warehouse, DAY.date() + timedelta(days=1))
    counts = Counter((f.table_name, f.date.day) for f in centre.lake.files())
    assert counts == {("lustre_df", 20): 1, ("lustre_df", 21): 3, ("lustre_target", 20): 1}


def test_a_large_day_is_merged_in_pieces(centre: Centre) -> None:
    """Memory is bounded by the cells that are merged at once."""
    fill(centre, nights=5)
    before = with_provenance(centre.lake)
    width = len(TABLES["lustre_df"].stored)
    compact(centre.warehouse, LATER, max_cells=2 * width)
    counts = Counter((f.table_name, f.date.day) for f in centre.lake.files())
    assert counts["lustre_df", 20] == 3
    assert with_provenance(centre.lake) == before


def test_what_another_writer_replaced_meanwhile_is_left_alone(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """P7: a commit during a compaction is kept; files of its days wait for the next compaction."""
    fill(centre)
    merge = rewrite.merged

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        centre.write("2017-03-200.json", {"lustre_df": [df("OST0000", 1, 99)]})
        centre.ingest()
        return merge(*args, **kwargs)

    monkeypatch.setattr(module, "merged", interrupted)
    compact(centre.warehouse, LATER)
    expect = [
        df("OST0000", 1, 99),
        df("OST0001", 2, 1),
        df("OST0002", 3, 2),
        df("OST0001", 25, 1),
        df("OST0002", 26, 2),
    ]
    assert rows(centre.lake) == expected("lustre_df", *expect)
    on_disk = {f.path for f in centre.warehouse.store.list() if f.path.endswith(".parquet")}
    named = {f.path for n in centre.warehouse.snapshots() for f in Lake(centre.root / "lake", snapshot=n).files()}
    assert on_disk == named


def test_compacted_inputs_can_still_be_replaced(centre: Centre) -> None:
    """P2: rows are removed from a merged file as from any other."""
    fill(centre)
    compact(centre.warehouse, LATER)
    centre.write("2017-03-201.json", {"lustre_df": [df("OST0001", 5, 55)]})
    centre.ingest()
    expect = [
        df("OST0000", 1, 0),
        df("OST0000", 24, 0),
        df("OST0001", 5, 55),
        df("OST0002", 3, 2),
        df("OST0002", 26, 2),
    ]
    assert rows(centre.lake) == expected("lustre_df", *expect)


def test_a_lake_without_snapshots_is_named(centre: Centre) -> None:
    with pytest.raises(NoLake):
        compact(centre.warehouse, LATER)


LOADS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.none() | st.integers(0, 9)), max_size=6), max_size=4
)


@settings(max_examples=8, deadline=None)
@given(loads=LOADS, max_cells=st.sampled_from([1, 30, 10_000]))
def test_no_row_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, loads: list[list[tuple[int, int, int | None]]], max_cells: int
) -> None:
    centre = Centre(Path(tmp_path_factory.mktemp("compact")))
    centre.write("2017-03-20.json", {"lustre_df": [df("first", 0, 0)]})
    for number, load in enumerate(loads):
        cells = {(f"OST{number}{target}", hour): used for target, hour, used in load}
        centre.write(f"2017-03-20{number}.json", {"lustre_df": [df(t, h, u) for (t, h), u in cells.items()]})
    centre.ingest()
    before = with_provenance(centre.lake)
    compact(centre.warehouse, LATER, max_cells)
    assert with_provenance(centre.lake) == before
