"""The page of a job that moves its bytes through DAOS' file system."""

from __future__ import annotations

from datetime import datetime

from iolake.reports.job import job_page
from iolake.reports.pages.job import job_page as html_page
from iolake.warehouse import Lake
from tests.conftest import Fill

T = datetime(2026, 1, 5, 10)
MIB = 1 << 20


def _fill(fill: Fill, *logs: str) -> None:
    log = {"cluster": "c", "date": T.date(), "job_id": 1, "start_time": T, "end_time": T.replace(minute=9), "nprocs": 2}
    fill("darshan_logs", *({**log, "log_id": name, "exe_name": "ior", "modules": ["DFS", "DAOS"]} for name in logs))
    record = {"cluster": "c", "date": T.date(), "job_id": 1, "record_id": 7, "rank": 0}
    for module, more in (("DFS", 0), ("DAOS", 5)):
        counts = {f"{module}_BYTES_READ": MIB + more, f"{module}_BYTES_WRITTEN": 2 * MIB + more}
        times = {f"{module}_F_{what}_TIME": 1.5 for what in ("READ", "WRITE", "META")}
        sizes = {"DFS_SIZE_READ_100K_1M": 3, "DFS_SIZE_WRITE_100K_1M": 4} if module == "DFS" else {}
        fill(f"darshan_{module.lower()}", *({**record, "log_id": name} | counts | times | sizes for name in logs))


def test_a_job_over_dfs_shows_its_bytes_files_and_accesses(lake: Lake, fill: Fill) -> None:
    """P6: each part of the page speaks of DFS: the log, the file systems, the sizes; DAOS' are the same bytes again."""
    _fill(fill, "a", "b")
    page = [" ".join(line.split()) for line in job_page(lake, 1).splitlines()]
    assert page.count("DFS 1.00 MiB (1,048,576 B) 2.00 MiB (2,097,152 B) 1") == 2
    below = "DAOS 1.00 MiB (1,048,581 B) 2.00 MiB (2,097,157 B) 1 the same bytes one layer down"
    assert page.count(below) == 2
    assert "in all, by POSIX, STDIO and DFS: read 2.00 MiB (2,097,152 B), written 4.00 MiB (4,194,304 B)" in page
    place = page.index("outside of site.toml's file systems (DAOS)")
    assert page[place + 1] == "the job read 2.00 MiB and wrote 4.00 MiB there"
    assert any(line.startswith("bytes an access (POSIX, DFS)") for line in page)


def test_the_pictures_of_a_job_over_dfs_have_its_accesses_and_times(lake: Lake, fill: Fill) -> None:
    """P6: the picture said that there are no records."""
    _fill(fill, "a")
    page = html_page(lake, 1)
    found = {figure.key: figure.summary for figure in page.figures}
    assert found["sizes"] == "7 reads and writes of POSIX and DFS by their size; most are 100 KB-1 MB."
    assert "DFS 4.5 s, DAOS 4.5 s" in found["layers"] or "DAOS 4.5 s, DFS 4.5 s" in found["layers"]
