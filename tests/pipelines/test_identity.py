"""An input is known by source, owner and path below site.toml's folder: a moved centre loads nothing again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from iolake.extractors.base import Span
from iolake.pipelines.finding import find
from iolake.pipelines.ingest import ingest
from iolake.pipelines.plan import plan
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake

SITE = '[file_systems.fs]\nmounts = ["/fs"]\ndf = { files = "df/%Y-%m-%d.txt" }\n'


def centre(root: Path) -> Site:
    (root / "df").mkdir(parents=True)
    (root / "site.toml").write_text(SITE)
    (root / "df" / "2020-01-01.txt").write_text(
        "BEGIN 1577880000\nUUID 1K-blocks Used Available Use% Mounted on\nfs-OST0000_UUID 100 60 40 60% /fs[OST:0]\n"
    )
    return Site.read(root / "site.toml")


def uris(site: Site) -> list[str]:
    return [uri for (uri,) in Lake(site.lake_uri).sql("SELECT uri FROM inputs").fetchall()]


def test_a_moved_centre_loads_nothing_again(tmp_path: Path) -> None:
    """P2, P10: the rows stay, and their input's uri is the file's new place."""
    ingest(centre(tmp_path / "old"), workers=0)
    shutil.move(tmp_path / "old", tmp_path / "new")
    site = Site.read(tmp_path / "new" / "site.toml")
    report = ingest(site, workers=0)
    assert sum(load.rows for load in report.loads) == 0
    assert uris(site) == [str(tmp_path / "new" / "df" / "2020-01-01.txt")]
    assert Lake(site.lake_uri).sql("SELECT count(*) FROM lustre_df").fetchall() == [(1,)]
    assert ingest(site, workers=0).snapshots == []


def test_a_copied_centre_with_new_times_loads_nothing_again(tmp_path: Path) -> None:
    site = centre(tmp_path / "old")
    ingest(site, workers=0)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    os.utime(tmp_path / "new" / "df" / "2020-01-01.txt", (1, 1))
    new = Site.read(tmp_path / "new" / "site.toml")
    assert sum(load.rows for load in ingest(new, workers=0).loads) == 0
    assert uris(new) == [str(tmp_path / "new" / "df" / "2020-01-01.txt")]


def test_a_lake_from_before_keeps_its_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = centre(tmp_path)
    with monkeypatch.context() as older:
        older.setattr(Site, "place", lambda self, uri: "")
        ingest(site, workers=0)
    assert ingest(site, workers=0).snapshots == []
    (tmp_path / "df" / "2020-01-01.txt").write_text(
        "BEGIN 1577880000\nUUID 1K-blocks Used Available Use% Mounted on\nfs-OST0000_UUID 100 70 30 70% /fs[OST:0]\n"
    )
    ingest(site, workers=0)
    assert Lake(site.lake_uri).sql("SELECT used_bytes FROM lustre_df").fetchall() == [(71680,)]
    assert plan(site, find(site, (), Span()))[0].inputs == 0


def test_an_input_elsewhere_is_known_by_its_whole_path(tmp_path: Path) -> None:
    site = Site(root=str(tmp_path))
    assert site.place("/elsewhere/x") == ""
    assert site.place(f"{tmp_path}x/y") == ""
    assert site.place(f"{tmp_path}/a/b") == site.place(f"sqlite:///{tmp_path}/a/b") == "a/b"
    assert site.place("s3://bucket/a") == ""
