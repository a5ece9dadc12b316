"""The run that each row belongs to: its times in UTC, its key, and whether it ever started.

A step's run is its job's: the step's own Submit only says when the step began.
"""

from __future__ import annotations

import polars as pl

from iolake.extractors.slurm.columns import Columns
from iolake.extractors.slurm.times import TIMES, Clock


def runs(frame: pl.DataFrame, found: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    """`found` (the ids of each row) with the times and key of its run; `submit_time` is null where a row has no time.

    `never_started` marks jobs that never started by the source's account, `disordered` jobs that end before they start.
    """
    job_row = _job_rows(found, frame["#input"])
    times = _times(frame, found, clock, job_row)
    times = _without_estimated_starts(frame, times)
    run = _run(frame, times)
    run = run.with_columns(run_id=_run_ids(found, run, job_row))
    stamps = (pl.col(f"{name}_time") * 1_000_000 for name in (*TIMES, "job_end"))
    return found.hstack(run.with_columns(stamp.cast(pl.Datetime("us")) for stamp in stamps))


def _times(frame: pl.DataFrame, found: pl.DataFrame, clock: Clock, job_row: pl.Series) -> pl.DataFrame:
    """Int64 seconds of each row's own times and of its job's, with the row's elapsed time and restarts."""
    fields = Columns(frame, found)
    unknown = pl.Series([None], dtype=pl.Int64).new_from_index(0, frame.height)
    elapsed, suspended, restarts = (
        unknown if column is None else column
        for column in (fields.seconds("elapsed"), fields.seconds("suspended"), fields.number("restarts"))
    )
    span = elapsed + suspended.fill_null(0)
    is_step = found["step_id"].is_not_null()
    jobs = clock.resolve(span, unknown, unknown).select(pl.all().gather(job_row))
    own = clock.resolve(span, jobs["start"].set(~is_step, None), jobs["end"].set(~is_step, None))
    return own.with_columns(
        restart=restarts,
        ran=(elapsed > 0).fill_null(value=False),
        job=job_row,
        job_submit=jobs["submit"],
        job_start=jobs["start"],
        job_end=jobs["end"],
        is_step=is_step,
    )


def _without_estimated_starts(frame: pl.DataFrame, times: pl.DataFrame) -> pl.DataFrame:
    """The times, without the start of jobs that were cancelled before it: that start was an estimate."""
    if "state" not in frame.columns:
        return times
    cancelled = frame["state"].str.starts_with("CANCELLED").fill_null(value=False)
    estimated = pl.lit(cancelled) & (pl.col("end") < pl.col("start")) & ~pl.col("ran") & ~pl.col("is_step")
    return times.with_columns(start=pl.when(~estimated.fill_null(value=False)).then("start"))


def _run(frame: pl.DataFrame, times: pl.DataFrame) -> pl.DataFrame:
    """The columns of each row's run, times as Int64 seconds."""
    has_job = pl.col("job").is_not_null()
    submit = pl.when(has_job).then("job_submit").when(~pl.col("is_step")).then("submit")
    starts_are_given = pl.lit("start" in frame.columns)
    return times.select(
        submit_known=submit.is_not_null(),
        submit_time=pl.coalesce(
            submit,
            pl.when(has_job).then(pl.coalesce("job_start", "job_end")),
            pl.when(~has_job).then(pl.coalesce("start", "end")),
        ),
        restart=pl.when(has_job).then(pl.col("restart").gather("job")).otherwise("restart"),
        job_end_time=pl.when(has_job).then("job_end").otherwise("end"),
        eligible_time="eligible",
        start_time="start",
        end_time="end",
        time_ambiguous="time_ambiguous",
        never_started=starts_are_given & pl.col("start").is_null() & ~pl.col("ran") & ~pl.col("is_step"),
        unassigned=frame["#unassigned"],
        disordered=(pl.col("end") < pl.col("start")).fill_null(value=False) & ~pl.col("is_step"),
    )


def _run_ids(found: pl.DataFrame, run: pl.DataFrame, job_row: pl.Series) -> pl.Series:
    """The `run_id` of each row, a step's being its job's; null where there is no submit time.

    `sacct --array` gives every task that never started the array's own raw id: the task's number makes the key unique.
    """
    unstarted_task = (
        pl.col("start_time").is_null()
        & (pl.col("array_job_id") == pl.col("job_id"))
        & pl.col("array_task_id").is_not_null()
    )
    task = pl.when(unstarted_task).then(pl.format("_{}", "array_task_id")).otherwise(pl.lit(""))
    again = pl.when(pl.col("restart") > 0).then(pl.format(".{}", "restart")).otherwise(pl.lit(""))
    own = found.hstack(run).select(pl.concat_str("job_id", task, pl.lit("."), "submit_time", again)).to_series()
    return own.gather(job_row.fill_null(pl.int_range(found.height, eager=True)))


def _job_rows(found: pl.DataFrame, inputs: pl.Series) -> pl.Series:
    """For each row, the row of its job: a job's own, and for a step the one it follows, or the only one of its id.

    Null for a step whose job is not among its input's rows.
    """
    is_job = pl.col("step_id").is_null()
    rows = found.select("job_id", pl.int_range(pl.len()).alias("row"), is_job.alias("is_job"), input=inputs)
    rows = rows.with_columns(followed=pl.when("is_job").then("row").forward_fill())
    same_job = rows["job_id"].gather(rows["followed"]) == rows["job_id"]
    same = (same_job & (inputs.gather(rows["followed"]) == inputs)).fill_null(value=False)
    if same.all():
        return rows["followed"]
    jobs = rows.filter("is_job").select("input", "job_id", job="row").unique(["input", "job_id"], keep="none")
    rows = rows.join(jobs, on=["input", "job_id"], how="left", maintain_order="left")
    return rows.select(pl.when(same).then("followed").otherwise("job")).to_series()
