"""A month of Slurm accounting from text, beside polars' own CSV reader on the same bytes, which is the floor.

    python benchmarks/slurm.py [--jobs 600000]

The month is made up: jobs with a batch step and one srun each, their nodes, resources and usage as sacct writes
them. Both readers get the same file in the same run, in turns; polars gives columns of text and numbers, the
extractor slurm_jobs and slurm_steps (UTC times, node names, resource maps in base units, keys checked). Then the same
month goes to a committed snapshot, beside polars' reader and pyarrow's Parquet write of the same rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.floor import LoadsAlone, rows_of, show, write
from benchmarks.timing import FLOOR, OURS, Timing, in_turns
from iolake.extractors.base import Batch, Span
from iolake.extractors.slurm import Slurm
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site

FIELDS = (
    "JobID|JobIDRaw|User|Account|Partition|QOS|JobName|State|ExitCode|Submit|Eligible|Start|End|ElapsedRaw|TimelimitRaw|"
    "NNodes|AllocNodes|AllocCPUS|NodeList|ReqTRES|AllocTRES|NTasks|TotalCPU|MaxRSS|MaxDiskRead|MaxDiskWrite|"
    "TRESUsageInTot|TRESUsageOutTot|WorkDir"
)


def write_month(path: Path, jobs: int) -> None:
    """A file of `jobs` jobs, three rows each, in the order in which sacct gives them."""
    random = np.random.default_rng(1)
    user, first, rss, read, out = (random.integers(1, n, jobs).tolist() for n in (400, 9000, 4 * 10**6, 10**10, 10**10))
    nodes = np.minimum(random.zipf(1.6, jobs), 1024).tolist()  # most jobs are small, and a few are not
    submit = np.sort(random.integers(1_488_326_400, 1_491_004_800, jobs))
    start = submit + random.integers(0, 20_000, jobs)
    elapsed = random.integers(1, 30_000, jobs)
    clocks = [np.datetime_as_string(t.astype("datetime64[s]")).tolist() for t in (submit, start, start + elapsed)]
    with path.open("w", encoding="ascii") as file:
        file.write(FIELDS + "\n")
        for i, values in enumerate(zip(*clocks, elapsed.tolist(), user, nodes, first, rss, read, out, strict=True)):
            file.writelines("|".join(map(str, row)) + "\n" for row in _job(4_000_000 + i, *values))


def _job(
    job: int,
    submit: str,
    start: str,
    end: str,
    elapsed: int,
    user: int,
    nodes: int,
    first: int,
    rss: int,
    read: int,
    out: int,
) -> Iterator[tuple[object, ...]]:
    """The rows of one job and its two steps."""
    where = f"nid{first:05d}" if nodes == 1 else f"nid[{first:05d}-{first + nodes - 1:05d}]"
    alloc = f"billing={nodes * 64},cpu={nodes * 64},mem={nodes * 118}G,node={nodes}"
    size = (nodes, nodes, nodes * 64, where)
    who = (f"u{user}", f"m{user % 50}", "regular", "normal", f"run{user}.sh", "COMPLETED", "0:0")
    cpu = f"{elapsed % 24:02d}:10:05.250"
    times = (submit, submit, start, end, elapsed, 1440)
    yield (job, job, *who, *times, *size, alloc, alloc, "", cpu, *[""] * 5, f"/scratch/u{user}")
    usage = f"cpu=00:{elapsed % 60:02d}:07,energy=0,fs/disk={read},mem={rss}K,pages=3,vmem={rss * 3}K"
    peaks = (f"{rss}K", f"{read / 2**20:.2f}M", f"{out / 2**20:.2f}M", usage, f"energy=0,fs/disk={out}")
    for step, name, tasks in (("batch", "batch", 1), ("0", f"app{user}", nodes * 64)):
        who = ("", f"m{user % 50}", "", "", name, "COMPLETED", "0:0")
        shown = f"{job}.{step}"
        yield (shown, shown, *who, start, start, start, end, elapsed, "", *size, "", alloc, tasks, cpu, *peaks, "")


def site_of(path: Path, lake: Path = Path("lake")) -> Site:
    """A site with the file alone."""
    cluster = {"timezone": "America/Phoenix", "slurm": {"files": str(path)}}
    return Site.model_validate({"lake": {"uri": str(lake)}, "clusters": {"c": cluster}})


def extract(path: Path) -> int:
    """The file by the extractor; how many rows it gave."""
    site = site_of(path)
    (input,) = Slurm().find(site, Span())
    results = Slurm().read(input, site)
    return sum(result.data.num_rows for result in results if isinstance(result, Batch))


def read_csv(path: Path) -> int:
    """The file by polars; how many rows it gave."""
    return pl.read_csv(path, separator="|", quote_char=None).height


def peak_mib(path: Path) -> float:
    """Peak memory of a process that reads the file by the extractor and does nothing else."""
    extract(path)
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def to_a_snapshot(path: Path, rounds: int) -> dict[str, Timing]:
    """The file into a new lake, beside polars' reader and a Parquet write of the same rows."""
    lake = path.parent / "lake"

    def load() -> None:
        ingest(site_of(path, lake), ["slurm"], steps=LoadsAlone(workers=0))

    def read_and_write() -> None:
        read_csv(path)
        write(rows)

    load()
    rows = rows_of(lake)
    ways = {OURS: load, FLOOR: read_and_write}
    return in_turns(ways, rounds, lambda: shutil.rmtree(lake))


def main() -> None:
    """Make the month, read it both ways in turns, and print the best CPU time of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sacct.txt"
        write_month(path, arguments.jobs)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            peak = alone.submit(peak_mib, path).result()
        ways = {OURS: lambda: extract(path), FLOOR: lambda: read_csv(path)}
        found, size = in_turns(ways, arguments.rounds), path.stat().st_size
        snapshot = to_a_snapshot(path, arguments.rounds)
    rows = found[OURS].answer
    print(f"{arguments.jobs:,} jobs, {rows:,} rows, {size / 2**20:,.0f} MiB of text")
    for who, timing in found.items():
        print(f"{who:>20}: {timing.cpu_s:6.2f} CPU-seconds, {rows / timing.cpu_s / 1e6:.2f} M rows each")
    print(f"the extractor's peak memory {peak:,.0f} MiB")
    show("read", found)
    show("to a committed snapshot", snapshot)


if __name__ == "__main__":
    main()
