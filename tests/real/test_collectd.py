"""The real collectd samples: an hour of Cori's burst buffer in 2017, and the sums that pytokio makes of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.collectd import Collectd
from iolake.schemas.site import Site
from tests.extractors.reading import everything


def read(samples: Path, name: str) -> dict[str, list[dict[str, Any]]]:
    owner = {"collectd": {"files": f"pytokio/{name}"}}
    site = Site.model_validate({"root": str(samples), "clusters": {"cori": owner}})
    rows, rejects, outcome = everything(Collectd(), site)
    assert (rejects, outcome) == ({}, "loaded")
    return rows


def test_the_rates_add_up_to_pytokios(samples: Path) -> None:
    """360 steps of 10 s; of two documents in a step pytokio keeps the later one. 64 disks, 16,002 cells missing."""
    rows = read(samples, "sample_collectdes-full.json.gz")["node_disk"]
    assert len({(row["node"], row["device"]) for row in rows}) == 64
    cells: dict[tuple[str, str, int], tuple[float, dict[str, Any]]] = {}
    for row in rows:
        end = (row["ts"] - datetime(1970, 1, 1)).total_seconds() + row["interval_s"]
        cell = row["node"], row["device"], int(end // 10)
        cells[cell] = max(cells.get(cell, (0.0, row)), (end, row), key=lambda pair: pair[0])
    assert 360 * 64 - len(cells) == 16002
    for column, total in {"read_bytes": 1659515011.3151903, "write_bytes": 6409486926.811276}.items():
        rates = sum(row[column] / row["interval_s"] for _, row in cells.values())
        assert rates == pytest.approx(total, rel=1e-6)


def test_processors_memory_and_disks_each_have_their_table(samples: Path) -> None:
    """300 documents of three plugins, each as often as its page was saved."""
    rows = read(samples, "collectdes_cpuloads.json.gz")
    assert {name: len(found) > 0 for name, found in rows.items()} == {
        "node_disk": True,
        "node_cpu": True,
        "node_memory": True,
    }
    assert all(0 <= row["cpu_user_pct"] <= 100 for row in rows["node_cpu"] if row["cpu_user_pct"] is not None)
