"""The notebooks run from top to bottom on the demo's lake, and their tables are the lake's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from iolake import Lake, reports
from iolake.reports.charts import theme
from iolake.reports.pictures import NothingToDraw

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def run(name: str) -> dict[str, Any]:
    """What the cells of a notebook define; a cell that raises fails."""
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", NOTEBOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, defined = module.app.run()
    return dict(defined)


def test_each_notebook_runs_and_shows_what_the_lake_has(
    demo_centre: Path, demo_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOLAKE_LAKE", str(demo_centre / "lake"))
    names = {path.stem for path in NOTEBOOKS.glob("*.py")}
    found = {name: run(name) for name in sorted(names)}
    assert names == {"first_join", "jobs_with_polars", "tokio_study", "capacity_plan"}
    assert all(f"`{name}.py`" in (NOTEBOOKS / "README.md").read_text() for name in names)

    first = found["first_join"]
    (written,) = demo_lake.sql("SELECT sum(POSIX_BYTES_WRITTEN) FROM darshan_posix").fetchall()[0]
    assert first["written"]["written"].sum() == written > 0
    assert set(first["joined"]["file_system"]) == {"estuary", "fjord", "lagoon"}

    users = found["jobs_with_polars"]["users"]
    (runs, measured) = demo_lake.sql("SELECT count(*), count(read_bytes + write_bytes) FROM job_summary").fetchall()[0]
    assert (users["runs"].sum(), users["runs_measured"].sum()) == (runs, measured)
    assert 0 < measured < runs
    assert users.filter(users["runs_measured"] == 0)["moved_tib"].null_count() > 0, "unknown, not zero (P6)"

    study = found["tokio_study"]
    assert study["study"]["moved"].min() > 2**30
    assert 0 < study["study"]["normalised_performance"].drop_nulls().max() <= 1
    assert set(study["table"]["metric"]) >= {"cf_bw", "cf_opens", "cf_node_hours"}

    plan = found["capacity_plan"]["plan"]
    trend = found["capacity_plan"]["trend"].filter(pl.col("target").is_null())
    full = plan.filter(pl.col("limit_pct") == 100)["days_left"].item()
    assert full == pytest.approx(trend["days_to_full"].item()) or trend["days_to_full"].item() is None


def test_a_picture_is_a_chart_that_a_notebook_changes(demo_lake: Lake) -> None:
    """P12: a notebook has no pattern for what was not seen, so it is grey there, and never invisible."""
    since, until = demo_lake.sql(
        "SELECT min(ts), max(ts) FROM file_system_hour WHERE file_system = 'lagoon'"
    ).fetchall()[0]
    for picture in (reports.bandwidth, reports.metadata, reports.target_heat):
        chart = picture(demo_lake, "lagoon", since, until).properties(title="changed")
        assert chart.to_dict()["title"] == "changed"
        assert theme.UNSEEN not in chart.to_json()
    with pytest.raises(NothingToDraw, match="no counts of the servers of nowhere"):
        reports.bandwidth(demo_lake, "nowhere", since, until)
    with pytest.raises(NothingToDraw, match="no day of nowhere"):
        reports.fullness(demo_lake, "nowhere", since.date(), until.date())
