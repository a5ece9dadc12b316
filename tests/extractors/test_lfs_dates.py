"""When a client's snapshot was taken, and in which blocks its sizes are."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from iolake.extractors.lfs import LfsDf
from tests.extractors.test_lfs import DF, read


def test_the_time_in_a_name_dates_a_file_whatever_its_last_change_is(tmp_path: Path) -> None:
    """P8: copied files lose their times; several snapshots a day were all dated to its start."""
    for name in ("2017-03-20-0130.txt", "2017-03-20-1330.txt", "2017-11-05-0030.txt"):
        (tmp_path / name).write_text(DF)
        os.utime(tmp_path / name, (1600000000, 1600000000))
    (tmp_path / "2017-03-21-1200.txt").write_text(f"BEGIN 1490000000\n{DF}")
    rows, rejects = read(LfsDf(), tmp_path, files="%Y-%m-%d-%H%M.txt")
    times = [datetime(2017, 3, 20, 8, 30), datetime(2017, 3, 20, 20, 30), datetime(2017, 3, 20, 8, 53, 20)]
    assert (sorted({row["ts"] for row in rows}), rejects) == (sorted([*times, datetime(2017, 11, 5, 7, 30)]), [])


@pytest.mark.parametrize(
    ("heading", "factor"), [("1K", 1024), ("1024", 1024), ("512", 512), ("1M", 1 << 20), ("1G", 1 << 30)]
)
def test_sizes_are_in_the_blocks_that_the_heading_names(tmp_path: Path, heading: str, factor: int) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 1490000000\n{DF.replace('1K-blocks', f'{heading}-blocks')}")
    row = next(row for row in read(LfsDf(), tmp_path)[0] if row["target"] == "OST00ad")
    sizes = [row[f"{name}_bytes"] for name in ("total", "used", "available")]
    assert sizes == [9000 * factor, 4000 * factor, 4900 * factor]
