"""A synthetic day of a large file system, as TTS HDF5 and as an LMT database: 248 targets, a step of five seconds."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np

MIDNIGHT = 1_517_097_600  # 2018-01-28 00:00:00 UTC
STEP_S = 5
OSTS = 248
STEPS = 17_280
Values = np.ndarray[Any, np.dtype[Any]]


def names(osts: int) -> list[str]:
    """The targets' full names."""
    return [f"big-OST{i:04x}" for i in range(osts)]


def traffic(steps: int, osts: int, seed: int) -> dict[str, Values]:
    """Bytes in each step: bursts of five minutes on some targets, whole pages, quiet between."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, busy in (("read_bytes", 0.35), ("write_bytes", 0.45)):
        amount = rng.lognormal(15, 2, (steps, osts)).astype(np.int64) // 4096 * 4096
        bursts = np.repeat(rng.random((steps // 60 + 1, osts)) < busy, 60, axis=0)[:steps]
        found[name] = np.where(bursts, amount, 0)
    return found


def write_tts(path: Path, day: int = 0, steps: int = STEPS, osts: int = OSTS) -> None:
    """A day's TTS file with traffic, 0.2 % of it missing, and space."""
    rng = np.random.default_rng(1000 + day)
    missing = rng.random((steps, osts)) < 0.002
    used = 6e10 + np.cumsum((rng.random((steps, osts)) < 0.1) * rng.integers(-4000, 4096, (steps, osts)), axis=0)
    inodes = 1.4e7 + np.cumsum((rng.random((steps, osts)) < 0.05) * rng.integers(-3, 4, (steps, osts)), axis=0)
    moved = traffic(steps, osts, day)
    groups = {
        "datatargets": {"readbytes": moved["read_bytes"], "writebytes": moved["write_bytes"]},
        "fullness": {
            "bytes": used,
            "bytestotal": np.full((steps, osts), 9e10),
            "inodes": inodes,
            "inodestotal": np.full((steps, osts), 8.8e7),
        },
    }
    start = MIDNIGHT + day * 86_400
    with h5py.File(path, "w") as file:
        file.attrs.update({"version": "1", "start": start, "end": start + steps * STEP_S})
        for name, datasets in groups.items():
            group = file.create_group(name)
            group.attrs["source"] = "lmt"
            group["timestamps"] = start + np.arange(steps, dtype=np.int64) * STEP_S
            for key, values in datasets.items():
                stored = np.where(missing, -0.0, values.astype(np.float64))
                made = group.create_dataset(key, data=stored, chunks=True, compression="gzip", compression_opts=4)
                made.attrs["columns"] = np.array([n.encode() for n in names(osts)])


def write_lmt(path: Path, steps: int, osts: int = OSTS) -> int:
    """An LMT database with the same kind of day, as SQLite; returns the rows of OST_DATA."""
    counters = {name: np.cumsum(values, axis=0) for name, values in traffic(steps, osts, 0).items()}
    begin = datetime.fromtimestamp(MIDNIGHT, UTC)
    with sqlite3.connect(path) as db:
        db.executescript(
            "CREATE TABLE TIMESTAMP_INFO (TS_ID INTEGER PRIMARY KEY, TIMESTAMP TEXT);"
            "CREATE TABLE OST_INFO (OST_ID INTEGER PRIMARY KEY, OST_NAME TEXT, HOSTNAME TEXT, DEVICE_NAME TEXT, "
            "OFFLINE INTEGER);"
            "CREATE TABLE OST_DATA (OST_ID INTEGER, TS_ID INTEGER, READ_BYTES INTEGER, WRITE_BYTES INTEGER, "
            "KBYTES_FREE INTEGER, KBYTES_USED INTEGER, INODES_FREE INTEGER, INODES_USED INTEGER, "
            "PRIMARY KEY(TS_ID, OST_ID))"
        )
        db.executemany("INSERT INTO OST_INFO VALUES (?, ?, 'oss', 'md', 0)", list(enumerate(names(osts), 1)))
        moments = [(i, f"{begin + timedelta(seconds=STEP_S * i):%Y-%m-%d %H:%M:%S}") for i in range(steps)]
        db.executemany("INSERT INTO TIMESTAMP_INFO VALUES (?, ?)", moments)
        for step in range(steps):
            read, written = counters["read_bytes"][step].tolist(), counters["write_bytes"][step].tolist()
            rows = [(i + 1, step, read[i], written[i], 6_000_000, 3_000_000 + step, 900, 100) for i in range(osts)]
            db.executemany("INSERT INTO OST_DATA VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return steps * osts
