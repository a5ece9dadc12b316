"""The real mmperfmon samples: NERSC's project file systems in 2019, and what others have measured in them."""

from __future__ import annotations

import re
import tarfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.scale.mmperfmon import Mmperfmon
from iolake.schemas.site import Site
from tests.extractors.reading import Rows, everything

ROLES = {
    "luns": {r"^ddn\d+dt\d+$": "datatarget", r"^na\d+md\d+$": "mdtarget"},
    "servers": {"^ngfsv49[23]": "mdserver"},
}


def read(samples: Path, files: str, backend: str | None = None, options: dict[str, Any] | None = None) -> Rows:
    source = {"files": f"pytokio/{files}", "options": options or {}}
    system = {"timezone": "America/Los_Angeles", "backend": backend, "mmperfmon": source}
    site = Site.model_validate({"root": str(samples), "file_systems": {"project": system}})
    rows, rejects, outcome = everything(Mmperfmon(), site)
    assert (rejects, outcome) == ({}, "loaded")
    return rows


def epochs(rows: list[dict[str, Any]]) -> list[float]:
    """The ends of the rows' intervals, which mmperfmon labels them by, in seconds since 1970."""
    return sorted({(r["ts"] - datetime(1970, 1, 1)).total_seconds() + r["interval_s"] for r in rows})


def test_usage_is_what_pytokio_reads(samples: Path) -> None:
    """60 times from 1547229600, one host, 360 values; pytokio names the first ones."""
    rows = read(samples, "mmperfmon-usage.txt.gz")
    servers = sorted(rows["scale_server"], key=lambda r: r["ts"])
    assert (len(servers), epochs(servers)[0], epochs(servers)[-1]) == (60, 1547229600, 1547233140)
    first = servers[0]
    assert (first["cpu_user_pct"], first["cpu_sys_pct"]) == (0.2, 0.56)
    assert (first["mem_total_bytes"], first["mem_free_bytes"]) == (32894877696, 19699073024)
    lo = min(rows["scale_network"], key=lambda r: r["ts"])
    assert (lo["interface"], lo["net_in_bytes"]) == ("lo", round(1740.8))
    values = ("cpu_user_pct", "cpu_sys_pct", "mem_total_bytes", "mem_free_bytes")
    counted = sum(row[name] is not None for row in servers for name in values)
    counted += sum(row[name] is not None for row in rows["scale_network"] for name in ("net_in_bytes", "net_out_bytes"))
    assert counted == 360


def test_operations_are_what_pytokio_reads(samples: Path) -> None:
    """20 times, 600 s apart, 160 values of two file systems."""
    both = {name: read(samples, "mmperfmon-gpfsNumberOperations.txt.gz", name) for name in ("tlproject2", "tlprojecta")}
    names = ("disk_read_ops", "disk_write_ops", "disk_read_bytes", "disk_write_bytes")
    rows = [row for found in both.values() for row in found["scale_client"]]
    assert (len(epochs(rows)), {row["interval_s"] for row in rows}) == (20, {600.0})
    assert sum(row[name] is not None for row in rows for name in names) == 160
    first = min(both["tlprojecta"]["scale_client"], key=lambda r: r["ts"])
    assert [first[name] for name in names] == [1144, 718, 283039744, 224206848]


def test_a_wide_report_is_what_pytokio_reads(samples: Path) -> None:
    """60 times of 42 LUNs, in five parts below each other: 2520 values."""
    rows = read(samples, "mmperfmon-nsdds.txt.gz")["scale_nsd"]
    assert (len(rows), len(epochs(rows)), len({r["nsd"] for r in rows})) == (2520, 60, 42)


def test_an_archive_of_hosts_is_what_pytokio_reads(samples: Path) -> None:
    """36 hosts, 12960 values, six a row."""
    rows = read(samples, "mmperfmon.tgz")
    assert len({r["server"] for r in rows["scale_server"]}) == 36
    assert (len(rows["scale_server"]), len(rows["scale_network"])) == (12960 / 6, 12960 / 6)


def test_an_archive_of_three_hours_is_what_pytokio_reads(samples: Path) -> None:
    """6 hosts, 180 times from 1557943260, 51120 values, and the sums of a plain reading of the text."""
    rows = read(samples, "mmperfmon.2019-05-15-mini.tgz", options=ROLES)
    servers, nsds = rows["scale_server"], rows["scale_nsd"]
    assert (len({r["server"] for r in servers}), len(epochs(servers))) == (6, 180)
    assert (epochs(servers)[0], epochs(servers)[-1]) == (1557943260, 1557954000)
    values = sum(row[name] is not None for row in nsds for name in ("read_bytes", "write_bytes"))
    assert values + 6 * len(servers) == 51120
    assert {r["role"] for r in servers if r["server"].startswith("ngfsv49")} == {"mds", "nsd"}
    sums = plain_sums(samples / "pytokio" / "mmperfmon.2019-05-15-mini.tgz")
    for counter, column in {"gpfs_nsdds_bytes_read": "read_bytes", "gpfs_nsdds_bytes_written": "write_bytes"}.items():
        for role in ("data", "metadata"):
            found = sum(row[column] for row in nsds if row["role"] == role and row[column] is not None)
            assert found == sums[counter, role] > 0


def test_the_second_hour_is_what_pytokio_archives(samples: Path) -> None:
    """pytokio's sums of that hour: 84 data targets and 40 metadata targets, a target being a server and its LUN."""
    rows = read(samples, "mmperfmon.2019-05-15-mini.tgz", options=ROLES)["scale_nsd"]
    hour = [row for row in rows if row["ts"].hour == 19]
    for role, expected in {"data": (84, 54328039718, 13875870383), "metadata": (40, 17140772165, 9407689733)}.items():
        mine = [row for row in hour if row["role"] == role]
        targets = len({(row["server"], row["nsd"]) for row in mine})
        assert (targets, sum(r["read_bytes"] for r in mine), sum(r["write_bytes"] for r in mine)) == expected


def plain_sums(archive: Path) -> dict[tuple[str, str], int]:
    """Sums by counter and role, from each line cut at the ends of its header's words."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None or "/servers/" in member.name:
                continue
            legend: list[list[str]] = []
            ends: list[int] = []
            begun = 0
            for line in file.read().decode().splitlines():
                if entry := re.match(r"\s*\d+:\s+(\S+)", line):
                    legend.append(entry[1].split("|"))
                elif line.startswith("Row"):
                    begun += len(ends)
                    ends = [found.end() for found in re.finditer(r"\S+", line)][2:]
                elif line.strip() and line.strip()[0].isdigit():
                    for place, end in enumerate(ends):
                        text = line[:end].split()[-1]
                        _, _, lun, counter = legend[begun + place]
                        if text != "null":
                            sums[counter, "metadata" if "md" in lun else "data"] += int(float(text))
    return sums


@pytest.mark.parametrize("name", ["mmperfmon.2019-05-16-mini.tgz"])
def test_an_empty_file_holds_no_report(samples: Path, name: str) -> None:
    source = {"files": f"pytokio/{name}"}
    site = Site.model_validate({"root": str(samples), "file_systems": {"project": {"mmperfmon": source}}})
    _, rejects, outcome = everything(Mmperfmon(), site)
    assert (list(rejects.values()), outcome) == (
        ["holds no mmperfmon report; check what the pattern names"],
        "rejected",
    )
