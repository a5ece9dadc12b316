"""The real logs of transfers: NERSC's, and what pytokio makes of them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Extractor
from iolake.extractors.transfers.globus import Globus
from iolake.extractors.transfers.gridftp import GridFtp
from iolake.extractors.transfers.hpss import HpssFtp, Hsi
from iolake.extractors.transfers.report import HpssReport
from iolake.schemas.site import Site
from tests.extractors.reading import everything


def read(samples: Path, extractor: Extractor, name: str) -> Any:
    owner = {"timezone": "America/Los_Angeles", extractor.source: {"files": f"pytokio/{name}"}}
    site = Site.model_validate({"root": str(samples), "endpoints": {"nersc": owner}})
    rows, rejects, outcome = everything(extractor, site)
    assert (rejects, outcome) == ({}, "loaded")
    return rows.get("transfers", rows)


def test_every_line_of_the_gridftp_log_is_a_transfer(samples: Path) -> None:
    """11 lines, two of them of names with a space and one with an equals sign."""
    rows = read(samples, GridFtp(), "globuslogs.txt.gz")
    assert (len(rows), sum(row["bytes"] for row in rows)) == (11, 5 * 2753284040 + 6 * 3064334152)
    assert all(row["path"].endswith("_00:00:00") or ":00:00" in row["path"] for row in rows)
    assert sum(" " in row["path"] for row in rows) == 2


def test_hpss_ftp_is_what_pytokio_reads(samples: Path) -> None:
    """2 transfers of ftp, 3 of pftp; the line that opens one is not a transfer."""
    rows = read(samples, HpssFtp(), "hpssftplog.txt.gz")
    assert Counter(row["tool"] for row in rows) == {"ftp": 2, "pftp": 3}


def test_hsi_is_what_pytokio_reads(samples: Path) -> None:
    """61 lines of hsi and 1 of htar: 41 into the archive, 1 out, 10 removed, 10 renamed."""
    rows = read(samples, Hsi(), "hsilog.txt.gz")
    assert Counter(row["tool"] for row in rows) == {"hsi": 61, "htar": 1}
    assert Counter(row["operation"] for row in rows) == {"LH": 41, "FU": 10, "FR": 10, "HL": 1}


def test_globus_records_are_what_pytokio_reads(samples: Path) -> None:
    rows = read(samples, Globus(), "globuslogs.json.gz")
    assert [(row["user_name"], row["bytes"]) for row in rows] == [
        ("fusera", 2597),
        ("useroll", 3610670),
        ("useroll", 3616802),
    ]


def test_the_daily_report_is_what_pytokio_reads(samples: Path) -> None:
    rows = read(samples, HpssReport(), "hpss_daily.txt")
    counted = Counter((row["system"], row["grouping"]) for row in rows["archive_day"])
    for system, counts in {"archive": (3, 7, 6, 44), "hpss": (2, 8, 5, 13)}.items():
        kinds = ("gateway", "client_host", "application", "user")
        assert [counted[system, kind] for kind in kinds] == list(counts)
    assert Counter(row["system"] for row in rows["archive_migration"]) == {"archive": 6, "hpss": 6}
    assert Counter(row["system"] for row in rows["archive_drives"]) == {"archive": 4, "hpss": 2}
    (heart,) = (row for row in rows["archive_day"] if row["name"] == "heart")
    assert (heart["io_gb"], heart["ops"], heart["users"]) == (148740.6, 27991, 53)
    assert heart["ts"] == datetime(2018, 8, 9, 7)
    assert pytest.approx(178279.2) == sum(
        row["io_gb"] for row in rows["archive_day"]
        if (row["system"], row["grouping"]) == ("archive", "client_host") and row["name"] != "total"
    )  # fmt: skip
