"""A file system's day."""

from datetime import date, datetime, timedelta

import pytest

from iolake.demo.truth import Truth
from iolake.schemas.lustre import MD_OPS
from iolake.warehouse import Lake
from tests.conftest import Fill

DAY = date(2026, 1, 1)
T = datetime(2026, 1, 1)


def interval(start_s: int, **more: object) -> dict[str, object]:
    row = {"file_system": "fs", "date": DAY, "ts": T + timedelta(seconds=start_s), "interval_s": 10.0}
    return row | {"osts": 2, "osts_missing": 0, "mdts": 1, "mdts_missing": 0} | more


def test_a_peak_is_a_rate_so_a_long_interval_makes_no_peak(lake: Lake, fill: Fill) -> None:
    rest = 86400 - 120
    fill(
        "lustre_fs",
        interval(0, write_bytes=1000, read_bytes=0),
        interval(10, write_bytes=5000, read_bytes=40, interval_s=100.0),
        interval(110, write_bytes=900, read_bytes=50),
        interval(120, write_bytes=0, read_bytes=0, interval_s=float(rest)),
    )
    assert lake.sql(
        "SELECT write_bytes, peak_write_bytes_per_s, peak_write_ts, peak_read_bytes_per_s FROM file_system_day"
    ).fetchall() == [(6900, 100.0, T, 5.0)]


def test_the_share_that_was_seen_counts_missing_targets_and_missing_time(lake: Lake, fill: Fill) -> None:
    half_a_day = 43200.0
    fill("lustre_fs", interval(0, interval_s=half_a_day, osts_missing=1, write_bytes=7))
    assert lake.sql("SELECT seen_pct, observed_s FROM file_system_day").fetchall() == [
        (pytest.approx(25.0), half_a_day)
    ]


def test_the_peak_of_a_day_that_was_not_seen_is_null_with_its_reason(lake: Lake, fill: Fill) -> None:
    """P12: of half a day nobody knows the peak."""
    fill("lustre_fs", interval(0, write_bytes=1000, read_bytes=0, interval_s=43200.0))
    assert lake.sql("SELECT write_bytes, peak_write_bytes_per_s, peak_reason FROM file_system_day").fetchall() == [
        (1000, None, "less than 95 % of the day was seen")
    ]


def test_what_was_never_collected_is_null(lake: Lake, fill: Fill) -> None:
    """P6: a day of byte counts without operations has no operations, not zero."""
    fill("lustre_fs", interval(0, write_bytes=0, opens=None))
    assert lake.sql("SELECT write_bytes, read_bytes, opens FROM file_system_day").fetchall() == [(0, None, None)]


def test_a_file_systems_rate_of_operations_counts_all_twelve_kinds(small_centre: tuple[Truth, Lake]) -> None:
    """The findings of a file system and day rest on it: renames and mkdirs load a metadata server as opens do."""
    _, lake = small_centre
    of_hours = lake.sql(f"SELECT {' + '.join(f'coalesce(sum({op}), 0)' for op in MD_OPS)} FROM file_system_hour")
    ((expected,),) = of_hours.fetchall()
    assert lake.sql("SELECT sum(ops)::HUGEINT FROM file_system_rates(NULL, NULL, NULL)").fetchall() == [(expected,)]
    assert expected > 0
