"""Changes on drives between two days, as pytokio's compare_isdct reports them."""

from datetime import datetime
from typing import Any

from iolake.warehouse import Lake
from tests.conftest import Fill

MONDAY, TUESDAY = datetime(2026, 3, 2, 6), datetime(2026, 3, 3, 6)


def drive(ts: datetime, ssd: str = "S1", **values: Any) -> dict[str, Any]:
    return {"cluster": "cori", "date": ts.date(), "ts": ts, "ssd": ssd, "node": "nid1"} | values


def changes(lake: Lake) -> list[dict[str, Any]]:
    found = lake.sql("FROM ssd_changes('cori', '2026-03-02', '2026-03-03') ORDER BY ssd")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def test_totals_become_what_was_counted_in_between(lake: Lake, fill: Fill) -> None:
    old: dict[str, Any] = {"read_bytes": 10, "write_bytes": 100, "host_write_bytes": 100, "nand_write_bytes": 300}
    new: dict[str, Any] = {"read_bytes": 15, "write_bytes": 140, "host_write_bytes": 140, "nand_write_bytes": 400}
    fill(
        "ssd_health",
        drive(MONDAY, **old, endurance_used_pct=3.0, power_on_hours=50),
        drive(TUESDAY, **new, endurance_used_pct=4.0, power_on_hours=74),
    )
    (row,) = changes(lake)
    names = ("read_bytes", "write_bytes", "nand_write_bytes", "write_amplification", "endurance_used_pct")
    assert [row[name] for name in names] == [5, 40, 100, 2.5, 1.0]
    assert (row["power_on_hours"], row["presence"], row["errors"], row["changed"]) == (24, "kept", [], [])


def test_an_error_that_appeared_is_listed_and_one_that_was_there_is_not(lake: Lake, fill: Fill) -> None:
    """pytokio's own sample: a drive lost the lock of its power-loss protection once more."""
    fill(
        "ssd_health",
        drive(MONDAY, pli_lock_losses=0, media_errors=2, crc_errors=None),
        drive(TUESDAY, pli_lock_losses=1, media_errors=2, crc_errors=5),
    )
    assert changes(lake)[0]["errors"] == [{"counter": "pli_lock_losses", "was": 0, "has": 1}]


def test_texts_that_changed_are_listed_and_numbers_are_not(lake: Lake, fill: Fill) -> None:
    fill(
        "ssd_health",
        drive(MONDAY, firmware="8DV10170", attributes={"oem": "Cray", "timer": "7", "flag": "False"}),
        drive(TUESDAY, firmware="8DV10171", attributes={"oem": "Cray", "timer": "8", "flag": "True"}, node="nid2"),
    )
    found = {c["attribute"]: (c["was"], c["has"]) for c in changes(lake)[0]["changed"]}
    assert found == {
        "firmware": ("8DV10170", "8DV10171"),
        "flag": ("False", "True"),
        "node": ("nid1", "nid2"),
    }


def test_drives_that_came_and_went_are_named_and_have_no_amounts(lake: Lake, fill: Fill) -> None:
    """P6: a drive that is missing on one day has written an unknown amount, not zero."""
    fill("ssd_health", drive(MONDAY, "OLD", write_bytes=5), drive(TUESDAY, "NEW", write_bytes=7))
    assert [(r["ssd"], r["presence"], r["write_bytes"], r["errors"], r["changed"]) for r in changes(lake)] == [
        ("NEW", "added", None, [], []),
        ("OLD", "removed", None, [], []),
    ]


def test_the_last_snapshot_of_a_day_counts_and_a_total_that_fell_is_unknown(lake: Lake, fill: Fill) -> None:
    """A drive whose total fell is another drive, or its counters were reset."""
    noon = MONDAY.replace(hour=12)
    fill(
        "ssd_health",
        drive(MONDAY, read_bytes=1, write_bytes=9),
        drive(noon, read_bytes=4, write_bytes=9),
        drive(TUESDAY, read_bytes=6, write_bytes=2),
        drive(TUESDAY, "S9", read_bytes=6) | {"cluster": "edison"},
    )
    (row,) = changes(lake)
    assert (row["old_ts"], row["read_bytes"], row["write_bytes"]) == (noon, 2, None)


def totals(lake: Lake) -> dict[str, tuple[Any, ...]]:
    found = lake.sql("FROM ssd_change_totals('cori', '2026-03-02', '2026-03-03')").fetchall()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1:] for row in found}


def test_totals_sum_what_each_drive_knows_and_count_those_that_do_not(lake: Lake, fill: Fill) -> None:
    """P6: S3 does not know what it read on Monday, and S4's total fell: neither counts as zero."""
    fill(
        "ssd_health",
        drive(MONDAY, "S1", read_bytes=10, endurance_used_pct=3.0, media_errors=1, crc_errors=4),
        drive(MONDAY, "S2", read_bytes=100, endurance_used_pct=1.0, media_errors=0, crc_errors=4),
        drive(MONDAY, "S3", media_errors=0),
        drive(MONDAY, "S4", read_bytes=9),
        drive(MONDAY, "OLD", read_bytes=1),
        drive(TUESDAY, "S1", read_bytes=15, endurance_used_pct=3.5, media_errors=4, crc_errors=4),
        drive(TUESDAY, "S2", read_bytes=113, endurance_used_pct=2.0, media_errors=2, crc_errors=4),
        drive(TUESDAY, "S3", read_bytes=7, media_errors=0),
        drive(TUESDAY, "S4", read_bytes=2),
        drive(TUESDAY, "NEW1", read_bytes=70),
        drive(TUESDAY, "NEW2", read_bytes=71),
    )
    found = totals(lake)
    assert found["read_bytes"] == ("B", 18, 2, 2, 5, 13, 9)
    assert found["endurance_used_pct"] == ("%", 1.5, 2, 2, 0.5, 1.0, 0.75)
    assert found["power_cycles"] == ("", None, 0, 4, None, None, None)
    assert found["media_errors"] == ("", 5, 2, None, 2, 3, 2.5)
    assert "crc_errors" not in found
    assert (found["drives_added"][1], found["drives_removed"][1]) == (2, 1)


def test_totals_are_the_sums_of_the_drives_own_rows(lake: Lake, fill: Fill) -> None:
    """Bytes of whole lives, far beyond 2**53 in sum, differ by few; the sum keeps each of them."""
    life = 9 * 10**15
    fill(
        "ssd_health",
        *(drive(MONDAY, f"S{n}", write_bytes=life + n) for n in range(20)),
        *(drive(TUESDAY, f"S{n}", write_bytes=life + 3 * n + 1) for n in range(20)),
    )
    assert (
        totals(lake)["write_bytes"][1]
        == sum(r["write_bytes"] for r in changes(lake))
        == sum(2 * n + 1 for n in range(20))
    )


def test_a_cluster_without_drives_has_no_totals_of_amounts(lake: Lake) -> None:
    assert set(totals(lake)) == {"drives_added", "drives_removed"}
