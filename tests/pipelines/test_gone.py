"""Rejects are of what is there now: one whose file is gone, renamed or no longer named by site.toml leaves the lake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from iolake.extractors.base import Span
from iolake.pipelines import registry
from iolake.pipelines.ingest import ingest
from iolake.warehouse.lake import Lake
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
    """P5: found = loaded + rejected counts what is there, and the other reject stays."""
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
