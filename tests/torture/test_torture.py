"""P1 to P3, P5, P7: some seconds of what `make torture` does for hours."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from iolake import schemas
from iolake.pipelines import registry
from iolake.warehouse import catalog, heartbeat
from tests.torture.run import torture
from tests.warehouse.toy import TABLES, TOYS

SECONDS = 8


def test_a_tortured_lake_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, raced for, damaged, without room: what the inputs say is there, once, and readers see whole versions."""
    monkeypatch.setattr(heartbeat, "WATCH_S", heartbeat.WATCH_S)
    with (
        patch.object(registry, "extractors", lambda: TOYS),
        patch.object(schemas, "tables", lambda: TABLES),
        patch.object(catalog, "sql_files", dict),
    ):
        counts, violations = torture(SECONDS, seed=13)
    assert violations == []
    assert counts["loads"]
    assert counts["reads"]
