"""Job and step ids as sacct writes them: `1`, `2_7`, `2_[3-7%2]`, `11+0`, `11+0.batch`, `1.0+1`."""

from __future__ import annotations

from typing import Final

import polars as pl

from iolake.extractors.slurm.fields import INFINITE_32, NO_VALUE_32

_JOB: Final = r"^(?<first>\d+)(?:_(?:(?<task>\d+)|(?<tasks>\[.*\])))?(?:\+(?<offset>\d+))?$"


def parse(frame: pl.DataFrame) -> pl.DataFrame:
    """Of each row: job_id (raw), array_job_id, array_task_id, array_tasks, het_job_id, het_offset, step_id.

    `frame` has JobID, JobIDRaw or both. A job_id is null where the row doesn't tell it: `2_7` is the seventh task of
    array 2, whose own raw id only JobIDRaw knows. `step_id` is null for the job itself.
    """
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    shown = frame["jobid"] if "jobid" in frame.columns else nothing
    raw = frame["jobidraw"] if "jobidraw" in frame.columns else nothing
    raw_job, raw_step = _split(raw)
    job_id = raw_job.str.to_integer(strict=False)
    shown = shown.set((shown == raw) & job_id.is_not_null(), None)  # most ids say nothing more
    shown_job, shown_step = _split(shown)
    plain = shown_job.str.to_integer(strict=False)
    parts = shown_job.set(plain.is_not_null(), None).str.extract_groups(_JOB).struct.unnest()
    first, task, offset = (parts[name].cast(pl.Int64, strict=False) for name in ("first", "task", "offset"))
    offset = offset.set(offset.is_in([NO_VALUE_32, INFINITE_32]), None)  # no part of a heterogeneous job
    leader = offset.is_null() | (offset == 0)
    implied = plain.fill_null(first.set(task.is_not_null() | ~leader, None))
    is_task = task.is_not_null() | parts["tasks"].is_not_null()
    return pl.DataFrame(
        {
            "job_id": job_id.fill_null(implied),
            "array_job_id": first.set(~is_task, None),
            "array_task_id": task.set(task.is_in([NO_VALUE_32, INFINITE_32]), None),
            "array_tasks": parts["tasks"],
            "het_job_id": first.set(offset.is_null(), None),
            "het_offset": offset,
            "step_id": raw_step.fill_null(shown_step),
        }
    )


def _split(ids: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(job, step) of ids such as `16.batch`."""
    parts = ids.str.splitn(".", 2).struct.unnest()
    return parts["field_0"], parts["field_1"]
