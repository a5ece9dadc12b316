"""Rows of sacct's fields into slurm_jobs, slurm_steps and slurm_running.

Text and JSON of every Slurm version first become rows of sacct's own fields, as strings. This module then treats them
alike, so a job gives the same row in whichever form it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from iolake.extractors.base import Batch, Input, InputError, Reject
from iolake.extractors.slurm import ids
from iolake.extractors.slurm.cluster import OwnCluster
from iolake.extractors.slurm.columns import Columns
from iolake.extractors.slurm.fields import NOTHING, UNFINISHED, is_word, known
from iolake.extractors.slurm.left_out import LeftOut
from iolake.extractors.slurm.lines import Rows
from iolake.extractors.slurm.runs import runs
from iolake.extractors.slurm.times import TIMES, Clock
from iolake.schemas.slurm import SLURM_JOBS, SLURM_RUNNING, SLURM_STEPS
from iolake.schemas.table import Table

Window: TypeAlias = tuple[datetime, datetime]
"""[since, until), UTC without a zone."""

_UNASSIGNED: Final = ("None assigned", "None", "(null)")
"""What NodeList holds for a job that got no nodes."""
_NO_TIME_SPENT: Final = ("00:00:00", "0", "")


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
    cluster = OwnCluster(input, others, again)
    tables = _Tables([input], zone, window)

    for block, last in _marking_last(blocks):
        tables.note_lines(0, block)
        yield from tables.add(cluster.rows(_numbered(block.frame, 0), last), last)
    tables.left_out.clusters[0] |= cluster.left_out
    yield from tables.left_out.rejects(with_repeats=window is None)


def _marking_last(blocks: Iterable[Rows]) -> Iterator[tuple[Rows, bool]]:
    """Yield each block, and whether it is the last one."""
    block = None
    for following in blocks:
        if block is not None:
            yield block, False
        block = following
    if block is not None:
        yield block, True


def read_together(
    files: Sequence[tuple[Input, Sequence[Rows]]], zone: ZoneInfo, others: Collection[str]
) -> Iterator[Batch | Reject | tuple[Input, InputError]]:
    """Read many small inputs at once, each given with all of its blocks; batches have an `input_id` column.

    Yields (input, error) for an input that cannot be read. Reading each input alone would take a fixed time for each
    field of each input, however few rows it has.
    """
    alike: dict[tuple[str, ...], list[tuple[Input, pl.DataFrame, Sequence[Rows], set[str]]]] = defaultdict(list)
    for input, blocks in files:
        if not blocks:  # a header alone
            continue
        try:
            cluster = OwnCluster(input, others, tuple)
            frame = pl.concat([block.frame for block in blocks], how="diagonal")
            frame = cluster.rows(frame, last=True)
            _check_fields(input, frame.columns)
        except InputError as error:
            yield input, error
        else:
            alike[tuple(frame.columns)].append((input, frame, blocks, cluster.left_out))
    for group in alike.values():
        tables = _Tables([input for input, *_ in group], zone, None)
        for place, (_, _, blocks, clusters) in enumerate(group):
            tables.left_out.clusters[place] |= clusters
            for block in blocks:
                tables.note_lines(place, block)
        frame = pl.concat([_numbered(frame, place) for place, (_, frame, *_) in enumerate(group)])
        yield from tables.add(frame, last=True, with_input_id=True)
        yield from tables.left_out.rejects()


def _numbered(frame: pl.DataFrame, place: int) -> pl.DataFrame:
    """The frame with the place of its input."""
    return frame.with_columns(pl.lit(place, pl.Int32).alias("#input"))


def _check_fields(input: Input, names: Collection[str]) -> None:
    if not {"jobid", "jobidraw"} & set(names) or "end" not in names:
        raise InputError(
            input.uri,
            "has no JobIDRaw or no End, so its rows can't be placed",
            "write it with --format=JobID,JobIDRaw,Submit,Start,End,State,…",
        )


class _Tables:
    """Keeps from block to block the last job's rows, the keys so far, and what was left out."""

    def __init__(self, inputs: Sequence[Input], zone: ZoneInfo, window: Window | None) -> None:
        self._inputs, self._zone, self._window = inputs, zone, window
        self._last_job: pl.DataFrame | None = None
        self._keys: dict[str, list[pl.DataFrame]] = {}
        self.left_out = LeftOut(inputs)

    def note_lines(self, place: int, block: Rows) -> None:
        """Note what the block's reader left out."""
        for problem in block.problems:
            self.left_out.lines("lines", [(place, *problem)], kept=problem in block.repaired)

    def add(self, frame: pl.DataFrame, last: bool, with_input_id: bool = False) -> Iterator[Batch]:
        """The batches of a block; its last job waits for the next block, which may hold more of its steps."""
        frame = self._clean(frame)
        if self._last_job is not None:
            frame = pl.concat([self._last_job, frame], how="diagonal")
        if not last:
            shown = frame["jobidraw" if "jobidraw" in frame.columns else "jobid"]
            jobs = (~shown.str.contains(".", literal=True)).arg_true()
            cut = int(jobs[-1]) if len(jobs) else 0
            frame, self._last_job = frame.head(cut), frame.slice(cut)
        yield from self._batches(frame, with_input_id)

    def _clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The fields that are known, with null where they say nothing, and `#unassigned`: no nodes, no time spent."""
        _check_fields(self._inputs[0], frame.columns)
        present = [name for name in frame.columns if name in known()]
        for name in frame.columns:
            if name not in known() and name != "line" and name[0] != "#":
                holds = frame[name].is_not_null() & ~frame[name].is_in(NOTHING)
                for place in frame["#input"].filter(holds).unique():
                    self.left_out.unknown[place].add(name)
        unassigned = _unassigned(frame)
        frame = frame.select(*present, "line", "#input", unassigned.alias("#unassigned"))
        if "start" in present:
            frame = frame.with_columns(start=pl.when(~unassigned).then("start"))
        words = [name for name in present if is_word(name)]
        said = frame.select(pl.col(words).is_in(NOTHING).any())
        if silent := [column.name for column in said if column.any()]:
            frame = frame.with_columns(pl.when(~pl.col(silent).is_in(NOTHING)).then(pl.col(silent)))
        return frame

    def _batches(self, frame: pl.DataFrame, with_input_id: bool) -> Iterator[Batch]:
        """The batches of whole jobs: find the runs, deal rows to tables, drop repeated keys, compute the columns."""
        frame, ready = self._runs(frame)
        rows = {
            table: self._first_of_key(table, ready, frame, mask) for table, mask in self._dealt(frame, ready).items()
        }
        self._note_disorder(frame, ready, rows[SLURM_JOBS])
        kept = reduce(or_, rows.values())
        columns = Columns(frame.filter(kept), ready.filter(kept), self.left_out)
        for table, mask in rows.items():
            if mask.any():
                data = columns.table(table, mask.filter(kept))
                if with_input_id:
                    data = data.append_column("input_id", self._input_ids(frame["#input"].filter(mask)))
                yield Batch(table, data)

    def _runs(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows with an id and readable times, and what `runs` makes of them; the others are noted."""
        found = ids.parse(frame)
        has_id = found["job_id"].is_not_null()
        frame, found = self._keep(frame, found, has_id, "does not tell the raw job id; add JobIDRaw")
        frame, found, clock = self._readable_times(frame, found)
        ready = runs(frame, found, clock)
        return self._keep(frame, ready, ready["submit_time"].is_not_null(), "has no time at all")

    def _note_disorder(self, frame: pl.DataFrame, ready: pl.DataFrame, jobs: pl.Series) -> None:
        """Note jobs whose times are not in order."""
        disordered = ready["disordered"] & jobs
        if disordered.any():
            self.left_out.disordered(frame["#input"].filter(disordered), ready["job_id"].filter(disordered))

    def _input_ids(self, places: pl.Series) -> pa.DictionaryArray:
        names = pl.Series([input.input_id for input in self._inputs]).to_arrow().cast(pa.string())
        return pa.DictionaryArray.from_arrays(places.to_arrow().cast(pa.int32()), names)

    def _readable_times(self, frame: pl.DataFrame, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Clock]:
        """The rows whose times can all be read; the others are noted."""
        clock = Clock(frame, self._zone)
        if clock.bad.null_count() == frame.height:
            return frame, found, clock
        for name in TIMES:
            for skipped, why in ((True, clock.skipped_reason(name)), (False, clock.unread_reason(name))):
                wrong = (clock.bad == name).fill_null(value=False) & (clock.skipped == skipped)
                if wrong.any():
                    self.left_out.rows("times", frame.filter(wrong), frame[name].filter(wrong), why)
        good = clock.bad.is_null()
        frame, found = frame.filter(good), found.filter(good)
        return frame, found, Clock(frame, self._zone)

    def _dealt(self, frame: pl.DataFrame, ready: pl.DataFrame) -> dict[Table, pl.Series]:
        """Which rows go to which table."""
        ended = ready["end_time"].is_not_null()
        if "state" in frame.columns:
            ended &= ~frame["state"].is_in(UNFINISHED).fill_null(value=False)
        is_job = ready["step_id"].is_null()
        ended_here = ended & self._in_window(ready["job_end_time"])
        return {
            SLURM_JOBS: is_job & ended_here,
            SLURM_RUNNING: is_job & ~ended & self._in_window(ready["submit_time"]),
            SLURM_STEPS: ~is_job & ended_here,
        }

    def _in_window(self, times: pl.Series) -> pl.Series:
        if self._window is None:
            return times.is_not_null()
        since, until = self._window
        return ((times >= since) & (times < until)).fill_null(value=False)

    def _keep(
        self, frame: pl.DataFrame, ready: pl.DataFrame, kept: pl.Series, reason: str
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows to keep; the others are noted with the reason."""
        if kept.all():
            return frame, ready
        lost = frame.filter(~kept)
        self.left_out.rows(reason, lost, lost["jobid" if "jobid" in lost.columns else "jobidraw"], reason)
        return frame.filter(kept), ready.filter(kept)

    def _first_of_key(self, table: Table, ready: pl.DataFrame, frame: pl.DataFrame, rows: pl.Series) -> pl.Series:
        """The mask of `rows` without those whose key an earlier row of the input has."""
        names = [*(column.name for column in table.keys[1:]), "#input"]
        facts = ["job_id", "start_time"]
        keys = ready.select(*names[:-1], *facts, frame["#input"], pl.int_range(pl.len()).alias("#row")).filter(rows)
        fresh = keys
        if keys.select(names).hash_rows().n_unique() < keys.height:
            fresh = keys.unique(names, keep="first", maintain_order=True)
        for earlier in self._keys.setdefault(table.name, []):
            if _overlap(earlier["job_id"], fresh["job_id"]):
                fresh = fresh.join(earlier, on=names, how="anti", maintain_order="left")
        self._keys[table.name].append(fresh.select(*names, *facts))
        if fresh.height == keys.height:
            return rows
        repeats = keys.join(fresh.select("#row"), on="#row", how="anti")
        self.left_out.repeats.update(repeats["#input"].to_list())
        if table is SLURM_JOBS:
            repeats = repeats.filter(ready["restart"].gather(repeats["#row"]).is_null())
            for kept in self._keys[table.name]:
                repeats = repeats.join(kept, on=[*names, "start_time"], how="anti", nulls_equal=True)
            self.left_out.other_starts.update(repeats["#input"].to_list())
        return pl.repeat(False, len(rows), eager=True).scatter(fresh["#row"], True)


def _unassigned(frame: pl.DataFrame) -> pl.Series:
    """Which rows say that the job got no nodes and ran for no time, whether or not older versions give it a start.

    That is a job without nodes that ended in the second in which it started, and one that waits and has a start: an
    estimate. Where no field names nodes, a job that was cancelled in the second of its start had none.
    """
    silent = _holds(frame, "start", NOTHING, missing=True)
    at_once = _holds(frame, "start", ())
    if {"start", "end"} <= set(frame.columns):
        at_once = (frame["start"] == frame["end"]).fill_null(value=False)
    for name in ("elapsed", "elapsedraw"):
        spent_none = _holds(frame, name, _NO_TIME_SPENT, missing=True)
        silent, at_once = silent & spent_none, at_once & spent_none
    if "nodelist" in frame.columns or "allocnodes" in frame.columns:
        without_nodes = _holds(frame, "nodelist", _UNASSIGNED) | _holds(frame, "allocnodes", ("0",))
        unassigned = without_nodes & (silent | at_once)
    else:
        unassigned = at_once & _is_cancelled_job(frame)
    return unassigned | (_holds(frame, "state", ("PENDING",)) & ~silent)


def _is_cancelled_job(frame: pl.DataFrame) -> pl.Series:
    if "state" not in frame.columns:
        return _holds(frame, "state", ())
    is_job = ~frame["jobid" if "jobid" in frame.columns else "jobidraw"].str.contains(".", literal=True)
    return (is_job & frame["state"].str.starts_with("CANCELLED")).fill_null(value=False)


def _holds(frame: pl.DataFrame, name: str, texts: Collection[str], missing: bool = False) -> pl.Series:
    """Whether each row's field is one of the texts; `missing` where it is null, or the frame has no such field."""
    if name not in frame.columns:
        return pl.Series([missing]).new_from_index(0, frame.height)
    return frame[name].is_in(texts).fill_null(value=missing)


def _overlap(some: pl.Series, others: pl.Series) -> bool:
    """Whether two columns of ids may have one in common: blocks mostly follow each other by id."""
    return bool(len(some) and len(others) and others.is_between(some.min(), some.max()).any())
