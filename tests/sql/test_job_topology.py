"""How far apart a run's nodes were, and what they shared."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.warehouse import Lake
from tests.conftest import Fill

START = datetime(2026, 3, 10, 12)


def run(nodes: list[str] | None, run_id: str = "7.1", **more: Any) -> dict[str, Any]:
    base = {
        "cluster": "c",
        "run_id": run_id,
        "job_id": int(run_id.partition(".")[2]),
        "submit_time": START,
        "submit_known": True,
        "restart": 0,
    }
    times = {"start_time": START, "end_time": START + timedelta(hours=1), "date": START.date()}
    return base | times | {"nodes": nodes} | more


def place(node: str, days: Any = -1, **more: Any) -> dict[str, Any]:
    ts = START + timedelta(days=days)
    return {"cluster": "c", "node": node, "ts": ts, "date": ts.date()} | more


def topology(lake: Lake, columns: str) -> list[tuple[Any, ...]]:
    return lake.sql(f"SELECT {columns} FROM job_topology ORDER BY run_id").fetchall()


def test_a_radius_is_the_distance_from_the_nodes_centre(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(["n1", "n2", "n3"]))
    fill("topology", place("n1", x=0, y=0, z=0), place("n2", x=6, y=8, z=0), place("n3", x=3, y=4, z=0))
    assert topology(lake, "nodes, nodes_placed, radius_min, radius_max, radius_mean") == [
        (3, 3, 0.0, 5.0, pytest.approx(10 / 3))
    ]


def test_switches_groups_and_cabinets_are_counted_and_the_lowest_common_switch_named(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(["n1", "n2", "n3"]), run(["n1", "n2"], "7.2"), run(["n1", "n4"], "7.3"))
    leaf1, leaf2 = ({"switch": leaf, "switches": [leaf, "s1", "top"]} for leaf in ("l1", "l2"))
    fill(
        "topology",
        place("n1", **leaf1, network_group="g1", cabinet="c0"),
        place("n2", **leaf1, network_group="g1", cabinet="c1"),
        place("n3", **leaf2, network_group="g2", cabinet="c1"),
        place("n4", network_group="g3"),
    )
    assert topology(lake, "run_id, switches, groups, cabinets, shared_switch") == [
        ("7.1", 2, 2, 2, "s1"),
        ("7.2", 1, 1, 2, "l1"),
        ("7.3", None, 2, None, None),
    ]


def test_the_snapshot_is_the_newest_at_the_start_else_the_clusters_first(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(["n1"]), run(["n2"], "7.2"), run(["n1"], "7.3", cluster="late"))
    fill("topology", *(place("n1", days, switches=[f"s{days}"]) for days in (-9, -2, 3)), place("n2", -9))
    fill("topology", *(place("n1", days, switches=[f"s{days}"], cluster="late") for days in (5, 2)))
    assert topology(lake, "run_id, nodes_placed, shared_switch") == [
        ("7.1", 1, "s-2"),
        ("7.2", 0, None),
        ("7.3", 1, "s2"),
    ]


def test_an_unknown_node_leaves_the_radius_null(lake: Lake, fill: Fill) -> None:
    """P12: a radius of half the nodes is not the run's."""
    fill("slurm_jobs", run(["n1", "n2"]), run(None, "7.2"), run(["n1"], "7.3", cluster="no snapshots"))
    fill("topology", place("n1", x=0, y=0, z=0))
    assert topology(lake, "run_id, nodes_placed, radius_max, groups") == [
        ("7.1", 1, None, None),
    ]


def test_a_job_summary_has_the_topology_where_known(lake: Lake, fill: Fill) -> None:
    """P6: the columns of a run whose cluster has no snapshot are null."""
    fill("slurm_jobs", run(["n1", "n2"]), run(["n1"], "7.2", cluster="no snapshots"))
    fill("topology", *(place(n, x=x, switch="s1", network_group=n) for n, x in (("n1", 0), ("n2", 4))))
    columns = "run_id, radius_min, radius_max, radius_mean, switches, groups, cabinets"
    assert lake.sql(f"SELECT {columns} FROM job_summary ORDER BY run_id").fetchall() == [
        ("7.1", 2.0, 2.0, 2.0, 1, 2, None),
        ("7.2", None, None, None, None, None, None),
    ]
