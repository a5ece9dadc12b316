"""DFS beside POSIX: a program that moves its bytes through DAOS' file system shows in every view of logs."""

from datetime import datetime
from typing import Any

from iolake.warehouse import Lake

START = datetime(2026, 3, 1, 12)
LOG = {
    "cluster": "c", "date": START.date(), "exe_name": "ior", "nprocs": 2, "start_time": START,
    "end_time": START.replace(minute=10),
}  # fmt: skip
WINDOW = "TIMESTAMP '2026-03-01 12:00:00', TIMESTAMP '2026-03-01 12:10:00'"


def _record(log: str, **counters: Any) -> dict[str, Any]:
    return {"cluster": "c", "date": START.date(), "log_id": log, "record_id": 1, "rank": 0, **counters}


def test_features_of_a_log_are_those_of_posix_and_dfs(lake: Lake, fill: Any) -> None:
    """P6: a log over DFS alone moved bytes, and `families` compares its runs."""
    fill("darshan_logs", {**LOG, "log_id": "a"}, {**LOG, "log_id": "b"})
    dfs = {"DFS_BYTES_READ": 700, "DFS_F_READ_TIME": 2.0, "DFS_SIZE_READ_100_1K": 5, "DFS_BYTES_WRITTEN": 0}
    posix = {"POSIX_BYTES_READ": 300, "POSIX_F_READ_TIME": 3.0, "POSIX_SIZE_READ_100_1K": 1, "POSIX_BYTES_WRITTEN": 9}
    fill("darshan_dfs", _record("a", **dfs), _record("b", **dfs))
    fill("darshan_posix", _record("b", **posix))
    found = lake.sql(
        "SELECT log_id, read_bytes, write_bytes, read_bytes_per_s, read_100_1k FROM log_features ORDER BY 1"
    )
    assert found.fetchall() == [("a", 700, 0, 350.0, 5), ("b", 1000, 9, 200.0, 6)]


def test_dfs_without_a_heatmap_is_spread_by_its_counters(lake: Lake, fill: Any) -> None:
    """P6: its bytes were missing from the page's picture of ranks."""
    fill("darshan_logs", {**LOG, "log_id": "a"})
    times = {"DFS_F_READ_START_TIMESTAMP": 60.0, "DFS_F_READ_END_TIMESTAMP": 180.0}
    fill("darshan_dfs", _record("a", DFS_BYTES_READ=600, DFS_BYTES_WRITTEN=0, **times))
    found = lake.sql(f"SELECT sum(read_bytes), any_value(measured_by) FROM job_activity('c', ['a'], {WINDOW})")
    assert found.fetchall() == [(600, "counters")]


def test_ranks_of_a_log_without_its_number_of_processes_are_grouped_too(lake: Lake, fill: Any) -> None:
    """P6: each rank was a group of its own where `nprocs` is null."""
    fill("darshan_logs", {**LOG, "log_id": "a", "nprocs": None}, {**LOG, "log_id": "b", "nprocs": 1})
    moved = {"DFS_F_READ_START_TIMESTAMP": 0.0, "DFS_F_READ_END_TIMESTAMP": 1.0, "DFS_BYTES_READ": 5}
    fill("darshan_dfs", *({**_record("a", DFS_BYTES_WRITTEN=0, **moved), "rank": rank} for rank in range(-1, 10)))
    found = lake.sql(
        f"SELECT first_rank, last_rank, read_bytes FROM job_activity('c', ['a', 'b'], {WINDOW}, 1, 4) ORDER BY 1"
    )
    assert found.fetchall() == [(-1, -1, 5), (0, 2, 15), (3, 5, 15), (6, 8, 15), (9, 11, 5)]


def test_logs_over_dfs_are_no_duplicates_by_posix(lake: Lake, fill: Any) -> None:
    """P6: what they have in common with POSIX is next to nothing."""
    fill("darshan_logs", *({**LOG, "log_id": log} for log in "abcd"))
    posix = {"POSIX_OPENS": 1, "POSIX_BYTES_READ": 0, "POSIX_BYTES_WRITTEN": 0}
    fill("darshan_posix", *(_record(log, **posix) for log in "abcd"))
    fill("darshan_dfs", _record("a", DFS_BYTES_READ=5), _record("b", DFS_BYTES_READ=7))
    found = lake.sql("SELECT log_ids FROM duplicate_logs('c', DATE '2026-03-01', DATE '2026-03-02')").fetchall()
    assert [sorted(logs) for (logs,) in found] == [["c", "d"]]
