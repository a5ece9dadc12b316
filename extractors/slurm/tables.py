"""Rows of sacct's fields into slurm_jobs, slurm_steps and slurm_running.

Every form that Slurm's accounting comes in, text or JSON, is first made rows of sacct's own fields, as strings;
from here on there is one way, so one job gives one row, whichever form told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import polars as pl

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.extractors.slurm import ids
from iolake.extractors.slurm.cluster import OwnCluster
from iolake.extractors.slurm.columns import Columns
from iolake.extractors.slurm.fields import NOTHING, UNFINISHED, is_word, known
from iolake.extractors.slurm.lines import Rows
from iolake.extractors.slurm.times import TIMES, Clock
from iolake.schemas.slurm import SLURM_JOBS, SLURM_RUNNING, SLURM_STEPS
from iolake.schemas.table import Table

Window: TypeAlias = tuple[datetime, datetime]
"""[since, until), UTC without a zone."""

_SHOWN: Final = 20
"""Rejects of one kind that get a row each; the rest of them share one."""


def read_tables(
    blocks: Iterable[Rows],
    input: Input,
    zone: ZoneInfo,
    others: Collection[str] = (),
    window: Window | None = None,
    again: Callable[[], Iterable[Rows]] = tuple,
) -> Iterator[Batch | Reject]:
    """Batches of the rows in `blocks`, and rejects of what was left out; InputError where no row can be placed.

    `others` are the site's other clusters, lower-case. With a `window`, only jobs that ended in it are read, with
    their steps, and those submitted in it that have not. `again` gives the blocks anew, if they can be read twice.
    """
    tables = _Tables(input, zone, OwnCluster(input, others, again), window)
    block = None
    for following in blocks:
        if block is not None:
            yield from tables.add(block)
        block = following
    if block is not None:
        yield from tables.add(block, last=True)
    yield from tables.rejects()


class _Tables:
    """What lasts from block to block: the last job's rows, the keys so far, and what was not understood."""

    def __init__(self, input: Input, zone: ZoneInfo, cluster: OwnCluster, window: Window | None) -> None:
        self._input, self._zone, self._cluster, self._window = input, zone, cluster, window
        self._held: pl.DataFrame | None = None
        self._keys: dict[str, list[pl.DataFrame]] = {}
        self._repeats = 0
        self._unread: dict[str, tuple[int, str]] = {}
        self._unknown: set[str] = set()
        self._problems: dict[str, list[tuple[str, str]]] = {}

    def add(self, rows: Rows, last: bool = False) -> Iterator[Batch]:
        """The batches of a block; its last job is held back, because its steps may follow in the next."""
        self._note("lines", rows.problems)
        frame = self._cluster.rows(self._clean(rows.frame), last)
        if self._held is not None:
            frame = pl.concat([self._held, frame], how="diagonal")
        if not last:
            jobs = (
                ~frame["jobidraw" if "jobidraw" in frame.columns else "jobid"].str.contains(".", literal=True)
            ).arg_true()
            cut = int(jobs[-1]) if len(jobs) else 0
            frame, self._held = frame.head(cut), frame.slice(cut)
        yield from self._batches(frame)

    def rejects(self) -> Iterator[Reject]:
        """What was left out of all of the input."""
        for problems in self._problems.values():
            yield from (Reject(self._input, reason, part) for part, reason in problems[:_SHOWN])
            if len(problems) > _SHOWN:
                yield Reject(self._input, f"{len(problems) - _SHOWN} more like the last one", "and others")
        for name in sorted(self._cluster.left_out):
            yield Reject(self._input, "is not the input's own; left out", f"cluster {name}")
        for name in sorted(self._unknown):
            yield Reject(self._input, "is not a field that is known; left out", f"field {name}")
        for name, (count, example) in sorted(self._unread.items()):
            yield Reject(self._input, f"{count} values not understood, such as {example!r}; null", f"field {name}")
        if self._repeats and self._window is None:
            yield Reject(self._input, f"{self._repeats} rows repeat an earlier row's key; the first is kept", "repeats")

    def _note(self, kind: str, problems: Iterable[tuple[str, str]]) -> None:
        self._problems.setdefault(kind, []).extend(problems)

    def _clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The fields that are known, with null where they say nothing."""
        present = [name for name in frame.columns if name in known()]
        self._unknown |= {name for name in frame.columns if name not in known() and name != "line" and name[0] != "#"}
        if not {"jobid", "jobidraw"} & set(present) or "end" not in present:
            raise InputError(
                self._input.uri,
                "has no JobIDRaw or no End, so its rows can't be placed",
                "write it with --format=JobID,JobIDRaw,Submit,Start,End,State,…",
            )
        frame = frame.select(*present, "line")
        words = [name for name in present if is_word(name)]
        said = frame.select(pl.col(words).is_in(NOTHING).any())
        if silent := [column.name for column in said if column.any()]:
            frame = frame.with_columns(pl.when(~pl.col(silent).is_in(NOTHING)).then(pl.col(silent)))
        return frame

    def _batches(self, frame: pl.DataFrame) -> Iterator[Batch]:
        found = ids.parse(frame)
        frame, found = self._keep(
            frame, found, found["job_id"].is_not_null(), "does not tell the raw job id; add JobIDRaw"
        )
        clock = Clock(frame, self._zone)
        if clock.bad.null_count() < frame.height:
            for name in TIMES:
                wrong = (clock.bad == name).fill_null(False)
                text = frame[name] if name in frame.columns else clock.bad
                self._note(
                    "times", _parts(frame.filter(wrong), text.filter(wrong), f"is no {name} time of {self._zone.key}")
                )
            frame, found = frame.filter(clock.bad.is_null()), found.filter(clock.bad.is_null())
            clock = Clock(frame, self._zone)
        ready = _ready(frame, found, clock)
        placed = ready["submit_time"].is_not_null()
        frame, ready = self._keep(frame, ready, placed, "has no time at all")
        ended = ready["end_time"].is_not_null()
        if "state" in frame.columns:
            ended &= ~frame["state"].is_in(UNFINISHED).fill_null(False)
        is_job = ready["step_id"].is_null()
        ended_here = ended & self._in_window(ready["job_end_time"])
        rows = {
            SLURM_JOBS: is_job & ended_here,
            SLURM_RUNNING: is_job & ~ended & self._in_window(ready["submit_time"]),
            SLURM_STEPS: ~is_job & ended_here,
        }
        rows = {table: self._first(table, ready, mask) for table, mask in rows.items()}
        kept = reduce(or_, rows.values())
        columns = Columns(frame.filter(kept), ready.filter(kept), self._unread)
        for table, mask in rows.items():
            if mask.any():
                yield Batch(table, columns.table(table, mask.filter(kept)))

    def _in_window(self, times: pl.Series) -> pl.Series:
        if self._window is None:
            return times.is_not_null()
        since, until = self._window
        return ((times >= since) & (times < until)).fill_null(False)

    def _keep(
        self, frame: pl.DataFrame, ready: pl.DataFrame, kept: pl.Series, reason: str
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows to keep; the others are noted with the reason."""
        if kept.all():
            return frame, ready
        lost = frame.filter(~kept)
        self._note(reason, _parts(lost, lost["jobid" if "jobid" in lost.columns else "jobidraw"], reason))
        return frame.filter(kept), ready.filter(kept)

    def _first(self, table: Table, ready: pl.DataFrame, rows: pl.Series) -> pl.Series:
        """The mask of `rows` without those whose key an earlier row of the table has."""
        names = [column.name for column in table.keys[1:]]
        keys = ready.select(*names, "job_id", pl.int_range(pl.len()).alias("#row")).filter(rows)
        fresh = keys
        if keys.select(names).hash_rows().n_unique() < keys.height:
            fresh = keys.unique(names, keep="first", maintain_order=True)
        for earlier in self._keys.setdefault(table.name, []):
            if _overlap(earlier["job_id"], fresh["job_id"]):
                fresh = fresh.join(earlier, on=names, how="anti", maintain_order="left")
        self._keys[table.name].append(fresh.select(*names, "job_id"))
        if fresh.height == keys.height:
            return rows
        self._repeats += keys.height - fresh.height
        return pl.repeat(False, len(rows), eager=True).scatter(fresh["#row"], True)


def _overlap(some: pl.Series, others: pl.Series) -> bool:
    """Whether two columns of ids may have one in common: blocks mostly follow each other by id."""
    return bool(len(some) and len(others) and others.is_between(some.min(), some.max()).any())


def _ready(frame: pl.DataFrame, found: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    """Ids, times and keys of each row. A step's run is its job's: its own Submit only says when the step began."""
    job_row = _job_rows(found)
    fields = Columns(frame, found, {})
    unbounded = pl.Series([None], dtype=pl.Int64).new_from_index(0, frame.height)
    elapsed, suspended, restarts = (
        unbounded if told is None else told
        for told in (fields.seconds("elapsed"), fields.seconds("suspended"), fields.number("restarts"))
    )
    elapsed = elapsed + suspended.fill_null(0)
    jobs = clock.resolve(elapsed, unbounded, unbounded).select(pl.all().gather(job_row))
    is_step = found["step_id"].is_not_null()
    own = clock.resolve(elapsed, jobs["start"].set(~is_step, None), jobs["end"].set(~is_step, None))
    times = own.with_columns(
        restart=restarts,
        job=job_row,
        job_submit=jobs["submit"],
        job_start=jobs["start"],
        job_end=jobs["end"],
        is_step=is_step,
    )
    has_job = pl.col("job").is_not_null()
    submit = pl.when(has_job).then("job_submit").when(~pl.col("is_step")).then("submit")
    run = times.select(
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
    )
    run = run.with_columns(run_id=_run_ids(found, run, job_row))
    stamps = (pl.col(f"{name}_time") * 1_000_000 for name in (*TIMES, "job_end"))
    return found.hstack(run.with_columns(stamp.cast(pl.Datetime("us")) for stamp in stamps))


def _run_ids(found: pl.DataFrame, run: pl.DataFrame, job_row: pl.Series) -> pl.Series:
    """The `run_id` of each row, a step's being its job's; null where there is no submit time.

    `sacct --array` gives every task that never started the array's own raw id: the task's number tells them apart.
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


def _job_rows(found: pl.DataFrame) -> pl.Series:
    """For each row, the row of its job: a job's own, and for a step the one that it follows, or the only one of its id.

    Null for a step whose job is not in the block.
    """
    is_job = pl.col("step_id").is_null()
    rows = found.select("job_id", pl.int_range(pl.len()).alias("row"), is_job.alias("is_job"))
    rows = rows.with_columns(followed=pl.when("is_job").then("row").forward_fill())
    same = (rows["job_id"].gather(rows["followed"]) == rows["job_id"]).fill_null(False)
    if same.all():
        return rows["followed"]
    jobs = rows.filter("is_job").select("job_id", job="row").unique("job_id", keep="none")
    rows = rows.join(jobs, on="job_id", how="left", maintain_order="left")
    return rows.select(pl.when(same).then("followed").otherwise("job")).to_series()


def _parts(lost: pl.DataFrame, texts: pl.Series, reason: str) -> Iterator[tuple[str, str]]:
    for line, text in zip(lost["line"], texts, strict=True):
        yield f"line {line}", f"{text!r} {reason}"
