"""Checks the lake's servers, NSDs, disks and hours of the Storage Scale file system against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np

from iolake.demo.check.compare import compare
from iolake.demo.formats.mmcommands import QUORUM, Disk, uid
from iolake.demo.scale_clients import STEP_S, space_times
from iolake.demo.scale_servers import INODES, MEMORY_MB, SETTINGS, SNAPSHOT_AT_S, disks_at
from iolake.demo.servers import Mask
from iolake.demo.truth import Truth
from iolake.demo.world import local_days

_MB = 1 << 20


def scale_differences(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """The differences between the tables of Storage Scale and the truth."""
    checks = (_nsds, _servers, _clients, _hours, _disk_hours, _space, _settings)
    return [line for check in checks for line in check(con, truth)]


def _seen(truth: Truth) -> Mask:
    """Which values of NSDs were measured, the metadata NSD's last: (steps, NSDs + 1)."""
    seen = ~truth.scale_faults.missing
    return np.hstack([seen, seen[:, :1]])


def _nsds(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Every interval of every NSD."""
    shown = con.execute("""
        SELECT server, nsd, role, epoch(ts)::BIGINT, interval_s, read_bytes, write_bytes FROM scale_nsd""").fetchall()
    scale, system = truth.scale, truth.scale.system
    read, written = (np.hstack([m, scale.metadata[:, way, None]]) for way, m in enumerate((scale.read, scale.written)))
    places = [(system.server(system.server_of(n)), system.nsd(n), "data") for n in range(system.nsds)]
    places.append((system.server(0), system.metadata_nsd, "metadata"))
    times = scale.times().tolist()
    happened = [
        (*places[nsd], times[step], float(scale.step_s), int(read[step, nsd]), int(written[step, nsd]))
        for step, nsd in np.argwhere(_seen(truth)).tolist()
    ]
    return compare("intervals of estuary's NSDs", happened, shown)


def _servers(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Load, memory and network of every server in every interval, as far as the printed digits go."""
    shown = con.execute("""
        SELECT server, role, epoch(ts)::BIGINT, round(100 * cpu_user_pct)::BIGINT, round(100 * cpu_sys_pct)::BIGINT,
            mem_total_bytes, mem_free_bytes, net_in_bytes, net_out_bytes
        FROM scale_server""").fetchall()
    scale, seen, times = truth.scale, _seen(truth), truth.scale.times().tolist()
    happened = [
        (
            *(scale.system.server(server), "nsd", times[step], *scale.cpu[step, server].tolist()),
            *(MEMORY_MB * _MB, int(scale.free[step, server]), *scale.net[step, server].tolist()),
        )
        for server in range(scale.system.servers)
        for step in np.flatnonzero(seen[:, server]).tolist()
    ]
    return compare("intervals of estuary's servers", happened, shown)


def _clients(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """All counters of every watched node between two readings, of mmpmon and of the exporter."""
    shown = con.execute("""
        SELECT node, epoch_us(ts), interval_s, reset, read_bytes, write_bytes, opens, closes, read_ops, write_ops,
            readdirs, inode_updates
        FROM scale_client""").fetchall()
    clients = truth.scale_clients
    happened = [
        (name, clients.read_at_us(step, node), float((until - step) * STEP_S), restarted, *amounts)
        for node, name in enumerate(clients.nodes)
        for step, until, restarted, amounts in clients.amounts(node)
    ]
    return compare("counters of estuary's clients", happened, shown)


def _hours(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Bytes of each hour of UTC, and the share of it that was seen in tenths of a per cent."""
    shown = con.execute(
        "SELECT epoch(ts)::BIGINT, read_bytes, write_bytes, osts, round(10 * seen_pct)::BIGINT "
        "FROM file_system_hour WHERE file_system = ? AND seen_pct > 0",
        [truth.scale.system.name],
    ).fetchall()
    scale, seen = truth.scale, ~truth.scale_faults.missing
    hours = scale.times() // 3600 * 3600
    happened: list[tuple[Any, ...]] = []
    for hour in np.unique(hours).tolist():
        rows = hours == hour
        watched = seen[rows]
        sums = [int(moved[rows][watched].sum()) for moved in (scale.read, scale.written)]
        part = int(watched.sum()) * scale.step_s / (3600 * scale.system.nsds)
        happened.append((hour, *sums, scale.system.nsds, round(1000 * part)))
    return compare("hours of estuary", happened, shown)


def _disk_hours(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Bytes of each NSD that holds data in each hour of UTC, and the seconds of it that were seen."""
    shown = con.execute(
        "SELECT epoch(ts)::BIGINT, ost, coalesce(read_bytes, 0), coalesce(write_bytes, 0), seen_s::BIGINT "
        "FROM ost_hour WHERE file_system = ? AND seen_s > 0",
        [truth.scale.system.name],
    ).fetchall()
    scale, seen = truth.scale, ~truth.scale_faults.missing
    hours = scale.times() // 3600 * 3600
    happened = [
        (
            *(hour, scale.system.nsd(nsd)),
            *(int(moved[rows, nsd].sum()) for moved in (scale.read, scale.written)),
            int(rows.sum()) * scale.step_s,
        )
        for nsd in range(scale.system.nsds)
        for hour in np.unique(hours[seen[:, nsd]]).tolist()
        for rows in [(hours == hour) & seen[:, nsd]]
    ]
    return compare("hours of estuary's NSDs", happened, shown)


def _snapshots(truth: Truth) -> Iterator[tuple[int, list[Disk]]]:
    """When the commands were run, and what the disks were then."""
    system = truth.scale.system
    for _, begin, _ in local_days(*truth.world.span(system), system.tz):
        yield begin + SNAPSHOT_AT_S, disks_at(truth.scale, begin + SNAPSHOT_AT_S)


def _space(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """Space of the file system, of its pools and of its disks, and the disks' state."""
    shown = con.execute("""
        SELECT 'file system', '', epoch(ts)::BIGINT, total_bytes, free_bytes, fragment_bytes, used_inodes::VARCHAR
        FROM scale_capacity
        UNION ALL
        SELECT 'pool', pool, epoch(ts)::BIGINT, total_bytes, free_bytes, fragment_bytes, NULL FROM scale_pool
        UNION ALL
        SELECT 'disk', nsd, epoch(ts)::BIGINT, max(total_bytes), max(free_bytes), max(fragment_bytes),
            concat_ws(' ', any_value(pool), any_value(failure_group), any_value(holds_metadata), any_value(status),
                any_value(availability), any_value(disk_uid), any_value(remarks))
        FROM scale_disk GROUP BY nsd, ts""").fetchall()
    happened: list[tuple[Any, ...]] = []
    for at, disks in _snapshots(truth):
        happened.append(("file system", "", at, *_sums(disks), str(INODES[0])))
        happened += [
            ("pool", pool, at, *_sums([disk for disk in disks if disk.pool == pool]), None)
            for pool in ("system", "data")
        ]
        for number, d in enumerate(disks, 1):
            state = f"{d.pool} {d.failure_group} {d.metadata}".lower() + f" ready up {uid(number)}"
            happened.append(("disk", d.nsd, at, *_sums([d]), state + " desc" * (number <= QUORUM)))
    clients = truth.scale_clients
    for at in space_times(clients, range(len(clients.taken))):
        disks = disks_at(truth.scale, at)
        happened += [
            (kind, pool, at, *_sums([d for d in disks if pool in {"", d.pool}])[:2], None, inodes)
            for kind, pool, inodes in (
                ("file system", "", str(INODES[0])), ("pool", "system", None), ("pool", "data", None)
            )
        ]  # fmt: skip
    return compare("space of estuary", happened, shown)


def _sums(disks: list[Disk]) -> tuple[int, int, int]:
    total, free, fragments = (1024 * sum(getattr(d, name) for d in disks) for name in ("total", "free", "fragments"))
    return total, free, fragments


def _settings(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    shown = con.execute(
        "SELECT epoch(ts)::BIGINT, attribute, value, coalesce(remarks, '') FROM scale_setting"
    ).fetchall()
    happened = [(at, *setting) for at, _ in _snapshots(truth) for setting in SETTINGS]
    return compare("settings of estuary", happened, shown)
