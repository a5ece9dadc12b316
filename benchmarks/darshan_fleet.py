"""The logs that benchmarks/darshan.py reads: a fleet of small ones, one with many records, one with a long trace."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from zlib_ng import zlib_ng

from iolake.demo.formats.darshan import Columns, Component, Heatmap, Log, Lustre, Record, Traced, encode, record_id
from iolake.demo.formats.darshan.counters import FIXED

_START_S = 1_773_533_522
_POSIX_REGION = 3  # after the job, the names, and a module that never is
_POSIX_WORDS = 2 + len(FIXED["POSIX", 4].fields)
_MOUNTS = [("/lustre/work", "lustre"), ("/home", "nfs"), ("/", "xfs"), ("/dev/shm", "tmpfs"), ("/proc", "proc")]


def small(folder: Path, logs: int, first: int = 0) -> None:
    """`logs` logs of about 65 records and 6 KB, in the folder of their day; another `first` makes others."""
    day = folder / "2026" / "3" / "15"
    day.mkdir(parents=True)
    for number in range(first, first + logs):
        rng = np.random.default_rng(number)
        job = 100_000 + number
        paths = [f"/lustre/project{number % 40:02}/run{job}/part.{i:04}.dat" for i in range(rng.integers(30, 70))]
        ids = np.array([record_id(path) for path in paths], dtype=np.uint64)
        names = dict(zip(ids.tolist(), paths, strict=True))
        heat = record_id("heatmap:POSIX")
        names[heat] = "heatmap:POSIX"
        log = _log(
            job,
            names,
            {
                "POSIX": _posix(rng, ids),
                "MPI-IO": [Record(int(ids[0]), -1, {"MPIIO_COLL_WRITES": 64, "MPIIO_F_WRITE_TIME": rng.random()})],
                "STDIO": [Record(int(i), 0, {"STDIO_WRITES": 3, "STDIO_F_WRITE_TIME": rng.random()}) for i in ids[:3]],
                "LUSTRE": [Lustre(int(i), -1, [Component(osts=[int(i) % 48])]) for i in ids[:8]],
                "HEATMAP": [Heatmap(heat, 0, 0.1, writes=rng.integers(0, 3, 60) << 20, reads=[0] * 60)],
            },
        )
        (day / f"ann_solver_id{job}_3-15-14722-{number}_1.darshan").write_bytes(encode(log))


def many_records(path: Path, records: int) -> None:
    """One log with that many POSIX records."""
    rng = np.random.default_rng(1)
    ids = rng.integers(1, 1 << 62, records).astype(np.uint64)
    names = {int(number): f"/lustre/many/{at // 1000:05}/file.{at:07}" for at, number in enumerate(ids)}
    path.write_bytes(encode(_log(1, names, {"POSIX": _posix(rng, ids)})))


def long_trace(path: Path, segments: int) -> None:
    """One log with that many traced POSIX writes on 64 ranks."""
    rng = np.random.default_rng(2)
    file = record_id("/lustre/trace.dat")
    dtype = [("offset", "i8"), ("length", "i8"), ("start", "f8"), ("end", "f8")]
    records = []
    for rank in range(64):
        rows = np.zeros(segments // 64, dtype)
        rows["offset"] = np.arange(len(rows)) * 65_536
        rows["length"] = 65_536
        rows["start"] = np.cumsum(rng.random(len(rows)) * 1e-3)
        rows["end"] = rows["start"] + rng.random(len(rows)) * 1e-4
        records.append(Traced(file, rank, f"nid{rank // 8:05}", writes=rows))
    path.write_bytes(encode(_log(2, {file: "/lustre/trace.dat"}, {"DXT_POSIX": records}, streams=64)))


def inflate_all(folder: Path) -> int:
    """Inflate every region of the logs, turn their records into columns, nothing else: the floor for any reader.

    The records of all logs together are words of 8 bytes in one array: POSIX by its record's width, the others by 8.
    """
    words: dict[int, bytearray] = defaultdict(bytearray)
    for path in folder.rglob("*.darshan"):
        content = path.read_bytes()
        maps = struct.unpack_from("<130Q", content, 32)
        regions = [(1328, maps[0] - 1328), *zip(maps[::2], maps[1::2], strict=True)]
        for region, (at, length) in enumerate(regions):
            rest = content[at : at + length]
            while rest:
                inflater = zlib_ng.decompressobj()
                words[region] += inflater.decompress(rest)
                rest = inflater.unused_data
    for region, inflated in words.items():
        width = 8 * (_POSIX_WORDS if region == _POSIX_REGION else 8)
        whole = len(inflated) // width * width
        np.frombuffer(inflated, np.uint64, whole // 8).reshape(-1, width // 8).T.copy()
    return sum(map(len, words.values()))


def _posix(rng: np.random.Generator, ids: np.ndarray[Any, np.dtype[np.uint64]]) -> Columns:
    n = len(ids)
    ops = rng.integers(1, 500, n)
    size = rng.choice([4096, 65_536, 1_048_576], n)
    start = rng.random(n) * 10
    return Columns(
        ids,
        np.zeros(n, np.int64),
        {
            "POSIX_OPENS": np.ones(n, np.int64),
            "POSIX_WRITES": ops,
            "POSIX_BYTES_WRITTEN": ops * size,
            "POSIX_MAX_BYTE_WRITTEN": ops * size - 1,
            "POSIX_SEQ_WRITES": ops - 1,
            "POSIX_CONSEC_WRITES": ops - 1,
            "POSIX_SIZE_WRITE_10K_100K": ops,
            "POSIX_ACCESS1_ACCESS": size,
            "POSIX_ACCESS1_COUNT": ops,
            "POSIX_FILE_ALIGNMENT": np.full(n, 1_048_576),
            "POSIX_MODE": np.full(n, 436),
            "POSIX_F_OPEN_START_TIMESTAMP": start,
            "POSIX_F_WRITE_START_TIMESTAMP": start + 0.001,
            "POSIX_F_WRITE_END_TIMESTAMP": start + 0.5,
            "POSIX_F_WRITE_TIME": rng.random(n),
            "POSIX_F_META_TIME": rng.random(n) * 0.01,
        },
    )


def _log(job: int, names: dict[int, str], modules: dict[str, Any], streams: int = 1) -> Log:
    return Log(
        job_id=job,
        uid=1001,
        start_s=_START_S + job % 50_000,
        end_s=_START_S + job % 50_000 + 78,
        nprocs=64,
        exe=f"/home/ann/bin/solver --steps {job}",
        mounts=_MOUNTS,
        names=names,
        modules=modules,
        streams=streams,
    )
