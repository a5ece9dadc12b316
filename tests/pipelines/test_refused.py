"""An input without a valid row is rejected, with the most frequent reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake


def loaded(tmp_path: Path, source: str, content: str) -> tuple[str, str, int, int]:
    """(status, reason, rows, number of rejects) of the input in the ledger."""
    (tmp_path / "in.txt").write_text(content)
    sources = {"timezone": "Europe/Paris", source: {"files": str(tmp_path / "in.txt")}}
    site = Site.model_validate({"lake": {"uri": str(tmp_path / "lake")}, "clusters": {"c": sources}})
    ingest(site, workers=0)
    lake = Lake(tmp_path / "lake")
    ((status, reason, rows),) = lake.sql("SELECT status, reason, rows FROM inputs").fetchall()
    ((rejects,),) = lake.sql("SELECT count(*) FROM rejects").fetchall()
    return status, reason or "", rows, rejects


@pytest.mark.parametrize(
    ("source", "header", "bad", "good"),
    [
        ("slurm", "JobIDRaw|Submit|Start|End", "1|10|20|2026-03-29T02:30:00", "2|10|20|30"),
        ("jobs", "scheduler_id,start_time,end_time", "1,soon,20", "2,10,20"),
    ],
)
def test_no_row_left_is_a_rejected_input_and_one_row_left_a_loaded_one(
    tmp_path: Path, source: str, header: str, bad: str, good: str
) -> None:
    """P5: found = loaded + unchanged + rejected, and loaded means rows."""
    status, reason, rows, rejects = loaded(tmp_path, source, "\n".join([header, *[bad] * 30, ""]))
    assert (status, rows) == ("rejected", 0) and "reason of 30" in reason and rejects > 1
    status, _, rows, _ = loaded(tmp_path, source, "\n".join([header, bad, good, ""]))
    assert (status, rows) == ("loaded", 1)


def test_a_header_alone_is_loaded_without_rows(tmp_path: Path) -> None:
    """P5: the input has no rows to reject."""
    assert loaded(tmp_path, "slurm", "JobIDRaw|End|Sparkle\n")[0] == "loaded"
