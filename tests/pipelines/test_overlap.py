"""A job in several archives is one row, in whatever order they are loaded."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake

FULL = """JobID|JobIDRaw|User|State|Submit|Start|End|ElapsedRaw|NNodes
7|7|ada|COMPLETED|2020-01-01T22:00:00|2020-01-01T23:00:00|2020-01-02T01:00:00|7200|4
7.batch|7.batch||COMPLETED|2020-01-01T23:00:00|2020-01-01T23:00:00|2020-01-02T01:00:00|7200|1
"""
BARE = """JobID|JobIDRaw|State|Submit|Start|End
7|7|COMPLETED|2020-01-01T22:00:00|2020-01-01T23:00:00|2020-01-02T01:00:00
8|8|COMPLETED|2020-01-01T22:00:00|2020-01-01T23:30:00|2020-01-02T02:00:00
"""


@pytest.mark.parametrize("order", list(itertools.permutations([("2020-01-01", FULL), ("2020-01-02", BARE)])))
@pytest.mark.parametrize("together", [True, False])
def test_the_fullest_row_of_a_run_is_the_one_that_stays(
    tmp_path: Path, order: tuple[tuple[str, str], ...], together: bool
) -> None:
    """P2: the row keeps the values of the fuller archive, in whatever order they are loaded."""
    (tmp_path / "site.toml").write_text('[clusters.c]\nslurm = { files = "%Y-%m-%d.txt" }\n')
    site = Site.read(tmp_path / "site.toml")
    for (day, _), (_, text) in zip(sorted(order), order, strict=True):
        (tmp_path / f"{day}.txt").write_text(text)
        if not together:
            ingest(site, workers=0)
    ingest(site, workers=0)
    lake = Lake(site.lake_uri)
    jobs = lake.sql("SELECT job_id, user_name, nnodes FROM slurm_jobs ORDER BY job_id").fetchall()
    assert jobs == [(7, "ada", 4), (8, None, None)]
    assert lake.sql("SELECT step_id FROM slurm_steps").fetchall() == [("batch",)]
    assert lake.sql("SELECT count(*) FROM jobs").fetchall() == [(2,)]
    assert [load.count("unchanged") for load in ingest(site, workers=0).loads] == [1, 1]


def test_a_deduplicated_row_comes_back_when_the_fuller_one_is_gone(tmp_path: Path) -> None:
    """P2: the lake is as if the changed archive never had the job; the next ingest reads the other one once more."""
    (tmp_path / "site.toml").write_text('[clusters.c]\nslurm = { files = "%Y-%m-%d.txt" }\n')
    site = Site.read(tmp_path / "site.toml")
    (tmp_path / "2020-01-01.txt").write_text(FULL)
    (tmp_path / "2020-01-02.txt").write_text(BARE)
    ingest(site, workers=0)
    (tmp_path / "2020-01-01.txt").write_text(FULL.replace("7|7|", "9|9|").replace("7.batch|7.", "9.batch|9."))
    ingest(site, workers=0)
    ingest(site, workers=0)
    jobs = "SELECT job_id, user_name FROM slurm_jobs ORDER BY job_id"
    assert Lake(site.lake_uri).sql(jobs).fetchall() == [(7, None), (8, None), (9, "ada")]
    ledger = "SELECT sum(rows) FROM inputs"
    assert Lake(site.lake_uri).sql(ledger).fetchall() == [(4,)]
    assert ingest(site, workers=0).snapshots == []


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("counted", [True, False])
def test_a_requeue_is_one_run_whichever_others_its_archives_hold(tmp_path: Path, together: bool, counted: bool) -> None:
    """P5: with Restarts each run is one row; without it none is two, and each archive names what it lost."""
    (tmp_path / "site.toml").write_text('[clusters.c]\ntimezone = "UTC"\nslurm = { files = "%Y-%m-%d.txt" }\n')
    site = Site.read(tmp_path / "site.toml")
    header = "JobIDRaw|State|Submit|Start|End" + "|Restarts" * counted
    runs = [
        "5|NODE_FAIL|2020-01-01T01:00:00|2020-01-01T02:00:00|2020-01-01T20:00:00" + "|0" * counted,
        "5|REQUEUED|2020-01-01T01:00:00|2020-01-01T21:00:00|2020-01-02T03:00:00" + "|1" * counted,
        "5|COMPLETED|2020-01-01T01:00:00|2020-01-02T04:00:00|2020-01-03T09:00:00" + "|2" * counted,
    ]
    for day, held in enumerate([runs[:2], runs[1:], runs[2:]], 1):
        (tmp_path / f"2020-01-{day:02}.txt").write_text("\n".join([header, *held, ""]))
        if not together:
            ingest(site, workers=0)
    ingest(site, workers=0)
    lake = Lake(site.lake_uri)
    found = lake.sql("SELECT run_id, restart FROM slurm_jobs ORDER BY ALL").fetchall()
    said = lake.sql("SELECT count(*) FROM rejects WHERE part = 'repeats' AND reason LIKE '%add Restarts%'").fetchall()
    submitted = "5.1577840400"
    if counted:
        assert (found, said) == ([(submitted, 0), (f"{submitted}.1", 1), (f"{submitted}.2", 2)], [(0,)])
    else:
        assert (found, said) == ([(submitted, None)], [(2,)])
