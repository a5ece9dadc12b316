"""The servers of the Storage Scale file system: every byte of the jobs on its NSD in its step, and the tools' reports.

mmperfmon/%Y-%m-%d.tgz        reports of a local day: nsd/<host>.out, usage/<host>.out
mmdf/, mmlsdisk/, mmlsfs/     %Y-%m-%d.txt, a snapshot a local day
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iolake.demo.formats import mmcommands
from iolake.demo.formats.mmperfmon import Column, report, shown_size
from iolake.demo.jobs import Job
from iolake.demo.servers import Counts, Faults, Flows, Mask, Moved, move_bytes, unlogged
from iolake.demo.world import ScaleSystem, World, local_days

LEAST_STEP_S = 60
"""mmperfmon's step here, or that of the other servers where it is longer."""
MEMORY_MB = 257_432
NULL = "null"
SNAPSHOT_AT_S = 3 * 3600 + 1800
"""When the commands are run: so long after local midnight."""
METADATA_KIB = 3_750_748_848
INODES = (81_220_417, 120_000_512, 500_000_000)
"""Inodes in use, allocated, and the most that there may be."""
SETTINGS = (
    ("minFragmentSize", "8192", ""),
    ("blockSize", "1048576", "system pool"),
    ("blockSize", str(8 << 20), "other pools"),
    ("defaultDataReplicas", "1", ""),
    ("quotasEnforced", "user;group;fileset", ""),
    ("filesystemVersion", "29.00 (5.1.5.0)", ""),
    ("defaultMountPoint", "/estuary", ""),
)
_UNREACHED_FROM, _UNREACHED_S = 0.29, 600
_UNWATCHED_FROM, _UNWATCHED_S = 0.75, 900
_MOST_COLUMNS = 4


@dataclass
class ScaleTraffic(Moved):
    """What mmperfmon can see, by step. Gauges have the digits that are printed, no more.

    `metadata` is bytes [read, written] of the metadata NSD (steps, 2). By server: `cpu` is hundredths of a per cent in
    user code and in the kernel (steps, servers, 2), `free` bytes of free memory, `net` bytes [received, sent].
    """

    system: ScaleSystem
    metadata: Counts
    cpu: Counts
    free: Counts
    net: Counts

    def used_kib(self, at: int) -> Counts:
        """KiB in use on each data NSD at an epoch second; nothing is deleted in these days."""
        step = min(max((at - self.first) // self.step_s, 0), self.steps)
        start = np.array([self.system.nsd_kib * (58 + 3 * (nsd * 5 % 4)) // 100 for nsd in range(self.system.nsds)])
        return np.asarray(start + self.written[:step].sum(axis=0) // 1024)


def scale_traffic(world: World, jobs: Iterable[Job], rng: np.random.Generator) -> ScaleTraffic:
    """Everything that happens on the servers in their days."""
    system = world.scale
    first, last = world.span(system)
    step_s = max(LEAST_STEP_S, world.step_s)
    steps = (last - first) // step_s
    none = np.zeros((0, 0), dtype=np.int64)
    seen = Moved(first, step_s, none, none)
    read, written = Flows(), Flows()
    for file in (file for job in jobs for run in job.runs for file in run.files):
        if file.file_system == system.name:
            move_bytes(seen, file, read, written)
    busy = np.zeros(system.nsds, dtype=bool)
    moved = [flows.spread(steps, system.nsds) + unlogged(rng, steps, busy, 4e7, None) for flows in (read, written)]
    metadata = np.hstack([unlogged(rng, steps, busy[:1], 2e6, None) for _ in range(2)])
    served = np.stack([[m[:, s :: system.servers].sum(axis=1) for s in range(system.servers)] for m in moved], axis=-1)
    net = np.moveaxis(served[..., ::-1], 0, 1)  # what is written comes in, what is read goes out
    load = net.sum(axis=2) // (step_s * 2_000_000) + 20
    cpu = np.stack([load + rng.integers(0, 90, load.shape), 2 * load + rng.integers(0, 200, load.shape)], axis=-1)
    free = rng.integers(MEMORY_MB * 6, MEMORY_MB * 8, load.shape)
    return ScaleTraffic(
        first, step_s, moved[0], moved[1], system, metadata, np.minimum(cpu, 4900), _of_tenths(free), _rounded(net)
    )  # fmt: skip


def scale_faults(seen: ScaleTraffic) -> Faults:
    """The last server cannot be reached for ten minutes, and nobody watches any for a quarter of an hour."""
    missing = np.zeros((seen.steps, seen.system.nsds), dtype=bool)

    def gap(fraction: float, seconds: int, nsds: slice) -> None:
        begin = int(seen.steps * fraction)
        missing[begin : begin + max(1, seconds // seen.step_s), nsds] = True

    gap(_UNREACHED_FROM, _UNREACHED_S, slice(seen.system.servers - 1, None, seen.system.servers))
    gap(_UNWATCHED_FROM, _UNWATCHED_S, slice(None))
    return Faults(missing)


def write_scale(root: Path, world: World, seen: ScaleTraffic, faults: Faults) -> None:
    """Write the reports of every tool below `root`."""
    for name in ("mmperfmon", "mmdf", "mmlsdisk", "mmlsfs"):
        (root / name).mkdir(parents=True, exist_ok=True)
    system = seen.system
    for day, begin, end in local_days(*world.span(system), system.tz):
        members = dict(_reports(seen, faults.missing, begin, end))
        (root / "mmperfmon" / f"{day}.tgz").write_bytes(_archive(members))
        at = begin + SNAPSHOT_AT_S
        disks = disks_at(seen, at)
        texts = {
            "mmdf": mmcommands.mmdf(disks, INODES),
            "mmlsdisk": mmcommands.mmlsdisk(disks),
            "mmlsfs": mmcommands.mmlsfs(system.backend, SETTINGS),
        }
        for name, text in texts.items():
            (root / name / f"{day}.txt").write_text(mmcommands.begin(at) + text)


def disks_at(seen: ScaleTraffic, at: int) -> list[mmcommands.Disk]:
    """The NSDs at an epoch second, that of the metadata first."""
    system = seen.system
    data = [
        mmcommands.Disk(
            system.nsd(nsd), "data", system.server_of(nsd) + 1, False, system.nsd_kib, system.nsd_kib - used, 4096 + nsd
        )
        for nsd, used in enumerate(seen.used_kib(at).tolist())
    ]
    return [mmcommands.Disk(system.metadata_nsd, "system", 1, True, METADATA_KIB, METADATA_KIB // 3, 640), *data]


def _reports(seen: ScaleTraffic, missing: Mask, begin: int, end: int) -> Iterator[tuple[str, str]]:
    """(name, text) of the reports of each server for the intervals of [begin, end)."""
    rows = slice((begin - seen.first) // seen.step_s, (end - seen.first) // seen.step_s)
    ends = (seen.times()[rows] + seen.step_s).tolist()
    for server in range(seen.system.servers):
        host = seen.system.server(server)
        for name, columns in (
            ("nsd", _nsd_columns(seen, missing, rows, server)),
            ("usage", _usage_columns(seen, missing, rows, server)),
        ):
            yield f"{name}/{host}.out", report(ends, seen.system.tz, list(columns), _MOST_COLUMNS)


def _nsd_columns(seen: ScaleTraffic, missing: Mask, rows: slice, server: int) -> Iterator[Column]:
    system = seen.system
    head = f"{system.server(server)}|GPFSNSDDisk"
    for counter, moved in (("gpfs_nsdds_bytes_read", seen.read), ("gpfs_nsdds_bytes_written", seen.written)):
        for nsd in range(server, system.nsds, system.servers):
            yield Column(f"{head}|{system.nsd(nsd)}|{counter}", _texts(moved[rows, nsd].tolist(), missing[rows, nsd]))
        if server == 0:
            way = 0 if moved is seen.read else 1
            entry = f"{head}|{system.metadata_nsd}|{counter}"
            yield Column(entry, _texts(seen.metadata[rows, way].tolist(), missing[rows, server]))


def _usage_columns(seen: ScaleTraffic, missing: Mask, rows: slice, server: int) -> Iterator[Column]:
    """Load, memory and network of a server; its loopback is quiet."""
    host, unknown = seen.system.server(server), missing[rows, server]
    for way, counter in enumerate(("cpu_user", "cpu_sys")):
        yield Column(
            f"{host}|CPU|{counter}", _texts([f"{v / 100:g}" for v in seen.cpu[rows, server, way].tolist()], unknown)
        )
    total = [f"{MEMORY_MB}.0 MB"] * len(unknown)
    yield Column(f"{host}|Memory|mem_total", _texts(total, unknown))
    free = [f"{tenths // 10}.{tenths % 10} MB" for tenths in _tenths(seen.free[rows, server]).tolist()]
    yield Column(f"{host}|Memory|mem_free", _texts(free, unknown))
    for way, counter in enumerate(("net_r", "net_s")):
        texts = [shown_size(amount)[0] for amount in seen.net[rows, server, way].tolist()]
        yield Column(f"{host}|Network|ib0|{counter}", _texts(texts, unknown))
        yield Column(f"{host}|Network|lo|{counter}", _texts(["1.7 kB"] * len(unknown), unknown))


def _texts(values: Iterable[object], unknown: Mask) -> list[str]:
    return [NULL if gone else str(value) for value, gone in zip(values, unknown.tolist(), strict=True)]


def _of_tenths(tenths: Counts) -> Counts:
    """Bytes of tenths of an MB, rounded."""
    return np.asarray(np.rint(tenths * 104857.6).astype(np.int64))


def _tenths(amounts: Counts) -> Counts:
    """Tenths of an MB of bytes."""
    return np.asarray(np.rint(amounts / 104857.6).astype(np.int64))


def _rounded(amounts: Counts) -> Counts:
    """Bytes as their printed text has them."""
    flat = [shown_size(amount)[1] for amount in amounts.ravel().tolist()]
    return np.array(flat, dtype=np.int64).reshape(amounts.shape)


def _archive(members: dict[str, str]) -> bytes:
    """A compressed tar archive of texts, the same bytes for the same texts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in members.items():
            content = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), compresslevel=6, mtime=0)
