"""Darshan logs into Parquet: iolake beside PyDarshan, and beside the floors of decoding and of writing (floor.py).

    python benchmarks/darshan.py [--logs 20000] [--records 500000] [--segments 10000000]

Each figure is a process of its own, timed by the kernel (its own CPU time and that of its children), all in one
run on one machine. `PyDarshan` reads logs with DarshanReport and writes one Parquet file a module for every 500.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder: its darshan is not the library

SITE = """
[clusters.c]
darshan = {{ files = "{pattern}" }}
[file_systems.work]
mounts = ["/lustre/work"]
"""
TOGETHER = 500


def floor_decoding(folder: Path) -> None:
    """Inflate the logs' regions, and turn their records into columns."""
    from benchmarks.darshan_fleet import inflate_all

    inflate_all(folder)


def floor_snapshot(folder: Path) -> None:
    """The same, and write the rows that a lake of the logs has."""
    from benchmarks.floor import write

    floor_decoding(folder)
    write(_rows(folder))


def _rows(folder: Path) -> list[Any]:
    """The rows of an ingest of the logs, which the process has before it is timed."""
    from benchmarks.floor import rows_of

    if folder not in _INGESTED:
        with tempfile.TemporaryDirectory() as root:
            _ingest(folder, Path(root))
            _INGESTED[folder] = rows_of(Path(root) / "lake")
    return _INGESTED[folder]


_INGESTED: dict[Path, list[Any]] = {}


def pydarshan(folder: Path) -> None:
    """Read each log with PyDarshan, and write what it reads as Parquet."""
    import darshan
    import pyarrow as pa
    import pyarrow.parquet as pq
    from darshan.backend.cffi_backend import counter_names

    modules = ("POSIX", "MPI-IO", "STDIO")

    def write(rows: dict[str, list[Any]], number: int) -> None:
        for module, records in rows.items():
            columns: dict[str, Any] = {"id": [r["id"] for r in records], "rank": [r["rank"] for r in records]}
            for kind, names in (("counters", counter_names(module)), ("fcounters", counter_names(module, fcnts=True))):
                values = zip(*(r[kind].tolist() for r in records), strict=True)
                columns |= dict(zip(names, map(list, values), strict=True))
            ids = pa.array(columns.pop("id"), pa.uint64())
            table = pa.table({"id": ids, **columns})
            pq.write_table(table, folder / f"{module.replace('/', '')}-{number}.parquet", compression="zstd")

    rows: dict[str, list[Any]] = defaultdict(list)
    logs = sorted(folder.rglob("*.darshan"))
    for number, path in enumerate(logs, 1):
        report = darshan.DarshanReport(str(path), read_all=False, dtype="numpy")
        for module in modules:
            if module in report.modules:
                report.mod_read_all_records(module, dtype="numpy")
                rows[module] += list(report.records[module])
        if number % TOGETHER == 0 or number == len(logs):
            write(rows, number)
            rows.clear()


def decode(folder: Path) -> None:
    """iolake's extractor alone, rows thrown away."""
    from iolake.extractors.base import Input
    from iolake.extractors.darshan import Darshan
    from iolake.schemas.site import Site

    site = Site.model_validate({"clusters": {"c": {}}, "file_systems": {"work": {"mounts": ["/lustre/work"]}}})
    inputs = [Input("darshan", "c", str(path)) for path in sorted(folder.rglob("*.darshan"))]
    for start in range(0, len(inputs), Darshan.batch_inputs):
        for _ in Darshan().read_many(inputs[start : start + Darshan.batch_inputs], site):
            pass


def ingest(folder: Path) -> None:
    """iolake, from finding the logs to a committed snapshot."""
    with tempfile.TemporaryDirectory() as root:
        _ingest(folder, Path(root))


def _ingest(folder: Path, root: Path) -> None:
    from benchmarks.floor import LoadsAlone
    from iolake.pipelines.ingest import ingest as ingest_site
    from iolake.schemas.site import Site

    (root / "site.toml").write_text(SITE.format(pattern=f"{folder}/**/*.darshan"))
    report = ingest_site(Site.read(root / "site.toml"), steps=LoadsAlone(workers=0))
    assert report.snapshots, "nothing was loaded"
    assert not report.rejected, "a log was rejected"


def command(folder: Path, cores: int) -> None:
    """`iolake ingest darshan`, start and all, on so many cores, into a lake that has logs already."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    root = folder.parent / f"{cores}-cores"
    root.mkdir(exist_ok=True)
    site = root / "site.toml"
    site.write_text(SITE.format(pattern=f"{folder}/**/*.darshan"))
    iolake = Path(sys.executable).with_name("iolake")
    options = ("--site", str(site), "--workers", str(cores))
    subprocess.run([iolake, "ingest", "darshan", *options], check=True, capture_output=True)


TASKS: dict[str, Callable[[Path], None]] = {
    "floor, decoding": floor_decoding,
    "floor, to a snapshot": floor_snapshot,
    "PyDarshan": pydarshan,
    "iolake, decoding": decode,
    "iolake, to a snapshot": ingest,
    "iolake ingest, one core": lambda folder: command(folder, 1),
    "iolake ingest, two cores": lambda folder: command(folder, 2),
}
FLOORS = {"iolake, decoding": "floor, decoding", "iolake, to a snapshot": "floor, to a snapshot"}


def run(task: str, folder: Path) -> dict[str, float]:
    """Run a task in a process of its own: CPU seconds, seconds, peak memory in MiB."""
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(printed.splitlines()[-1])
    return result


def task_main(task: str, folder: Path) -> None:
    """What such a process does."""
    from benchmarks.timing import cpu_s

    TASKS[task](folder.parent / "warm")  # what is imported is not what is measured
    if task == "floor, to a snapshot":
        _rows(folder)
    before, started = cpu_s(), time.monotonic()
    TASKS[task](folder)
    seconds = time.monotonic() - started
    print(json.dumps({"cpu_s": cpu_s() - before, "s": seconds, "peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """The process's peak, which, unlike ru_maxrss, does not begin with that of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Make the logs, run the tasks, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=20_000)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--segments", type=int, default=10_000_000)
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        task_main(options.task, options.folder)
        return
    from benchmarks.darshan_fleet import small

    with tempfile.TemporaryDirectory() as root:
        small(Path(root) / "warm", 2, first=2 * options.logs)
        compare_small(Path(root), options.logs)
        large(Path(root), "records", options.records)
        large(Path(root), "segments", options.segments)


def compare_small(root: Path, logs: int) -> None:
    """The fleet, and a tenth as many others for PyDarshan."""
    from benchmarks.darshan_fleet import small
    from benchmarks.floor import show_cpu

    small(root / "fleet", logs)
    small(root / "tenth", max(logs // 10, 1), first=logs)
    size = sum(p.stat().st_size for p in (root / "fleet").rglob("*.darshan"))
    print(f"{logs} small logs, {size / logs / 1000:.1f} KB each")
    rates: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for task in TASKS:
        count = logs // 10 if task == "PyDarshan" else logs
        result = run(task, root / ("tenth" if task == "PyDarshan" else "fleet"))
        rates[task] = count / result["cpu_s"]
        print(f"  {task:24} {rates[task]:9,.0f} logs a CPU-second, {count / result['s']:9,.0f} a second", end="")
        print(f", {rates[task] / rates['PyDarshan']:5.1f} x PyDarshan" if "PyDarshan" in rates else "")
        seconds[task] = result["s"]
        if floor := FLOORS.get(task):
            show_cpu(f"  {task}", logs / rates[floor], result["cpu_s"])
    commands = ("iolake ingest, one core", "iolake ingest, two cores")
    one, two = (seconds[task] for task in commands)
    one_more, two_more = (seconds[task] - run(task, root / "tenth")["s"] for task in commands)
    print(
        f"  two cores give {one / two:.2f} times the rate of one, {one_more / two_more:.2f} times once they are at work"
    )


def large(root: Path, what: str, count: int) -> None:
    """One log of many records or traced segments."""
    from benchmarks.darshan_fleet import long_trace, many_records
    from benchmarks.floor import show_cpu

    folder = root / what
    folder.mkdir()
    (many_records if what == "records" else long_trace)(folder / "a_b_id1_3-15-1-1_1.darshan", count)
    size = (folder / "a_b_id1_3-15-1-1_1.darshan").stat().st_size
    print(f"one log of {count:,} {what}, {size / 1e6:.0f} MB")
    for task in ("iolake, decoding", "iolake, to a snapshot"):
        result = run(task, folder)
        print(f"  {task:24} {count / result['cpu_s']:11,.0f} {what} a CPU-second", end="")
        print(f", {count / result['s']:11,.0f} a second, {result['peak_mib']:6.0f} MiB at most")
        show_cpu(f"  {task}", run(FLOORS[task], folder)["cpu_s"], result["cpu_s"])


if __name__ == "__main__":
    main()
