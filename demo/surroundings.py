"""What stands around the centre's file systems: the networks of its machines, drives, nodes' sensors, and the way out.

topology/osprey.txt                     xtdb2proc: a torus, four nodes a blade, 64 a cabinet
topology/heron/%Y-%m-%d.conf            Slurm's topology.conf: 16 nodes a switch, all switches below one
ssd/osprey/%Y-%m-%d/<node>/nvme0.json   smartctl -j of osprey's first nodes
collectd/osprey/%Y-%m-%d.json.gz        what collectd read on these nodes, as hits of a search
gridftp/%Y-%m-%d.log                    results of jobs that left by the endpoint harbour, and inputs that came
snmp/%Y-%m-%d.csv                       octets of harbour's interface
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from iolake.demo.jobs import Job
from iolake.demo.world import Cluster, World, local_days

SITE = """
[endpoints.harbour]
timezone = "UTC"
gridftp = { files = "gridftp/%Y-%m-%d.log" }
interface_counters = { files = "snmp/%Y-%m-%d.csv" }
"""
"""The endpoint's part of site.toml."""
DATA_UNIT = 512_000
SENSED_S = 600
"""collectd's interval here."""
COUNTED_S = 300
"""Time between two readings of the interface."""
_EQUIPPED = 4
"""Nodes of osprey that have a drive, and collectd on it."""
_PER_SWITCH = 16
_RATE = 400e6
_MOST_TRANSFERS = 40


class NodePlace(TypedDict):
    """Where a node is; what a machine's tool does not print is null."""

    x: int | None
    y: int | None
    z: int | None
    cabinet: str | None
    switch: str | None


class DriveTruth(TypedDict):
    """A drive on a day; `ts` is in epoch seconds."""

    ts: int
    node: str
    serial: str
    firmware: str
    write_bytes: int
    media_errors: int


class TransferTruth(TypedDict):
    """A file that left the centre, or came; times are epoch seconds."""

    path: str
    user: str
    operation: str
    bytes: int
    start: float
    end: float


class Surroundings(TypedDict):
    """The truth of it: places by cluster and node; (begin of an interval, amounts) by node, or of the interface."""

    places: dict[str, dict[str, NodePlace]]
    drives: list[DriveTruth]
    transfers: list[TransferTruth]
    octets: list[tuple[int, int, int]]
    written: dict[str, list[tuple[int, int]]]


def write_surroundings(root: Path, world: World, jobs: Sequence[Job], rng: np.random.Generator) -> Surroundings:
    """Write the files of all of it below `root`; return the truth."""
    osprey, heron = world.clusters
    transfers = _transfers(world, jobs)
    equipped = [osprey.node_format.format(node + 1) for node in range(_EQUIPPED)]
    truth: Surroundings = {
        "places": {osprey.name: _torus(osprey, jobs), heron.name: _tree(heron, jobs)},
        "drives": _drives(world, osprey, equipped, rng),
        "transfers": transfers,
        "octets": _octets(world, transfers, rng),
        "written": {node: _written(world, rng) for node in equipped},
    }
    _write(root / "topology" / f"{osprey.name}.txt", _xtdb2proc(truth["places"][osprey.name], world.window[0]))
    _write(root / "topology" / heron.name / f"{world.start}.conf", _topology_conf(truth["places"][heron.name]))
    for drive in truth["drives"]:
        day = datetime.fromtimestamp(drive["ts"], osprey.tz).date()
        path = root / "ssd" / osprey.name / f"{day}" / drive["node"] / "nvme0.json"
        _write(path, json.dumps(_smartctl(drive), indent=2))
    _write_collectd(root / "collectd" / osprey.name, world, osprey, truth["written"])
    for day, lines in _by_day((t["end"], _gridftp(t)) for t in sorted(transfers, key=lambda t: t["end"])).items():
        _write(root / "gridftp" / f"{day}.log", "".join(lines))
    for day, lines in _by_day(_readings(truth["octets"])).items():
        _write(root / "snmp" / f"{day}.csv", "ts,router,interface,in_octets,out_octets\n" + "".join(lines))
    return truth


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _by_day(lines: Iterable[tuple[float, str]]) -> dict[date, list[str]]:
    """The lines by the UTC day of their time."""
    days: dict[date, list[str]] = {}
    for at, line in lines:
        days.setdefault(datetime.fromtimestamp(at, UTC).date(), []).append(line)
    return days


def _size(cluster: Cluster, jobs: Iterable[Job]) -> int:
    """Nodes of a cluster: as many as its jobs use, in whole switches."""
    used = max((max(job.nodes) + 1 for job in jobs if job.cluster == cluster.name and job.nodes), default=1)
    return -(-used // _PER_SWITCH) * _PER_SWITCH


def _torus(cluster: Cluster, jobs: Iterable[Job]) -> dict[str, NodePlace]:
    return {
        cluster.node_format.format(node + 1): NodePlace(
            x=node // 64, y=node // 16 % 4, z=node // 4 % 4, cabinet=f"c{node // 64}-0", switch=None
        )
        for node in range(_size(cluster, jobs))
    }


def _tree(cluster: Cluster, jobs: Iterable[Job]) -> dict[str, NodePlace]:
    return {
        cluster.node_format.format(node + 1): NodePlace(
            x=None, y=None, z=None, cabinet=None, switch=f"leaf{node // _PER_SWITCH}"
        )
        for node in range(_size(cluster, jobs))
    }


def _xtdb2proc(places: dict[str, NodePlace], at: int) -> str:
    lines = [f"BEGIN {at - 86_400}"]
    for node, (name, place) in enumerate(places.items()):
        lines.append(
            f"cpu={node % 4},slot={node // 4 % 16},cage=0,cabinet=null,cab_position={node // 64},cab_row=0,"
            f"x_coord={place['x']},y_coord={place['y']},z_coord={place['z']},process_slots=4,process_slots_free=4,"
            f"processor_status='up',processor_type='compute',alloc_mode='batch',processor_id={int(name[3:])},"
            "od_allocator_id=0,next_red_black_switch=null,processor_spec=null"
        )
    return "\n".join(lines) + "\n"


def _topology_conf(places: dict[str, NodePlace]) -> str:
    switches: dict[str, list[str]] = {}
    for name, place in places.items():
        switches.setdefault(str(place["switch"]), []).append(name)
    lines = [
        f"SwitchName={switch} Nodes={nodes[0][:2]}[{nodes[0][2:]}-{nodes[-1][2:]}]"
        for switch, nodes in switches.items()
    ]
    return "\n".join([*lines, f"SwitchName=core Switches=leaf[0-{len(switches) - 1}]"]) + "\n"


def _drives(world: World, cluster: Cluster, nodes: Sequence[str], rng: np.random.Generator) -> list[DriveTruth]:
    """Six in the morning of each day. The second drive gets new firmware on the last day, the third media errors."""
    found: list[DriveTruth] = []
    units = rng.integers(2_000_000, 60_000_000, len(nodes))
    days = [(begin, end) for _, begin, end in local_days(*world.window, cluster.tz) if end - begin > 7 * 3600]
    for number, (begin, _) in enumerate(days):
        is_last = number == len(days) - 1 > 0
        units += rng.integers(100_000, 900_000, len(nodes))
        for at, node in enumerate(nodes):
            found.append(
                DriveTruth(
                    ts=begin + 6 * 3600,
                    node=node,
                    serial=f"PHLE8{at:03d}00AB1P0D",
                    firmware="1E3" if at == 1 and is_last else "1E2",
                    write_bytes=int(units[at]) * DATA_UNIT,
                    media_errors=7 if at == 2 and is_last else 0,
                )
            )
    return found


def _smartctl(drive: DriveTruth) -> dict[str, Any]:
    return {
        "json_format_version": [1, 0],
        "smartctl": {"version": [7, 4], "exit_status": 0},
        "local_time": {"time_t": drive["ts"]},
        "device": {"name": "/dev/nvme0", "type": "nvme", "protocol": "NVMe"},
        "model_name": "A Drive 1.6TB",
        "serial_number": drive["serial"],
        "firmware_version": drive["firmware"],
        "user_capacity": {"bytes": 1_600_321_314_816},
        "smart_status": {"passed": True},
        "nvme_smart_health_information_log": {
            "critical_warning": 0,
            "temperature": 34,
            "available_spare": 100,
            "available_spare_threshold": 10,
            "percentage_used": 3,
            "data_units_read": 81_000_000,
            "data_units_written": drive["write_bytes"] // DATA_UNIT,
            "media_errors": drive["media_errors"],
            "power_on_hours": 20_411,
        },
        "temperature": {"current": 34},
        "power_cycle_count": 42,
    }


def _written(world: World, rng: np.random.Generator) -> list[tuple[int, int]]:
    """(begin of an interval, bytes that the drive wrote in it)."""
    first, last = world.window
    begins = range(first, last - SENSED_S + 1, SENSED_S)
    return [
        (at, int(rate) * SENSED_S) for at, rate in zip(begins, rng.integers(0, 50_000_000, len(begins)), strict=True)
    ]


def _write_collectd(folder: Path, world: World, cluster: Cluster, written: dict[str, list[tuple[int, int]]]) -> None:
    """A file a local day: a document ends its interval, and has rates."""
    folder.mkdir(parents=True, exist_ok=True)
    for day, begin, end in local_days(*world.window, cluster.tz):
        hits = [
            {"_id": f"{node}.{at}.{number}", "_index": f"osprey-collectd-{day}", "_source": source}
            for node, mine in written.items()
            for at, amount in mine
            if begin <= at < end
            for number, source in enumerate(_documents(node, at + SENSED_S, amount))
        ]
        (folder / f"{day}.json.gz").write_bytes(gzip.compress(json.dumps([hits, []]).encode(), mtime=0))


def _documents(node: str, at: int, amount: int) -> list[dict[str, Any]]:
    common = {"@timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000Z", "hostname": node}
    load = 20.0 + amount % 60
    return [
        common | {
            "plugin": "disk", "plugin_instance": "nvme0n1", "collectd_type": "disk_octets", "read": 0.0,
            "write": amount / SENSED_S,
        },
        common | {
            "plugin": "cpu", "plugin_instance": "0", "collectd_type": "percent", "type_instance": "idle",
            "value": 100 - load,
        },
        common | {"plugin": "memory", "collectd_type": "memory", "type_instance": "used", "value": 6.4e10},
    ]  # fmt: skip


def _transfers(world: World, jobs: Iterable[Job]) -> list[TransferTruth]:
    """Each result leaves ten minutes after its job, and each input came ten minutes before it, if there was time."""
    first, last = world.window
    found: list[TransferTruth] = []
    for job in jobs:
        files = [file for run in job.runs for file in run.files if file.file_system == "lagoon"]
        if len(found) >= _MOST_TRANSFERS or job.start is None or job.end is None or not files:
            continue
        file = files[0]
        amount = file.written or file.read
        took = round(max(0.5, amount / _RATE), 3)
        start = job.end + 600.0 if file.written else job.start - 600.0 - took
        if amount and first < start and start + took < last - COUNTED_S:
            operation = "RETR" if file.written else "STOR"
            found.append(
                TransferTruth(
                    path=file.path, user=job.user, operation=operation, bytes=amount, start=start, end=start + took
                )
            )
    return found


def _gridftp(transfer: TransferTruth) -> str:
    end, start = (f"{datetime.fromtimestamp(transfer[w], UTC):%Y%m%d%H%M%S.%f}" for w in ("end", "start"))
    return (
        f"DATE={end} HOST=dtn01.example.org PROG=globus-gridftp-server NL.EVNT=FTP_INFO START={start} "
        f"USER={transfer['user']} FILE={transfer['path']} BUFFER=87040 BLOCK=262144 NBYTES={transfer['bytes']} "
        f"VOLUME=/ STREAMS=4 STRIPES=1 DEST=[192.0.2.17] TYPE={transfer['operation']} CODE=226\n"
    )


def _octets(world: World, transfers: Iterable[TransferTruth], rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(begin of an interval, octets in, octets out): other traffic, and transfers when they ended."""
    first, last = world.window
    begins = range(first, last - COUNTED_S + 1, COUNTED_S)
    moved = rng.integers(1_000_000, 9_000_000_000, (len(begins), 2))
    for transfer in transfers:
        moved[int(transfer["end"] - first) // COUNTED_S, int(transfer["operation"] == "RETR")] += transfer["bytes"]
    return [(at, int(into), int(out)) for at, (into, out) in zip(begins, moved, strict=True)]


def _readings(octets: Sequence[tuple[int, int, int]]) -> Iterable[tuple[float, str]]:
    """A reading at the begin of each interval, and one at the end of the last."""
    into, out = 7_000_000, 3_000_000
    for at, more_in, more_out in octets:
        yield at, f"{at},hb-rt1,xe-0/0/0,{into},{out}\n"
        into, out = into + more_in, out + more_out
    end = octets[-1][0] + COUNTED_S
    yield end, f"{end},hb-rt1,xe-0/0/0,{into},{out}\n"
