"""What a run loads, leaves alone and refuses."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from iolake.extractors.base import Span
from iolake.pipelines.ingest import bundles, ingest, prepare
from iolake.schemas.site import Site, SiteError
from iolake.warehouse import Lake

HEAD = "UUID 1K-blocks Used Available Use% Mounted on\n"


def _df(epoch: int, *used: int) -> str:
    rows = [f"fs-OST{k:04x}_UUID 1000 {u} {1000 - u} {u // 10}% /fs[OST:{k}]" for k, u in enumerate(used)]
    return f"BEGIN {epoch}\n{HEAD}" + "\n".join(rows) + "\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with `lfs df` of two days."""
    (tmp_path / "df-2020-01-01.txt").write_text(_df(1577880000, 100, 200))
    (tmp_path / "df-2020-01-02.txt").write_text(_df(1577966400, 300, 400))
    (tmp_path / "site.toml").write_text(
        '[file_systems.fs]\nmounts = ["/fs"]\ndf = { files = "df-%Y-%m-%d.txt" }\n[clusters.c]\n'
    )
    return Site.read(tmp_path / "site.toml")


def _used(site: Site) -> list[int]:
    return [
        row[0] // 1024
        for row in Lake(site.lake_uri).sql("SELECT used_bytes FROM lustre_df ORDER BY ts, target").fetchall()
    ]


def test_a_second_run_over_the_same_inputs_changes_nothing(site: Site) -> None:
    """P2: the same rows, every input unchanged, and not even a new snapshot."""
    first = ingest(site, workers=0)
    again = ingest(site, workers=0)
    assert (first.snapshots, first.derived.snapshots) == ([0, 1], (1,))
    assert again.snapshots == []
    assert [load.count("unchanged") for load in again.loads] == [1, 1]
    assert _used(site) == [100, 200, 300, 400]


def test_a_changed_input_replaces_its_rows(site: Site, tmp_path: Path) -> None:
    """P2: a day that grew is there once, as it is now."""
    ingest(site, workers=0)
    (tmp_path / "df-2020-01-02.txt").write_text(_df(1577966400, 301, 400) + _df(1577967000, 302, 402))
    ingest(site, workers=0)
    assert _used(site) == [100, 200, 301, 400, 302, 402]


def test_a_touched_input_is_not_read_into_new_rows(site: Site, tmp_path: Path) -> None:
    """P2: only the content counts. The new time is recorded, so that the file is hashed only once."""
    ingest(site, workers=0)
    os.utime(tmp_path / "df-2020-01-01.txt", (1, 1))
    touched = ingest(site, workers=0)
    assert sum(load.count("unchanged") for load in touched.loads) == 2
    assert sum(plan.inputs for plan in prepare(site, (), Span())) == 0
    assert _used(site) == [100, 200, 300, 400]


def test_days_bound_what_is_loaded(site: Site) -> None:
    ingest(site, span=Span(date(2020, 1, 2), date(2020, 1, 3)), workers=0)
    assert _used(site) == [300, 400]


def test_found_is_loaded_and_unchanged_and_rejected(site: Site, tmp_path: Path) -> None:
    """P5: holds for every load, whatever its inputs."""
    ingest(site, workers=0)
    (tmp_path / "df-2020-01-03.txt").write_text("not what lfs df prints\n")
    (tmp_path / "df-2020-01-01.txt").write_text("")
    report = ingest(site, workers=0)
    for load in report.loads:
        parts = [load.count(s) for s in ("loaded", "unchanged", "rejected", "superseded")]
        assert load.found == sum(parts) == 1
    assert report.rejected == 2
    rejects = Lake(site.lake_uri).sql("SELECT uri, reason FROM rejects ORDER BY uri").fetchall()
    assert [Path(uri).name for uri, _ in rejects] == ["df-2020-01-01.txt", "df-2020-01-03.txt"]
    assert all(reason for _, reason in rejects)


def test_a_rejected_new_content_leaves_the_old_rows(site: Site, tmp_path: Path) -> None:
    """P5: a broken content leaves the old rows; the good content that follows replaces them."""
    ingest(site, workers=0)
    (tmp_path / "df-2020-01-01.txt").write_text("")
    ingest(site, workers=0)
    assert _used(site) == [100, 200, 300, 400]
    (tmp_path / "df-2020-01-01.txt").write_text(_df(1577880000, 111, 222))
    ingest(site, workers=0)
    assert _used(site) == [111, 222, 300, 400]


def test_each_row_leads_to_the_file_it_came_from(site: Site, tmp_path: Path) -> None:
    """P10: by input_id to the file, its hash and the extractor's version; by load_id to the load."""
    ingest(site, workers=0)
    rows = Lake(site.lake_uri).sql(
        "SELECT DISTINCT date, i.uri, i.content_hash, i.extractor_version, l.source FROM lustre_df d "
        "JOIN inputs i USING (input_id, load_id) JOIN loads l USING (load_id) ORDER BY ALL"
    )
    found = rows.fetchall()
    assert [Path(row[1]).name for row in found] == ["df-2020-01-01.txt", "df-2020-01-02.txt"]
    assert all(len(row[2]) == 32 and row[3] >= 1 and row[4] == "df" for row in found)


def test_workers_give_the_same_lake_as_one_process(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iolake.pipelines.ingest._BUNDLE_INPUTS", 1)
    assert len(bundles(prepare(site, (), Span()))) == 2
    ingest(site, workers=2)
    assert _used(site) == [100, 200, 300, 400]


def test_an_unknown_source_is_named_with_what_is_known(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="dff"):
        ingest(site, ["dff"], workers=0)
    wrong = site.model_copy(
        update={
            "file_systems": {
                "fs": site.file_systems["fs"].model_copy(
                    update={"sources": {"darshan": site.file_systems["fs"].sources["df"]}}
                )
            }
        }
    )
    with pytest.raises(SiteError, match=r"file_systems\.fs\.darshan"):
        ingest(wrong, workers=0)
