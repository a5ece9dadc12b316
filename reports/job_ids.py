"""Job ids as people and schedulers write them: 1234, 1234_57, 1234_[1-4,7], 1234+0, 1234.batch, 4478544.sdb."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iolake.schemas.errors import PermanentError

if TYPE_CHECKING:
    from iolake.warehouse import Lake

_FORM: Final = re.compile(
    r"(?P<job>\d{1,19})(?:_(?:(?P<task>\d{1,19})|\[(?P<tasks>[\d,:-]+)(?:%\d+)?\])|\+(?P<offset>\d{1,19}))?"
    r"(?P<step>\.[\w+]{1,40})?"
)
_RANGE: Final = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_LARGEST: Final = 2**63 - 1
_PARTS: Final = """
SELECT DISTINCT job_id, run_id, array_tasks FROM (
  SELECT cluster, job_id, run_id, array_job_id, array_task_id, array_tasks, het_job_id, het_offset FROM jobs
  UNION ALL
  SELECT cluster, job_id, run_id, array_job_id, array_task_id, array_tasks, het_job_id, het_offset FROM jobs_running
)
WHERE ($1::VARCHAR IS NULL OR cluster = $1) AND {condition}
ORDER BY job_id, run_id
"""
_WAITING: Final = "(array_task_id IS NULL AND array_tasks IS NOT NULL)"
"""The row of an array's tasks that had not started when the scheduler was asked."""


class BadJobId(PermanentError):
    """A text that is no job id in any form."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"{text[:80]!r} is not a job id; write a number such as 1234, or 1234_57 (a task of an array), "
            "1234_[1-4] (some of them), 1234+0 (a component), 1234.batch (a step's job)"
        )


class NoPart(PermanentError):
    """An array's task or a heterogeneous job's component that the lake does not have."""

    def __init__(self, text: str, what: str, cluster: str | None) -> None:
        self.text, self.cluster = text, cluster
        where = f" on {cluster}" if cluster else ""
        super().__init__(f"no {what}{where} in the lake; `iolake ingest` loads what is new")


@dataclass(frozen=True)
class Wanted:
    """A job id and the wanted runs of it; None means all."""

    job_id: int
    run_ids: frozenset[str] | None = None


def wanted_jobs(lake: Lake, text: str, cluster: str | None = None) -> list[Wanted]:
    """The jobs that a job id names, in any form of the schedulers. Raises BadJobId and NoPart."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found["job"]) > _LARGEST:
        others = _by_scheduler_id(lake, text.strip(), cluster)
        if not others and not text.strip().isdecimal():
            raise BadJobId(text)
        return others or [Wanted(int(text.strip()) if len(text) < 40 else _LARGEST + 1)]
    job = int(found["job"])
    if found["task"]:
        what = f"task {found['task']} of array {job}"
        condition, task = f"array_job_id = $2 AND (array_task_id = $3 OR {_WAITING})", int(found["task"])
        return _parts(lake, text, what, cluster, condition, [job, task], [range(task, task + 1)])
    if found["tasks"]:
        what, tasks = f"tasks {found['tasks']} of array {job}", _ranges(found["tasks"])
        if not tasks or len(tasks) > 1000:
            raise BadJobId(text)
        condition, values = _in_ranges(tasks)
        return _parts(lake, text, what, cluster, condition, [job, *values], tasks)
    if found["offset"]:
        what = f"component {found['offset']} of heterogeneous job {job}"
        return _parts(lake, text, what, cluster, "het_job_id = $2 AND het_offset = $3", [job, int(found["offset"])])
    if found["step"]:
        return _by_scheduler_id(lake, text.strip(), cluster) or [Wanted(job)]
    return [Wanted(job)]


def _ranges(tasks: str) -> list[range]:
    """The tasks of `1-4,7,10-20:2`, or of `[1-4%2]`; empty where the text is another."""
    parts = [_RANGE.fullmatch(part) for part in tasks.partition("%")[0].strip("[]").split(",")]
    if not all(parts):
        return []
    return [range(int(p[1]), int(p[2] or p[1]) + 1, max(int(p[3] or 1), 1)) for p in parts if p]


def _in_ranges(tasks: list[range]) -> tuple[str, list[int]]:
    """The condition and its values of an array's tasks."""
    conditions = [_WAITING]
    values: list[int] = []
    for part in tasks:
        place = len(values) + 3
        conditions.append(
            f"(array_task_id BETWEEN ${place} AND ${place + 1} AND (array_task_id - ${place}) % ${place + 2} = 0)"
        )
        values += [part.start, part.stop - 1, part.step]
    return f"array_job_id = $2 AND ({' OR '.join(conditions)})", values


def _parts(
    lake: Lake,
    text: str,
    what: str,
    cluster: str | None,
    condition: str,
    values: list[int],
    tasks: list[range] | None = None,
) -> list[Wanted]:
    by_job: dict[int, set[str]] = {}
    for job_id, run_id, waiting in lake.sql(_PARTS.format(condition=condition), [cluster, *values]).fetchall():
        if tasks is None or waiting is None or _overlap(tasks, _ranges(waiting)):
            by_job.setdefault(job_id, set()).add(run_id)
    if not by_job:
        raise NoPart(text, what, cluster)
    return [Wanted(job_id, frozenset(run_ids)) for job_id, run_ids in by_job.items()]


def _overlap(some: list[range], others: list[range]) -> bool:
    """Whether two lists of tasks have one in common."""
    pairs = (sorted((one, other), key=len) for one in some for other in others)
    return any(task in longer for shorter, longer in pairs for task in shorter)


def _by_scheduler_id(lake: Lake, text: str, cluster: str | None) -> list[Wanted]:
    """Jobs of another scheduler that has exactly this text for them, or a run of one by its run_id."""
    rows = lake.sql(
        "SELECT job_id, list(run_id) FROM jobs WHERE scheduler <> 'slurm' AND $1 IN (scheduler_id, run_id) "
        "AND ($2::VARCHAR IS NULL OR cluster = $2) AND job_id IS NOT NULL GROUP BY job_id ORDER BY job_id",
        [text, cluster],
    ).fetchall()
    return [Wanted(job_id, frozenset(run_ids)) for job_id, run_ids in rows]
