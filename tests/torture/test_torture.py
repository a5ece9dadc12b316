"""P1 to P3, P5, P7: some seconds of what `make torture` does for hours."""

from __future__ import annotations

import random
from pathlib import Path
from unittest.mock import patch

import pytest

from iolake import schemas
from iolake.pipelines import registry
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import heartbeat, views
from tests.torture.commands import CONTESTED, NOT_STARTED, Commands, has_namespaces
from tests.torture.run import torture
from tests.warehouse.toy import TABLES, TOYS

SECONDS = 5


def test_a_tortured_lake_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, raced for, damaged, without room: what the inputs say is there, once, and readers see whole versions."""
    monkeypatch.setattr(heartbeat, "WATCH_S", heartbeat.WATCH_S)
    with (
        patch.object(registry, "extractors", lambda: TOYS),
        patch.object(schemas, "tables", lambda: TABLES),
        patch.object(views, "sql_files", dict),
    ):
        counts, violations = torture(SECONDS, seed=13)
    assert violations == []
    assert counts["loads"]
    assert counts["reads"]


def test_a_host_that_loses_a_worker_and_one_with_a_late_clock_both_load(tmp_path: Path) -> None:
    """P3, P5, P7: two pid namespaces load at once, one of them 26 h ahead; what the inputs say is there, once."""
    if not has_namespaces():
        pytest.skip("pid namespaces need root and unshare")
    lake = Commands(tmp_path, random.Random(13))
    site = Site.read(tmp_path / "site.toml")
    chance, is_killed, tries = random.Random(13), False, 0
    while not is_killed and tries < 4:  # where the command ended first
        tries += 1
        lake.write(1, 2)
        slow = lake.start("ingest", "--workers", "1", host=True, slow_s=0.3)
        fast = lake.start("ingest", "--workers", "1", host=True, shift_s=26 * 3600)
        is_killed = slow.kill_worker(chance, within_s=0.5)
        fast.end(CONTESTED)
        slow.end(CONTESTED, *(NOT_STARTED if is_killed else ()))
    assert is_killed
    ingest(site, workers=0)
    lake.check_whole(deep=False)
