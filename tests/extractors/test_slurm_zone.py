from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.slurm.zone import to_utc

ZONES = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"]


def local_seconds(utc: int, zone: ZoneInfo) -> int:
    return int(datetime.fromtimestamp(utc, zone).replace(tzinfo=UTC).timestamp())


@given(st.sampled_from(ZONES), st.lists(st.integers(1_000_000_000, 2_000_000_000), max_size=20))
def test_local_times_lead_back_to_the_instant_by_the_reading_that_python_calls_its_fold(
    name: str, instants: list[int]
) -> None:
    """P8: times are UTC, whatever zone the source wrote in."""
    zone = ZoneInfo(name)
    local = np.array([local_seconds(t, zone) for t in instants], np.int64)
    earlier, later, shown = to_utc(local, zone)
    folds = np.array([datetime.fromtimestamp(t, zone).fold for t in instants], bool)
    assert shown.all()
    assert np.where(folds, later, earlier).tolist() == instants


@pytest.mark.parametrize("name", ZONES)
def test_each_minute_of_the_autumn_and_spring_days_is_right(name: str) -> None:
    """P8: daylight-saving days are right."""
    zone = ZoneInfo(name)
    for day in (
        datetime(2017, 3, 12, tzinfo=UTC),
        datetime(2017, 11, 5, tzinfo=UTC),
        datetime(2017, 10, 29, tzinfo=UTC),
    ):
        instants = [int((day + timedelta(minutes=m)).timestamp()) for m in range(-720, 2160)]
        local = np.array([local_seconds(t, zone) for t in instants], np.int64)
        earlier, later, shown = to_utc(local, zone)
        assert shown.all()
        assert all(t in (a, b) for t, a, b in zip(instants, earlier.tolist(), later.tolist(), strict=True))
        repeats = {t for t in local.tolist() if local.tolist().count(t) > 1} if name == "America/Los_Angeles" else set()
        if repeats:
            assert repeats == {t for t, a, b in zip(local.tolist(), earlier, later, strict=True) if a != b}


def test_an_hour_that_spring_skips_was_never_shown() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    clock = [datetime(2017, 3, 12, 1, 59, 59), datetime(2017, 3, 12, 2, 30), datetime(2017, 3, 12, 3, 0)]
    local = np.array([int(t.replace(tzinfo=UTC).timestamp()) for t in clock], np.int64)
    assert to_utc(local, zone)[2].tolist() == [True, False, True]
