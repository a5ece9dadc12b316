"""Deriving reads no damaged data file, because its result would pass as whole for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iolake.warehouse import months
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import stale
from tests.warehouse.by_hand import DAY, NOON, Loaded, job

pytestmark = pytest.mark.usefixtures("all_tables")


def test_a_partition_of_a_damaged_file_stays_stale_and_the_others_are_derived(loaded: Loaded) -> None:
    """P5, P10: an error names each damaged or missing file and the command that repairs it."""
    later = NOON + 60 * DAY
    loaded.load("slurm_jobs", job(1, NOON))
    loaded.load("slurm_jobs", job(2, later))
    (name,) = {f.path for f in loaded.lake.files("slurm_jobs") if f.date == NOON.date()}
    path = Path(loaded.warehouse.store.location(name))
    content = bytearray(path.read_bytes())
    content[60] ^= 1  # in the first column's page
    path.write_bytes(content)
    done = loaded.derive()
    assert [str(error) for error in done.damaged] == [
        f"{path}: damaged (its content is not what was written); `iolake repair` reads the inputs of its rows again"
    ]
    fresh = loaded.lake.sql("SELECT date, fresh FROM derived WHERE table_name = 'job_summary' ORDER BY ALL").fetchall()
    assert fresh == [(NOON.date(), False), (later.date(), True)]
    path.unlink()
    (error,) = loaded.derive().damaged
    assert re.search(r"missing; `iolake repair`", str(error))


@pytest.mark.parametrize("lost", ["all of it", "its end", "a byte of its footer"])
def test_a_partition_is_derived_from_the_days_of_a_lost_month_file(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """P10"""
    monkeypatch.setattr(months, "LEAST_FILES", 2)
    for at in range(2):
        loaded.load("slurm_jobs", job(1 + at, NOON + at * DAY))
    assert compact(loaded.warehouse, NOON.date() + 60 * DAY).months == 1
    ((name,),) = loaded.lake.sql("SELECT path FROM months").fetchall()
    path = Path(loaded.warehouse.store.location(name))
    content = bytearray(path.read_bytes())
    content[-20] ^= 255
    path.unlink()
    if lost != "all of it":
        path.write_bytes(content if lost == "a byte of its footer" else content[:-9])
    loaded.derive()
    assert stale(loaded.warehouse) == {}
    assert loaded.lake.sql("SELECT job_id FROM job_summary ORDER BY ALL").fetchall() == [(1,), (2,)]
    assert loaded.lake.sql("SELECT job_id FROM slurm_jobs ORDER BY ALL").fetchall() == [(1,), (2,)]
