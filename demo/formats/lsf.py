"""LSF's lsb.acct: a JOB_FINISH record a line, values in a fixed order, texts in double quotes.

After IBM's reference page "lsb.acct", with LSF_HPC_EXTENSIONS="SHORT_EVENTFILE": hosts are written as slots*host.
"""

from __future__ import annotations

from iolake.demo.jobs import Job
from iolake.demo.world import Cluster

_RUSAGE: tuple[float, ...] = (12.5, 1.25, *[-1] * 17)
"""User time, system time, and 17 fields that the system does not count."""
_DONE, _EXIT = 64, 32


def record(cluster: Cluster, job: Job) -> str:
    """The record of a job that finished."""
    nodes = [f"{cluster.cores_per_node}*{cluster.node_format.format(node + 1)}" for node in job.nodes]
    code, _, signal = job.exit_code.partition(":")
    hosts: list[str | float] = [0, len(nodes), *nodes]
    values: list[str | float] = [
        *("JOB_FINISH", "10.1", _number(job.end), job.job_id, job.uid, 33554434),
        *(max(1, len(nodes)) * cluster.cores_per_node, job.submit, 0, 0, _number(job.start)),
        *(job.user, job.partition, f"span[ptile={cluster.cores_per_node}]", "", "", "login1.example.org"),
        *(f"/home/{job.user}", "", f"{job.name}.out", "", f"{job.submit}.{job.job_id}"),
        *hosts,
        *(_DONE if job.state == "COMPLETED" else _EXIT, 60.0, job.name, f'mpirun "{job.name}" --run'),
        *_RUSAGE,
        *("", job.account, int(code) << 8 | int(signal), max(1, len(nodes)) * cluster.cores_per_node, "", ""),
        *(job.array[1] if job.array else 0, 1024, 0, "", "", -1, "", "", -1),
    ]
    return " ".join(_written(value) for value in values)


def _number(at: int | None) -> int:
    return at or 0


def _written(value: str | float) -> str:
    """Numbers are bare, texts in quotes, and a quote in a text comes twice."""
    return '"{}"'.format(value.replace('"', '""')) if isinstance(value, str) else str(value)
