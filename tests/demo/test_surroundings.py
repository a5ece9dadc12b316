"""Networks, drives, sensors and transfers around the simulated file systems, compared with its truth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from iolake.demo.surroundings import NodePlace
from iolake.demo.truth import Truth
from iolake.warehouse.lake import Lake


def rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    return lake.sql(query).fetchall()


def test_each_node_lies_where_the_machines_tools_say(demo_lake: Lake, demo_truth: Truth) -> None:
    """P6: what a tool does not print is null."""
    found = rows(demo_lake, "SELECT cluster, node, x, y, z, cabinet, switch FROM topology")
    expected = {
        (cluster, node, *(place[part] for part in ("x", "y", "z", "cabinet", "switch")))
        for cluster, places in demo_truth.around["places"].items()
        for node, place in places.items()
    }
    assert len(found) == len(expected)
    assert set(found) == expected


def radius(places: list[NodePlace]) -> float | None:
    """Mean distance of the nodes from their centre."""
    if places[0]["x"] is None:
        return None
    at = np.array([[place["x"], place["y"], place["z"]] for place in places], float)
    return float(np.linalg.norm(at - at.mean(axis=0), axis=1).mean())


def test_each_run_spans_what_its_nodes_lie_in(demo_lake: Lake, demo_truth: Truth) -> None:
    """The job's summary has the same."""
    columns = "s.cluster, s.job_id, nodes, nodes_placed, s.radius_mean, s.switches, s.cabinets"
    query = f"SELECT {columns} FROM job_summary s JOIN job_topology t USING (cluster, run_id)"
    found = {row[:2]: row[2:] for row in rows(demo_lake, query)}
    checked = 0
    for job in demo_truth.jobs:
        if (job["cluster"], job["job_id"]) not in found or job["role"] != "crowd":
            continue
        places = [demo_truth.around["places"][job["cluster"]][node] for node in job["nodes"]]
        nodes, placed, mean, switches, cabinets = found[job["cluster"], job["job_id"]]
        assert (nodes, placed) == (len(places), len(places))
        assert mean == pytest.approx(radius(places), abs=1e-9)
        spanned = [len({place[part] for place in places} - {None}) or None for part in ("switch", "cabinet")]
        assert [switches, cabinets] == spanned
        checked += 1
    assert checked > 20


def test_drives_show_what_they_wrote_and_what_changed(demo_lake: Lake, demo_truth: Truth) -> None:
    """Firmware 1E3 is a text, though it could be read as a number."""
    drives = demo_truth.around["drives"]
    query = "SELECT epoch(ts)::BIGINT, node, ssd, firmware, write_bytes, media_errors FROM ssd_health"
    assert sorted(rows(demo_lake, query)) == sorted(tuple(drive.values()) for drive in drives)
    days = sorted({datetime.fromtimestamp(drive["ts"], UTC).date() for drive in drives})
    query = (
        f"SELECT node, write_bytes, errors, changed FROM ssd_changes('osprey', '{days[0]}', '{days[-1]}') ORDER BY node"
    )
    old, new = (
        [d for d in drives if datetime.fromtimestamp(d["ts"], UTC).date() == day] for day in (days[0], days[-1])
    )
    found = rows(demo_lake, query)
    assert [row[:2] for row in found] == [
        (o["node"], n["write_bytes"] - o["write_bytes"]) for o, n in zip(old, new, strict=True)
    ]
    assert [row[2] for row in found] == [[], [], [{"counter": "media_errors", "was": 0, "has": 7}], []]
    totals = f"SELECT total, drives, unknown FROM ssd_change_totals('osprey', '{days[0]}', '{days[-1]}')"
    written = sum(n["write_bytes"] - o["write_bytes"] for o, n in zip(old, new, strict=True))
    assert rows(demo_lake, f"{totals} WHERE counter = 'write_bytes'") == [(written, len(old), 0)]
    assert rows(demo_lake, f"{totals} WHERE counter = 'media_errors'") == [(7, 1, None)]
    assert [row[3] for row in found][1] == [{"attribute": "firmware", "was": "1E2", "has": "1E3"}]


def test_transfers_are_those_of_the_jobs_files(demo_lake: Lake, demo_truth: Truth) -> None:
    """Each is of a file system, so that it joins to the jobs that used the file."""
    query = "SELECT path, user_name, operation, bytes, epoch(start_time), epoch(end_time), file_system FROM transfers"
    moved = demo_truth.around["transfers"]
    assert len(moved) > 5
    found = sorted(rows(demo_lake, query))
    for row, expected in zip(found, sorted((*t.values(), "lagoon") for t in moved), strict=True):
        assert row == pytest.approx(expected, abs=1e-3)
    (sums,) = rows(demo_lake, "SELECT sum(bytes_in), sum(bytes_out) FROM transfer_hour")
    into, out = (sum(t["bytes"] for t in moved if t["operation"] == way) for way in ("STOR", "RETR"))
    assert sums == pytest.approx((into, out), abs=len(moved))  # each hour's share is rounded
    used = "FROM transfers JOIN darshan_posix USING (path, file_system) JOIN job_darshan USING (cluster, log_id)"
    assert rows(demo_lake, f"SELECT count(DISTINCT transfer_id) > 0 {used}") == [(True,)]


def test_the_interface_counted_each_octet(demo_lake: Lake, demo_truth: Truth) -> None:
    query = "SELECT epoch(ts)::BIGINT, net_in_bytes, net_out_bytes FROM network_interface ORDER BY ts"
    assert [list(row) for row in rows(demo_lake, query)] == [list(row) for row in demo_truth.around["octets"]]


def test_nodes_sensors_show_what_their_drives_wrote(demo_lake: Lake, demo_truth: Truth) -> None:
    query = "SELECT node, epoch(ts)::BIGINT, write_bytes FROM node_disk ORDER BY ALL"
    written = demo_truth.around["written"]
    assert rows(demo_lake, query) == sorted((node, at, amount) for node, mine in written.items() for at, amount in mine)
    (counts,) = rows(demo_lake, "SELECT (FROM node_cpu SELECT count(*)), (FROM node_memory SELECT count(*))")
    assert counts == (sum(map(len, written.values())),) * 2
