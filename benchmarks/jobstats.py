"""`job_stats` of hourly dumps into rows: CPU time and peak memory, which do not grow with the number of dumps.

    python benchmarks/jobstats.py [--megabytes 225] [--targets 4] [--jobs 1500]

The dumps are like a busy file system's: each list names every job that a server remembers with all of its operations,
most of them zero; a third of the jobs did something since the last list, and a tenth are new. Each size is read in a
process of its own, and once more with half of the dumps: peak memory is about the same. The floor splits their lines.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.floor import show_cpu, split
from iolake.extractors.base import Batch, Span
from iolake.extractors.params import Params
from iolake.schemas.site import Site

_START = datetime(2026, 1, 5, tzinfo=UTC)
_HOURS = 24
_OPERATIONS = (
    *("getattr", "setattr", "punch", "sync", "destroy", "create", "statfs", "get_info", "set_info", "quotactl"),
    *("prealloc",),
)
_CHANGED, _NEW = 0.33, 0.1


def main() -> None:
    """Write the dumps, read all of them and half of them, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=225)
    parser.add_argument("--targets", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        _read(args.read)
        return
    for share in (1.0, 0.5):
        with tempfile.TemporaryDirectory() as folder:
            size = _write(Path(folder), int(args.megabytes * share * 1e6), args.targets, args.jobs)
            print(f"{size / 1e6:6.0f} MB of dumps: ", end="", flush=True)
            subprocess.run([sys.executable, __file__, "--read", folder], check=True)


def _write(folder: Path, most_bytes: int, targets: int, jobs: int) -> int:
    """Write hourly dumps of at least so many bytes, and return their size."""
    rng, size = random.Random(1), 0
    counters: list[dict[int, list[int]]] = [{} for _ in range(targets)]
    next_id = 1
    step = timedelta(hours=_HOURS) / max(1, most_bytes // (targets * jobs * 1350))
    moment = _START
    while size < most_bytes:
        text = []
        for target, known in enumerate(counters):
            for job in [job for job in known if rng.random() < _NEW]:
                del known[job]
            while len(known) < jobs:
                known[next_id] = [int(moment.timestamp()), int(moment.timestamp()), 0, 0]
                next_id += 1
            for counted in known.values():
                if rng.random() < _CHANGED:
                    counted[1:] = int(moment.timestamp()), counted[2] + rng.randrange(1 << 20), counted[3] + 1
            text.append(f"obdfilter.fs-OST{target:04x}.job_stats=\njob_stats:\n")
            text.extend(_entry(job, *counted) for job, counted in known.items())
        content = "".join(text)
        (folder / f"{moment:%Y-%m-%d-%H%M%S}.txt").write_text(content)
        size += len(content)
        moment += step
    return size


def _entry(job: int, start: int, last: int, written: int, count: int) -> str:
    lines = [
        f"- job_id:          {job}\n  snapshot_time:   {last}.0 secs.nsecs\n  start_time:      {start}.0 secs.nsecs\n",
        _bytes("read_bytes", count, written // 3),
        _bytes("write_bytes", count, written),
        *(
            f"  {name + ':':<17}{{ samples: {0:11}, unit: usecs, min: 0, max: 0, sum: 0, sumsq: 0 }}\n"
            for name in _OPERATIONS
        ),
    ]
    return "".join(lines)


def _bytes(name: str, count: int, total: int) -> str:
    return (
        f"  {name + ':':<17}{{ samples: {count:11}, unit: bytes, min: 0, max: 1048576, sum: {total:15}, sumsq: 0 }}\n"
    )


def _batches(folder: Path) -> Iterator[Batch]:
    site = Site.model_validate({"file_systems": {"fs": {"params": {"files": str(folder / "%Y-%m-%d-%H%M%S.txt")}}}})
    for input in Params().find(site, Span()):
        yield from (found for found in Params().read(input, site) if isinstance(found, Batch))


def _read(folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = sum(batch.data.num_rows for batch in _batches(folder))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak, idle = after.ru_maxrss / 1024, before.ru_maxrss / 1024
    print(f"{rows:,} rows, {cpu_s:.1f} CPU-s, peak {peak:.0f} MiB ({idle:.0f} before)", flush=True)
    start = time.process_time()
    for path in folder.iterdir():
        split(path.read_bytes())
    show_cpu("  read", time.process_time() - start, cpu_s)


if __name__ == "__main__":
    main()
