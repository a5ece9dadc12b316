"""A newest snapshot that was cut short stops no reader, and `rebuild` mends it."""

from __future__ import annotations

import logging

import pytest

from iolake.warehouse import garbage
from iolake.warehouse.errors import SnapshotDamaged
from iolake.warehouse.rebuild import rebuild
from tests.warehouse.toy import Centre, df, expected, rows


@pytest.mark.parametrize("left", [0.0, 0.001, 0.5, 0.99])
def test_readers_fall_back_writers_refuse_and_rebuild_mends(
    centre: Centre, caplog: pytest.LogCaptureFixture, left: float
) -> None:
    """P1, P10: no data file that only the damaged snapshot names is lost."""
    for used in range(2):
        centre.write(f"2017-03-2{used}.json", {"lustre_df": [df("a", 1 + 24 * used, used)]})
        centre.ingest()
    newest = centre.root / "lake" / "catalog" / "00000001.duckdb"
    assert newest.stat().st_mode & 0o777 == 0o444
    content = newest.read_bytes()
    newest.unlink()
    newest.write_bytes(content[: int(len(content) * left)])
    with caplog.at_level(logging.WARNING, "iolake"):
        assert rows(centre.lake) == expected("lustre_df", df("a", 1, 0))
    assert "00000001.duckdb: truncated" in caplog.text
    with pytest.raises(SnapshotDamaged, match="iolake rebuild"):
        centre.ingest()
    with pytest.raises(SnapshotDamaged):
        garbage.collect(centre.warehouse, 0, 0)
    assert rebuild(centre.warehouse) == 2
    whole = expected("lustre_df", df("a", 1, 0), df("a", 25, 1))
    assert rows(centre.lake) == whole
    centre.ingest()
    garbage.collect(centre.warehouse, 0, 0)
    assert rows(centre.lake) == whole
