"""What the lake has of each source and day."""

from datetime import date, datetime

from iolake.warehouse import Lake
from tests.conftest import Fill

Row = dict[str, object]


def coverage(lake: Lake, columns: str) -> list[tuple[object, ...]]:
    return lake.sql(f"SELECT {columns} FROM coverage").fetchall()


def found(day: date | None, status: str = "loaded", **more: object) -> Row:
    return {"source": "darshan", "owner": "edison", "day": day, "status": status, "rows": 0, **more}


def test_found_is_the_sum_of_what_became_of_the_inputs(lake: Lake, fill: Fill) -> None:
    """P5: found = loaded + unchanged + rejected + superseded, per source and day."""
    day = date(2026, 1, 1)
    fill(
        "inputs",
        *[found(day, rows=5)] * 4,
        *[found(day, "unchanged")] * 3,
        *[found(day, "rejected")] * 2,
        found(day, "superseded"),
    )
    assert coverage(lake, "found, loaded, unchanged, rejected, superseded, rows") == [(10, 4, 3, 2, 1, 20)]


def test_a_day_without_inputs_between_two_with_some_is_a_gap(lake: Lake, fill: Fill) -> None:
    fill("inputs", found(date(2026, 2, 27)), found(date(2026, 3, 2)))
    assert coverage(lake, "day, gap, found") == [
        (date(2026, 2, 27), False, 1),
        (date(2026, 2, 28), True, 0),
        (date(2026, 3, 1), True, 0),
        (date(2026, 3, 2), False, 1),
    ]


def test_days_before_the_first_and_after_the_last_of_a_source_and_owner_are_no_gaps(lake: Lake, fill: Fill) -> None:
    fill(
        "inputs",
        found(date(2026, 1, 1)),
        found(date(2026, 1, 2)),
        found(date(2026, 1, 8), owner="cori"),
        found(date(2026, 1, 5), source="slurm"),
    )
    assert coverage(lake, "count(*) FILTER (WHERE gap)") == [(0,)]


def test_a_fully_rejected_day_has_no_rows_and_makes_no_gap(lake: Lake, fill: Fill) -> None:
    fill("inputs", found(date(2026, 1, 1), "rejected"))
    assert coverage(lake, "gap, found, rejected, rows") == [(False, 1, 1, 0)]


def test_inputs_without_a_day_have_a_row_of_their_own(lake: Lake, fill: Fill) -> None:
    at = datetime(2026, 1, 3, 4)
    fill("inputs", found(None), found(None))
    fill("rejects", {"source": "darshan", "owner": "edison", "part": "module DXT", "reason": "unknown"})
    fill("loads", {"source": "darshan", "owner": "edison", "committed_at": at})
    assert coverage(lake, "day, gap, found, parts_rejected, committed_at") == [(None, False, 2, 1, at)]


def test_parts_left_out_are_counted_apart_from_rejected_inputs(lake: Lake, fill: Fill) -> None:
    day = date(2026, 1, 1)
    at = {"source": "darshan", "owner": "edison", "day": day}
    fill("inputs", found(day), found(day, "rejected"))
    fill("rejects", at | {"part": "line 7"}, at | {"part": "line 9"}, at | {"part": ""})
    assert coverage(lake, "rejected, parts_rejected") == [(1, 2)]


def test_the_last_load_of_a_day_says_when_it_was_last_brought_up_to_date(lake: Lake, fill: Fill) -> None:
    day = date(2026, 1, 1)
    at = {"source": "darshan", "owner": "edison", "day": day}
    fill("inputs", found(day))
    fill("loads", at | {"committed_at": datetime(2026, 1, 2)}, at | {"committed_at": datetime(2026, 1, 3)})
    assert coverage(lake, "committed_at") == [(datetime(2026, 1, 3),)]
