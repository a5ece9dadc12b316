"""How fast a run's I/O was: the slowest rank's time, which is unknown where any part of it is."""

from datetime import date
from typing import Any

import pytest

from iolake.warehouse import Lake
from tests.conftest import Fill

KEYS = {"cluster": "c", "date": date(2026, 1, 1), "log_id": "a", "job_id": 1}
MIB = 1 << 20


def posix(record_id: int, rank: int, seconds: float | None, mib: int, **more: Any) -> dict[str, Any]:
    """A record whose time is all reading; a shared one has that of its slowest rank."""
    row = KEYS | {
        "record_id": record_id,
        "rank": rank,
        "copy": 0,
        "POSIX_BYTES_READ": mib * MIB,
        "POSIX_BYTES_WRITTEN": 0,
    }
    if rank < 0:
        return row | {"POSIX_F_SLOWEST_RANK_TIME": seconds} | more
    return row | {"POSIX_F_READ_TIME": seconds, "POSIX_F_WRITE_TIME": 0.0, "POSIX_F_META_TIME": 0.0} | more


def perf(lake: Lake, view: str = "darshan_perf") -> list[tuple[Any, ...]]:
    columns = "unique_io_s, unique_slowest_rank, shared_io_s, io_s, performance_bytes_per_s / (1 << 20)"
    return lake.sql(f"SELECT {columns} FROM {view} ORDER BY ALL").fetchall()


def test_time_is_that_of_the_slowest_rank_and_of_each_shared_file(lake: Lake, fill: Fill) -> None:
    fill("darshan_posix", posix(1, 0, 1.0, 2), posix(2, 0, 2.0, 2), posix(3, 1, 2.5, 2), posix(4, -1, 1.0, 2))
    assert perf(lake) == [(3.0, 0, 1.0, 4.0, 2.0)]


def test_absent_files_take_no_time(lake: Lake, fill: Fill) -> None:
    fill("darshan_posix", posix(1, 0, 2.0, 4), posix(2, -1, 2.0, 4, log_id="b"))
    assert perf(lake) == [(0.0, None, 2.0, 2.0, 2.0), (2.0, 0, 0.0, 2.0, 2.0)]


@pytest.mark.parametrize("others", [(), (posix(1, -1, 3.0, 5),), (posix(1, 0, 3.0, 5),)])
def test_a_shared_file_of_unknown_time_leaves_no_performance(
    lake: Lake, fill: Fill, others: tuple[dict[str, Any], ...]
) -> None:
    """P6: the sum of some files' times is too short for the bytes of all files, so the rate is null."""
    fill("darshan_posix", posix(9, -1, None, 7), *others)
    own = [row for row in others if row["rank"] >= 0]
    assert perf(lake) == [(3.0 if own else 0.0, 0 if own else None, None, None, None)]


def test_the_slowest_rank_is_unknown_where_one_ranks_time_is(lake: Lake, fill: Fill) -> None:
    """P6: the rank may have been slower than those that are known."""
    fill("darshan_posix", posix(1, 0, 3.0, 5), posix(2, 1, 1.0, 5), posix(3, 1, None, 5), posix(4, -1, 1.0, 5))
    assert perf(lake) == [(None, None, 1.0, None, None)]


def test_what_is_unknown_of_one_file_system_is_known_of_another(lake: Lake, fill: Fill) -> None:
    fill("darshan_posix", posix(1, -1, None, 5, file_system="old"), posix(2, -1, 2.0, 4, file_system="new"))
    assert perf(lake, "darshan_perf_by_file_system") == [
        (0.0, None, 2.0, 2.0, 2.0),
        (0.0, None, None, None, None),
    ]
