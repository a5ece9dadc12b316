"""The real isdct samples: Cori's burst buffer in 2017, and what pytokio makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.ssd import Ssd
from iolake.schemas.site import Site
from tests.extractors.reading import everything


def read(samples: Path, name: str) -> list[dict[str, Any]]:
    owner = {"timezone": "America/Los_Angeles", "ssd": {"files": f"pytokio/{name}"}}
    site = Site.model_validate({"root": str(samples), "clusters": {"cori": owner}})
    rows, rejects, outcome = everything(Ssd(), site)
    assert (rejects, outcome) == ({}, "loaded")
    return rows["ssd_health"]


@pytest.mark.parametrize(
    ("name", "epoch"),
    [("sample_nersc_isdct.tgz", 1503685872), ("sample_nersc_isdct_timestamped.tgz", 1503685860)],
)
def test_an_archive_is_what_pytokio_reads(samples: Path, name: str, epoch: int) -> None:
    """16 drives; the one of nid00842 with 54,800,454 data units read, and its write amplification."""
    rows = read(samples, name)
    assert len(rows) == 16
    assert {row["ts"] for row in rows} == {datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)}
    (row,) = (row for row in rows if row["read_bytes"] == 54800454 * 512_000)
    assert (row["node"], row["read_bytes"], row["host_write_bytes"]) == ("nid00842", 28057832448000, 47527671889920)
    assert (row["host_write_bytes"] / (32 << 20), row["power_cycles"]) == (1416435, 42)
    assert row["write_amplification"] == pytest.approx(2.2169185313833673, rel=1e-15)
    assert (row["temperature_c"], row["endurance_years"]) == (28.0, 1261.01)


def test_pytokios_json_copy_is_read_as_the_drives_it_was_made_from(samples: Path) -> None:
    """8 drives; the bootloader's digits, which pytokio took for a number, are back."""
    rows = read(samples, "sample_nersc_isdct.json.gz")
    assert len(rows) == 8
    (row,) = (row for row in rows if row["ssd"] == "CVF8527500094P0DGN-1")
    assert (row["ts"], row["node"], row["firmware"]) == (datetime(2017, 9, 22, 16, 0, 1), "nid08849", "8DV10170")
    assert (row["read_bytes"], row["write_bytes"]) == (42808768512000, 60907953152000)
    assert (row["host_write_bytes"], row["nand_write_bytes"]) == (60907937857536, 133870372519936)
    assert row["write_amplification"] == pytest.approx(2.19791339567364, rel=1e-13)
    assert dict(row["attributes"])["bootloader"] == "8B1B0130"
