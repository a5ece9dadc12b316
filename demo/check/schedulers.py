"""Checks the lake's jobs of PBS, LSF and Flux against the truth, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from iolake.demo.check.compare import compare
from iolake.demo.formats.flux import FRACTION_S, f58
from iolake.demo.truth import JobTruth, Truth

_PBS_STATES = {"REQUEUED": "rerun"}
_FLUX_STATES = {"CANCELLED": "CANCELED"}


def scheduler_differences(con: duckdb.DuckDBPyConnection, truth: Truth) -> list[str]:
    """The differences between `other_jobs` and the truth. The files of two days may list a run, each of them once."""
    shown = con.execute("""
        SELECT cluster, scheduler, scheduler_id, job_id, epoch(submit_time), epoch(start_time), epoch(end_time),
            job_name, user_name, uid, account, queue, state, exit_code, exit_signal, timelimit_s, nnodes, ncpus,
            array_to_string(list_sort(nodes), ' '), time_ambiguous, count(*) - count(DISTINCT input_id)
        FROM other_jobs GROUP BY ALL""").fetchall()
    ended = [job for job in truth.jobs if job["scheduler"] != "slurm" and job["end"] is not None]
    return compare("jobs of other schedulers", (tuple(_fields(job)) for job in ended), shown)


def _fields(job: JobTruth) -> Iterator[Any]:
    """What its scheduler's own records say of a job; null where they say nothing."""
    scheduler, began = job["scheduler"], job["start"] is not None
    later = FRACTION_S if scheduler == "flux" else 0.0
    yield job["cluster"]
    yield scheduler
    yield f58(job["job_id"]) if scheduler == "flux" else job["shown_id"]
    yield job["job_id"]
    yield from (None if at is None else at + later for at in (job["submit"], job["start"], job["end"]))
    yield from (job["name"], job["user"], None if scheduler == "pbs" else job["uid"], job["account"], job["partition"])
    yield _state(job)
    code, _, signal = job["exit_code"].partition(":")
    yield from (int(code), int(signal)) if code != "-" else (None, None)
    yield None if scheduler == "lsf" else float(job["timelimit_s"])
    yield from (len(job["nodes"]), job["cores"])
    yield " ".join(sorted(job["nodes"])) if began else None
    yield False
    yield 0


def _state(job: JobTruth) -> str:
    """How it ended, in its scheduler's words."""
    if job["scheduler"] == "pbs":
        return _PBS_STATES.get(job["state"], "finished")
    if job["scheduler"] == "lsf":
        return "DONE" if job["state"] == "COMPLETED" else "EXIT"
    return _FLUX_STATES.get(job["state"], job["state"])
