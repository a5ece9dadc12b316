"""A reject leaves the lake once its file is gone, was renamed, or is no longer named by site.toml."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from iolake.extractors.base import Input, Span
from iolake.pipelines import registry
from iolake.pipelines.gone import forget_gone
from iolake.pipelines.ingest import ingest
from iolake.pipelines.stage import record
from iolake.schemas.inputs import values
from iolake.schemas.ledger import INPUTS
from iolake.schemas.site import Site
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.lake import Lake
from iolake.warehouse.records import new_id
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.toy import TOYS, Centre


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    monkeypatch.setattr(registry, "extractors", lambda: TOYS)
    return Centre(tmp_path)


def rejected(centre: Centre) -> list[str]:
    rows = Lake(centre.site.lake_uri).sql(
        "SELECT uri FROM rejects UNION SELECT uri FROM inputs WHERE status = 'rejected'"
    )
    return sorted(Path(uri).name for (uri,) in rows.fetchall())


def test_the_reject_of_a_file_that_is_gone_goes_with_it(centre: Centre) -> None:
    """P5: found = loaded + rejected counts the files that are there, and the other reject stays."""
    first = centre.write("2017-03-20.json", "no JSON")
    centre.write("2017-03-21.json", "no JSON")
    centre.write("2017-03-22.json", {})
    ingest(centre.site, workers=0)
    assert rejected(centre) == ["2017-03-20.json", "2017-03-21.json"]
    first.unlink()
    ingest(centre.site, workers=0, span=Span(date(2017, 3, 21), date(2017, 3, 22)))
    assert rejected(centre) == ["2017-03-20.json", "2017-03-21.json"], "a run that did not look at its day"
    ingest(centre.site, workers=0)
    assert rejected(centre) == ["2017-03-21.json"]
    snapshots = len(centre.lake.history())
    ingest(centre.site, workers=0)
    assert len(centre.lake.history()) == snapshots


def test_a_file_that_loads_after_all_is_no_reject(centre: Centre) -> None:
    centre.write("2017-03-20.json", "no JSON")
    ingest(centre.site, workers=0)
    assert rejected(centre) == ["2017-03-20.json"]
    centre.write("2017-03-20.json", {})
    ingest(centre.site, workers=0)
    assert rejected(centre) == []


def site_of(root: Path, files: str) -> Site:
    return Site.model_validate({"root": str(root), "clusters": {"c": {"slurm": {"files": files}}}})


def test_the_reject_of_a_list_that_failed_goes_once_the_source_can_be_listed(tmp_path: Path) -> None:
    """P5: one line names the path. The fault is the site's, so the line asks for no bug report."""
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    broken, mended = site_of(tmp_path, "loop.txt"), site_of(tmp_path, "s.txt")
    assert ingest(broken, workers=1).rejected == 1
    ((reason,),) = Lake(broken.lake_uri).sql("SELECT reason FROM rejects").fetchall()
    assert "loop.txt: Too many levels of symbolic links; check the path" in reason and "report" not in reason
    (tmp_path / "s.txt").write_text("JobIDRaw|Submit|End\n1|10|20\n")
    ingest(mended, workers=1)
    assert Lake(mended.lake_uri).sql("SELECT * FROM rejects").fetchall() == []


def test_a_pattern_that_names_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "sacct").mkdir()
    assert ingest(site_of(tmp_path, "sacct"), workers=1).failures == [
        "slurm of c: nothing was found; sacct is a folder; write sacct/* for its files"
    ]


def test_a_folder_that_is_away_for_one_run_keeps_its_rejects(tmp_path: Path) -> None:
    """P5: an empty listing or a missing sub-folder does not prove that a file is gone."""
    for name in ("a", "b"):
        (tmp_path / "s" / name).mkdir(parents=True)
        (tmp_path / "s" / name / "x.txt").write_text(f"no accounting {name}\n")
    site = site_of(tmp_path, "s/*/x.txt")
    assert ingest(site, workers=0).rejected == 2
    for away in ("s/a", "s"):
        (tmp_path / away).rename(tmp_path / "away")
        ingest(site, workers=0)
        assert Lake(site.lake_uri).sql("SELECT count(*) FROM rejects").fetchall() == [(2,)], away
        (tmp_path / "away").rename(tmp_path / away)


INPUT = Input("slurm", "c", "/s/x")


@pytest.mark.parametrize(
    ("input", "stays"),
    [
        (replace(INPUT, uri="sacct#2026-01-05", day=date(2026, 1, 5), size_bytes=0, mtime=datetime(2026, 1, 13)), True),
        (replace(INPUT, uri="sacct#2026-01-05", day=date(2026, 1, 5)), True),
        (replace(INPUT, uri="s3://b/x", size_bytes=9), False),
        (replace(INPUT, uri="mysql://host/db"), False),
        (replace(INPUT, uri="mysql://host/other"), True),
    ],
)
def test_only_files_and_databases_reached_again_are_gone(tmp_path: Path, input: Input, stays: bool) -> None:
    """P5: the reject of a day stays, and so does one of a load that was not listed."""
    site = site_of(tmp_path, "*.txt")
    warehouse = Warehouse(site.lake_uri)
    row = values(record(input, "rejected")) | {"load_id": new_id(), "extractor_version": 1}
    (tmp_path / "first.txt").write_text("JobIDRaw|Submit|End\n1|10|20\n")
    ingest(site, workers=0)
    before = warehouse.newest()

    def reject(catalog: Catalog, _: int) -> bool:
        catalog.insert(INPUTS, [row])
        return True

    warehouse.publish(reject, "load")
    found = [replace(INPUT, uri="mysql://host/db#2026-01-01")]
    assert forget_gone(site, ("slurm",), Span(), found, before) is None
    assert (forget_gone(site, ("slurm",), Span(), found, warehouse.newest()) is None) == stays
