"""A centre that has Storage Scale alone: mmperfmon's reports answer the questions of file systems and jobs."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from iolake.pipelines.ingest import ingest
from iolake.reports.job import job_page
from iolake.reports.pages.file_system import file_system_page
from iolake.reports.pages.morning import write_morning
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from tests.extractors.test_scale_commands import MMDF_Y, MMLSDISK

JOBS = """\
scheduler_id,start_time,end_time,user_name,nnodes
7,2019-05-15 11:10:00,2019-05-15 11:40:00,glock,4
"""


@pytest.fixture(scope="module")
def lake(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of three hours of NERSC's project file system, and a job in the first of them."""
    root = tmp_path_factory.mktemp("scale")
    shutil.copy(samples / "pytokio" / "mmperfmon.2019-05-15-mini.tgz", root)
    (root / "jobs.csv").write_text(JOBS)
    at = int(datetime(2019, 5, 15, 18, 5, tzinfo=UTC).timestamp())
    (root / "mmdf.txt").write_text(f"BEGIN {at}\n{MMDF_Y}")
    (root / "mmlsdisk.txt").write_text(f"BEGIN {at}\n{MMLSDISK}")
    options = {"luns": {r"^ddn\d+dt\d+$": "datatarget", "md": "mdtarget"}, "servers": {"^ngfsv49[23]": "mdserver"}}
    system = {
        "timezone": "America/Los_Angeles",
        "mounts": ["/project"],
        "mmperfmon": {"files": "mmperfmon.%Y-%m-%d-mini.tgz", "options": options},
        "mmdf": {"files": "mmdf.txt"},
        "mmlsdisk": {"files": "mmlsdisk.txt"},
    }
    cluster = {"timezone": "America/Los_Angeles", "jobs": {"files": "jobs.csv"}}
    ingest(Site.model_validate({"root": str(root), "clusters": {"c": cluster}, "file_systems": {"project": system}}))
    return Lake(str(root / "lake"))


def test_the_whole_file_system_is_the_sum_of_its_data_nsds(lake: Lake) -> None:
    whole = lake.sql("SELECT sum(read_bytes), sum(write_bytes), min(ts), count(*) FROM lustre_fs").fetchall()
    plain = lake.sql(
        "SELECT sum(read_bytes), sum(write_bytes), min(ts), count(DISTINCT ts) FROM scale_nsd WHERE role = 'data'"
    ).fetchall()
    assert whole == plain
    assert whole[0][2:] == (datetime(2019, 5, 15, 18), 180)


def test_each_hour_has_its_bytes_peaks_and_loads(lake: Lake) -> None:
    hours = lake.sql(
        "SELECT ts, read_bytes, seen_pct, peak_read_bytes_per_s IS NOT NULL, oss_cpu_pct, mds_cpu_pct "
        "FROM file_system_hour ORDER BY ts"
    ).fetchall()
    plain = lake.sql(
        "SELECT date_trunc('hour', ts), sum(read_bytes)::BIGINT FROM scale_nsd WHERE role = 'data' "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in hours] == plain
    assert [row[2:4] for row in hours] == [(pytest.approx(100.0), True)] * 3
    loads = lake.sql(
        "SELECT avg(cpu_pct) FILTER (role = 'nsd'), avg(cpu_pct) FILTER (role = 'mds') FROM scale_server "
        "GROUP BY date_trunc('hour', ts) ORDER BY date_trunc('hour', ts)"
    ).fetchall()
    assert [row[4:] for row in hours] == [pytest.approx(load) for load in loads]


def test_a_jobs_window_has_what_the_servers_moved_meanwhile(lake: Lake) -> None:
    (found,) = lake.sql("SELECT read_bytes, write_bytes, seen_pct FROM lustre_during('job_windows')").fetchall()
    plain = lake.sql(
        "SELECT sum(read_bytes), sum(write_bytes) FROM scale_nsd WHERE role = 'data' "
        "AND ts >= '2019-05-15 18:10' AND ts < '2019-05-15 18:40'"
    ).fetchall()
    assert (found[:2], found[2]) == (plain[0], pytest.approx(100.0))


def test_the_fullest_target_of_an_hour_is_the_fullest_disk_that_holds_data(lake: Lake) -> None:
    """P6: an hour without mmdf has none."""
    found = lake.sql("SELECT used_pct, fullest_ost_pct FROM file_system_hour ORDER BY ts").fetchall()
    assert found == [(64.0, pytest.approx(200 / 3)), (None, None), (None, None)]


def test_the_pages_of_the_centre_show_its_disks(lake: Lake, tmp_path: Path) -> None:
    """A job's page says how full the disks were when it began, and asks for nothing that is Lustre's."""
    page = job_page(lake, 7)
    said = page[page.index("Targets when it began") :]
    assert "64.00 % of 9.77 MiB used" in said
    assert "fullest  DATA_1 66.67 %" in said
    assert "1 of 2 are up\n      not up: RG002VS003" in said
    assert "lfs df" not in page
    assert "server map" not in page
    of_fs = file_system_page(lake, "project", date(2019, 5, 15), date(2019, 5, 16)).html()
    assert "64.0 % full, the fullest one 66.7 %" in of_fs
    assert "Busiest on average: ddn" in of_fs
    of_day = write_morning(lake, date(2019, 5, 15), tmp_path).read_text()
    assert "64.0 % full, its fullest target 66.7 %" in of_day
