"""What a file system did during a window: the running sums against a plain join over the intervals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T0 = datetime(2026, 3, 7, 23, 59, 0)
QUANTITIES = ("read_bytes", "write_bytes", "opens")
FILLED = {
    "file_system": "near", "input_id": "a", "read_bytes": 100, "read_bytes_before": 0, "osts": 1, "osts_missing": 0,
    "ost_seconds_before": 0.0, "mdts": 0, "mdts_missing": 0, "mdt_seconds_before": 0.0,
}  # fmt: skip
"""What one input says of an interval of `lustre_fs`: its one target read 100 bytes."""


def at(seconds: float) -> datetime:
    """A time that many seconds after the start."""
    return T0 + timedelta(seconds=seconds)


@st.composite
def inputs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """`lustre_fs` rows of a few inputs of two file systems, one after the other, with gaps and missing amounts."""
    rows = []
    for fs in ("near", "far"):
        clock = 0
        for number in range(draw(st.integers(0, 3))):
            clock += draw(st.sampled_from([0, 0, 5, 40]))
            before: dict[str, Any] = {**dict.fromkeys(QUANTITIES, 0), "ost_seconds": 0.0, "mdt_seconds": 0.0}
            for _ in range(draw(st.integers(1, 5))):
                length = draw(st.sampled_from([5, 5, 5, 15, 60]))
                osts_missing = draw(st.sampled_from([0, 0, 1, 2]))
                amounts: dict[str, int | None] = {q: draw(st.integers(0, 10**6)) for q in QUANTITIES}
                if osts_missing == 2:
                    amounts["read_bytes"] = amounts["write_bytes"] = None
                rows.append(
                    {
                        "file_system": fs,
                        "input_id": f"{fs}{number}",
                        "ts": at(clock),
                        "interval_s": float(length),
                        "osts": 2,
                        "osts_missing": osts_missing,
                        "mdts": 1,
                        "mdts_missing": 0,
                        "mdt_seconds_before": before["mdt_seconds"],
                        "ost_seconds_before": before["ost_seconds"],
                        **amounts,
                        **{f"{q}_before": before[q] for q in QUANTITIES},
                    }
                )
                before["ost_seconds"] += (2 - osts_missing) * length
                before["mdt_seconds"] += length
                for q in QUANTITIES:
                    before[q] += amounts[q] or 0
                clock += length + draw(st.sampled_from([0, 0, 0, 7]))
    return rows


windows = st.lists(
    st.tuples(st.sampled_from(["near", "far", "elsewhere"]), st.integers(-20, 300), st.integers(1, 200)),
    min_size=1,
    max_size=6,
)

NAIVE = """
SELECT w.id, f.file_system IS NULL AS nothing,
  sum(f.read_bytes * share) AS read_bytes, sum(f.write_bytes * share) AS write_bytes, sum(f.opens * share) AS opens,
  sum((f.osts - f.osts_missing) * f.interval_s * share) AS ost_seconds
FROM windows w
LEFT JOIN lustre_fs f ON f.file_system = w.file_system
  AND f.ts < w.window_end AND f.ts + to_seconds(f.interval_s) > w.window_start,
LATERAL (SELECT CASE WHEN $pro_rate THEN
  epoch(least(w.window_end, f.ts + to_seconds(f.interval_s)) - greatest(w.window_start, f.ts)) / f.interval_s
  ELSE 1 END AS share)
GROUP BY ALL
"""


@pytest.mark.parametrize("pro_rate", [True, False])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=inputs(), asked=windows)
def test_two_lookups_equal_the_join_over_all_intervals(
    all_views: duckdb.DuckDBPyConnection,
    fill: Any,
    pro_rate: bool,
    rows: list[dict[str, Any]],
    asked: list[tuple[str, int, int]],
) -> None:
    """Across inputs and days, in gaps, and at the edges of the data; to a byte where intervals are cut."""
    all_views.execute("DELETE FROM lustre_fs")
    if rows:
        fill("lustre_fs", *rows)
    all_views.execute(
        "CREATE OR REPLACE TEMP TABLE windows (id INT, file_system TEXT, window_start TIMESTAMP, window_end TIMESTAMP)"
    )
    values = [(i, fs, at(start), at(start + length)) for i, (fs, start, length) in enumerate(asked)]
    all_views.executemany("INSERT INTO windows VALUES (?, ?, ?, ?)", values)
    naive = {row[0]: row[1:] for row in all_views.execute(NAIVE, {"pro_rate": pro_rate}).fetchall()}
    found = all_views.execute(
        f"SELECT id, read_bytes, write_bytes, opens, seen_pct FROM lustre_during('windows', pro_rate := {pro_rate})"
    ).fetchall()
    assert len(found) == len(asked)
    for number, read, written, opens, seen_pct in found:
        nothing, expected_read, expected_written, expected_opens, ost_seconds = naive[number]
        slack = 4 if pro_rate else 0
        if nothing or not ost_seconds:
            assert read is None
            assert written is None
        else:
            assert read == pytest.approx(expected_read or 0, abs=slack)
            assert written == pytest.approx(expected_written or 0, abs=slack)
        if nothing:
            assert opens is None
            assert not seen_pct
        else:
            assert opens == pytest.approx(expected_opens, abs=slack)
        if pro_rate:
            assert (seen_pct or 0) == pytest.approx(100 * (ost_seconds or 0) / (2 * asked[number][2]))


def test_each_row_of_the_windows_has_its_answer_whatever_else_it_holds(
    all_views: duckdb.DuckDBPyConnection, lake: Any, fill: Any
) -> None:
    """The same window given twice, and input columns named like those of the file system's rows."""
    fill("lustre_fs", {**FILLED, "ts": T0, "interval_s": 10.0})
    all_views.execute(
        "CREATE OR REPLACE TEMP TABLE windows AS SELECT 'near' AS file_system, $start::TIMESTAMP AS window_start, "
        "$until::TIMESTAMP AS window_end, 'mine' AS input_id, 5 AS span, 7 AS ts, 'theirs' AS read_bytes, "
        "$start::TIMESTAMP AS window_until, 1 AS window_row, -1.0 AS seen_pct FROM range(2)",
        {"start": at(5), "until": at(15)},
    )
    found = all_views.execute(
        "SELECT input_id, span, ts, read_bytes, window_until, seen_pct, read_bytes_1, window_row_1 "
        "FROM lustre_during('windows')"
    ).fetchall()
    assert found == [("mine", 5, 7, 50, at(15), 50.0, "theirs", 1)] * 2


@pytest.mark.parametrize("length_s", [0, -5])
def test_a_window_without_time_saw_nothing(
    all_views: duckdb.DuckDBPyConnection, lake: Any, fill: Any, length_s: int
) -> None:
    """P6: the share of it that was seen is null too, not a number or NaN."""
    fill("lustre_fs", {**FILLED, "ts": T0, "interval_s": 10.0})
    all_views.execute(
        "CREATE OR REPLACE TEMP TABLE windows AS "
        "SELECT 'near' AS file_system, $start::TIMESTAMP AS window_start, $until::TIMESTAMP AS window_end",
        {"start": at(5), "until": at(5 + length_s)},
    )
    found = all_views.execute("SELECT read_bytes, seen_pct FROM lustre_during('windows')").fetchall()
    assert found == [(None, None)]


def test_without_storage_targets_no_share_of_them_was_seen(
    all_views: duckdb.DuckDBPyConnection, lake: Any, fill: Any
) -> None:
    """P6: null, not NaN; the operations are there."""
    counted = {"osts": 0, "mdts": 1, "read_bytes": None, "read_bytes_before": None, "opens": 8, "opens_before": 0}
    fill("lustre_fs", {**FILLED, **counted, "ts": T0, "interval_s": 10.0})
    all_views.execute(
        "CREATE OR REPLACE TEMP TABLE windows AS "
        "SELECT 'near' AS file_system, $start::TIMESTAMP AS window_start, $until::TIMESTAMP AS window_end",
        {"start": at(5), "until": at(10)},
    )
    found = all_views.execute("SELECT osts, opens, read_bytes, seen_pct FROM lustre_during('windows')").fetchall()
    assert found == [(0, 4, None, None)]
