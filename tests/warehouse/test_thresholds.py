"""Thresholds of findings that a site sets: they live in the snapshot, and make stale what uses them."""

from __future__ import annotations

import pytest

from iolake.schemas.site import Site
from iolake.warehouse.derive import stale
from iolake.warehouse.site_facts import set_site_facts
from tests.warehouse.by_hand import Loaded

pytestmark = pytest.mark.usefixtures("all_tables")


def set_thresholds(loaded: Loaded, thresholds: dict[str, float]) -> int | None:
    return set_site_facts(loaded.warehouse, Site(findings=thresholds))


def test_a_changed_threshold_makes_the_marts_that_use_it_stale_and_no_others(fresh: Loaded) -> None:
    """P1: a rule of runs touches no file system's day; one of both touches both."""
    set_thresholds(fresh, {"small-reads": 50})
    assert set(stale(fresh.warehouse)) == {"findings", "job_verdict"}
    fresh.derive()
    assert stale(fresh.warehouse) == {}
    set_thresholds(fresh, {"small-reads": 50, "unwatched": 10})
    assert set(stale(fresh.warehouse)) == {"findings", "job_verdict", "file_system_findings"}
    fresh.assert_right()


def test_rows_follow_the_threshold_of_their_snapshot(fresh: Loaded) -> None:
    """All of the day was seen: only a threshold of more than that finds something."""
    asked = "SELECT DISTINCT value, threshold FROM file_system_findings WHERE code = 'unwatched'"
    rule = "SELECT threshold, default_threshold FROM finding_rules WHERE code = 'unwatched'"
    assert fresh.lake.sql(asked).fetchall() == []
    set_thresholds(fresh, {"unwatched": 101})
    assert fresh.lake.sql(asked).fetchall() == [(100.0, 101.0)]
    assert fresh.lake.sql(rule).fetchall() == [(101.0, 95.0)]
    set_thresholds(fresh, {})
    assert fresh.lake.sql(asked).fetchall() == []


def test_the_same_thresholds_again_publish_nothing(fresh: Loaded) -> None:
    """P2"""
    assert set_thresholds(fresh, {"small-reads": 50}) is not None
    assert set_thresholds(fresh, {"small-reads": 50.0}) is None


def test_a_changed_model_makes_the_marts_stale_that_read_its_mart() -> None:
    """P1: the verdict rests on findings, whose model names the rules."""
    from iolake.warehouse import freshness
    from iolake.warehouse.views import sql_files

    texts = sql_files()
    other = texts | {"findings_model": texts["findings_model"].replace(">= 1000", ">= 999")}
    changed = {
        m.name for m in freshness.marts() if freshness.model_hash(m, texts, {}) != freshness.model_hash(m, other, {})
    }
    assert changed == {"findings", "job_verdict"}
