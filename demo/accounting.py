"""What each cluster's scheduler writes about its jobs.

slurm/<cluster>/%Y-%m-%d.txt    what sacct said ten minutes after each local day
pbs/<cluster>/%Y%m%d            the server's accounting of a local day
lsf/<cluster>/lsb.acct[.1]      the file that LSF writes to, and the one that it put aside
flux/<cluster>/%Y-%m-%d.json    what `flux jobs` said ten minutes after each local day
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from iolake.demo.formats import flux, lsf, pbs, sacct
from iolake.demo.jobs import Job
from iolake.demo.world import Cluster, World, local_days

ASKED_AFTER_S = 600
"""When sacct, or Flux, is asked for a day: so long after its end."""


def write_accounting(root: Path, world: World, cluster: Cluster, jobs: Iterable[Job]) -> None:
    """Write the cluster's accounting below `root`."""
    folder = root / cluster.scheduler / cluster.name
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(jobs)
    if cluster.scheduler == "pbs":
        for day, lines in pbs.records(cluster, jobs).items():
            (folder / f"{day:%Y%m%d}").write_text("\n".join(lines) + "\n")
    elif cluster.scheduler == "lsf":
        _write_lsf(folder, cluster, jobs)
    else:
        _write_days(folder, world, cluster, jobs)


def _write_lsf(folder: Path, cluster: Cluster, jobs: list[Job]) -> None:
    """Half of the records in each file."""
    done = sorted((job for job in jobs if job.end is not None), key=lambda job: job.end or 0)
    records = [lsf.record(cluster, job) for job in done]
    half = len(records) // 2
    for name, part in (("lsb.acct.1", records[:half]), ("lsb.acct", records[half:])):
        (folder / name).write_text("\n".join(part) + "\n")


def _write_days(folder: Path, world: World, cluster: Cluster, jobs: list[Job]) -> None:
    """A file a local day, with all that ran or ended in it."""
    first, last = world.window
    for day, begin, end in local_days(first, last, cluster.tz):
        met = [job for job in jobs if (job.start or job.submit) < end and (job.end is None or job.end >= begin)]
        asked_at = end + ASKED_AFTER_S
        if cluster.scheduler == "flux":
            (folder / f"{day}.json").write_text(flux.listing(cluster, met, asked_at))
        else:
            (folder / f"{day}.txt").write_text(sacct.text(cluster, met, asked_at))
