"""The coverage page."""

from datetime import date, datetime
from typing import Any

import pytest

from iolake.reports.status import NoSource, status_page
from iolake.warehouse import Lake
from tests.conftest import Fill

AT = datetime(2026, 3, 2, 4)


def fill_inputs(fill: Fill, *inputs: dict[str, Any]) -> None:
    fill("inputs", *inputs)
    fill("loads", *({k: i[k] for k in ("source", "owner", "day")} | {"committed_at": AT} for i in inputs))


def found(day: date | None, status: str = "loaded", source: str = "darshan", **more: object) -> dict[str, Any]:
    return {"source": source, "owner": "edison", "day": day, "status": status, "rows": 10} | more


def test_an_empty_lake_says_what_to_do(lake: Lake) -> None:
    assert "iolake ingest" in status_page(lake)


def test_a_source_is_summed_up_and_its_days_are_drawn(lake: Lake, fill: Fill) -> None:
    fill_inputs(fill, found(date(2026, 1, 30)), found(date(2026, 1, 31)), found(date(2026, 2, 1)))
    page = status_page(lake)
    assert "darshan  edison\n  3 found: 3 loaded; 30 rows; last load 2026-03-02 04:00:00 UTC" in page
    assert "  2026-01  " + " " * 29 + "██\n" in page
    assert "  2026-02  █\n" in page


def test_what_was_found_is_what_became_of_it(lake: Lake, fill: Fill) -> None:
    """P5: `status` shows found = loaded + unchanged + rejected + superseded, for each source and day."""
    day = date(2026, 1, 1)
    statuses = ["loaded"] * 4 + ["unchanged"] * 3 + ["rejected"] * 2 + ["superseded"]
    fill_inputs(fill, *(found(day, s) for s in statuses))
    page = status_page(lake)
    assert "10 found: 4 loaded, 3 unchanged, 2 rejected, 1 superseded" in page
    (line,) = [line.split() for line in page.splitlines() if line.strip().startswith("2026-01-01")]
    assert line == ["2026-01-01", "10", "4", "3", "2", "1", "100"]


def test_gaps_that_follow_each_other_are_one_line(lake: Lake, fill: Fill) -> None:
    fill_inputs(fill, found(date(2026, 1, 1)), found(date(2026, 1, 5)), found(date(2026, 1, 7)))
    page = status_page(lake)
    assert "█···█·█" in page
    lines = [line.split() for line in page.splitlines() if "  no input" in line]
    assert [line[:3] for line in lines] == [["2026-01-02", "to", "2026-01-04"], ["2026-01-06", "no", "input"]]


def test_a_day_of_rejects_is_listed_and_marked(lake: Lake, fill: Fill) -> None:
    fill_inputs(
        fill,
        found(date(2026, 1, 1)),
        found(date(2026, 1, 2), "rejected", rows=0),
        found(date(2026, 1, 3)),
        found(date(2026, 1, 4), "superseded", rows=0),
    )
    fill("rejects", {"source": "darshan", "owner": "edison", "day": date(2026, 1, 3), "part": "module DXT"})
    page = status_page(lake)
    assert "█✗▒░" in page
    days = [line.split()[0] for line in page.splitlines() if line.startswith("  2026-01-")]
    assert days == ["2026-01-02", "2026-01-03"]
    assert "1 parts left out" in page


def test_a_named_source_is_shown_day_by_day_and_alone(lake: Lake, fill: Fill) -> None:
    fill_inputs(fill, found(date(2026, 1, 1)), found(None), found(date(2026, 1, 1), source="slurm"))
    page = status_page(lake, ["darshan"])
    assert "slurm" not in page
    assert [line.split()[0] for line in page.splitlines() if line.startswith("  ") and "10" in line.split()] == [
        "2026-01-01",
        "undated",
    ]


def test_a_source_that_was_never_found_is_named_with_what_was_meant(lake: Lake, fill: Fill) -> None:
    fill_inputs(fill, found(date(2026, 1, 1)))
    with pytest.raises(NoSource, match="source darshn was ever found; did you mean darshan"):
        status_page(lake, ["darshn"])


def test_days_that_could_be_asked_for_and_never_were_are_gaps(lake: Lake, fill: Fill) -> None:
    """P5: days that were never looked for are shown as well."""
    fill_inputs(fill, found(date(2026, 1, 3), source="slurm"))
    to_ask = [("slurm", "edison", date(2026, 1, day)) for day in (1, 2, 3, 4)] + [("jobs", "cori", date(2026, 1, 4))]
    page = status_page(lake, to_ask=to_ask)
    assert "slurm  edison\n  1 found: 1 loaded; 10 rows" in page
    assert "  2026-01  ··█·" in page
    lines = [line.split() for line in page.splitlines() if "  no input" in line]
    assert [line[:3] for line in lines] == [
        ["2026-01-04", "no", "input"],
        ["2026-01-01", "to", "2026-01-02"],
        ["2026-01-04", "no", "input"],
    ]
    assert page.startswith("jobs  cori\n  2026-01     ·")
