"""Flux: what `flux jobs -a --json` prints. Ids are ƒ and base 58, after RFC 19; times are seconds since 1970."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from iolake.demo.jobs import Job
from iolake.demo.world import Cluster

FRACTION_S = 0.25
"""How far behind the whole second Flux does everything here."""
_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RESULTS = {"COMPLETED": "COMPLETED", "FAILED": "FAILED", "TIMEOUT": "TIMEOUT", "CANCELLED": "CANCELED"}


def listing(cluster: Cluster, jobs: list[Job], asked_at: int) -> str:
    """What Flux lists when it is asked at an epoch second: who has not ended by then is running."""
    return json.dumps({"jobs": [_job(cluster, job, asked_at) for job in jobs]}, ensure_ascii=False)


def f58(number: int) -> str:
    """A job id as Flux shows it: ƒ and digits of base 58."""
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _DIGITS[digit] + digits
    return "ƒ" + (digits or _DIGITS[0])


def host_list(prefix: str, numbers: list[int]) -> str:
    """Names as a host list: dunlin[9-12,20]; a single one has no brackets."""
    if len(numbers) == 1:
        return f"{prefix}{numbers[0]}"
    gaps = [(before, after) for before, after in pairwise(numbers) if after != before + 1]
    starts, ends = [numbers[0], *(after for _, after in gaps)], [*(before for before, _ in gaps), numbers[-1]]
    ranges = [str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return f"{prefix}[{','.join(ranges)}]"


def _job(cluster: Cluster, job: Job, asked_at: int) -> dict[str, Any]:
    is_done = job.end is not None and job.end <= asked_at
    code, _, signal = job.exit_code.partition(":")
    found: dict[str, Any] = {
        "id": f58(job.job_id), "userid": job.uid, "username": job.user, "urgency": 16, "priority": 16,
        "t_submit": _time(job.submit), "t_depend": _time(job.submit), "t_run": _time(job.start),
        "t_cleanup": _time(job.end if is_done else None), "t_inactive": _time(job.end if is_done else None),
        "state": "INACTIVE" if is_done else "RUN", "name": job.name, "cwd": f"/home/{job.user}",
        "queue": job.partition, "bank": job.account, "ntasks": max(1, len(job.nodes)), "duration": job.timelimit_s,
        "nnodes": max(1, len(job.nodes)), "ncores": max(1, len(job.nodes)) * cluster.cores_per_node,
        "success": job.state == "COMPLETED", "exception_occurred": job.state in ("TIMEOUT", "CANCELLED"),
        "result": _RESULTS[job.state] if is_done else "", "status": _RESULTS[job.state] if is_done else "RUN",
        "annotations": {}, "dependencies": [],
    }  # fmt: skip
    if job.nodes:
        found["nodelist"] = host_list(cluster.name, sorted(node + 1 for node in job.nodes))
    if is_done and job.start is not None:
        found |= {"waitstatus": int(code) << 8 | int(signal), "returncode": -int(signal) or int(code)}
        found["runtime"] = float((job.end or 0) - job.start)
    return found


def _time(at: int | None) -> float:
    """A time; 0.0 for what has not happened."""
    return 0.0 if at is None else at + FRACTION_S
