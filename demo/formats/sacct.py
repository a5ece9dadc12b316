"""Accounting as `sacct --parsable2 --duplicates` prints it: local times, `|` between fields, a row a job and step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from iolake.demo.jobs import Job, Run
from iolake.demo.world import Cluster, local_text

FIELDS = (
    "JobID", "JobIDRaw", "JobName", "User", "UID", "Account", "Partition", "QOS", "State", "ExitCode", "Submit",
    "Eligible", "Start", "End", "Elapsed", "ElapsedRaw", "Timelimit", "AllocNodes", "AllocCPUS", "NTasks", "ReqMem",
    "ReqTRES", "AllocTRES", "NodeList", "MaxRSS", "AveRSS", "MaxDiskRead", "MaxDiskWrite", "TotalCPU",
    "ConsumedEnergyRaw", "Reason", "Comment", "WorkDir",
)  # fmt: skip
_MIB = 1 << 20


def text(cluster: Cluster, jobs: Sequence[Job], asked_at: int) -> str:
    """What sacct prints of `jobs` when it is asked at an epoch second: who has not ended by then is running."""
    lines = ["|".join(FIELDS)]
    for job in jobs:
        lines += ["|".join(row.get(field, "") for field in FIELDS) for row in _rows(cluster, job, asked_at)]
    return "\n".join(lines) + "\n"


def node_list(names: Sequence[str]) -> str:
    """Node names as Slurm folds them: nid[00003-00005,00009]; names end in digits of one width."""
    if not names:
        return "None assigned"
    if len(names) == 1:
        return names[0]
    prefix = names[0].rstrip("0123456789")
    width = len(names[0]) - len(prefix)
    numbers = sorted(int(name[len(prefix) :]) for name in names)
    starts = [numbers[0], *(after for before, after in pairwise(numbers) if after != before + 1)]
    ends = [*(before for before, after in pairwise(numbers) if after != before + 1), numbers[-1]]
    ranges = [
        f"{first:0{width}d}" if first == last else f"{first:0{width}d}-{last:0{width}d}"
        for first, last in zip(starts, ends, strict=True)
    ]
    return f"{prefix}[{','.join(ranges)}]"


def _rows(cluster: Cluster, job: Job, asked_at: int) -> Iterator[Mapping[str, str]]:
    cpus = len(job.nodes) * cluster.cores_per_node
    tres = f"billing={cpus},cpu={cpus},mem={len(job.nodes) * 60}G,node={len(job.nodes)}"
    ran = 0 if job.start is None or job.end is None else job.end - job.start
    nodes = node_list([cluster.node_format.format(node + 1) for node in job.nodes])
    common = {"Account": job.account, "AllocNodes": str(len(job.nodes)), "AllocCPUS": str(cpus), "NodeList": nodes}
    yield {
        **common,
        **_when(cluster, job.submit, job.start, job.end, job.state, asked_at),
        "JobID": job.shown_id,
        "JobIDRaw": str(job.job_id),
        "JobName": job.name,
        "User": job.user,
        "UID": str(job.uid),
        "Partition": job.partition,
        "QOS": "normal",
        "ExitCode": job.exit_code,
        "Timelimit": f"{job.timelimit_s // 3600:02d}:{job.timelimit_s % 3600 // 60:02d}:00",
        "ReqMem": f"{max(1, len(job.nodes)) * 60}G",
        "ReqTRES": tres if job.nodes else "billing=16,cpu=16,mem=60G,node=1",
        "AllocTRES": tres if job.nodes else "",
        "TotalCPU": _clock(ran * cpus * 9 // 10),
        "ConsumedEnergyRaw": str(ran * 350 * len(job.nodes)) if ran else "",
        "Reason": "None" if job.start else "Priority",
        "Comment": "" if job.role == "crowd" else f"{job.role}; né à Besançon",
        "WorkDir": f"/home/{job.user}",
    }  # fmt: skip
    if job.start is None:
        return
    steps: list[tuple[str, str, Run | None]] = [("batch", "batch", None), ("extern", "extern", None)]
    steps += [(str(at), run.exe.rsplit("/", 1)[-1], run) for at, run in enumerate(job.runs) if run.start < asked_at]
    for step, name, run in steps:
        yield _step(cluster, job, common, step, name, run, asked_at)


def _step(
    cluster: Cluster, job: Job, common: Mapping[str, str], step: str, name: str, run: Run | None, asked_at: int
) -> dict[str, str]:
    """The row of one step; one that ran until the job was stopped is cancelled, as Slurm has it."""
    begin, end = (job.start, job.end) if run is None else (int(run.start), int(run.end))
    stopped = job.state.startswith(("TIMEOUT", "CANCELLED", "REQUEUED"))
    state = "CANCELLED" if stopped and step != "extern" and end == job.end else job.state
    if job.state not in ("FAILED", "RUNNING") and state == job.state:
        state = "COMPLETED"
    assert begin is not None, "a step belongs to a job that began"
    row = {
        **common,
        **_when(cluster, begin, begin, end, state, asked_at),
        "JobID": f"{job.shown_id}.{step}",
        "JobIDRaw": f"{job.job_id}.{step}",
        "JobName": name,
        "ExitCode": "0:15" if state == "CANCELLED" else job.exit_code if state == "FAILED" else "0:0",
        "NTasks": "1" if run is None else str(run.nprocs),
        "AllocTRES": f"cpu={common['AllocCPUS']},mem={len(job.nodes) * 60}G,node={len(job.nodes)}",
    }
    if run is not None:
        read, written = (max(getattr(file, way) for file in run.files) / _MIB for way in ("read", "written"))
        row |= {"MaxRSS": f"{200000 + run.nprocs * 7}K", "AveRSS": f"{190000 + run.nprocs * 5}K"}
        row |= {"MaxDiskRead": f"{read:.2f}M", "MaxDiskWrite": f"{written:.2f}M"}
        row["TotalCPU"] = _clock(int(run.end - run.start) * run.nprocs * 9 // 10)
    return row


def _when(
    cluster: Cluster, submit: int, start: int | None, end: int | None, state: str, asked_at: int
) -> dict[str, str]:
    """The times and the state of a job or step, as they stood when sacct was asked."""
    ended = end is not None and end <= asked_at
    until = end if end is not None and ended else asked_at
    elapsed = 0 if start is None else until - start
    return {
        "Submit": local_text(submit, cluster.tz),
        "Eligible": local_text(submit, cluster.tz),
        "Start": "None" if start is None else local_text(start, cluster.tz),
        "End": local_text(until, cluster.tz) if ended else "Unknown",
        "State": state if ended else "RUNNING",
        "Elapsed": _clock(elapsed),
        "ElapsedRaw": str(elapsed),
    }


def _clock(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    return f"{days}-{clock}" if days else clock
