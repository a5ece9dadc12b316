"""What site.toml says of owners is a table of the lake, of the same snapshot as their rows."""

from __future__ import annotations

from pathlib import Path

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake

SITE = """
[clusters.edison]
timezone = "America/Los_Angeles"

[endpoints.dtn]
timezone = "UTC"

[file_systems.scratch2]
timezone = "America/Los_Angeles"
mounts = ["/scratch2", "/global/scratch2"]
backend = "snx11035"
df = { files = "df.txt" }
"""
DF = """BEGIN 1577865600
UUID 1K-blocks Used Available Use% Mounted on
snx11035-OST0000_UUID 1000 100 900 10% /fs[OST:0]
"""


def site_of(folder: Path, text: str = SITE) -> Site:
    (folder / "df.txt").write_text(DF)
    return Site.parse(text, folder / "site.toml")


def test_zones_and_mounts_of_owners_are_a_table(tmp_path: Path) -> None:
    """P8: the lake alone gives a report by local day; 08:00 UTC is midnight in Los Angeles."""
    ingest(site_of(tmp_path), workers=0)
    lake = Lake(tmp_path / "lake")
    assert lake.sql("SELECT owner, kind, timezone, mounts, backend FROM owners ORDER BY ALL").fetchall() == [
        ("dtn", "endpoint", "UTC", [], None),
        ("edison", "cluster", "America/Los_Angeles", [], None),
        ("scratch2", "file_system", "America/Los_Angeles", ["/global/scratch2", "/scratch2"], "snx11035"),
    ]
    local = "SELECT ts, ts AT TIME ZONE 'UTC' AT TIME ZONE timezone FROM lustre_df JOIN owners ON file_system = owner"
    ((utc, there),) = lake.sql(local).fetchall()
    assert (str(utc), str(there)) == ("2020-01-01 08:00:00", "2020-01-01 00:00:00")


def test_a_changed_site_is_published_once_and_makes_no_mart_stale(tmp_path: Path) -> None:
    """P2: owners are published with their rows; a change makes one new snapshot, an unchanged site.toml none."""
    ingest(site_of(tmp_path), workers=0)
    lake = Lake(tmp_path / "lake")
    assert "site" not in [s.operation for s in lake.history()]
    changed = site_of(tmp_path, SITE.replace('"/global/scratch2"', '"/s2"'))
    assert len(ingest(changed, workers=0).snapshots) == 1
    lake = Lake(tmp_path / "lake")
    assert lake.sql("SELECT mounts FROM owners WHERE owner = 'scratch2'").fetchall() == [(["/s2", "/scratch2"],)]
    assert lake.sql("SELECT count(*) FROM derived WHERE NOT fresh").fetchall() == [(0,)]
    assert ingest(changed, workers=0).snapshots == []
