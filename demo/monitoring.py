"""Writes each file system's monitoring: traffic with its faults, in the formats of the tools."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from iolake.demo.cast import FAILING_OST, failing
from iolake.demo.formats import lfs, lmt, tts
from iolake.demo.servers import Counts, Faults, Mask, Traffic, counters
from iolake.demo.troubles import served_by
from iolake.demo.world import MDT_OPS, FileSystem, World, local_days, local_text

INODES = 88_668_544
MDT_KIB = 2_255_453_580
FIRST_TS_ID = 8_921_898
SNAPSHOT_S = 1800


def write_tts(folder: Path, seen: Traffic, faults: Faults, rng: np.random.Generator) -> None:
    """A TTS file for each day of the file system's zone: <folder>/<day>/<backend>.hdf5.

    On every second day the archiver had the targets in another order for writes, as happens when one is redone.
    """
    fs = seen.fs
    osts = [fs.target(ost) for ost in range(fs.osts)]
    hosts = [fs.server(index) for index in range(fs.servers)]
    used, inodes = seen.used_kib[:-1], _used_inodes(seen)[:-1]
    oss_cpu, oss_mem, mds_cpu = (np.round(gauge[:-1], 4) for gauge in _loads(seen, rng))
    for number, (day, begin, end) in enumerate(local_days(seen.first, seen.first + seen.steps * seen.step_s, fs.tz)):
        rows = slice((begin - seen.first) // seen.step_s, (end - seen.first) // seen.step_s)
        missing = faults.missing[:-1][rows]
        down: Mask = np.asarray(missing.all(axis=1, keepdims=True))
        steps = len(missing)
        order = rng.permutation(fs.osts) if number % 2 else np.arange(fs.osts)
        total = np.full((steps, fs.osts), fs.ost_kib)
        groups = {
            "datatargets": {
                "readbytes": tts.Dataset(osts, seen.read[rows], missing, "bytes/sec"),
                "writebytes": tts.Dataset(
                    [osts[ost] for ost in order], seen.written[rows][:, order], missing[:, order], "bytes/sec"
                ),
            },
            "fullness": {
                "bytes": tts.Dataset(osts, used[rows], missing, "KiB"),
                "bytestotal": tts.Dataset(osts, total, missing, "KiB"),
                "inodes": tts.Dataset(osts, inodes[rows], missing, "inodes"),
                "inodestotal": tts.Dataset(osts, np.full_like(total, INODES), missing, "inodes"),
            },
            "mdtargets": {
                f"{op}s": tts.Dataset([fs.mds], seen.ops[rows].sum(axis=1)[:, at, None], down, "ops")
                for at, op in enumerate(MDT_OPS)
                if op != "sync"
            },
            "dataservers": {
                "cpuload": tts.Dataset(hosts, oss_cpu[rows], down.repeat(fs.servers, axis=1), "%"),
                "memused": tts.Dataset(hosts, oss_mem[rows], down.repeat(fs.servers, axis=1), "%"),
            },
            "mdservers": {"cpuload": tts.Dataset([fs.mds], mds_cpu[rows], down, "%")},
        }
        tts.write(folder / day.isoformat() / f"{fs.backend}.hdf5", begin, seen.step_s, groups, "lmt")


def write_lmt(path: Path, seen: Traffic, faults: Faults, rng: np.random.Generator) -> None:
    """The LMT database of all days. A tick at which nothing answered has no row.

    After the first long gap the writer starts again and gives one tick two ids, half of the targets to each; a
    few rows of operations come twice, which the schema allows.
    """
    fs = seen.fs
    ticks: Mask = np.asarray((~faults.missing).any(axis=1))
    restarted = int(np.flatnonzero(ticks[1:] & ~ticks[:-1])[0]) + 1
    ts_id = FIRST_TS_ID + np.cumsum(ticks) - 1
    ts_id[restarted + 1 :] += 1
    times = seen.first + np.arange(seen.steps + 1) * seen.step_s
    stamps = [(int(ts_id[k]), local_text(times[k], fs.tz).replace("T", " ")) for k in np.flatnonzero(ticks)]
    stamps.append((int(ts_id[restarted]) + 1, local_text(times[restarted], fs.tz).replace("T", " ")))
    tables = {
        "OST_DATA": _ost_data(seen, faults, ts_id, restarted, rng),
        **_server_data(seen, ts_id, ticks, rng),
        "MDS_OPS_DATA": _operations(seen, ts_id, ticks, rng),
    }
    servers = lmt.Servers(
        fs.backend,
        fs.mount,
        servers=[fs.server(index) for index in range(fs.servers)],
        osts=[(fs.target(index), index // 2) for index in range(fs.osts)],
        mds=fs.mds,
        mdts=[f"{fs.backend}-MDT{index:04x}" for index in range(fs.mdts)],
        operations=MDT_OPS[::-1],
    )
    lmt.write(path, servers, lmt.Samples(sorted(stamps), tables))


def _ost_data(
    seen: Traffic, faults: Faults, ts_id: lmt.Numbers, restarted: int, rng: np.random.Generator
) -> dict[str, lmt.Numbers]:
    """Counters and space of each target at each tick at which it answered; the last target's counters start at 0."""
    base = rng.integers(10**12, 10**14, (2, seen.fs.osts))
    base[:, -1] = 0
    read, written = (
        counters(moved, start, faults.resets) for moved, start in zip((seen.read, seen.written), base, strict=True)
    )
    used, inodes = seen.used_kib, _used_inodes(seen)
    k, ost = np.nonzero(~faults.missing)
    return {
        "OST_ID": ost + 1,
        "TS_ID": ts_id[k] + ((k == restarted) & (ost % 2 == 1)),
        "READ_BYTES": read[k, ost],
        "WRITE_BYTES": written[k, ost],
        "PCT_CPU": np.zeros(len(k)),
        "KBYTES_FREE": seen.fs.ost_kib - used[k, ost],
        "KBYTES_USED": used[k, ost],
        "INODES_FREE": INODES - inodes[k, ost],
        "INODES_USED": inodes[k, ost],
    }


def _server_data(
    seen: Traffic, ts_id: lmt.Numbers, ticks: Mask, rng: np.random.Generator
) -> dict[str, dict[str, lmt.Numbers]]:
    """Load of the storage servers, and load and space of the metadata servers, at each tick."""
    oss_cpu, oss_mem, mds_cpu = _loads(seen, rng)
    k, oss = (at.ravel() for at in np.meshgrid(np.flatnonzero(ticks), np.arange(seen.fs.servers), indexing="ij"))
    oss_data = {
        "OSS_ID": oss + 1,
        "TS_ID": ts_id[k],
        "PCT_CPU": oss_cpu.round(4)[k, oss],
        "PCT_MEMORY": oss_mem.round(4)[k, oss],
    }
    k, mdt = (at.ravel() for at in np.meshgrid(np.flatnonzero(ticks), np.arange(seen.fs.mdts), indexing="ij"))
    mdt_used = MDT_KIB // 20 + k // 60
    mds_data = {
        "MDS_ID": mdt + 1,
        "TS_ID": ts_id[k],
        "PCT_CPU": mds_cpu.round(4)[k, 0],
        "KBYTES_FREE": MDT_KIB - mdt_used,
        "KBYTES_USED": mdt_used,
        "INODES_FREE": INODES * 9 - k // 30,
        "INODES_USED": INODES * 7 + k // 30,
    }
    return {"OSS_DATA": oss_data, "MDS_DATA": mds_data}


def _operations(seen: Traffic, ts_id: lmt.Numbers, ticks: Mask, rng: np.random.Generator) -> dict[str, lmt.Numbers]:
    """Counters of each metadata operation at each tick; the last five rows come twice."""
    samples = np.zeros((seen.steps + 1, seen.fs.mdts, len(MDT_OPS)), dtype=np.int64)
    samples[0] = rng.integers(10**6, 10**9, samples.shape[1:])
    samples[1:] = seen.ops.cumsum(axis=0) + samples[0]
    shape = np.meshgrid(np.flatnonzero(ticks), np.arange(seen.fs.mdts), np.arange(len(MDT_OPS)), indexing="ij")
    k, mdt, op = (np.append(at.ravel(), at.ravel()[-5:]) for at in shape)
    return {
        "MDS_ID": mdt + 1,
        "TS_ID": ts_id[k],
        "OPERATION_ID": len(MDT_OPS) - op,
        "SAMPLES": samples[k, mdt, op],
        "SUM": np.zeros_like(k),
        "SUMSQUARES": np.zeros_like(k),
    }


def write_lfs(folder: Path, world: World, traffic: dict[str, Traffic]) -> None:
    """A client's `lfs df` and `lctl dl -t` of every file system, each half hour: <folder>/<day>/{df,targets}.txt.gz.

    The client lives in the first file system's zone. While the failing target fails, its partner serves it.
    """
    home = world.file_systems[0]
    for day, begin, end in local_days(*world.span(home), home.tz):
        df, targets = [], []
        for at in range(begin + 3, end, SNAPSHOT_S):
            df.append(lfs.begin(at) + "\n".join(_space(traffic[fs.name], at) for fs in world.file_systems))
            lines: list[str] = []
            for fs in world.file_systems:
                lines += lfs.devices(fs.backend, "ffff885f81a64000", _devices(world, fs, at), len(lines))
            targets.append(lfs.begin(at + 1) + "\n".join(lines) + "\n")
        (folder / day.isoformat()).mkdir(parents=True, exist_ok=True)
        for name, texts in (("df", df), ("targets", targets)):
            (folder / day.isoformat() / f"{name}.txt.gz").write_bytes(gzip.compress("".join(texts).encode(), mtime=0))


def space_at(seen: Traffic, at: int) -> Counts:
    """KiB used on each target at an epoch second; before and after the days, as at their edge."""
    step = min(max((at - seen.first) // seen.step_s, 0), seen.steps)
    return np.asarray(seen.used_kib[step])


def address(world: World, fs: FileSystem, ost: int, at: int) -> str:
    """The address of the server that serves a target at an epoch second."""
    begin, end = failing(world)
    server = ost // 2
    if (other := served_by(world, fs, ost, at)) is not None:
        server = other
    if fs is world.file_systems[0] and ost == FAILING_OST and begin <= at < end:
        server = (server + 1) % fs.servers
    return f"{fs.subnet}.{server + 5}@o2ib2"


def _space(seen: Traffic, at: int) -> str:
    fs = seen.fs
    mdts = [lfs.Space("MDT", index, MDT_KIB, MDT_KIB // 20) for index in range(fs.mdts)]
    used = space_at(seen, at).tolist()
    return lfs.df(fs.backend, fs.mount, [*mdts, *(lfs.Space("OST", o, fs.ost_kib, kib) for o, kib in enumerate(used))])


def _devices(world: World, fs: FileSystem, at: int) -> Iterator[lfs.Device]:
    for mdt in range(fs.mdts):
        yield lfs.Device("MDT", mdt, f"{fs.subnet}.4@o2ib2")
    for ost in range(fs.osts):
        yield lfs.Device("OST", ost, address(world, fs, ost, at))


def _used_inodes(seen: Traffic) -> Counts:
    """Inodes used on each target at each sample (steps + 1, targets): one more every ten steps."""
    grown = np.arange(seen.steps + 1, dtype=np.int64)[:, None] // 10
    return INODES // 6 + grown + np.arange(seen.fs.osts)


def _loads(seen: Traffic, rng: np.random.Generator) -> tuple[lmt.Numbers, lmt.Numbers, lmt.Numbers]:
    """Gauges at each sample in percent: servers' CPU and memory (steps + 1, servers), the MDS's CPU (steps + 1, 1)."""
    fs, samples = seen.fs, seen.steps + 1
    moved = np.zeros((samples, fs.servers * 2))
    moved[1:, : fs.osts] = seen.read + seen.written
    rate = moved.reshape(samples, fs.servers, 2).sum(axis=2) / seen.step_s
    cpu = np.minimum(99.0, 2.0 + rate / 2e7 + rng.random(rate.shape))
    memory = 90.0 + 5.0 * rng.random(rate.shape)
    ops = np.zeros((samples, 1))
    ops[1:, 0] = seen.ops.sum(axis=(1, 2)) / seen.step_s
    return cpu, memory, np.minimum(99.0, 1.0 + ops / 20 + rng.random(ops.shape))
