"""A simulated HPC centre, written to a folder in its sources' real formats, with the truth of it known.

site.toml                                   what exists, for iolake
darshan/<cluster>/%Y/%-m/%-d/*.darshan      logs, in the day of their local start
slurm/, pbs/, lsf/, flux/                   what each cluster's scheduler wrote (accounting)
tts/%Y-%m-%d/lag01.hdf5                     lagoon's servers
lmt/fjd02.sqlite3                           fjord's servers
lfs/%Y-%m-%d/{df,targets}.txt.gz            space and servers of both
mmperfmon/, mmdf/, mmlsdisk/, mmlsfs/       estuary's servers and disks (scale_servers)
mmpmon/, gpfs_exporter/                     what nodes count on estuary (scale_clients)
topology/, ssd/, collectd/                  osprey's and heron's networks, osprey's drives and sensors
gridftp/, snmp/                             what left by the endpoint harbour, or came
late/                                       logs that come later (deliver_late)
truth.json, truth.npz                       what really happened
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from iolake.demo import cast, monitoring, scale_cast
from iolake.demo.accounting import write_accounting
from iolake.demo.jobs import Job, Run
from iolake.demo.jobstats import write_job_stats
from iolake.demo.logs import log_bytes, log_name
from iolake.demo.scale_clients import client_traffic, write_clients
from iolake.demo.scale_servers import scale_faults, scale_traffic, write_scale
from iolake.demo.schedule import Schedule
from iolake.demo.servers import faults, traffic
from iolake.demo.surroundings import SENSED_S, SITE, write_surroundings
from iolake.demo.troubles import dark
from iolake.demo.truth import LogTruth, Truth, job_truth, log_truth
from iolake.demo.world import Cluster, World, clocks_back

START = date(2025, 10, 25)

_SITE = """\
# A simulated centre; truth.json tells what really happened there.
[lake]
uri = "lake"

[clusters.osprey]
timezone = "America/Los_Angeles"
darshan = { files = "darshan/osprey/%Y/%-m/%-d/*.darshan" }
slurm = { files = "slurm/osprey/%Y-%m-%d.txt" }
topology = { files = "topology/osprey.txt" }
ssd = { files = "ssd/osprey/%Y-%m-%d/*/*.json" }
collectd = { files = "collectd/osprey/%Y-%m-%d.json.gz", options = { interval_s = INTERVAL } }

[clusters.heron]
timezone = "Europe/Berlin"
darshan = { files = "darshan/heron/%Y/%-m/%-d/*.darshan" }
slurm = { files = "slurm/heron/%Y-%m-%d.txt" }
topology = { files = "topology/heron/%Y-%m-%d.conf" }

[clusters.plover]
timezone = "America/St_Johns"
darshan = { files = "darshan/plover/%Y/%-m/%-d/*.darshan" }
pbs = { files = "pbs/plover/%Y%m%d" }

[clusters.avocet]
timezone = "Asia/Kolkata"
darshan = { files = "darshan/avocet/%Y/%-m/%-d/*.darshan" }
lsf = { files = "lsf/avocet/lsb.acct*" }

[clusters.dunlin]
timezone = "UTC"
darshan = { files = "darshan/dunlin/%Y/%-m/%-d/*.darshan" }
flux = { files = "flux/dunlin/%Y-%m-%d.json" }

[file_systems.lagoon]
mounts = ["/lagoon"]
backend = "lag01"
timezone = "America/Los_Angeles"
hdf5 = { files = "tts/%Y-%m-%d/lag01.hdf5" }
params = { files = "params/%Y-%m-%d/*.txt", job_id = '^\\w+:(?P<job_id>\\d+)$' }
df = { files = "lfs/%Y-%m-%d/df.txt.gz" }
targets = { files = "lfs/%Y-%m-%d/targets.txt.gz" }

[file_systems.fjord]
mounts = ["/fjord"]
backend = "fjd02"
timezone = "Europe/Berlin"
lmt = { uri = "sqlite:///lmt/fjd02.sqlite3" }
# the client that asks lives in the other zone, and names its days by it
df = { files = "lfs/%Y-%m-%d/df.txt.gz", timezone = "America/Los_Angeles" }
targets = { files = "lfs/%Y-%m-%d/targets.txt.gz", timezone = "America/Los_Angeles" }

[file_systems.estuary]
mounts = ["/estuary"]
backend = "est01"
timezone = "America/St_Johns"
mmperfmon = { files = "mmperfmon/%Y-%m-%d.tgz", options = { luns = { '_d\\d+$' = "data", '_m\\d+$' = "metadata" } } }
mmdf = { files = "mmdf/%Y-%m-%d.txt" }
mmlsdisk = { files = "mmlsdisk/%Y-%m-%d.txt" }
mmlsfs = { files = "mmlsfs/%Y-%m-%d.txt" }
mmpmon = { files = "mmpmon/%Y-%m-%d.txt" }
gpfs_exporter = { files = "gpfs_exporter/%Y-%m-%d.prom.gz" }
"""


def simulate(
    root: Path,
    *,
    seed: int = 1,
    start: date = START,
    days: int = 3,
    jobs: int = 300,
    osts: int = 8,
    files: int = 4,
    step_s: int = 10,
) -> Truth:
    """Simulate the centre and write it to `root`, which may not hold one yet. The same arguments give the same bytes.

    `jobs` are the crowd's on Lustre, some 45 that play a part come on top, more of them in a larger crowd, and from
    500 jobs and two days on those of further troubles (`troubles`); a quarter as many run on Storage Scale, and some 30
    that play a part (`scale_cast`). `osts` are lagoon's targets, fjord has three quarters of them; `files` are the data
    sets of a run; the servers are sampled every `step_s` seconds.
    FileExistsError if there is a centre already; ValueError names an argument that is too small.
    """
    world = World(seed, start, days, jobs, osts, files, step_s)
    root.mkdir(parents=True, exist_ok=True)
    if (root / "site.toml").exists():
        raise FileExistsError(f"{root} holds a centre already; remove it or name another folder")
    ways = [np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(3 + len(world.file_systems))]
    schedule = Schedule(world, ways[0], cast.weather(world))
    schedule.fill(jobs)
    cast.enter(schedule)

    seen, missed = {}, {}
    for fs, rng in zip(world.file_systems, ways[2:-1], strict=True):
        counted = fs is world.file_systems[1]
        seen[fs.name] = traffic(world, fs, schedule.jobs, rng)
        missed[fs.name] = faults(seen[fs.name], world, watched_by_counters=counted)
    lagoon, fjord = seen.values()
    monitoring.write_tts(root / "tts", lagoon, missed["lagoon"], ways[1])
    monitoring.write_lmt(root / "lmt" / f"{fjord.fs.backend}.sqlite3", fjord, missed["fjord"], ways[1])
    monitoring.write_lfs(root / "lfs", world, seen)
    write_job_stats(root / "params", lagoon, schedule.jobs, dark(world, lagoon.fs))

    apart = np.random.default_rng([seed, 17])
    on_scale = scale_cast.play(world, apart)
    scale = scale_traffic(world, on_scale, apart)
    scale_missed = scale_faults(scale)
    write_scale(root, world, scale, scale_missed)
    of_clients = np.random.default_rng([seed, 18])
    clients = client_traffic(world, on_scale, of_clients)
    write_clients(root, world, clients, scale, of_clients)

    jobs_truth, logs = [], []
    for cluster in world.all_clusters:
        mine = [job for job in (*schedule.jobs, *on_scale) if job.cluster == cluster.name]
        write_accounting(root, world, cluster, mine)
        logs += _write_logs(root, world, cluster, mine)
        fold = clocks_back(*world.window, cluster.tz)
        jobs_truth += [job_truth(cluster, job, fold) for job in mine]
    rejects = [log["path"] for log in logs if log["fate"] == "truncated"]
    around = write_surroundings(root, world, schedule.jobs, ways[-1])
    truth = Truth(world, jobs_truth, logs, rejects, seen, missed, scale, scale_missed, clients, around)
    truth.write(root)
    (root / "site.toml").write_text(_SITE.replace("INTERVAL", str(SENSED_S)) + SITE)
    return truth


def deliver_late(root: Path) -> list[Path]:
    """Move the late logs to where they belong, as if a node's buffer came back; the paths they have now."""
    delivered = []
    for late in sorted((root / "late").rglob("*.darshan")):
        place = root / "darshan" / late.relative_to(root / "late")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(late, place)
        delivered.append(place)
    return delivered


def _write_logs(root: Path, world: World, cluster: Cluster, jobs: Iterable[Job]) -> list[LogTruth]:
    """Every log where its fate has it: in its day's folder, in the next day's, in late/, or cut short."""
    written = []
    for job in jobs:
        for run in job.runs:
            if run.log == "none":
                continue
            folder = Path(cluster.name, _day_folder(cluster, run)) / log_name(cluster, job, run)
            content = log_bytes(world, job, run)
            if run.log == "truncated":
                content = content[: len(content) * 3 // 5]
            path = root / ("late" if run.log == "late" else "darshan") / folder
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(log_truth(job, run, str(Path("darshan") / folder)))
    return written


def _day_folder(cluster: Cluster, run: Run) -> str:
    day = datetime.fromtimestamp(run.start, cluster.tz).date() + timedelta(days=run.log == "misfiled")
    return f"{day.year}/{day.month}/{day.day}"
