"""What deriving one night costs as jobs and targets grow, for the model of docs/scale.md.

    python -m benchmarks.scale_derive                          # five centres, some ten minutes
    python -m benchmarks.scale_derive --centre 16000 192       # one: jobs a day, targets of all file systems

Each centre has two days, and the second is timed: CPU seconds of all threads, the greatest memory of the process, and
the rows of marts. `ratio` is the cost beside that of the first centre, which another machine shares. The floor reads
that day of the tables behind the marts, and writes the same rows of marts.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta

from benchmarks.floor import read_and_write, share_of
from benchmarks.year_lake import LAST_DAY, MADE, Size, day_loads, make
from iolake.warehouse.derive import derive
from iolake.warehouse.freshness import marts
from iolake.warehouse.warehouse import Warehouse

_FILE_SYSTEMS = 3
_CENTRES = [(1000, 192), (4000, 192), (16_000, 192), (1000, 768), (1000, 3072)]


def night(jobs: int, osts: int) -> tuple[float, float, int, float]:
    """CPU seconds, GB of memory, rows, and the floor's CPU seconds of deriving a day of `jobs` runs, `osts` targets."""
    size = Size(days=1, jobs_a_day=jobs, file_systems=_FILE_SYSTEMS, osts=osts // _FILE_SYSTEMS)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        warehouse = Warehouse(f"{folder}/lake")
        make(warehouse, size)
        derive(warehouse)
        day = LAST_DAY + timedelta(days=1)
        warehouse.commit(list(day_loads(warehouse, size, day)))
        start = time.process_time()
        done = derive(warehouse)
        cpu_s = time.process_time() - start
        memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        floor = read_and_write(warehouse.store.uri, MADE, [m.name for m in marts()], day)
        start = time.process_time()
        floor()
        return cpu_s, memory_gb, done.rows, time.process_time() - start


def main() -> None:
    """Print a line for each centre, each measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centre", type=int, nargs=2, metavar=("JOBS", "TARGETS"))
    given = parser.parse_args().centre
    if given:
        print(*night(*given))
        return
    print(f"{'jobs':>8} {'targets':>8} {'CPU':>8} {'memory':>8} {'rows':>10} {'ratio':>6} {'floor':>7} {'share':>6}")
    first_s = 0.0
    for jobs, osts in _CENTRES:
        command = [sys.executable, "-m", "benchmarks.scale_derive", "--centre", str(jobs), str(osts)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        cpu_s, memory_gb, rows, floor_s = (float(word) for word in done.stdout.split())
        first_s = first_s or cpu_s
        print(
            f"{jobs:>8,} {osts:>8,} {cpu_s:>6.1f} s {memory_gb:>5.1f} GB {rows:>10,.0f} {cpu_s / first_s:>6.1f} "
            f"{floor_s:>5.2f} s {share_of(floor_s, cpu_s):>6.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
