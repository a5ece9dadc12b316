"""The state of object storage targets: how full, and who serves them."""

from datetime import datetime, timedelta

import pytest

from iolake.warehouse import Lake
from tests.conftest import Fill

T = datetime(2026, 1, 1, 12)


def df(target: str, used: int | None, total: int | None = 100, **more: object) -> dict[str, object]:
    role = "mdt" if target.startswith("MDT") else "ost"
    return {
        "file_system": "fs",
        "ts": T,
        "role": role,
        "target": target,
        "used_bytes": used,
        "total_bytes": total,
    } | more


def served(target: str, by: str | None, **more: object) -> dict[str, object]:
    role = "mdt" if target.startswith("MDT") else "ost"
    return {"file_system": "fs", "ts": T, "role": role, "target": target, "server_address": by} | more


def test_the_fullest_and_the_emptiest_are_by_share_of_the_targets_own_size(lake: Lake, fill: Fill) -> None:
    fill("lustre_df", df("OST0000", 50), df("OST0001", 120, 400), df("OST0002", 9, 10), df("MDT0000", 99))
    assert lake.sql(
        "SELECT osts, fullest_ost, fullest_ost_pct, emptiest_ost, emptiest_ost_pct FROM ost_fullness"
    ).fetchall() == [(3, "OST0002", 90.0, "OST0001", 30.0)]
    assert lake.sql("SELECT used_pct, used_bytes FROM ost_fullness").fetchall() == [
        (pytest.approx(100 * 179 / 510), 179)
    ]


def test_a_target_that_did_not_answer_is_neither_empty_nor_full(lake: Lake, fill: Fill) -> None:
    """P6: not answered is null, not zero bytes used."""
    fill("lustre_df", df("OST0000", 50), df("OST0001", None, None))
    row = lake.sql("SELECT osts, osts_answering, emptiest_ost, used_pct FROM ost_fullness").fetchall()
    assert row == [(2, 1, "OST0000", 50.0)]


def test_a_target_without_any_room_is_neither_empty_nor_full(lake: Lake, fill: Fill) -> None:
    """A share of zero is null: NaN would sort above all numbers."""
    fill("lustre_df", df("OST0000", 50), df("OST0001", 0, 0))
    row = lake.sql("SELECT osts_answering, fullest_ost, fullest_ost_pct, emptiest_ost, used_pct FROM ost_fullness")
    assert row.fetchall() == [(1, "OST0000", 50.0, "OST0000", 50.0)]
    fill("lustre_df", df("OST0000", 0, 0, file_system="new"))
    empty = lake.sql("SELECT osts, fullest_ost_pct, used_pct FROM ost_fullness WHERE file_system = 'new'")
    assert empty.fetchall() == [(1, None, None)]


def test_each_snapshot_and_file_system_has_its_own_row(lake: Lake, fill: Fill) -> None:
    later = T + timedelta(minutes=5)
    fill("lustre_df", df("OST0000", 1), df("OST0000", 2, ts=later), df("OST0000", 3, file_system="other"))
    assert lake.sql("SELECT file_system, ts, used_bytes FROM ost_fullness ORDER BY ALL").fetchall() == [
        ("fs", T, 1),
        ("fs", later, 2),
        ("other", T, 3),
    ]


def test_a_server_with_more_targets_than_the_commonest_number_is_overloaded(lake: Lake, fill: Fill) -> None:
    fill(
        "lustre_target",
        *(served(f"OST000{i}", by) for i, by in enumerate(["a", "b", "c", "c", "d"])),
        served("MDT0000", "c"),
    )
    assert lake.sql(
        "SELECT osts, servers, usual_osts_per_server, overloaded_servers, overloaded_osts, overloaded FROM ost_failover"
    ).fetchall() == [(5, 4, 1, 1, 2, [{"server": "c", "osts": ["OST0002", "OST0003"]}])]


def test_a_server_with_fewer_targets_than_usual_is_not_overloaded(lake: Lake, fill: Fill) -> None:
    fill("lustre_target", *(served(f"OST000{i}", by) for i, by in enumerate(["a", "a", "b", "b", "c"])))
    assert lake.sql(
        "SELECT usual_osts_per_server, overloaded_servers, overloaded_osts, overloaded FROM ost_failover"
    ).fetchall() == [(2, 0, 0, [])]


def test_of_two_numbers_as_common_the_smaller_is_usual(lake: Lake, fill: Fill) -> None:
    fill("lustre_target", *(served(f"OST000{i}", by) for i, by in enumerate(["a", "a", "b"])))
    assert lake.sql("SELECT usual_osts_per_server, overloaded_servers FROM ost_failover").fetchall() == [(1, 1)]


def test_a_map_that_names_hosts_without_addresses_counts_by_host(lake: Lake, fill: Fill) -> None:
    fill(
        "lustre_target", *(served(f"OST000{i}", None, server=s) for i, s in enumerate(["oss1", "oss2", "oss2", "oss3"]))
    )
    assert lake.sql("SELECT overloaded FROM ost_failover").fetchall() == [
        ([{"server": "oss2", "osts": ["OST0001", "OST0002"]}],)
    ]
