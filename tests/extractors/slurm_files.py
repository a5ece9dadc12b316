"""Slurm's files as tests write and read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from iolake.extractors.slurm import Slurm
from iolake.schemas.site import Site
from tests.extractors.reading import Rows, everything

HEADER = "JobID|JobIDRaw|State|Submit|Start|End|ElapsedRaw"


def read(
    path: Path, text: str | bytes, zone: str = "UTC", cluster: str = "c", others: tuple[str, ...] = ()
) -> tuple[Rows, dict[str, str], str]:
    """(rows by table, rejects by part, outcome) of a file with that content."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    sources = {cluster: {"timezone": zone, "slurm": {"files": str(path)}}}
    site = Site.model_validate({"clusters": {**{name: {} for name in others}, **sources}})
    return everything(Slurm(), site)


def text(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def number(value: int | None, infinite: bool = False) -> dict[str, Any]:
    return {"set": value is not None, "infinite": infinite, "number": value or 0}


def newer_job(**more: Any) -> dict[str, Any]:
    """A job as Slurm 24.05 writes it, after the documented example of its interface."""
    code = {"status": ["ERROR"], "return_code": number(42), "signal": {"id": number(None), "name": ""}}
    step_time = {"elapsed": 30, "end": number(1744187930), "start": number(1744187900), "suspended": 0}
    usage = [
        {"type": "cpu", "name": "", "id": 1, "count": 1500, "task": number(3), "node": "n2"},
        {"type": "mem", "name": "", "id": 2, "count": 4096, "task": number(1), "node": "n1"},
    ]
    tres = [
        {"type": "cpu", "name": "", "id": 1, "count": 4},
        {"type": "mem", "name": "", "id": 2, "count": 800},
        {"type": "energy", "name": "", "id": 3, "count": -2},
    ]
    step = {
        "step": {"id": "26.batch", "name": "batch"},
        "state": ["FAILED"],
        "exit_code": code,
        "time": {**step_time, "total": {"seconds": 1, "microseconds": 500000}},
        "nodes": {"count": 2, "range": "n[1-2]", "list": ["n1", "n2"]},
        "tasks": {"count": 4},
        "statistics": {"energy": {"consumed": number(7)}},
        "tres": {"allocated": tres, "requested": {"max": usage, "total": usage}, "consumed": {}},
    }
    times = {"submission": 1744187887, "eligible": 1744187887, "start": 1744187900, "end": 1744187930, "elapsed": 30}
    job = {
        "job_id": 26,
        "name": "t-1",
        "user": "ada",
        "account": "physics",
        "cluster": "c",
        "partition": "test",
        "state": {"current": ["FAILED"], "reason": "NonZeroExitCode"},
        "exit_code": code,
        "derived_exit_code": code,
        "time": {**times, "suspended": 0, "limit": number(None, True), "total": {"seconds": 0, "microseconds": 0}},
        "required": {"CPUs": 4, "memory_per_cpu": number(200), "memory_per_node": number(None)},
        "restart_cnt": 2,
        "array": {"job_id": 20, "task_id": number(3), "task": ""},
        "het": {"job_id": 0, "job_offset": number(None)},
        "nodes": "n[1-2]",
        "allocation_nodes": 2,
        "tres": {"allocated": tres, "requested": tres},
        "steps": [step],
        "comment": {"job": "a|b", "administrator": "", "system": ""},
        "submit_line": "sbatch a\nb",
        "priority": number(5),
    }
    return {**job, **more}
