"""The same inputs read by one process, by processes of this machine, and by 1, 2 and 4 of Dask's workers on it.

    python benchmarks/workers.py                # the simulated centre, three days; a few minutes
    python benchmarks/workers.py --days 10      # more to share out

The time is that from the first input to the last staged file, the workers' start included. Publishing is left out: one
process does it in any case. On a machine of two cores this shows what Dask costs, not what more nodes give. The floor
of one process reads the inputs, inflates them, and writes the same rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.darshan_fleet import inflate_all
from benchmarks.floor import LoadsAlone, decode, rows_of, show, write
from benchmarks.lustre import datasets
from benchmarks.timing import FLOOR, OURS, Timing, in_turns
from iolake.demo.centre import simulate
from iolake.extractors.base import Span
from iolake.pipelines.ingest import Steps, ingest, whole_loads
from iolake.schemas.settings import WorkerSettings
from iolake.schemas.site import Site

SOURCES = ("darshan", "hdf5", "slurm")


def stage(centre: Path, settings: WorkerSettings) -> tuple[float, int]:
    """Read and stage all inputs into a new lake; return the seconds and the rows."""
    with tempfile.TemporaryDirectory(dir=centre) as lake:
        site = Site.read(centre / "site.toml")
        site = site.model_copy(
            update={"lake": site.lake.model_copy(update={"uri": f"{lake}/lake"}), "workers": settings}
        )
        steps = Steps()
        plans = steps.find(site, SOURCES, Span())
        start = time.perf_counter()
        loads = list(whole_loads(plans, steps.read(plans, site)))
        seconds = time.perf_counter() - start
        steps.publish(site, loads)
        return seconds, sum(file.rows for load in loads for file in load.files)


def floor_and_ours(centre: Path, repeat: int) -> dict[str, Timing]:
    """One process that stages all inputs, beside the floor of that."""
    inputs = [path for source in (*SOURCES, "sacct") for path in (centre / source).rglob("*") if path.is_file()]
    with tempfile.TemporaryDirectory(dir=centre) as folder:
        site = Site.read(centre / "site.toml")
        site = site.model_copy(update={"lake": site.lake.model_copy(update={"uri": f"{folder}/lake"})})
        ingest(site, SOURCES, steps=LoadsAlone(workers=0))
        rows = rows_of(f"{folder}/lake")

    def floor() -> None:
        inflate_all(centre)
        for path in inputs:
            if path.suffix == ".hdf5":
                datasets(path)
            elif path.suffix != ".darshan":
                decode(path)
        write(rows)

    return in_turns({OURS: lambda: stage(centre, WorkerSettings(count=1)), FLOOR: floor}, repeat)


def main(days: int, repeat: int) -> None:
    """Print each way's best time beside that of one process."""
    ways = {f"{count} processes of iolake": WorkerSettings(count=count) for count in (1, 2)}
    ways |= {f"{count} of Dask's workers": WorkerSettings(dask="local", count=count) for count in (1, 2, 4)}
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        centre = Path(folder) / "centre"
        simulate(centre, days=days)
        show("one process stages all", floor_and_ours(centre, repeat))
        found = {way: [stage(centre, settings) for _ in range(repeat)] for way, settings in ways.items()}
    counts = {rows for times in found.values() for _, rows in times}
    if len(counts) != 1:
        raise SystemExit(f"the ways differ in their rows: {sorted(counts)}")
    (rows,) = counts
    alone = min(found["1 processes of iolake"])[0]
    for way, times in found.items():
        seconds = min(times)[0]
        print(f"{way:24} {seconds:7.2f} s   {rows / seconds:11,.0f} rows/s   {alone / seconds:5.2f} times one process")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3, help="days that the centre has")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each way; the best counts")
    args = parser.parse_args()
    main(args.days, args.repeat)
