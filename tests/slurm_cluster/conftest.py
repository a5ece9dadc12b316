"""One cluster for all tests, and the jobs that it has run."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.slurm_cluster.cluster import Cluster, cluster, missing

_STEPS = """#!/bin/sh
srun -J write -n4 sleep 1
srun -J read -N1 -n2 --exact dd if=/dev/zero of=/dev/null bs=1M count=64
srun -J bad false
true
"""


@dataclass
class History:
    """A cluster after jobs of every kind: the ids of each kind."""

    cluster: Cluster
    jobs: dict[str, int]


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real Slurm that has run nothing yet; the tests skip where Slurm is missing."""
    if lacking := missing():
        pytest.skip(f"no real Slurm here ({', '.join(lacking)}): tests/slurm_cluster/install.sh installs it")
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    folder.chmod(0o755)
    try:
        with cluster(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def history(slurm: Cluster) -> History:
    """Jobs of every kind on a real Slurm."""
    return History(slurm, _run_jobs(slurm))


def _run_jobs(slurm: Cluster) -> dict[str, int]:
    script = slurm.folder / "steps.sh"
    script.write_text(_STEPS)
    small = ("-n1", "--mem=20M")
    jobs = {
        "steps": slurm.submit("-N2", "-n4", "--mem=50M", "--comment=darshan|pipe", str(script)),
        "requeued": slurm.submit(
            *small, "--requeue", "-J", "requeued", "--wrap", '[ "$SLURM_RESTART_COUNT" ] || sleep 600'
        ),
        "cancelled": slurm.submit(*small, "-J", "cancelled", "--wrap", "sleep 600"),
        "array": slurm.submit(*small, "-J", "array", "--array=0-3%2", "--wrap", '[ "$SLURM_ARRAY_TASK_ID" != 2 ]'),
        "fails": slurm.submit(*small, "-J", "fails", "--wrap", "exit 42"),
        "signalled": slurm.submit(*small, "-J", "signalled", "--wrap", "kill -SEGV $$"),
        "name": slurm.submit(*small, "-J", 'é "quoted" | name, comma', "--wrap", "true"),
        "lines": slurm.submit(*small, "-J", "lines", "--wrap", "echo a | cat\necho b | cat\n\ntrue"),
        "held": slurm.submit(*small, "-J", "held", "--hold", "--wrap", "true"),
        "later": slurm.submit(*small, "-J", "later", "--begin=now+1hour", "--wrap", "true"),
        "waiting_array": slurm.submit(*small, "--hold", "--array=5-9", "--wrap", "true"),
        "timed_out": slurm.submit(*small, "-J", "timed_out", "--time=90", "--wrap", "sleep 600"),
        "het": slurm.submit("-J", "het", *small, ":", *small, "--wrap", "srun hostname"),
    }
    slurm.run("srun", "-J", "interactive", "-n1", "--mem=20M", "true")

    def state(job: str) -> str:
        return slurm.run("squeue", "-h", "-j", str(jobs[job]), "-o", "%T").strip()

    slurm.wait(lambda: all(state(job) == "RUNNING" for job in ("cancelled", "requeued", "timed_out")), "jobs to run")
    slurm.run("scontrol", "update", f"jobid={jobs['timed_out']}", "endtime=now")  # the controller looks every 30 s
    time.sleep(1.5)  # so that they have used a whole second
    slurm.run("scontrol", "requeue", str(jobs["requeued"]))
    slurm.run("scancel", *(str(jobs[job]) for job in ("cancelled", "held", "later", "waiting_array")))
    left = ["steps", "requeued", "array", "fails", "signalled", "name", "lines", "het", "cancelled"]

    def have_ended() -> bool:
        return not any(slurm.run("squeue", "-h", "-t", "PD,R,CG,S", "-j", str(jobs[job])) for job in left)

    slurm.wait(have_ended, "jobs to end")
    # On a node of its own, since whatever runs there fails with it.
    jobs["node_fails"] = slurm.submit("--exclusive", "--no-requeue", "-J", "node_fails", "--wrap", "sleep 600")
    slurm.wait(lambda: state("node_fails") == "RUNNING", "a job to run")
    node = slurm.run("squeue", "-h", "-j", str(jobs["node_fails"]), "-o", "%N").strip()
    slurm.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    left += ["node_fails", "timed_out"]
    slurm.wait(have_ended, "jobs to end")
    jobs["running"] = slurm.submit(*small, "-J", "running", "--wrap", "sleep 600")
    slurm.wait(lambda: state("running") == "RUNNING", "a job to run")
    jobs["pending"] = slurm.submit("-N4", "--exclusive", "--mem=20M", "-J", "pending", "--wrap", "true")
    _wait_for_accounting(slurm, jobs)
    return jobs


def _wait_for_accounting(slurm: Cluster, jobs: dict[str, int]) -> None:
    """Accounting lags behind: wait until it knows that all but two jobs ended, and that one of these runs."""

    def rows() -> list[str]:
        ids = ",".join(map(str, jobs.values()))
        return slurm.run("sacct", "-n", "-X", "-P", "--duplicates", "-j", ids, "-o", "JobName,State,End").splitlines()

    unfinished = ["pending|PENDING|Unknown", "running|RUNNING|Unknown"]
    slurm.wait(lambda: sorted(row for row in rows() if row.endswith("|Unknown")) == unfinished, "accounting")
