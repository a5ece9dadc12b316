"""Endpoints own sources as clusters and file systems do, from site.toml to the partitions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake

SITE = """\
[endpoints.archive]
timezone = "America/Los_Angeles"
hsi = { files = "hsi/%Y-%m-%d.log" }

[endpoints."007"]
timezone = "UTC"
interface_counters = { files = "snmp.csv" }
"""
LINE = "Sat Aug 10 23:05:26 2019 dtn01 hsi 57074 3\tLH\t0\t0.02\t500\t1.0\t4\t/project/a\t/home/a\tacct\n"
CSV = "ts,router,interface,in_octets,out_octets\n1549875600,r,i,1,1\n1549875630,r,i,6,1\n"


def test_an_endpoints_rows_lie_in_its_partitions_and_are_loaded_once(tmp_path: Path) -> None:
    """P2, P4, P8: the endpoint 007 stays text, and a local evening belongs to the next day in UTC."""
    (tmp_path / "hsi").mkdir()
    (tmp_path / "hsi" / "2019-08-10.log").write_text(LINE)
    (tmp_path / "snmp.csv").write_text(CSV)
    (tmp_path / "site.toml").write_text(SITE)
    site = Site.read(tmp_path / "site.toml")
    for _ in range(2):
        ingest(site, workers=0)
    lake = Lake(str(tmp_path / "lake"))
    assert lake.sql("SELECT endpoint, date, end_time, bytes FROM transfers").fetchall() == [
        ("archive", datetime(2019, 8, 11).date(), datetime(2019, 8, 11, 6, 5, 26), 500)
    ]
    assert lake.sql("SELECT endpoint, net_in_bytes FROM network_interface").fetchall() == [("007", 5)]
    assert lake.sql("SELECT DISTINCT endpoint, bytes_in FROM transfer_hour").fetchall() == [("archive", 500)]
    assert (tmp_path / "lake" / "transfers" / "endpoint=archive" / "date=2019-08-11").is_dir()
