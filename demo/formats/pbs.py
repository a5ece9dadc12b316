"""PBS accounting: a record a line, `date time;type;id;attribute=value ...`, a file a day on the server's clock.

After the PBS Professional administrator's guide, "Accounting": Q when a job is queued, S when it starts, E when it
ends, R when it is run again, D when it is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from iolake.demo.jobs import Job
from iolake.demo.world import Cluster

_DEFAULT_PROJECT = "_pbs_project_default"
_RERUN = -11
"""JOB_EXEC_RERUN: what PBS gives a job that it will start again."""
_SIGNALLED = 256
"""PBS adds it to the number of the signal that ended a job."""


def records(cluster: Cluster, jobs: list[Job]) -> dict[date, list[str]]:
    """The records of jobs by the day of the server's clock, in the order of their times."""
    days: dict[date, list[str]] = {}
    for at, text in sorted((record for job in jobs for record in _of(cluster, job)), key=lambda record: record[0]):
        local = datetime.fromtimestamp(at, cluster.tz)
        days.setdefault(local.date(), []).append(f"{local:%m/%d/%Y %H:%M:%S};{text}")
    return days


def _of(cluster: Cluster, job: Job) -> Iterator[tuple[int, str]]:
    """(epoch second, record) of what happened to a job, without the date."""
    yield job.submit, f"Q;{job.scheduler_id};queue={job.partition}"
    if job.state == "DELETED":
        yield job.submit + 420, f"D;{job.scheduler_id};requestor={job.user}@login1.example.org"
    if job.start is None:
        return
    begun = _begun(cluster, job)
    yield job.start, f"S;{job.scheduler_id};{begun}"
    if job.end is not None:
        code, _, signal = job.exit_code.partition(":")
        status = _RERUN if job.state == "REQUEUED" else _SIGNALLED + int(signal) if int(signal) else int(code)
        ran = _clock(job.end - job.start)
        kind = "R" if job.state == "REQUEUED" else "E"
        yield (
            job.end,
            (
                f"{kind};{job.scheduler_id};{begun} session={job.job_id % 30000} end={job.end} Exit_status={status} "
                f"resources_used.cpupercent=3100 resources_used.walltime={ran} run_count=1"
            ),
        )


def _begun(cluster: Cluster, job: Job) -> str:
    cores = cluster.cores_per_node
    nodes = [cluster.node_format.format(node + 1) for node in job.nodes]
    return " ".join(
        (
            f'user={job.user} group={job.account} account="{job.account}" project={_DEFAULT_PROJECT}',
            f"jobname={job.name} queue={job.partition}",
            f"ctime={job.submit} qtime={job.submit} etime={job.submit} start={job.start}",
            f"exec_host={'+'.join(f'{node}/0*{cores}' for node in nodes)}",
            f"exec_vnode={'+'.join(f'({node}:ncpus={cores}:mem=60gb)' for node in nodes)}",
            f"Resource_List.ncpus={cores * len(nodes)} Resource_List.nodect={len(nodes)} Resource_List.place=scatter",
            f"Resource_List.select={len(nodes)}:ncpus={cores} Resource_List.walltime={_clock(job.timelimit_s)}",
        )
    )


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
